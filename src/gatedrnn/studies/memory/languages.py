"""Strings longer than those of the training: counter languages and others. (C11, R7)

Trained on lengths drawn anew for each batch up to the task's, 3,000 steps, ten seeds; the LSTM has 32 units, the GRUs
as many or as many parameters, the RNN as many units. The learning rate, of {0.003, 0.01, 0.03}, is that of the lowest
validation loss on two tuning seeds in half the steps, for each cell and task (the GRU tuned at equal parameters).
Tested on 100 strings of each length in ``TESTED``; of a^n b^n and a^n b^n c^n on the words of these n. ``tokens``: the
share of right steps, ``strings``: the share of strings without a wrong one, means over the lengths; ``by_length``:
both at each. The weights are those of the lowest validation loss, at the longest length of the training.
"""

import json

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import MODELS, RUN, SEEDS, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.base import Varied, generator
from gatedrnn.tasks.languages import (
    AnBn,
    AnBnCn,
    BucketSort,
    CycleNavigation,
    Dyck1,
    Parity,
    ReverseString,
)
from gatedrnn.training.train import Config, train

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "tokens", "strings", "by_length"]
TASKS = {"anbn": AnBn(), "anbncn": AnBnCn(), "dyck1": Varied(Dyck1())}
TASKS |= {
    "parity": Varied(Parity()),
    "cycle": Varied(CycleNavigation()),
    "sort": Varied(BucketSort()),
}
TASKS |= {"reverse": Varied(ReverseString())}
LENGTHS = {
    "anbn": 20,
    "anbncn": 20,
    "dyck1": 40,
    "parity": 20,
    "cycle": 20,
    "sort": 20,
    "reverse": 20,
}
TESTED = dict.fromkeys(TASKS, range(30, 101, 10)) | {"dyck1": range(60, 201, 20)}
TESTED |= {"anbn": range(21, 61), "anbncn": range(21, 61)}
RATES, STEPS, WIDTH = (3e-3, 1e-2, 3e-2), 3000, 32
ARMS = [*MODELS, ("rnn", "hidden size")]


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell."""
    return [
        {
            "phase": "tuning",
            "task": t,
            "cell": c,
            "matched": how,
            "learning_rate": rate,
            "seeds": TUNING_SEEDS,
        }
        for t in TASKS
        for c, how in (ARMS[0], ARMS[2], ARMS[3])
        for rate in RATES
    ]


def final(store):
    """The ten seeds at the chosen rate."""
    rows = store.rows()
    mean = (
        rows[rows.phase == "tuning"]
        .groupby(["task", "cell", "learning_rate"])
        .valid.mean()
        .fillna(np.inf)
    )
    return [
        {
            "phase": "final",
            "task": t,
            "cell": c,
            "matched": how,
            "learning_rate": mean[t, c].idxmin().item(),
        }
        | {"seeds": SEEDS}
        for t in TASKS
        for c, how in ARMS
    ]


PHASES = [tuning, final]  # about half an hour of one core


def config(call):
    """The ``Config`` of a call."""
    task, steps = TASKS[call["task"]], STEPS if call["phase"] == "final" else STEPS // 2
    size = units(call["cell"], call["matched"], WIDTH, task.input_size)
    options = {"learning_rate": call["learning_rate"], "evaluate_every": 150, "cosine": True}
    return Config(
        task, call["cell"], size, LENGTHS[call["task"]], tuple(call["seeds"]), steps, **options
    )


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    if call["phase"] == "tuning":
        return as_rows(call, run, [dict.fromkeys(COLUMNS[len(RUN) :]) for _ in run.config.seeds])
    run.model.load_state_dict(run.best)
    return as_rows(call, run, tested(run.model, call["task"]))


@torch.no_grad()
def tested(model, name):
    """The shares of right steps and of right strings of each model, over the tested lengths, a list of dicts."""
    found = []
    for length in TESTED[name]:
        batch = test_batch(name, length)
        right = (model(batch.x)[0].argmax(-1) == batch.y) & batch.mask
        wrong = batch.mask.sum(-1) - right.sum(-1)  # (S, B)
        found.append(
            torch.stack([right.sum((-2, -1)) / batch.mask.sum(), (wrong == 0).double().mean(-1)])
        )
    found = torch.stack(found).permute(2, 0, 1).tolist()  # (S, lengths, 2)
    return [
        {"tokens": np.mean([t for t, _ in shares]), "strings": np.mean([s for _, s in shares])}
        | {
            "by_length": json.dumps(
                [
                    [n, round(t, 4), round(s, 4)]
                    for n, (t, s) in zip(TESTED[name], shares, strict=True)
                ]
            )
        }
        for shares in found
    ]


def test_batch(name, length):
    """What a length is tested on: the word of that n, or 100 strings."""
    task = TASKS[name]
    if hasattr(task, "words"):
        return task.words([length])
    return task.task.batch(generator(0, length, "test"), 100, length)
