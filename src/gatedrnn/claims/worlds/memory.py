"""Made-up worlds of the claims about memory.

Spreads over seeds are those of the first edition's rows of the same tasks, where there are any, and
said to be assumed where not.
"""

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from gatedrnn.claims.register import Claim
from gatedrnn.claims.worlds import World, world_of
from gatedrnn.settings import TUNING_SEEDS

SEEDS = 10
MODELS = (("lstm", "reference"), ("gru", "parameters"))
SHIFTS = {"same": 0.0, "for": 2.0, "against": -2.0}  # in margins, as the claim says
RATE = 0.01
MOST = 1600  # steps of a tuning
ENOUGH = MOST // 4  # as its curves are flat
FLAT = json.dumps([[0, 1.0, 1.0, 0.5], [ENOUGH, 1.0, 1.0, 0.5], [MOST, 1.0, 1.0, 0.5]])


def row(phase: str, cell: str, seed: int, **columns: object) -> dict:
    """A row of a tuned study: one start and one rate."""
    shared = {"phase": phase, "cell": cell, "bias": "default", "learning_rate": RATE}
    shared |= {"seed": seed, "steps": MOST, "valid": 1.0, "curve": FLAT}
    return shared | {"diverged_at": None, "error": None} | columns


def lead(rng: np.random.Generator, seeds: int, spread: float, shift: float) -> np.ndarray:
    """The LSTM's values and the GRU's, (2, seeds); the LSTM is ahead by ``shift``."""
    values = rng.normal(0.0, spread, (2, seeds))
    values[0] += shift
    return values


def judged(place: dict, lstm: list[dict], gru: list[dict], steps: int = ENOUGH) -> Iterator[dict]:
    """The rows of both cells on a task: flat tuning curves, then the judged columns of each seed.

    Args:
        place: The columns that name the task.
        lstm: The judged columns, one dict a seed.
        gru: Those of the GRU.
        steps: Of the judged trainings.

    Yields:
        The rows.
    """
    for (cell, matched), measured in zip(MODELS, (lstm, gru), strict=True):
        for seed in TUNING_SEEDS:
            yield row("tuning", cell, seed, matched=matched, **place)
        for seed, columns in enumerate(measured):
            shared = {"matched": matched, "steps": steps, "cpu_seconds": 1.0}
            yield row("final", cell, seed, **shared, **place, **columns)


OCTAVES = 0.8  # assumed: standard deviation over seeds of the doublings that a cell solves


