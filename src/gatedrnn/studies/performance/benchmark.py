"""Eight tasks after calibration: do the cells score the same, each as its user would tune it?

For the claims C13, C14 and C16. The LSTM and two GRUs, of equal hidden size and of equal recurrent
parameters, each tuned on its own as ``studies.calibration`` describes: start and learning rate on
three tuning seeds, steps by doubling. ``schedule``: a constant rate, or one that falls along half a
cosine, which is tuned anew at the chosen steps, from each model's best start and from torch's; the
schedule with the lower badness, mean of the models, is used for all models of a task.

The badness of a tuning run is its lowest validation loss; on adding and recall, whose claim is
about steps, the share of the steps until the task is solved, and 1 plus the share of the loss that
is left where it is not. There a training ends when each of its seeds has solved the task.

``score``, of the best weights: see ``protocol.judge``; for sums the percentage of right digits of
1,000 new ones. ``solved_at``: the first evaluated step with a validation loss of at most 1 % of the
best answer without memory, -1 if there is none, and always for the other tasks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from gatedrnn.claims.register import benchmark
from gatedrnn.results import Store
from gatedrnn.settings import (
    STARTS,
    Badness,
    Plan,
    enough_steps,
    loss_within,
    plan,
    regimes,
    steps_to_solve,
)
from gatedrnn.studies import calibration, protocol
from gatedrnn.studies.protocol import (
    BIAS,
    MODELS,
    RUN,
    SOLVED,
    arm,
    solved_at,
    train_and_test,
    units,
)
from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import generator, score
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "cell", "matched", "bias", "schedule", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "solved_at", "score"]
MODEL = ("cell", "matched")
EVALUATIONS = 40  # of the longest training
TESTED = 1000  # sums


@dataclass(frozen=True)
class Setting:
    """A task, its length, the LSTM's hidden size, the most training steps.

    Attributes:
        task: the task.
        length: T, in the sense of the task.
        width: the LSTM's hidden size.
        most: the steps of the tuning.
    """

    task: Any
    length: int
    width: int
    most: int


TASKS = {
    "watch": Setting(Watch(), 50, 8, 3200),
    "speech": Setting(SpokenDigits(), 50, 8, 4000),
    "traffic": Setting(Traffic(), 120, 16, 3200),
    "addition": Setting(Addition(), 3, 32, 12000),
    "adding": Setting(Adding(), 200, 32, 6000),
    "recall": Setting(DelayedRecall(), 100, 32, 6000),
    "pixels": Setting(PixelDigits(), 98, 16, 6000),
    "chorales": Setting(Chorales(), 64, 36, 3200),
}
MADE_UP = ("adding", "recall")  # solved or not, and after how many steps


def badness(task: str, steps: float = np.inf) -> Badness:
    """What a tuning run on a task is worth within so many steps; smaller is better."""
    if task not in MADE_UP:
        return loss_within(steps)
    setting = TASKS[task]
    return steps_to_solve(setting.task.baseline(setting.length), min(steps, setting.most))


def row_badness(rows: pd.DataFrame) -> pd.Series:
    """What tuning rows of several tasks are worth, each by the badness of its task."""
    parts = [badness(task)(rows[rows.task == task]) for task in rows.task.unique()]
    return pd.concat(parts).reindex(rows.index)


def _of_task(rows: pd.DataFrame, task: str, schedule: str = "constant") -> pd.DataFrame:
    """The rows of a task with a schedule."""
    if rows.empty:
        return rows
    return rows[(rows.task == task) & (rows.schedule == schedule)]


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside, at a constant rate."""
    rows, calls = store.rows(), []
    for task, setting in TASKS.items():
        arms = [
            arm(model, task=task, bias=bias, schedule="constant", steps=setting.most)
            for bias in STARTS
            for model in MODELS
        ]
        calls += calibration.tuning_calls(rows, arms, badness(task))
    return calls


def steps_of(rows: pd.DataFrame, task: str) -> tuple[int, bool]:
    """The steps of the judged runs of a task, and whether twice as many were shown to gain nothing.

    Where a training ends by itself it may take all the steps of the tuning.
    """
    most = TASKS[task].most
    if task in MADE_UP:
        return most, True
    margin = benchmark()[task]["loss_margin"]
    return enough_steps(_of_task(rows, task), MODEL, most, margin)


def schedule(store: Store) -> list[dict]:
    """A rate that falls along half a cosine, tuned at the chosen steps."""
    rows, calls = store.rows(), []
    for task in TASKS:
        if task in MADE_UP:  # ends when it is solved: no number of steps to fall along
            continue
        steps, _ = steps_of(rows, task)
        found = regimes(_of_task(rows, task), MODEL, badness(task, steps))
        starts = {
            (*model, chosen[model].bias): None for chosen in found.values() for model in MODELS
        }
        arms = [
            {"task": task, "cell": cell, "matched": matched, "bias": bias}
            | {"schedule": "cosine", "steps": steps}
            for cell, matched, bias in starts
        ]
        calls += calibration.tuning_calls(rows, arms, badness(task))
    return calls


def chosen(rows: pd.DataFrame, task: str) -> Plan:
    """Steps, schedule, and the settings of both regimes for a task, from the tuning rows."""
    setting = TASKS[task]
    rows = rows[rows.task == task]
    if task in MADE_UP:
        return plan(rows, MODEL, setting.most, None, setting.task.baseline(setting.length))
    return plan(rows, MODEL, setting.most, benchmark()[task]["loss_margin"], None)


def final(store: Store) -> list[dict]:
    """The judged seeds of every model in both regimes."""
    rows, calls = store.rows(), []
    for task in TASKS:
        steps, _, name, regimes = chosen(rows, task)
        for settings in regimes.values():
            calls += calibration.final_calls(
                settings, MODEL, steps, range(benchmark()[task]["seeds"]), task=task, schedule=name
            )
    return calibration.once(calls)


PHASES = [tuning, schedule, final]  # about nine hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    task = setting.task
    until = SOLVED * task.baseline(setting.length) if call["task"] in MADE_UP else None
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], setting.width, task.input_size),
        setting.length,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=setting.most // EVALUATIONS,
        until=until,
        cosine=call["schedule"] == "cosine",
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged; a row a seed."""

    def test(run):
        if call["task"] == "addition":
            scores = _right_digits(run)
        else:
            scores = protocol.judge(call["task"], run)
        return [
            {"score": value, "solved_at": step}
            for value, step in zip(scores, solved_at(run), strict=True)
        ]

    return train_and_test(call, config(call), test, COLUMNS)


@torch.no_grad()
def _right_digits(run: Run) -> list[float]:
    """The percentage of right digits of each seed's best weights on new sums."""
    batch = run.config.task.batch(generator(0, 0, "test"), TESTED, run.config.length)
    return (100 * score(run.config.task.loss, run.model(batch.x)[0], batch)).tolist()
