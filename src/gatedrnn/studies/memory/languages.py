"""Strings longer than those of the training: counter languages and others.

For C11 and replication R7. Trained on lengths drawn anew for each batch up to the task's, 3,000
steps, ten seeds; the LSTM has 32 units, the GRUs as many or as many parameters, the RNN as many
units. The learning rate, of {0.003, 0.01, 0.03}, is that of the lowest validation loss on two
tuning seeds in half the steps, for each cell and task (the GRU tuned at equal parameters). Tested
on 100 strings of each length in ``TESTED``; of a^n b^n and a^n b^n c^n on the words of these n.
``tokens``: the share of right steps, ``strings``: the share of strings without a wrong one, means
over the lengths; ``by_length``: both at each. The weights are those of the lowest validation loss,
at the longest length of the training.
"""

import json

import numpy as np
import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    PLAIN_RNN,
    RUN,
    SEEDS,
    TUNED,
    arm,
    best_rates,
    is_tuning,
    make_call,
    train_and_test,
    tuning_calls,
    units,
)
from gatedrnn.tasks.base import Batch, Varied, generator
from gatedrnn.tasks.languages import (
    AnBn,
    AnBnCn,
    BucketSort,
    CycleNavigation,
    Dyck1,
    Parity,
    ReverseString,
)
from gatedrnn.training.train import Config

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "tokens", "strings", "by_length"]
TASKS = {
    "anbn": AnBn(),
    "anbncn": AnBnCn(),
    "dyck1": Varied(Dyck1()),
    "parity": Varied(Parity()),
    "cycle": Varied(CycleNavigation()),
    "sort": Varied(BucketSort()),
    "reverse": Varied(ReverseString()),
}
# The longest strings of the training, and the lengths tested; of anbn and anbncn the letters a.
LENGTHS = dict.fromkeys(TASKS, 20) | {"dyck1": 40}
TESTED = dict.fromkeys(TASKS, range(30, 101, 10)) | {
    "anbn": range(21, 61),
    "anbncn": range(21, 61),
    "dyck1": range(60, 201, 20),
}
STRINGS = 100  # tested of each length
RATES = (3e-3, 1e-2, 3e-2)
STEPS = 3000
WIDTH = 32


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, once for each cell."""
    models = (*TUNED, PLAIN_RNN)
    return tuning_calls([arm(model, task=task) for task in TASKS for model in models], RATES)


def final(store: Store) -> list[dict]:
    """The ten seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("task", "cell"))
    return [
        make_call("final", arm(model, task=task), best[task, model.cell], SEEDS)
        for task in TASKS
        for model in (*MODELS, PLAIN_RNN)
    ]


PHASES = [tuning, final]  # about half an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = TASKS[call["task"]]
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        LENGTHS[call["task"]],
        tuple(call["seeds"]),
        STEPS // 2 if is_tuning(call) else STEPS,
        learning_rate=call["learning_rate"],
        evaluate_every=150,
        cosine=True,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        return generalised(run.model, call["task"])

    return train_and_test(call, config(call), test, COLUMNS)


@torch.no_grad()
def generalised(model: SequenceModel, name: str) -> list[dict]:
    """The shares of right steps and of right strings of each seed, over the tested lengths."""
    shares = torch.stack([_shares(model, test_batch(name, n)) for n in TESTED[name]])
    rows = []
    for tokens, strings in shares.permute(2, 1, 0).tolist():  # a seed: two lists over lengths
        by_length = [
            [n, round(t, 4), round(s, 4)]
            for n, t, s in zip(TESTED[name], tokens, strings, strict=True)
        ]
        row = {"tokens": np.mean(tokens), "strings": np.mean(strings)}
        rows.append(row | {"by_length": json.dumps(by_length)})
    return rows


def _shares(model, batch):
    """The share of right steps and of strings without a wrong step, ``(2, S)``."""
    right = (model(batch.x)[0].argmax(-1) == batch.y) & batch.mask  # (S, B, T)
    wrong = batch.mask.sum(-1) - right.sum(-1)  # (S, B)
    tokens = right.sum((-2, -1)) / batch.mask.sum()
    return torch.stack([tokens, (wrong == 0).double().mean(-1)])


def test_batch(name: str, length: int) -> Batch:
    """What a length is tested on: the word of that n, or 100 strings."""
    task = TASKS[name]
    if hasattr(task, "words"):
        return task.words([length])
    return task.task.batch(generator(0, length, "test"), STRINGS, length)
