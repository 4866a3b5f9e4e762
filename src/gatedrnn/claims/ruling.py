"""What all rules share: the words of a verdict, and how tasks that are judged apart make one. No torch."""

from collections import Counter
from fractions import Fraction

import numpy as np

SUPPORTED, NOT_SUPPORTED, MIXED, INCONCLUSIVE = (
    "Supported",
    "Not supported",
    "Mixed",
    "Inconclusive",
)


def span(details, unit=""):
    """Where the intervals of all the details lie, as text; in margins, each counts in units of its own margin."""
    low, high = (
        np.array([row[k] / (row[4] if unit == "margins" else 1) for row in details]) for k in (2, 3)
    )
    return f"{low.min():.3g} to {high.max():.3g} {unit}".rstrip()


def vote(judgements, share):
    """The verdict of the tasks that count: what at least this share of them says."""
    n = Counter(judgements)
    least = Fraction(share) * max(1, n["supports"] + n["refutes"] + n["open"])
    if n["supports"] >= least:
        return SUPPORTED
    if n["refutes"] >= least:
        return NOT_SUPPORTED
    return MIXED if n["supports"] and n["refutes"] else INCONCLUSIVE


def tally(details):
    """How many tasks got each judgement, as text."""
    return ", ".join(
        f"{n} {judgement}" for judgement, n in Counter(row[5] for row in details).most_common()
    )


def agree(words):
    """The verdict of kernels or sizes that are judged apart: what all of them say, or *Mixed*."""
    return words[0] if len(set(words)) == 1 else MIXED