@world_of("memory.doublings")
def doublings(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Each cell solves a length or fails; the doublings differ by two margins or by none."""
    shift = SHIFTS[kind] * claim.parameters["margin"]
    reach, counters = [], []
    for task, lengths in claim.parameters["tasks"].items():
        numbers = len(lengths) / 2 + lead(rng, claim.parameters["seeds"], OCTAVES, shift)
        numbers -= shift / 2
        for (cell, matched), of_cell in zip(MODELS, numbers, strict=True):
            for k, length in enumerate(lengths):
                place = {"task": task, "length": length, "matched": matched}
                for seed in TUNING_SEEDS:
                    reach.append(row("tuning", cell, seed, **place, solved_at=100))
                for seed in range(len(of_cell)):
                    solved = 100 if of_cell[seed] > k + 0.5 else -1
                    reach.append(row("final", cell, seed, **place, solved_at=solved))
    horizons = 2 ** (7 + lead(rng, SEEDS, OCTAVES, shift))
    for (cell, matched), of_cell in zip(MODELS, horizons, strict=True):
        for seed in range(SEEDS):
            keys = {"words": claim.parameters["words"], "matched": matched}
            counters.append(row("final", cell, seed, **keys, horizon=int(of_cell[seed])))
    return {"reach": pd.DataFrame(reach), "counters": pd.DataFrame(counters)}


# Of the scores over seeds: the first edition's rows of long_range; of the watch that of the panel.
SCORE_SPREAD = {"speech": 1.3, "watch": 3.0, "pixels": 2.0, "chorales": 0.05}


@world_of("memory.short_sequences")
def short_sequences(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The GRU's lead is two margins at the shortest length and falls by two slopes a doubling."""
    rows = []
    for task, spec in claim.parameters["tasks"].items():
        seeds = spec["seeds"]
        for length in spec["lengths"]:
            doubled = np.log2(length / spec["lengths"][0])
            gain = 2 * spec["margin"] + 2 * spec["slope"] * (1 - doubled)
            gain *= SHIFTS[kind] / 2
            scores = 60 + lead(rng, seeds, SCORE_SPREAD[task], -gain)
            losses = lead(rng, seeds, spec["loss"] / 2, SHIFTS[kind] * spec["loss"])
            measured = []
            for of_cell, lowest in zip(scores, losses, strict=True):
                measured.append([_scored(*pair) for pair in zip(of_cell, lowest, strict=True)])
            rows += judged({"task": task, "length": length}, *measured)
    return {"lengths": pd.DataFrame(rows)}


def _scored(score, lowest):
    """The judged columns of a seed whose loss falls at once."""
    curve = [[step, 1.0, round(float(lowest), 5), 0.5] for step in range(0, ENOUGH + 1, 40)]
    return {"score": score, "curve": json.dumps(curve)}


GAINED_SPREAD = 2.0  # assumed: of the points that are gained, over seeds and sources


@world_of("memory.lead_by_complexity")
def lead_by_complexity(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The LSTM's lead is 0 at the middle complexity and grows by two margins over the range."""
    rows = []
    for family, levels in claim.parameters["families"].items():
        middle, width = np.log(levels).mean(), np.ptp(np.log(levels))
        for complexity in levels:
            along = (np.log(complexity) - middle) / width
            shift = SHIFTS[kind] * claim.parameters["margin"] * along
            for source in claim.parameters["sources"]:
                place = {"family": family, "complexity": complexity, "source": source}
                points = 50 + lead(rng, SEEDS, GAINED_SPREAD, shift)
                lstm, gru = points
                as_rows = [{"gained": value} for value in lstm]
                rows += judged(place, as_rows, [{"gained": value} for value in gru])
    return {"sources": pd.DataFrame(rows)}


CELL_SPREAD = 0.2  # assumed: of the octaves between cells that are alike
SEED_SPREAD = 0.5  # of the octaves of the steps over seeds: the first edition's ladder


def _ladder(octaves, rng):
    """The rows of ``ladder``.

    Args:
        octaves: ``{cell: by how many it is better than an average cell without gates}``.
        rng: The source of chance.
    """
    rows = []
    for task in ("adding", "xor"):
        for cell, shift in octaves.items():
            values = shift + rng.normal(0.0, CELL_SPREAD) + rng.normal(0.0, SEED_SPREAD, SEEDS)
            reaches = shift + rng.normal(0.0, CELL_SPREAD) + rng.normal(0.0, SEED_SPREAD, SEEDS)
            for seed in range(SEEDS):
                steps = min(800 * 2 ** -values[seed], 3.9 * MOST)
                reach = min(12 * 2 ** reaches[seed], 400)
                columns = {"task": task, "solved_at": int(max(steps, 1))}
                columns |= {"reach_before": int(reach), "reach_after": int(reach)}
                rows.append(row("final", cell, seed, **columns))
    return {"ladder": pd.DataFrame(rows)}


@world_of("memory.gates_against_none")
def gates_against_none(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The gated cells are better by two margins, by none, or worse."""
    shift = SHIFTS[kind] * claim.parameters["margin"]
    cells = dict.fromkeys(claim.parameters["ungated"], 0.0)
    return _ladder(cells | dict.fromkeys(claim.parameters["gates"], shift), rng)


@world_of("memory.gradient_reach")
def gradient_reach(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The gradient of the gated cells reaches farther by two margins, by none, or less far."""
    shift = SHIFTS[kind] * np.log2(claim.parameters["ratio"])
    ungated = claim.parameters["ungated"]
    octaves = {ungated: max(-shift, 0.0)} | dict.fromkeys(("lstm", "gru"), max(shift, 0.0))
    return _ladder(octaves, rng)


ERROR_SPREAD = 0.5  # of the octaves of the error rate over seeds: the first edition's accumulate


@world_of("memory.error_ratio")
def error_ratio(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Off the line the GRU makes the ratio's square times the errors; on it there are none."""
    spec = claim.parameters
    shift = SHIFTS[kind] * np.log2(spec["ratio"])
    rows = []
    for task in (*spec["need"], *spec["tie"]):
        fewer = lead(rng, spec["seeds"], ERROR_SPREAD, shift if task in spec["need"] else 0.0)
        middle = 0.16 if task in spec["need"] else 0.001
        shares = np.minimum(middle * 2 ** -(fewer - shift / 2), 0.6)
        measured = []
        for of_cell in shares:
            measured.append([{"errors": _same_at_all(spec["lengths"], e)} for e in of_cell])
        rows += judged({"task": task}, *measured)
    return {"corners": pd.DataFrame(rows)}


def _same_at_all(lengths, share):
    """The column ``errors`` of a seed that errs alike at all lengths."""
    return json.dumps({str(length): round(float(share), 6) for length in lengths})


SLOPE_SPREAD = 0.1  # a letter, over the seeds that count: assumed


@world_of("memory.growth")
def growth(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The store grows by two margins a letter, not at all, or shrinks; eight of ten seeds count."""
    spec = claim.parameters
    slopes = rng.normal(SHIFTS[kind] * spec["margin"], SLOPE_SPREAD / 2, SEEDS)
    rows = []
    for cell, matched in MODELS:
        for seed in range(SEEDS):
            horizon = 40 if seed < 2 else 150
            columns = {"words": claim.regime["words"], "matched": matched, "horizon": horizon}
            rows.append(row("final", cell, seed, **columns, slope=slopes[seed], highest=1.0))
    return {"counters": pd.DataFrame(rows)}
