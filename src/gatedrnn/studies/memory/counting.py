"""Words a^n b^n: how far beyond the longest word of the training does a trained network count? (C08, C33, R1)

After Weiss, Goldberg and Yahav 2018: 10 units, words of n = 1 to 100, Adam at 1e-2 falling to 0 along half a cosine,
2,400 steps, ten seeds. ``words``: a batch holds 32 words drawn at random ("drawn"), or all 100 ("all"), which was added
when the first had been run, at a third of the words the pilot of the rule took, and is dearer. Besides the cells of
that paper (one layer each) the GRU of as many parameters as the LSTM, and both with chrono initialisation. ``horizon``
is the largest n such that all words of 5 to n letters a are closed exactly: every scored symbol is the likeliest.
``slope``: by how much the largest ``|c|`` (``|h|`` in a cell without c) grows a step, fitted over the letters a from
the 51st to the 500th; ``highest``: the largest ``|h|`` on a^500 b^500; ``trajectory``: the state that is largest after
a^500 at every tenth step of that word.
"""

import json
from dataclasses import dataclass

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import RUN, SEEDS, as_rows, units
from gatedrnn.tasks.languages import AnBn
from gatedrnn.training.train import Config, train

KEYS = ["words", "cell", "matched", "bias", "seed"]
COLUMNS = [*RUN, "horizon", "slope", "highest", "trajectory"]
WIDTH, TRAINED, FIRST, LONGEST, STEPS, RATE = 10, 100, 5, 500, 2400, 1e-2
ARMS = [
    ("lstm", "reference", "default"),
    ("gru", "parameters", "default"),
    ("gru", "hidden size", "default"),
    ("rnn_relu", "hidden size", "default"),
    ("lstm", "reference", "chrono"),
    ("gru", "parameters", "chrono"),
    ("gru_before", "hidden size", "default"),
    ("gru_noreset", "hidden size", "default"),
    ("rnn", "hidden size", "default"),
]


ALL = [
    ("lstm", "reference"),
    ("gru", "hidden size"),
]  # the other GRUs would take a quarter of an hour more


@dataclass(frozen=True)
class AllWords(AnBn):
    """Every word from n = 1 to ``length``, whatever the size of the batch."""

    _draw = lambda self, generator, B, N: self.words(range(1, N + 1))


def drawn(store):
    """Every cell, its ten seeds together, on words drawn at random."""
    return [_call("drawn", *arm) for arm in ARMS]


def whole(store):
    """The two cells on all words at every step."""
    return [_call("all", cell, how, "default") for cell, how in ALL]


PHASES = [drawn, whole]  # about 12 and 5 minutes of one core


def _call(words, cell, matched, bias):
    return {"words": words, "cell": cell, "matched": matched, "bias": bias, "seeds": SEEDS}


def config(call):
    """The ``Config`` of a call."""
    size = units(call["cell"], call["matched"], WIDTH, AnBn.input_size)
    bias = None if call["bias"] == "default" else call["bias"]
    options = {"learning_rate": RATE, "cosine": True, "bias": bias, "evaluate_every": 120}
    task = AnBn() if call["words"] == "drawn" else AllWords()
    return Config(task, call["cell"], size, TRAINED, tuple(call["seeds"]), STEPS, **options)


def measure(call):
    """Train the seeds of a call, then count; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    return as_rows(call, run, counted(run.model))


@torch.no_grad()
def counted(model):
    """For each model its horizon and how its state moves on a^500 b^500, a list of dicts."""
    exact = torch.cat(
        [closes(model, range(n, n + 50)) for n in range(1, LONGEST, 50)], 1
    )  # (S, LONGEST)
    horizons = FIRST - 1 + exact[:, FIRST - 1 :].long().cumprod(1).sum(1)
    x = AnBn().words([LONGEST]).x
    h, _, gates = model.recurrent(x, trace=True)
    state = gates.get("c", h)[:, 0]  # (S, T, H)
    largest = state[:, : LONGEST + 1].abs().amax(-1).numpy()  # after # and each a
    slopes = np.polyfit(np.arange(51, LONGEST + 1), largest[:, 51:].T, 1)[0]
    unit = state[:, LONGEST].abs().argmax(-1)
    paths = state[torch.arange(len(state)), ::10, unit].numpy()
    return [
        {
            "horizon": int(n),
            "slope": float(slope),
            "highest": float(top),
            "trajectory": json.dumps([*map(_digits, path)]),
        }
        for n, slope, top, path in zip(
            horizons, slopes, h.abs().amax((1, 2, 3)), paths, strict=True
        )
    ]


def closes(model, counts):
    """Whether each word a^n b^n is closed exactly, ``(S, len(counts))``."""
    batch = AnBn().words(list(counts))
    return ((model(batch.x)[0].argmax(-1) == batch.y) | ~batch.mask).all(-1)


def _digits(value):
    return float(f"{value:.5g}")
