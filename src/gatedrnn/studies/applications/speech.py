"""Spoken digits: LSTM, GRU and plain RNN, matched by hidden size and by parameters.

Ten paired seeds. Each run trains on the 2,100 training recordings and is judged after its last step
on the 600 test recordings. The learning rate of each cell and width is the one of {1e-3, 3e-3,
1e-2, 3e-2} with the highest validation accuracy, mean of two tuning seeds that are used for nothing
else. ``order control``: the same models on frames in a random order.

Rule, fixed before the runs. Endpoint: test accuracy, paired over ten seeds. Margin: 1 percentage
point. Primary: equal parameters; secondary: equal hidden size. Positive differences favour the
LSTM. *Better*: the 95 % interval of the primary difference excludes 0 and the difference is at
least the margin. *Equivalent*: the 90 % interval of the primary difference lies within the margin.
*Inconclusive*: neither. *Mixed*: the secondary difference excludes 0 the other way. The comparison
counts as informative only if both cells lie between 20 % and 97 % on the tuning seeds. The width of
the LSTM was therefore chosen on the tuning seeds alone, before any run with the ten seeds: at 16
units both cells reached 96.5 % and more, at 8 units the LSTM reached 91 %.
"""

import json

import numpy as np
import pandas as pd
import torch

from gatedrnn import cost
from gatedrnn.results import Store
from gatedrnn.stats import Comparison
from gatedrnn.studies.protocol import (
    MACHINE,
    RATES,
    SEEDS,
    best_rates,
    is_tuning,
    key_columns,
    machine,
    make_call,
    training,
    tuning_calls,
    units,
)
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "cell", "regime", "learning_rate", "seed"]
COLUMNS = [
    "hidden_size",
    "parameters",
    "steps",
    "valid_accuracy",
    "test_accuracy",
    "curve",
    "confusion",
    "diverged_at",
    "cpu_seconds",
    *MACHINE,
]
CELLS = ("lstm", "gru", "rnn")
REGIMES = ("hidden size", "parameters")
WIDTH = 8  # units of the LSTM
LENGTH = 50  # frames kept of a recording
STEPS = 1000
DIGITS = 10
DTYPE = torch.float64


def tuning(store: Store) -> list[dict]:
    """Every learning rate, on the two tuning seeds."""
    return tuning_calls(
        [{"cell": cell, "regime": regime} for regime in REGIMES for cell in CELLS], RATES
    )


def final(store: Store) -> list[dict]:
    """The ten seeds at the learning rate that the tuning chose; then the order control."""
    best = best_rates(store.rows(), by=("cell", "regime"), column="valid_accuracy", highest=True)
    arms = [("final", regime, cell) for regime in REGIMES for cell in CELLS]
    arms += [("order control", "hidden size", cell) for cell in CELLS]
    return [
        make_call(phase, {"cell": cell, "regime": regime}, best[cell, regime], SEEDS)
        for phase, regime, cell in arms
    ]


PHASES = [tuning, final]  # about half an hour on one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = SpokenDigits(shuffled=call["phase"] == "order control")
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["regime"], WIDTH, task.input_size),
        LENGTH,
        tuple(call["seeds"]),
        STEPS,
        learning_rate=call["learning_rate"],
        evaluate_every=50,
    )


def answer(primary: Comparison, secondary: Comparison) -> str:
    """The rule above, applied to two comparisons of LSTM minus GRU in percentage points."""
    if secondary.high < 0 < primary.low or primary.high < 0 < secondary.low:
        return "mixed"
    if primary.low > 0 and primary.difference >= primary.margin:
        return "LSTM better"
    if primary.high < 0 and -primary.difference >= primary.margin:
        return "GRU better"
    return "equivalent" if primary.equivalent else "inconclusive"


@torch.no_grad()
def confusions(run: Run) -> list[np.ndarray]:
    """How often each seed took a digit (rows) for another on the test part, ``(10, 10)`` each."""
    test = run.config.task.part("test", run.config.length)
    predictions = run.model(test.x)[0][:, test.mask].argmax(-1)  # (S, 600)
    truth = test.y[test.mask].numpy()
    found = []
    for prediction in predictions.numpy():
        confusion = np.zeros((DIGITS, DIGITS), dtype=int)
        np.add.at(confusion, (truth, prediction), 1)
        found.append(confusion)
    return found


def judged(confusion: np.ndarray | None) -> dict:
    """The columns of the test part; empty without a confusion."""
    if confusion is None:
        return {"test_accuracy": None, "confusion": None}
    share = (confusion.trace() / confusion.sum()).item()
    return {"test_accuracy": share, "confusion": json.dumps(confusion.tolist())}


def curve(history: pd.DataFrame) -> str:
    """The evaluations of a seed as JSON."""
    columns = ["step", "train_loss", "loss", "score"]
    return json.dumps(history[columns].round(6).values.tolist())


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged; a row a seed."""
    made = config(call)
    with training(call, made, dtype=DTYPE) as run:
        found = [None] * len(made.seeds) if is_tuning(call) else confusions(run)
        shared = key_columns(call)
        shared["hidden_size"] = made.hidden_size
        shared["parameters"] = cost.parameters(made.cell, made.task.input_size, made.hidden_size)
        shared["steps"] = made.steps
        shared["cpu_seconds"] = round(run.seconds / len(made.seeds), 2)
        shared |= machine()
        rows = []
        for seed, confusion in zip(made.seeds, found, strict=True):
            history = run.history[run.history.seed == seed]
            row = {"seed": seed, "valid_accuracy": history.score.iloc[-1], "curve": curve(history)}
            row["diverged_at"] = run.diverged.get(seed)
            rows.append(shared | row | judged(confusion))
        return rows
