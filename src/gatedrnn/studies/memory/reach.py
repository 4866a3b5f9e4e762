"""How far does each cell remember, each as its user would tune it? Lengths doubled until it fails.

For the claim C08. Four tasks, each at lengths that double: adding, recall, copying five symbols
after a wait, and digits pixel by pixel with a blank tail. LSTM and GRU have as many recurrent
parameters. Start and learning rate of each cell are tuned at each length as
``studies.calibration`` describes, on the steps to a solution: a task is solved when the validation
loss is at most ``goal`` of that of the best answer without memory. A training ends when each of its
seeds has solved the task, or with the most steps: all that is said holds within so many updates.

A start from which no tuning seed solved a length is not tried at twice the length, and where no
tuning seed solved a length at the chosen setting, no seed is judged: there the rule counts the
length as not solved. ``solved_at``: the first evaluated step with such a loss, -1 if there is none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gatedrnn.results import Store
from gatedrnn.settings import SOLVED, STARTS, TUNING_SEEDS, best_settings, steps_needed
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    RUN,
    TUNED,
    Model,
    arm,
    as_rows,
    make_call,
    solved_at,
    training,
    units,
)
from gatedrnn.tasks.memory import Adding, Copy, DelayedRecall
from gatedrnn.tasks.real.images import STEPS, PixelDigits
from gatedrnn.training.train import Config

KEYS = ["phase", "task", "length", "cell", "matched", "bias", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at"]
EVALUATE_EVERY = 50
SEEDS = range(16)  # with ten, equal cells would too rarely be shown to be equal


@dataclass(frozen=True)
class Setting:
    """A task at lengths that double.

    Attributes:
        task: the task; for pixels the one without a tail.
        lengths: T, in the sense of the task, in ascending order.
        width: the LSTM's hidden size.
        most: the steps of a training.
        goal: the share of the loss of the best answer without memory at which it is solved.
    """

    task: Any
    lengths: tuple[int, ...]
    width: int
    most: int
    goal: float


TASKS = {
    "adding": Setting(Adding(), (100, 200, 400, 800, 1600), 32, 3000, SOLVED),
    "recall": Setting(DelayedRecall(), (50, 100, 200, 400, 800), 32, 3000, SOLVED),
    "copy": Setting(Copy(count=5), (32, 64, 128, 256, 512), 32, 4000, 0.1),
    "pixels": Setting(PixelDigits(), (STEPS, 2 * STEPS, 4 * STEPS, 8 * STEPS), 16, 2000, 0.5),
}


def made(task: str, length: int) -> Any:
    """The task of that name; pixels get a blank tail up to the length."""
    if task == "pixels":
        return PixelDigits(tail=length - STEPS)
    return TASKS[task].task


def threshold(task: str, length: int) -> float:
    """The validation loss at which a task is solved at a length."""
    setting = TASKS[task]
    nothing = np.log(10) if task == "pixels" else setting.task.baseline(length)
    return setting.goal * nothing


row_badness = steps_needed  # what a tuning run is worth


def _at(rows: pd.DataFrame, task: str, length: int, model: Model) -> pd.DataFrame:
    """The tuning rows of a model on a task at a length."""
    if rows.empty:
        return rows
    here = (rows.phase == "tuning") & (rows.task == task) & (rows.length == length)
    return rows[here & (rows.cell == model.cell) & (rows.matched == model.matched)]


def tuning(store: Store) -> list[dict]:
    """Every start at the shortest length, and at twice the length where it solved the last one."""
    rows = store.rows()
    calls = []
    for task in TASKS:
        for model in TUNED:
            for bias in STARTS:
                calls += _ladder_of(rows, task, model, bias)
    return calls


def _ladder_of(rows: pd.DataFrame, task: str, model: Model, bias: str) -> list[dict]:
    """The tuning calls of a model from one start, from length to length."""
    calls = []
    for length in TASKS[task].lengths:
        here = _at(rows, task, length, model)
        if not here.empty:
            here = here[here.bias == bias]
        each = arm(model, task=task, length=length, bias=bias)
        wanted = calibration.tuning_calls(here, [each], steps_needed)
        calls += wanted
        if len(here) < len(wanted) * len(TUNING_SEEDS) or not _any_solved(here):
            return calls
    return calls


def _any_solved(rows: pd.DataFrame) -> bool:
    """Whether a run solved the task."""
    return bool((rows.solved_at >= 0).any())


def final(store: Store) -> list[dict]:
    """The judged seeds of each model in both regimes, at each length that a tuning seed solved."""
    rows = store.rows()
    calls = []
    for task, setting in TASKS.items():
        for length in setting.lengths:
            for model in TUNED:
                for starts in (STARTS, ("default",)):
                    call = _judged(_at(rows, task, length, model), model, starts)
                    if call:
                        calls.append(call)
    return calibration.once(calls)


def _judged(rows: pd.DataFrame, model: Model, starts: tuple[str, ...]) -> dict | None:
    """The call of the judged seeds; None if no tuning seed solved the task at the best setting."""
    if rows.empty or not rows.bias.isin(starts).any():
        return None
    found = best_settings(rows, ["task", "length"], steps_needed, starts)
    (((task, length), chosen),) = found.items()
    best = rows[(rows.bias == chosen.bias) & (rows.learning_rate == chosen.learning_rate)]
    if not _any_solved(best):
        return None
    each = arm(model, task=task, length=int(length), bias=chosen.bias)
    return make_call("final", each, chosen.learning_rate, SEEDS)


PHASES = [tuning, final]  # about three and a half hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    task = made(call["task"], call["length"])
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], setting.width, task.input_size),
        call["length"],
        tuple(call["seeds"]),
        setting.most,
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=EVALUATE_EVERY,
        until=threshold(call["task"], call["length"]),
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; a row a seed."""
    with training(call, config(call)) as run:
        return as_rows(call, run, [{"solved_at": step} for step in solved_at(run)])
