"""Made-up worlds: does a rule say the right word where the truth is known?

A rule is tried before it judges. A *world* is a set of made-up rows, in the form that the studies
store, in which the two cells are

* ``same``: drawn from one distribution, with the spread that the tuning seeds showed;
* ``for``: apart by twice the margin, as the claim says;
* ``against``: apart by twice the margin, the other way.

Each rule has a function that makes its worlds, in the module of its part, with the decorator
``@world_of("performance.comparable")``. ``words`` draws worlds and gives the words that the rule
says; the study ``worlds`` stores those of sixty of each kind. The right word must come in at least
80 % of them, and in the world ``same`` a claim of a difference may be called "Supported" in at most
5 %.

What a world needs to know about spreads it takes from stored tuning rows, or as plain numbers from
the first edition's rows, and says which. No torch.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pandas as pd

from gatedrnn import stats
from gatedrnn.claims import rows as stored
from gatedrnn.claims.register import Claim
from gatedrnn.claims.ruling import RULES
from gatedrnn.results import NoResults

KINDS = ("same", "for", "against")
# The right words of a claim that one cell is better, and of one that they are equal.
DIFFERENCE = {"same": "Not supported", "for": "Supported", "against": "Not supported"}
EQUALITY = {"same": "Supported", "for": "Supported", "against": "Not supported"}

RESAMPLES = 1000  # of each bootstrap in a world, and
FLIPS = 16  # of each sign-flip test, which no rule asks: full ones would take hours

World = dict[str, pd.DataFrame]  # {study: its rows}
WORLDS: dict[str, Callable[[Claim, str, np.random.Generator], World]] = {}
RIGHT: dict[str, dict[str, str]] = {}  # {rule: {kind: the right word}}


def world_of(rule: str, right: dict[str, str] = DIFFERENCE) -> Callable:
    """Register a function ``make(claim, kind, rng) -> {study: rows}`` as the worlds of a rule.

    Args:
        rule: The rule's name, as in ``claims.yml``.
        right: The right word in each kind of world.

    Returns:
        The decorator; it leaves the function as it is.
    """

    def register(make: Callable[[Claim, str, np.random.Generator], World]) -> Callable:
        WORLDS[rule] = make
        RIGHT[rule] = right
        return make

    return register


def right_word(claim: Claim, kind: str) -> str:
    """The word that the rule of a claim should say in a world of this kind."""
    return RIGHT[claim.rule][kind]


@contextmanager
def inside(world: World) -> Iterator[None]:
    """Let the rules read the rows of a world in place of those in ``results/``, and draw less."""

    def read(study):
        if study not in world:
            raise NoResults(f"this world has no study {study!r}")
        return world[study]

    before = stored.read, stats.RESAMPLES, stats.FLIPS
    stored.read, stats.RESAMPLES, stats.FLIPS = read, RESAMPLES, FLIPS
    try:
        yield
    finally:
        stored.read, stats.RESAMPLES, stats.FLIPS = before


def words(claim: Claim, kind: str, draws: Iterable[int], seed: int = 0) -> list[str]:
    """The word that the rule of a claim says in each of some worlds.

    Args:
        claim: The claim; its regime and parameters go to the rule.
        kind: ``same``, ``for`` or ``against``.
        draws: The numbers of the worlds; a number always gives the same world.
        seed: That of the draws.

    Returns:
        A word a world.

    Raises:
        ValueError: The rule has no worlds, or there is no such kind.
    """
    if claim.rule not in WORLDS or kind not in KINDS:
        raise ValueError(f"no worlds {kind!r} of {claim.rule!r}; there are {', '.join(WORLDS)}")
    said = []
    for draw in draws:
        rng = np.random.default_rng([seed, draw])
        with inside(WORLDS[claim.rule](claim, kind, rng)):
            said.append(str(RULES[claim.rule](**claim.regime, **claim.parameters).word))
    return said


for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
