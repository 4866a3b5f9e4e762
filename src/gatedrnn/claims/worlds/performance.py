"""Made-up worlds of the claims about performance."""

import json
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from gatedrnn.claims import calibrated
from gatedrnn.claims.register import Claim, benchmark
from gatedrnn.claims.rules.performance import VARIANTS
from gatedrnn.claims.worlds import DIFFERENCE, EQUALITY, World, world_of
from gatedrnn.settings import TUNING_SEEDS

CELLS = ("lstm", "gru")
MODELS = (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size"))
STEPS = 1600
EVERY = 40
# The standard deviation of the score over seeds of one cell, in the unit of the task: that of the
# first edition's panel. Sums were not among its tasks, and its networks on pixels and text were
# not trained to their end; there it is assumed.
SPREAD = {
    "watch": 3.0,
    "speech": 1.3,
    "traffic": 0.9,
    "addition": 1.5,
    "pixels": 2.0,
    "chorales": 0.05,
    "language": 0.01,
}
STEPS_SPREAD = 0.3  # standard deviation of the log of the steps that a seed needs
CHANCE = 0.9  # that a seed of an average cell solves adding or recall
MIDDLE = 600.0  # steps that an average seed needs


@cache
def curve(steps: float, end: float, height: float = 1.0, accuracy: float = 0.6) -> str:
    """A curve that falls evenly to its end at so many steps, and stays there.

    Args:
        steps: where it gets to its end.
        end: the lowest loss.
        height: how far above it the curve begins.
        accuracy: the score of every evaluation.

    Returns:
        The text of the column ``curve``.
    """
    at = np.arange(EVERY, STEPS + 1, EVERY)
    losses = end + height * np.maximum(0.0, 1 - at / steps)
    points = zip(at.tolist(), losses.round(5).tolist(), strict=True)
    return json.dumps([[step, 1.0, loss, accuracy] for step, loss in points])


def _rows(phase, task, model, schedule, seeds, curves, scores):
    """The rows of a model on a task, a row a seed."""
    cell, matched = model
    shared = {"phase": phase, "task": task, "cell": cell, "matched": matched, "bias": "default"}
    shared |= {"schedule": schedule, "learning_rate": 0.01, "steps": STEPS}
    measured = {"seed": list(seeds), "curve": curves, "score": scores, "error": None}
    return pd.DataFrame(shared | measured)


def _final(task, model, scores, steps):
    """The judged rows of a model on a task, from a score and the steps of each seed."""
    schedule = "cosine" if task == calibrated.LANGUAGE else "constant"
    nothing = benchmark()[task].get("do_nothing")
    curves = []
    for score, needed in zip(scores, steps, strict=True):
        if nothing is None:
            curves.append(curve(needed, 0.0))
        elif score:
            curves.append(curve(needed, 0.0, nothing))
        else:
            curves.append(curve(STEPS, nothing))
    return _rows("final", task, model, schedule, range(len(scores)), curves, scores)


@cache
def _tuned(task):
    """The tuning rows of a task: one start and rate, a curve that falls to the last step."""
    falling = [curve(STEPS, 0.0)] * len(TUNING_SEEDS)
    tables = []
    for model in MODELS:
        for schedule in ("constant", "cosine"):
            tables.append(_rows("tuning", task, model, schedule, TUNING_SEEDS, falling, np.nan))
    return pd.concat(tables)


def calibrated_world(scores: dict, steps: dict) -> World:
    """The rows of ``benchmark`` and ``characters``.

    Args:
        scores: {task: the scores of the LSTM and of the GRU, one a seed each}.
        steps: {task: the steps that the seeds of both need}.

    Returns:
        Both studies.
    """
    tables = []
    for task in scores:
        tables.append(_tuned(task))
        for model in MODELS:
            cell = CELLS.index(model[0])
            tables.append(_final(task, model, scores[task][cell], steps[task][cell]))
    table = pd.concat(tables, ignore_index=True)
    text = table.task == calibrated.LANGUAGE
    characters = table[text].assign(width=calibrated.WIDTH).rename(columns={"score": "nats"})
    return {"benchmark": table[~text], "characters": characters}


def _drawn_scores(task, shift, rng):
    """The scores of both cells; the GRU is better by ``shift`` margins."""
    entry = benchmark()[task]
    if "do_nothing" in entry:
        shift *= entry["margin"]
        lstm = rng.random(entry["seeds"]) < CHANCE - max(shift, 0.0)
        gru = rng.random(entry["seeds"]) < CHANCE + min(shift, 0.0)
        return lstm.astype(float), gru.astype(float)
    gain = shift * entry["margin"] * (1 if entry["better"] == "higher" else -1)
    lstm, gru = rng.normal(60.0, SPREAD[task], (2, entry["seeds"]))
    return lstm, gru + gain


def _drawn_steps(task, factor, rng):
    """The steps of both cells; the GRU needs ``factor`` times as many."""
    lstm, gru = np.exp(rng.normal(0.0, STEPS_SPREAD, (2, benchmark()[task]["seeds"])))
    return (MIDDLE * lstm).round(), (MIDDLE * factor * gru).round()


def _as_many_steps(task):
    """The same steps for all seeds of both cells."""
    return np.full((2, benchmark()[task]["seeds"]), MIDDLE)


SHIFTS = {"same": 0.0, "for": 2.0, "against": -2.0}  # in margins


@world_of("performance.same_score", EQUALITY)
@world_of("performance.no_loss", EQUALITY)
def scores(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Scores that differ by no margin or by two; the steps are the same."""
    drawn = {task: _drawn_scores(task, SHIFTS[kind], rng) for task in benchmark()}
    steps = {task: _as_many_steps(task) for task in benchmark()}
    return calibrated_world(drawn, steps)


@world_of("performance.fewer_steps", DIFFERENCE)
def steps(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Steps whose ratio is 1, the square of the rule's, or one over that; the scores are alike."""
    ratio = claim.parameters["ratio"] ** 2
    factor = {"same": 1.0, "for": ratio, "against": 1 / ratio}[kind]
    drawn = {task: _drawn_scores(task, 0.0, rng) for task in benchmark()}
    steps = {task: _drawn_steps(task, factor, rng) for task in benchmark()}
    return calibrated_world(drawn, steps)


# The spread of a run's score on little data: between runs on one subset, and what a subset adds to
# the difference of the cells; of the first edition's rows on 2 to 10 % of the data, pixels assumed.
LITTLE = {"speech": (3.5, 1.0), "pixels": (3.5, 1.0), "chorales": (0.08, 0.03)}


def _little_rows(task, share, gain, parameters, rng):
    """The rows of a share: tuning and judged ones of all models; the GRU's gain in its score."""
    spread, by_subset = LITTLE[task]
    subsets, seeds = parameters["subsets"], parameters["seeds"]
    tables = [_tuned(task).assign(share=share, subset=0)]
    subset = np.repeat(np.arange(1, subsets + 1), seeds)
    seed = np.tile(np.arange(seeds), subsets)
    curves = [curve(STEPS, 0.0)] * len(seed)
    for model in MODELS:
        mean = 60.0 + (gain if model[0] == "gru" else 0.0)
        scores = mean + rng.normal(0.0, by_subset, subsets)[subset - 1]
        scores += rng.normal(0.0, spread, len(seed))
        table = _rows("final", task, model, "constant", seed, curves, scores)
        tables.append(table.assign(share=share, subset=subset))
    return pd.concat(tables)


@world_of("performance.lead_on_little", DIFFERENCE)
def little(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """A lead of two margins, or none, on little data; none on all of it."""
    parameters = claim.parameters
    tables = []
    for task, margin in parameters["margins"].items():
        gain = SHIFTS[kind] * margin * (1 if benchmark()[task]["better"] == "higher" else -1)
        for share in parameters["shares"]:
            tables.append(_little_rows(task, share, gain, parameters, rng))
    drawn = {task: _drawn_scores(task, 0.0, rng) for task in parameters["margins"]}
    steps = {task: _as_many_steps(task) for task in drawn}
    whole = calibrated_world(drawn, steps)
    return whole | {"learning_curves": pd.concat(tables, ignore_index=True)}


PROCESS_SPREAD = 0.05  # of the log of a time between processes, assumed


@world_of("performance.time_ratio", DIFFERENCE)
def ratios(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Ratios of times of 1, of the square of the rule's, or one over that."""
    parameters = claim.parameters
    ratio = {"same": 1.0, "for": parameters["ratio"] ** 2, "against": parameters["ratio"] ** -2}
    tables = []
    for mode, kernel in product(claim.regime["modes"], claim.regime["kernels"]):
        levels = {"process": range(parameters["processes"])} | parameters["grids"][mode]
        table = pd.MultiIndex.from_product(levels.values(), names=list(levels)).to_frame(
            index=False
        )
        noise = rng.normal(0.0, PROCESS_SPREAD, len(table))
        table = table.assign(mode=mode, comparison=kernel, ratio=ratio[kind] * np.exp(noise))
        tables.append(table)
    return {"layer_times": pd.concat(tables)}


@world_of("performance.gates_cause", DIFFERENCE)
def programs(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Log times with a gap between three and four blocks of log 4/3, of none, or the other way.

    The programs differ otherwise, too: by as much where there is no gap, by less where there is.
    """
    gap = {"same": 0.0, "for": np.log(4 / 3), "against": -np.log(4 / 3)}[kind]
    levels = {"process": range(claim.parameters["processes"])}
    levels |= {name: claim.regime[name] for name in ("hidden_size", "batch_size")}
    shape = pd.MultiIndex.from_product(levels.values(), names=list(levels)).to_frame(index=False)
    tables = []
    for cell, products, reset in VARIANTS:
        logs = rng.normal(0.0, PROCESS_SPREAD, len(shape)) + (gap if cell == "lstm" else 0.0)
        logs += 0.3 * (products == "one") * (kind == "same")
        program = {"cell": cell, "products": products, "reset": reset, "seconds": np.exp(logs)}
        tables.append(shape.assign(**program))
    return {"program_times": pd.concat(tables)}


# The spread over seeds of the lowest validation loss, in the unit of the loss; assumed.
LOSS_SPREAD = {
    "watch": 0.1,
    "speech": 0.04,
    "traffic": 0.009,
    "pixels": 0.06,
    "chorales": 0.05,
    "language": 0.01,
}


@world_of("performance.loss_in_time", DIFFERENCE)
def losses(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Losses that are reached at once and differ by no margin or by two; updates last as long."""
    tables, times = {"benchmark": [], "characters": []}, []
    for task in claim.parameters["tasks"]:
        entry = benchmark()[task]
        schedule = "cosine" if task == calibrated.LANGUAGE else "constant"
        rows = [_tuned(task)]
        for model in MODELS:
            lead = SHIFTS[kind] * entry["loss_margin"] if model[0] == "gru" else 0.0
            ends = rng.normal(1.0 - lead, LOSS_SPREAD[task], entry["seeds"]).round(4)
            curves = [curve(2 * EVERY, end) for end in ends]
            seeds = range(entry["seeds"])
            rows.append(_rows("final", task, model, schedule, seeds, curves, 60.0))
        table = pd.concat(rows, ignore_index=True).assign(width=calibrated.WIDTH)
        tables[calibrated.study_of(task)].append(table.assign(nats=table.score))
        for kernel, model in product(claim.parameters["kernels"], MODELS):
            processes = range(claim.parameters["processes"])
            place = {"task": task, "cell": model[0], "matched": model[1], "kernel": kernel}
            noise = rng.normal(0.0, PROCESS_SPREAD, len(processes))
            times.append(pd.DataFrame(place | {"process": processes, "seconds": np.exp(noise)}))
    world = {study: pd.concat(parts) for study, parts in tables.items()}
    return world | {"update_times": pd.concat(times)}
