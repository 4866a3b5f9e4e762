"""Words a^n b^n, tuned: how far beyond its training does a network count, and does a GRU?

For C11, C33 and replication R1, after Weiss, Goldberg and Yahav 2018: 10 units, words of n = 1 to
100, 20,000 steps of Adam. ``words``: a batch holds 32 words drawn at random ("drawn"), or all 100
("all"). The LSTM, torch's GRU, a GRU of as many parameters as the LSTM, and the two other GRUs of
that paper get the same effort: a constant rate and one that falls along half a cosine, and for each
of them rates until the best one lies inside its grid, on three tuning seeds.

The badness of a tuning run: 1 minus the score on 40 words of n = 25 to 1,000, mean of the last four
evaluations. Of these words the last b and the end are scored, which are both right if the word is
closed exactly. The judged seeds are others; they count with their last weights.

``horizon`` is the largest n, up to 1,000, such that all words of 5 to n letters a are closed
exactly; ``slope``, ``highest`` and ``trajectory``: see ``measure.counters.movements``.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import counters
from gatedrnn.results import Store
from gatedrnn.settings import best_settings
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    GRU_SAME_PARAMETERS,
    GRU_SAME_SIZE,
    LSTM,
    RUN,
    SEEDS,
    Model,
    arm,
    as_rows,
    is_tuning,
    make_call,
    rounded,
    training,
    units,
)
from gatedrnn.tasks.base import Batch
from gatedrnn.tasks.languages import AnBn
from gatedrnn.training.train import Config

KEYS = ["phase", "words", "cell", "matched", "bias", "schedule", "learning_rate", "steps", "seed"]
MEASURED = ["horizon", "slope", "highest", "trajectory"]
COLUMNS = [*(name for name in RUN if name != "steps"), *MEASURED]
WIDTH = 10
TRAINED = 100  # the longest word of the training, in letters a
VALIDATED = tuple(range(25, 1001, 25))
LONGEST = 1000  # the longest word tested
STEPS = 20_000
EVERY = 500  # steps from one evaluation to the next
LAST = 4  # evaluations that a tuning run is judged by
FIRST_RATES = (1e-3, 3e-3, 1e-2)
SCHEDULES = ("constant", "cosine")
BY = ("words", "cell", "matched")
MODELS = {
    "drawn": (
        LSTM,
        GRU_SAME_SIZE,
        GRU_SAME_PARAMETERS,
        Model("gru_noreset", "hidden size"),
        Model("gru_before", "hidden size"),
    ),
    "all": (LSTM, GRU_SAME_SIZE),
}


@dataclass(frozen=True)
class DrawnWords(AnBn):
    """Words drawn at random to train on; to validate, longer ones of which the end is scored."""

    def part(self, name: str, length: int) -> Batch:
        """The words to validate on, whatever the name and the length."""
        batch = self.words(VALIDATED)
        step = torch.arange(batch.x.shape[1])
        last = 2 * torch.tensor(VALIDATED)[:, None]  # the step of the last b
        return batch._replace(mask=(step == last - 1) | (step == last))


@dataclass(frozen=True)
class AllWords(DrawnWords):
    """Every word from n = 1 to ``length``, whatever the size of the batch."""

    def _draw(self, generator: torch.Generator, B: int, length: int) -> Batch:
        return self.words(range(1, length + 1))


TASKS = {"drawn": DrawnWords(), "all": AllWords()}


def row_badness(rows: pd.DataFrame) -> pd.Series:
    """What a tuning run is worth: 1 minus its score on long words; smaller is better."""

    def of_run(curve):
        scores = [point[3] for point in json.loads(curve)]
        return 1 - np.mean(scores[-LAST:])

    return rows.curve.map(of_run)


def _tuned(store: Store, words: str) -> list[dict]:
    """Both schedules of every model and, for each, rates until the best one lies inside."""
    arms = [
        arm(model, words=words, bias="default", schedule=schedule, steps=STEPS)
        for model in MODELS[words]
        for schedule in SCHEDULES
    ]
    return calibration.tuning_calls(store.rows(), arms, row_badness, FIRST_RATES)


def _judged(store: Store, words: str) -> list[dict]:
    """Ten seeds of every model with its best recipe."""
    rows = store.rows()
    calls = []
    for (_, *model, schedule), rate in recipes(rows[rows.words == words]).items():
        keys = arm(Model(*model), words=words, bias="default", schedule=schedule, steps=STEPS)
        calls.append(make_call("final", keys, rate, SEEDS))
    return calls


def recipes(rows: pd.DataFrame) -> dict[tuple, float]:
    """The best schedule of each model and its rate, from tuning rows.

    Args:
        rows: the stored rows.

    Returns:
        {(words, cell, matched, schedule): rate}, one schedule a model. Of equally good ones the
        constant rate is taken.
    """
    found = best_settings(rows, (*BY, "schedule"), row_badness)
    best = {}
    for (*model, schedule), chosen in found.items():
        place = (chosen.badness, SCHEDULES.index(schedule))
        model = tuple(model)
        if model not in best or place < best[model][0]:
            best[model] = (place, schedule, chosen.learning_rate)
    return {(*model, schedule): rate for model, (_, schedule, rate) in best.items()}


def drawn_tuning(store: Store) -> list[dict]:
    """The recipes of all five models on words drawn at random."""
    return _tuned(store, "drawn")


def drawn_final(store: Store) -> list[dict]:
    """Ten seeds of each model on words drawn at random."""
    return _judged(store, "drawn")


def whole_tuning(store: Store) -> list[dict]:
    """The recipes of LSTM and GRU on all words at every step."""
    return _tuned(store, "all")


def whole_final(store: Store) -> list[dict]:
    """Ten seeds of LSTM and GRU on all words at every step."""
    return _judged(store, "all")


# about seven hours of one core, half of them for the two GRUs that are not compiled
PHASES = [drawn_tuning, drawn_final, whole_tuning, whole_final]


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        TASKS[call["words"]],
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, AnBn.input_size),
        TRAINED,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        cosine=call["schedule"] == "cosine",
        evaluate_every=EVERY,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call, then let the last weights of the judged ones count."""
    with training(call, config(call)) as run:
        if is_tuning(call):
            return as_rows(call, run, [dict.fromkeys(MEASURED) for _ in call["seeds"]])
        return as_rows(call, run, list(counted(run.model)))


def counted(model: SequenceModel) -> Iterable[dict]:
    """What is measured of each seed."""
    horizons = counters.horizons(model, LONGEST)
    for horizon, moved in zip(horizons, counters.movements(model), strict=True):
        path = moved.pop("path")
        trajectory = json.dumps([rounded(value, 5) for value in path])
        yield {"horizon": horizon, **moved, "trajectory": trajectory}
