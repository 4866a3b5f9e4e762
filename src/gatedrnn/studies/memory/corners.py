"""One memory operation each, tuned: how many errors does a cell make long after its training?

For the claim C05. The four operations of ``Control``, each a corner of the (f, i) square of what an
LSTM keeps and takes in; trained at length 50, tested at 200, 800 and 3,200. The LSTM has 16 units,
the GRU as many parameters. Start, rate and steps are calibrated as ``studies.calibration``
describes, by the validation loss. ``errors``: {length: the share of wrong steps} of the weights
with the lowest validation loss, on new sequences with 64,000 steps in all at each length.
"""

import json

import torch

from gatedrnn.results import Store
from gatedrnn.settings import STARTS, loss_within
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, RUN, TUNED, arm, train_and_test, units
from gatedrnn.tasks.base import generator, score
from gatedrnn.tasks.memory import Control
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "cell", "matched", "bias", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "errors"]
TASKS = {kind: Control(kind) for kind in Control.kinds}
MODEL = ("cell", "matched")
WIDTH = 16
TRAINED = 50
LENGTHS = (200, 800, 3200)
TESTED = 64_000  # steps at each length
MOST = 4000
MARGIN = 0.01  # nats a step: what twice the steps must gain to be worth taking
SEEDS = range(25)


def _of_task(rows, task):
    return rows[rows.task == task] if not rows.empty else rows


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside."""
    rows = store.rows()
    calls = []
    for task in TASKS:
        arms = [arm(model, task=task, bias=bias, steps=MOST) for bias in STARTS for model in TUNED]
        calls += calibration.tuning_calls(rows, arms, loss_within())
    return calls


def final(store: Store) -> list[dict]:
    """The judged seeds of both cells in both regimes."""
    rows = store.rows()
    calls = []
    for task in TASKS:
        mine = _of_task(rows, task)
        calls += calibration.judged_calls(mine, MODEL, MOST, MARGIN, SEEDS, task=task)
    return calls


PHASES = [tuning, final]  # about forty minutes of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = TASKS[call["task"]]
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        TRAINED,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    return train_and_test(call, config(call), errors, COLUMNS)


@torch.no_grad()
def errors(run: Run) -> list[dict]:
    """The share of wrong steps of each seed at each length."""
    task = run.config.task
    wrong = [{} for _ in run.config.seeds]
    for length in LENGTHS:
        test = task.batch(generator(0, length, "test"), TESTED // length, length)
        right = score(task.loss, run.model(test.x)[0], test)
        for of_seed, share in zip(wrong, right.double().tolist(), strict=True):
            of_seed[str(length)] = round(1 - share, 6)
    return [{"errors": json.dumps(of_seed)} for of_seed in wrong]
