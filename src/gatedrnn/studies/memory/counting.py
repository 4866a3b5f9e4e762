"""Words a^n b^n: how far beyond the longest word of the training does a trained network count?

For C08, C33 and replication R1, after Weiss, Goldberg and Yahav 2018: 10 units, words of n = 1 to
100, Adam at 1e-2 falling to 0 along half a cosine, 2,400 steps, ten seeds. ``words``: a batch holds
32 words drawn at random ("drawn"), or all 100 ("all"), which was added when the first had been run,
at a third of the words the pilot of the rule took, and is dearer. Besides the cells of that paper
(one layer each) the GRU of as many parameters as the LSTM, and both with chrono initialisation.

``horizon`` is the largest n such that all words of 5 to n letters a are closed exactly: every
scored symbol is the likeliest. ``slope``: by how much the largest ``|c|`` (``|h|`` in a cell
without c) grows a step, fitted over the letters a from the 51st to the 500th; ``highest``: the
largest ``|h|`` on a^500 b^500; ``trajectory``: the state that is largest after a^500 at every tenth
step of that word.
"""

import json
from dataclasses import dataclass

import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure.counters import horizons, movements
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    BIAS,
    GRU_SAME_PARAMETERS,
    GRU_SAME_SIZE,
    LSTM,
    PLAIN_RNN,
    RUN,
    SEEDS,
    Model,
    arm,
    as_rows,
    rounded,
    training,
    units,
)
from gatedrnn.tasks.base import Batch
from gatedrnn.tasks.languages import AnBn
from gatedrnn.training.train import Config

KEYS = ["words", "cell", "matched", "bias", "seed"]
COLUMNS = [*RUN, "horizon", "slope", "highest", "trajectory"]
WIDTH = 10
TRAINED = 100  # the longest word of the training, in letters a
LONGEST = 500  # the longest word tested
STEPS = 2400
RATE = 1e-2
# Model and initial bias, on words drawn at random.
ARMS = [
    (LSTM, "default"),
    (GRU_SAME_PARAMETERS, "default"),
    (GRU_SAME_SIZE, "default"),
    (Model("rnn_relu", "hidden size"), "default"),
    (LSTM, "chrono"),
    (GRU_SAME_PARAMETERS, "chrono"),
    (Model("gru_before", "hidden size"), "default"),
    (Model("gru_noreset", "hidden size"), "default"),
    (PLAIN_RNN, "default"),
]
# On all words; the other GRUs would take a quarter of an hour more.
ON_ALL_WORDS = [(LSTM, "default"), (GRU_SAME_SIZE, "default")]


@dataclass(frozen=True)
class AllWords(AnBn):
    """Every word from n = 1 to ``length``, whatever the size of the batch."""

    def _draw(self, generator: torch.Generator, B: int, length: int) -> Batch:
        return self.words(range(1, length + 1))


def drawn(store: Store) -> list[dict]:
    """Every cell, its ten seeds together, on words drawn at random."""
    return [arm(model, words="drawn", bias=bias) | {"seeds": SEEDS} for model, bias in ARMS]


def whole(store: Store) -> list[dict]:
    """The two cells on all words at every step."""
    return [arm(model, words="all", bias=bias) | {"seeds": SEEDS} for model, bias in ON_ALL_WORDS]


PHASES = [drawn, whole]  # about 12 and 5 minutes of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        AnBn() if call["words"] == "drawn" else AllWords(),
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, AnBn.input_size),
        TRAINED,
        tuple(call["seeds"]),
        STEPS,
        learning_rate=RATE,
        cosine=True,
        bias=BIAS[call["bias"]],
        evaluate_every=120,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call, then let their last weights count; a row a seed."""
    with training(call, config(call)) as run:
        return as_rows(call, run, counted(run.model))


def counted(model: SequenceModel) -> list[dict]:
    """For each seed its horizon, and how its state moves on a^500 b^500."""
    found = []
    for horizon, moved in zip(horizons(model, LONGEST), movements(model), strict=True):
        path = moved.pop("path")
        trajectory = json.dumps([rounded(value, 5) for value in path])
        found.append({"horizon": horizon, **moved, "trajectory": trajectory})
    return found
