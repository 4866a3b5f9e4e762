"""Made-up worlds: which word does each rule say where the truth is known?

For every claim whose rule has worlds (``gatedrnn.claims.worlds``): sixty worlds in which the cells
are drawn from one distribution (``same``), and in which they are apart by twice the margin, as the
claim says (``for``) and the other way (``against``). ``words``: the word in each of them, in order.
``right``: the word that should come; ``share``: how often it did, which beside a verdict is called
its power. A rule whose share is below 0.8 may not judge; nor one that claims a difference and says
"Supported" in more than 5 % of the worlds in which there is none.
"""

import json

from gatedrnn.claims import register, worlds
from gatedrnn.claims.register import Claim
from gatedrnn.results import Store

KEYS = ["claim", "kind"]
COLUMNS = ["rule", "draws", "words", "right", "share"]
DRAWS = 60


def claims() -> dict[str, Claim]:
    """The claims whose rule has worlds, those that wait in place of those of today."""
    found = {}
    for claim in [*register.load(), *register.load_next()]:
        if claim.rule in worlds.WORLDS:
            found[claim.id] = claim
    return found


def every_kind(store: Store) -> list[dict]:
    """Each claim in each kind of world."""
    return [{"claim": id, "kind": kind} for kind in worlds.KINDS for id in claims()]


PHASES = [every_kind]  # about half an hour of one core


def measure(call: dict) -> list[dict]:
    """Let a rule judge its worlds; one row."""
    claim = claims()[call["claim"]]
    words = worlds.words(claim, call["kind"], range(DRAWS))
    right = worlds.right_word(claim, call["kind"])
    row = {"rule": claim.rule, "draws": DRAWS, "words": json.dumps(words), "right": right}
    return [call | row | {"share": words.count(right) / DRAWS}]
