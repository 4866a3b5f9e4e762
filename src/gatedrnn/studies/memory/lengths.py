"""Real sequences, short and longer, tuned: whom does a short sequence suit?

For the claim C09. Spoken digits and movements of a wrist (8 units in the LSTM), handwritten digits
read as far as a length goes and chorales (16 units), each at three lengths that about double; the
GRU has as many parameters. Start, rate and steps are calibrated as ``studies.calibration``
describes, by the validation loss. ``score``: of the best weights on the test part, the percentage
of right answers, or minus the nats a step of the chorales: more is better. The times of the two
cells are those of their trainings, ``cpu_seconds`` for the steps of the curve, on this book's
compiled layers.
"""

from dataclasses import dataclass
from typing import Any

import torch

from gatedrnn.results import Store
from gatedrnn.settings import STARTS, loss_within
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, RUN, TUNED, arm, tested, train_and_test, units
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "length", "cell", "matched", "bias", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "score"]
MODEL = ("cell", "matched")
EVALUATIONS = 40  # of the longest training


@dataclass(frozen=True)
class Setting:
    """A task at several lengths.

    Attributes:
        task: the task.
        lengths: T, in the sense of the task.
        width: the LSTM's hidden size.
        most: the steps of the tuning.
        margin: of the validation loss: what twice the steps must gain to be worth taking.
        seeds: the judged seeds.
    """

    task: Any
    lengths: tuple[int, ...]
    width: int
    most: int
    margin: float
    seeds: range


TASKS = {
    "speech": Setting(SpokenDigits(), (12, 25, 50), 8, 3200, 0.03, range(25)),
    "watch": Setting(Watch(), (12, 25, 50), 8, 3200, 0.03, range(25)),
    "pixels": Setting(PixelDigits(), (25, 49, 98), 16, 3200, 0.03, range(25)),
    "chorales": Setting(Chorales(), (12, 25, 50), 16, 1600, 0.05, range(10)),
}


def _at(rows, task, length):
    return rows[(rows.task == task) & (rows.length == length)]


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside."""
    rows = store.rows()
    calls = []
    for task, setting in TASKS.items():
        for length in setting.lengths:
            arms = [
                arm(model, task=task, length=length, bias=bias, steps=setting.most)
                for bias in STARTS
                for model in TUNED
            ]
            calls += calibration.tuning_calls(rows, arms, loss_within())
    return calls


def final(store: Store) -> list[dict]:
    """The judged seeds of both cells in both regimes."""
    rows = store.rows()
    calls = []
    for task, setting in TASKS.items():
        for length in setting.lengths:
            calls += calibration.judged_calls(
                _at(rows, task, length),
                MODEL,
                setting.most,
                setting.margin,
                setting.seeds,
                task=task,
                length=length,
            )
    return calls


PHASES = [tuning, final]  # about two hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    return Config(
        setting.task,
        call["cell"],
        units(call["cell"], call["matched"], setting.width, setting.task.input_size),
        call["length"],
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=setting.most // EVALUATIONS,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged; a row a seed."""
    return train_and_test(call, config(call), judge, COLUMNS)


@torch.no_grad()
def judge(run: Run) -> list[dict]:
    """The score of each seed's best weights on the test part."""
    task = run.config.task
    losses, shares = tested(run, task.part("test", run.config.length))
    if isinstance(task, Chorales):
        return [{"score": -loss} for loss in losses]
    return [{"score": 100 * share} for share in shares]
