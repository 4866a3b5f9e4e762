"""Made-up worlds of the claims about applications.

The standard deviations over seeds are those of one cell, as stored: ``characters`` at 64 units in
its first tuning (three seeds at each of two rates); the gain from far context, twice the largest of
the first edition's ``language``; spoken digits, the first edition's ``strings`` and
``quantisation``.
"""

import json

import numpy as np
import pandas as pd

from gatedrnn.claims.register import Claim, benchmark
from gatedrnn.claims.rules.applications import ENTRY
from gatedrnn.claims.worlds import World, world_of
from gatedrnn.claims.worlds.performance import calibrated_world
from gatedrnn.settings import STARTS, TUNING_SEEDS

SHIFTS = {"same": 0.0, "for": 2.0, "against": -2.0}  # in margins
MODELS = (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size"))
# of the column compared, in its margin's unit
SPREAD = {"characters": 0.016, "spoken_strings": 2.0, "devices": 1.7}
RIGHT = 0.6  # the share of right answers in validation
GAIN = 0.03  # nats a character from far context, in a text that gives every cell as much
GAIN_SPREAD = 0.002


def _tuned(model, where, right=RIGHT):
    """Tuning rows of a model: torch's start is the best."""
    cell, matched = model
    rows = []
    for place, bias in enumerate(STARTS):
        for seed in TUNING_SEEDS:
            curve = json.dumps([[100, 1.0, 1.0 + 0.1 * place, right]])
            row = {"phase": "tuning", "cell": cell, "matched": matched, "bias": bias}
            rows.append(where | row | {"learning_rate": 0.01, "seed": seed, "curve": curve})
    return rows


def _judged(model, where, column, values):
    """Judged rows of a model, a row a value, from torch's start."""
    cell, matched = model
    row = {"phase": "final", "cell": cell, "matched": matched, "bias": "default"}
    row |= {"learning_rate": 0.01}
    return [where | row | {"seed": seed, column: value} for seed, value in enumerate(values)]


@world_of("applications.ahead")
def ahead(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Scores that differ by no margin or by two, at every place alike."""
    parameters = claim.parameters
    lead = SHIFTS[kind] * parameters["margin"] * (1 if parameters["higher"] else -1)
    rows = []
    for places in parameters["groups"].values():
        for place in places:
            where = {name: value for name, value in place.items() if name != "seeds"}
            for model in MODELS:
                rows += _tuned(model, where)
                scores = rng.normal(60.0, SPREAD[parameters["study"]], place["seeds"])
                if model[0] == parameters["favoured"]:
                    scores += lead
                values = scores / parameters["scale"]
                rows += _judged(model, where, parameters["column"], values)
    return {parameters["study"]: pd.DataFrame(rows)}


@world_of("applications.reach")
def reach(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Gains from far context that differ by no margin or by two; the control sees a difference."""
    parameters = claim.parameters
    rows = []
    for place in parameters["places"]:
        where = {name: value for name, value in place.items() if name != "seeds"}
        for model in MODELS:
            mean = GAIN
            favoured = "gru" if kind == "against" else "lstm"
            if model[0] == favoured:
                mean += abs(SHIFTS[kind]) * parameters["margin"]
            curves = _losses(parameters, rng.normal(mean, GAIN_SPREAD, place["seeds"]))
            rows += _tuned(model, where) + _judged(model, where, "by_context", curves)
    seeds = parameters["control"]["seeds"]
    planted = []
    for model, mean in {("lstm", "reference"): GAIN, ("rnn", "hidden size"): 0.0}.items():
        curves = _losses(parameters, rng.normal(mean, GAIN_SPREAD, seeds))
        planted += _tuned(model, {}) + _judged(model, {}, "by_context", curves)
    control = parameters["control"]["study"]
    return {parameters["study"]: pd.DataFrame(rows), control: pd.DataFrame(planted)}


def _losses(parameters, gains):
    """The losses at the short and at the long context, as JSON, that give these gains."""
    near, far = parameters["near"], parameters["far"]
    return [json.dumps([[near, 1.5], [far, 1.5 - gain]]) for gain in gains]


STREAM_SPREAD = 0.3  # of the logarithm of the error, from stream to stream, both cells alike
# Of the same, from net to net; first edition, ``online``.
NET_SPREAD = {"switching": 0.054, "mackey-glass": 0.054, "arm": 0.026}


@world_of("applications.carried")
def carried(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Errors whose ratio is 1, the square of the rule's, or one over that, on every stream."""
    parameters = claim.parameters
    factor = SHIFTS[kind] * np.log(parameters["ratio"])
    rows = []
    for stream, seeds in parameters["streams"].items():
        level = rng.normal(0.0, STREAM_SPREAD, seeds)
        for model in (*MODELS, ("rnn", "hidden size")):
            shift = factor if model[0] == "gru" else 0.0
            logs = level + shift + rng.normal(0.0, NET_SPREAD[stream], seeds)
            for row in _tuned(model, {"stream": stream}):
                rows.append(row | {"log_mse": float(STARTS.index(row["bias"]))})
            for row, own in zip(
                _judged(model, {"stream": stream}, "mse", np.exp(logs)), level, strict=True
            ):
                simple = {"least_squares": np.exp(own), "persistence": 2 * np.exp(own)}
                rows.append(row | simple)
    return {"carried": pd.DataFrame(rows)}


DEADLINES = (0.05, 0.5, 5.0)  # milliseconds
STEP = 0.02  # milliseconds
PROCESS_SPREAD = {"alone": 0.04, "busy": 0.1}  # of the logarithm of the streams; assumed


@world_of("applications.streams_served")
def streams_served(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """Streams whose ratio is 1, the square of the rule's, or one over that."""
    parameters = claim.parameters
    factor = SHIFTS[kind] * np.log(parameters["gain"])
    rows = []
    for kernel in parameters["kernels"]:
        for load in parameters["loads"]:
            for width in parameters["widths"]:
                for seed in range(parameters["processes"]):
                    row = {"kernel": kernel, "load": load, "width": width, "seed": seed}
                    row["matched"] = claim.regime["matched"]
                    for cell, shift in {"lstm": 0.0, "gru": factor}.items():
                        noise = rng.normal(0.0, PROCESS_SPREAD[load])
                        served = [
                            [each, int(each / STEP * np.exp(shift + noise))] for each in DEADLINES
                        ]
                        row[f"{cell}_streams"] = json.dumps(served)
                    rows.append(row)
    return {"deadlines": pd.DataFrame(rows)}


@world_of("applications.regret")
def regret(claim: Claim, kind: str, rng: np.random.Generator) -> World:
    """The advised cell is two margins ahead on every task, or behind, or both are alike."""
    tasks = claim.parameters["tasks"]
    scores = {}
    for task, entry in benchmark().items():
        advised = tasks.get(task, {"advice": "lstm"})["advice"]
        lead = SHIFTS[kind] * (1 if advised == "lstm" else -1)
        scores[task] = _benchmark_scores(entry, lead, rng)
    steps = {task: np.full((2, entry["seeds"]), 600.0) for task, entry in benchmark().items()}
    world = calibrated_world(scores, steps)
    tables = {study: [table] for study, table in world.items()}
    for entry in tasks.values():
        if "study" not in entry:
            continue
        where = {name: value for name, value in entry.items() if name not in ENTRY}
        sign = 1 if entry["better"] == "higher" else -1
        lead = sign * SHIFTS[kind] * entry["margin"]
        rows = []
        for model in MODELS:
            values = rng.normal(60 * entry["margin"], 0.8 * entry["margin"], entry["seeds"])
            if model[0] == entry["advice"]:
                values += lead
            for row in _tuned(model, where):
                rows.append(row | {"log_mse": float(STARTS.index(row["bias"]))})
            rows += _judged(model, where, entry["column"], values / entry["scale"])
        tables.setdefault(entry["study"], []).append(pd.DataFrame(rows))
    return {study: pd.concat(parts, ignore_index=True) for study, parts in tables.items()}


def _benchmark_scores(entry, lead, rng):
    """The scores of both cells on a task of the benchmark; the LSTM leads by so many margins."""
    if "do_nothing" in entry:
        chances = np.array([[0.7 + lead * entry["margin"] / 2], [0.7 - lead * entry["margin"] / 2]])
        return (rng.random((2, entry["seeds"])) < chances).astype(float)
    sign = 1 if entry["better"] == "higher" else -1
    scores = rng.normal(60.0, entry["margin"], (2, entry["seeds"]))
    scores[0] += sign * lead * entry["margin"]
    return scores
