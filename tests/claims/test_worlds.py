"""Every rule with made-up worlds says the right word in them, and "Supported" rarely by luck."""

import pytest

from gatedrnn import claims
from gatedrnn.claims import register, worlds

DRAWS = 60
RIGHT = 0.8
BY_LUCK = 0.05

PLAYED = [
    claim for claim in [*claims.load(), *register.load_next()] if claim.rule in worlds.WORLDS
]


@pytest.mark.slow
@pytest.mark.parametrize("claim", PLAYED, ids=lambda claim: claim.id)
@pytest.mark.parametrize("kind", worlds.KINDS)
def test_a_rule_says_the_right_word_where_the_truth_is_known(claim, kind):
    words = worlds.play(claim, kind, DRAWS)
    print(claim.id, kind, dict(words))
    right = worlds.right_word(claim, kind)
    assert words[right] >= RIGHT * DRAWS
    if kind == "same" and right != "Supported":
        assert words["Supported"] <= BY_LUCK * DRAWS
