"""The words, the registry of rules, and what glues a chapter's verdicts."""

import myst_nb
import pytest

from gatedrnn import claims
from gatedrnn.claims import ruling, verdicts
from gatedrnn.claims.ruling import (
    Finding,
    Ruling,
    Word,
    agree,
    judge_effect,
    judge_lead,
    rule,
    span,
    vote,
)
from gatedrnn.stats import compare


def found(low, high, margin=1.0):
    return Finding("a task", (low + high) / 2, low, high, margin, "open")


def test_words_are_their_text():
    assert Word.NOT_SUPPORTED == "Not supported"
    assert f"{Word.MIXED}, {Word.MIXED!r}" == "Mixed, 'Mixed'"


def test_a_range_runs_from_the_lowest_low_to_the_highest_high():
    findings = [found(-1, 2), found(-6, 6, margin=4)]
    assert span(findings, "points") == "-6 to 6 points"
    assert span(findings, "margins") == "-1.5 to 2 margins"


def test_parts_that_disagree_are_mixed():
    assert agree([Word.SUPPORTED, Word.SUPPORTED]) == Word.SUPPORTED
    assert agree([Word.SUPPORTED, Word.INCONCLUSIVE]) == Word.MIXED


@pytest.mark.parametrize(
    ("scores", "word"),
    [
        ([2.0, 2.1, 1.9, 2.0], Word.SUPPORTED),
        ([0.6, 0.5, 0.4, 0.5], Word.NOT_SUPPORTED),
        ([1.1, 0.9, 0.9, 1.0], Word.INCONCLUSIVE),
        ([9.0, -5.0, 8.0, -6.0], Word.INCONCLUSIVE),
    ],
)
def test_a_lead_must_be_large_and_sure(scores, word):
    assert judge_lead(compare(scores, [0.0] * 4), margin=1.0) == word


@pytest.mark.parametrize(
    ("scores", "judgement"),
    [
        ([2.0, 2.1, 1.9, 2.0], "supports"),
        ([-2.0, -2.1, -1.9, -2.0], "refutes"),
        ([0.1, -0.1, 0.0, 0.1], "equal"),
        ([0.5, 0.6, 0.4, 0.5], "equal"),  # a sure lead that does not matter
        ([9.0, -5.0, 8.0, -6.0], "open"),
        ([1.1, 0.9, 0.9, 1.0], "open"),
    ],
)
def test_an_effect_is_judged_by_its_margin_and_interval(scores, judgement):
    compared = compare(scores, [0.0] * 4, margin=1.0)
    assert judge_effect(compared) == judgement
    assert judge_effect(compared, room=False) == "no room"


def test_a_rule_is_found_by_its_module_and_name(monkeypatch):
    monkeypatch.setattr(ruling, "RULES", {})

    def longer() -> Ruling:
        return Ruling(Word.MIXED, "", "", ())

    longer.__module__ = "gatedrnn.claims.rules.future"
    assert rule(longer) is longer
    assert list(ruling.RULES.items()) == [("future.longer", longer)]


def test_a_chapters_verdicts_are_glued_as_words(folder, monkeypatch):
    glued = {}

    def glue(name, value, display):
        assert display is False
        glued[name] = value

    monkeypatch.setattr(myst_nb, "glue", glue)
    chapter = "performance/speed"
    claims.glue_verdicts(chapter)
    assert list(glued) == [f"verdict-{claim.id}" for claim in verdicts.of_chapter(chapter)]
    assert {type(word) for word in glued.values()} == {str}
    assert set(glued.values()) == {"No result"}
    with pytest.raises(ValueError, match="no claim belongs"):
        claims.glue_verdicts("performance/none")


@pytest.mark.parametrize(
    ("most", "word"), [("supports", "Supported"), ("refutes", "Not supported")]
)
@pytest.mark.parametrize("rest", ["supports", "refutes", "open"])
def test_vote_needs_two_thirds_of_the_tasks_that_count(most, word, rest):
    if rest != most:
        six = [most] * 4 + [rest] * 2 + ["not reached"] * 2
        assert vote(judgements(six), "2/3") == word
        expected = "Inconclusive" if rest == "open" else "Mixed"
        assert vote(judgements([most] * 5 + [rest] * 3), "2/3") == expected
    assert vote(judgements(["not reached"] * 8), "2/3") == "Could not tell"
    assert vote(judgements(["no room"] * 5 + [most] * 3), "2/3") == "Could not tell"
    assert vote(judgements(["no room"] * 4 + [most] * 4), "2/3") == word


def test_a_tie_counts_against_a_difference_and_for_a_claim_of_equality():
    ties = judgements(["equal"] * 5 + ["refutes"])
    assert vote(ties, "2/3") == "Not supported"
    assert vote(ties, "2/3", pro=("equal",), con=("refutes",)) == "Supported"


def judgements(words):
    """Findings that say these words and nothing else."""
    return [Finding("", 0.0, 0.0, 0.0, 1.0, judgement) for judgement in words]
