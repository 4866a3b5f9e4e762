"""How far back can each cell reach? Tasks of growing length, ten seeds, two initial biases.

For C08, C09, C12 and replication R3. Adding, recall and pixels with a blank tail, where the length
is what must be bridged; spoken digits cut short and windows of text, where a longer sequence holds
more to read (these at the default bias only). LSTM and GRUs as in ``panel``, 32 units for adding
and recall. Learning rates are those that the tuning of ``panel`` chose for the cell and the task,
with chrono initialisation on adding and recall those of ``convergence``. Training stops when every
seed has solved the task.

``solved_at``: the first evaluated step with a validation loss of at most 1 % of the best answer
without memory, -1 if there is none (always for real data). ``quality``, in points: accuracy on the
test part for pixels and speech; for the others the share of that answer's loss, or of the constant
answer's, that the best weights removed. ``test_error`` and ``test_accuracy``: their loss and score
on the test part, or on 1,000 new sequences.
"""

from typing import Any

import numpy as np
import torch

from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    BIAS,
    GRU_SAME_PARAMETERS,
    GRU_SAME_SIZE,
    PLAIN_RNN,
    RUN,
    SEEDS,
    SOLVED,
    TUNED,
    Model,
    arm,
    make_call,
    rate_of_earlier_study,
    solved_at,
    train_and_test,
    units,
)
from gatedrnn.tasks.base import generator, loss, score
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "length", "cell", "matched", "bias", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at", "quality", "test_error", "test_accuracy"]
WIDTHS = {"adding": 32, "recall": 32, "pixels": 16, "speech": 8, "language": 64}
STEPS = {"adding": 2000, "recall": 2000, "pixels": 1000, "speech": 600, "language": 600}
BRIDGED = {"adding": (50, 100, 200, 400), "recall": (25, 50, 100, 200), "pixels": (98, 198, 298)}
CUT = {"speech": (12, 25, 50), "language": (25, 50, 100)}
SCANNED = 98  # the steps of a digit without a tail
TESTED = 1000  # new sequences


def reach(store: Store) -> list[dict]:
    """The tasks that must bridge a length, both biases; the shorter ones; then other models."""
    made = [
        _call(task, length, model, bias)
        for bias in ("default", "chrono")
        for task, lengths in BRIDGED.items()
        for length in lengths
        for model in TUNED
    ]
    made += [
        _call(task, length, model, "default")
        for task, lengths in CUT.items()
        for length in lengths
        for model in TUNED
    ]
    made += [
        _call("adding", 200, GRU_SAME_PARAMETERS, "two"),
        _call("recall", 100, GRU_SAME_PARAMETERS, "two"),
        _call("adding", 200, PLAIN_RNN, "default"),
    ]
    made += [
        _call(task, length, GRU_SAME_SIZE, "default")
        for task, lengths in BRIDGED.items()
        for length in lengths
    ]
    return made


PHASES = [reach]  # about an hour and a half of one core


def _call(task: str, length: int, model: Model, bias: str) -> dict:
    rate = rate_of_earlier_study(task, model.cell, bias)
    return make_call("final", arm(model, task=task, length=length, bias=bias), rate, SEEDS)


def make_task(name: str, length: int) -> Any:
    """The task of that name; pixels get a blank tail up to the length."""
    if name == "pixels":
        return PixelDigits(tail=length - SCANNED)
    kinds = {
        "adding": Adding,
        "recall": DelayedRecall,
        "speech": SpokenDigits,
        "language": Characters,
    }
    return kinds[name]()


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    name, length = call["task"], call["length"]
    task = make_task(name, length)
    made_up = name in ("adding", "recall")
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTHS[name], task.input_size),
        length,
        tuple(call["seeds"]),
        STEPS[name],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        until=SOLVED * task.baseline(length) if made_up else None,
        evaluate_every=50,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call, then judge their best weights; a row a seed."""
    return train_and_test(call, config(call), judge, COLUMNS)


@torch.no_grad()
def judge(run: Run) -> list[dict]:
    """What the study measures of each seed."""
    task, length = run.config.task, run.config.length
    real = hasattr(task, "part")
    if real:
        test = task.part("test", length)
    else:
        test = task.batch(generator(0, 0, "test"), TESTED, length)
    prediction = run.model(test.x)[0]
    errors = loss(task.loss, prediction, test).numpy()
    accuracies = score(task.loss, prediction, test).numpy()
    if not real:
        quality = 100 * (1 - errors / task.baseline(length))
    elif isinstance(task, Characters):
        quality = 100 * (1 - errors / task.reference("test", length))
    else:
        quality = 100 * accuracies
    columns = {
        "solved_at": solved_at(run),
        "quality": np.float64(quality).tolist(),
        "test_error": np.float64(errors).tolist(),
        "test_accuracy": np.float64(accuracies).tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
