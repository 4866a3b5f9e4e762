"""Every rule with made-up worlds says the right word in them, and "Supported" rarely by luck.

The words of sixty worlds a kind are stored (study ``worlds``). The first of each are drawn again
here: rows of another rule, other parameters or another world turn a test red.
"""

import json

import pytest

from gatedrnn import results
from gatedrnn.claims import worlds
from gatedrnn.studies.evidence import worlds as study

RIGHT = 0.8
BY_LUCK = 0.05
AGAIN = 2  # worlds that are drawn again

STORED = results.read("worlds").to_dict("records")
NAMES = [f"{row['claim']} {row['kind']}" for row in STORED]


@pytest.mark.parametrize("row", STORED, ids=NAMES)
def test_a_rule_says_the_right_word_where_the_truth_is_known(row):
    words = json.loads(row["words"])
    assert len(words) == row["draws"] >= study.DRAWS
    assert row["share"] == words.count(row["right"]) / len(words)
    assert row["share"] >= RIGHT
    if row["kind"] == "same" and row["right"] != "Supported":
        assert words.count("Supported") <= BY_LUCK * len(words)


@pytest.mark.slow
@pytest.mark.parametrize("row", STORED, ids=NAMES)
def test_stored_words_are_those_of_the_rule_of_today(row):
    claim = study.claims()[row["claim"]]
    assert claim.rule == row["rule"]
    assert worlds.right_word(claim, row["kind"]) == row["right"]
    assert worlds.words(claim, row["kind"], range(AGAIN)) == json.loads(row["words"])[:AGAIN]


def test_an_unknown_kind_is_named():
    claim = next(iter(study.claims().values()))
    with pytest.raises(ValueError, match="no worlds 'other' of"):
        worlds.words(claim, "other", range(1))
