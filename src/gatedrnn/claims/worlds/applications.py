"""Made-up worlds of the claims about applications.

The standard deviations over seeds are those of one cell, as stored: ``characters`` at 64 units in
its first tuning (three seeds at each of two rates); the gain from far context, twice the largest of
the first edition's ``language``; spoken digits, the first edition's ``strings`` and
``quantisation``.
"""

import json

import numpy as np
import pandas as pd

from gatedrnn.claims.register import Claim
from gatedrnn.claims.worlds import World, world_of
from gatedrnn.settings import STARTS, TUNING_SEEDS

SHIFTS = {"same": 0.0, "for": 2.0, "against": -2.0}  # in margins
MODELS = (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size"))
SPREAD = {"characters": 0.016}  # of the column compared, in its margin's unit
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
