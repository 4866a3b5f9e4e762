"""Accuracy for bytes: noisy spoken digits with few weights, in 32 bits and in eight. (C21)

Single digits with normal noise of standard deviation 1, where the coefficients' own is 1, in training and test. Five
seeds, 1,000 steps of 32 recordings. ``width``, the units of the LSTM, are size bins; GRU and CIFG have as many
parameters or, the GRU only, as many units. The learning rate, of {0.003, 0.01, 0.03}, is the one with the highest
validation accuracy on two tuning seeds in half the steps, for each cell and width (the GRU tuned at equal parameters).
``accuracy``: on the test part; ``accuracy_int8``: after every row of the weight matrices has been rounded to 255 steps
between plus and minus its largest weight (biases stay). ``bytes_int8``: a byte a weight, four a bias and a row's
scale.
"""

import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import MODELS, RUN, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.base import score
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config, train

KEYS = ["phase", "width", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "valid_accuracy", "accuracy", "accuracy_int8", "bytes", "bytes_int8"]
WIDTHS, RATES, STEPS, LENGTH, TASK = (
    (4, 8, 16, 32, 64),
    (3e-3, 1e-2, 3e-2),
    1000,
    50,
    SpokenDigits(noise=1.0),
)
SEEDS, ARMS = list(range(5)), [*MODELS, ("cifg", "parameters")]


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell and width."""
    arms = (ARMS[0], ARMS[2], ARMS[3])
    return [
        _call("tuning", width, arm, rate, TUNING_SEEDS)
        for width in WIDTHS
        for arm in arms
        for rate in RATES
    ]


def final(store):
    """The five seeds at the chosen rate."""
    rows = store.rows()
    tuned = rows[rows.phase == "tuning"].fillna({"valid_accuracy": 0})
    mean = tuned.groupby(["width", "cell", "learning_rate"]).valid_accuracy.mean()
    return [
        _call("final", w, arm, mean[w, arm[0]].idxmax().item(), SEEDS)
        for w in WIDTHS
        for arm in ARMS
    ]


def _call(phase, width, arm, rate, seeds):
    return {
        "phase": phase,
        "width": width,
        "cell": arm[0],
        "matched": arm[1],
        "learning_rate": rate,
        "seeds": seeds,
    }


PHASES = [tuning, final]  # about half an hour of one core


def config(call):
    """The ``Config`` of a call."""
    steps = STEPS if call["phase"] == "final" else STEPS // 2
    size = units(call["cell"], call["matched"], call["width"], 13)
    options = {"learning_rate": call["learning_rate"], "evaluate_every": 50, "cosine": True}
    return Config(TASK, call["cell"], size, LENGTH, tuple(call["seeds"]), steps, **options)


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    run.model.load_state_dict(run.best)
    measured = {"valid_accuracy": accuracy(run.model, "valid")}
    if call["phase"] == "final":
        measured |= {"accuracy": accuracy(run.model, "test")}
        sizes = [(p[0].numel(), p[0].shape[0]) for p in matrices(run.model)]
        biases = sum(p[0].numel() for p in run.model.parameters()) - sum(n for n, _ in sizes)
        quantise(run.model)
        measured |= {"accuracy_int8": accuracy(run.model, "test")}
        weights, rows = (sum(column) for column in zip(*sizes, strict=True))
        measured |= {"bytes": [4 * (weights + biases)] * len(call["seeds"])}
        measured |= {"bytes_int8": [weights + 4 * (biases + rows)] * len(call["seeds"])}
    empty = dict.fromkeys(COLUMNS[len(RUN) :])
    return as_rows(
        call,
        run,
        [empty | {k: v[s] for k, v in measured.items()} for s in range(len(call["seeds"]))],
    )


@torch.no_grad()
def accuracy(model, part):
    """The share of right answers of each model, a list."""
    batch = TASK.part(part, LENGTH)
    return score("cross_entropy", model(batch.x)[0], batch).tolist()


def matrices(model):
    """The weight matrices of the S models, (S, rows, columns) each."""
    return [model.recurrent.W, model.recurrent.U, model.V]


@torch.no_grad()
def quantise(model):
    """Round every row of the weight matrices to the eight-bit numbers -127 to 127 times the row's scale, in place."""
    for p in matrices(model):
        scale = p.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
        p.copy_((p / scale).round() * scale)
