"""How far gradients reach and how long units keep, before and after training.

For C06, and for the figures of time constants and gate planes. Ten seeds, equal hidden size: 32
units on adding (length 200) and recall (lag 100), 10 on words a^n b^n, 36 on chorales, 64 on text.
Rates and stops are those of ``long_range``; the words are trained as in ``counting``, in half the
steps. On 64 held-out sequences and in float64: ``gradient_before`` and ``gradient_after`` (adding):
the gradient of the last hidden state by lag, relative to lag 0, before and after the training;
``kept_before`` and ``kept_after``: for each unit the mean of the gate that keeps; ``plane`` (LSTM):
the share of each hundredth of the (f, i) square, f by rows. The weights after training are those
with the lowest validation loss.
"""

import json
from dataclasses import dataclass
from typing import Any

import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import gates
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    BIAS,
    RUN,
    SEEDS,
    SOLVED,
    as_rows,
    rate_of_earlier_study,
    rounded,
    solved_at,
    training,
)
from gatedrnn.tasks.languages import AnBn
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.text import Characters
from gatedrnn.training.train import Config, build, evaluation_batch

KEYS = ["task", "cell", "bias", "seed"]
COLUMNS = [
    *RUN,
    "learning_rate",
    "solved_at",
    "gradient_before",
    "gradient_after",
    "kept_before",
    "kept_after",
    "plane",
]
LOOKED_AT = 64  # held-out sequences
GRADIENTS_OF = 16  # of them


@dataclass(frozen=True)
class Setting:
    """A task, its length, the hidden size, the training steps."""

    task: Any
    length: int
    hidden_size: int
    steps: int


TASKS = {
    "adding": Setting(Adding(), 200, 32, 2000),
    "recall": Setting(DelayedRecall(), 100, 32, 2000),
    "anbn": Setting(AnBn(), 100, 10, 1200),
    "chorales": Setting(Chorales(), 64, 36, 600),
    "language": Setting(Characters(), 64, 64, 600),
}
BIASES = {
    "adding": ("default", "one", "chrono"),
    "recall": ("default", "chrono"),
    "anbn": ("default",),
    "chorales": ("default",),
    "language": ("default",),
}


def arms(store: Store) -> list[dict]:
    """Every cell, task and bias, its ten seeds together; the plain RNN on adding alone."""
    made = [("adding", "rnn", "default")]
    made += [
        (task, cell, bias) for task in TASKS for bias in BIASES[task] for cell in ("lstm", "gru")
    ]
    return [{"task": task, "cell": cell, "bias": bias, "seeds": SEEDS} for task, cell, bias in made]


PHASES = [arms]  # about 20 minutes of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    words = call["task"] == "anbn"
    made_up = call["task"] in ("adding", "recall")
    rate = 1e-2 if words else rate_of_earlier_study(call["task"], call["cell"], call["bias"])
    return Config(
        setting.task,
        call["cell"],
        setting.hidden_size,
        setting.length,
        tuple(call["seeds"]),
        setting.steps,
        learning_rate=rate,
        cosine=words,
        until=SOLVED * setting.task.baseline(setting.length) if made_up else None,
        evaluate_every=50,
        bias=BIAS[call["bias"]],
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call, look inside before and after; a row a seed."""
    made = config(call)
    with training(call, made) as run:
        x = evaluation_batch(made).x[:LOOKED_AT].double()
        run.model.load_state_dict(run.best)
        before = _inside(build(made).double(), x, call["task"])
        after = _inside(run.model.double(), x, call["task"])
        plane = gates.plane(run.model.recurrent, x) if call["cell"] == "lstm" else None
        rows = []
        for s, solved in enumerate(solved_at(run)):
            rows.append(
                {
                    "learning_rate": made.learning_rate,
                    "solved_at": solved,
                    "gradient_before": _text(before.gradient, s),
                    "gradient_after": _text(after.gradient, s),
                    "kept_before": _text(before.kept, s),
                    "kept_after": _text(after.kept, s),
                    "plane": _text(plane, s),
                }
            )
        return as_rows(call, run, rows)


@dataclass(frozen=True)
class _Inside:
    """The gradient by lag, relative to lag 0, ``(S, T)`` or None; what units keep, ``(S, H)``."""

    gradient: torch.Tensor | None
    kept: torch.Tensor


def _inside(model: SequenceModel, x: torch.Tensor, task: str) -> _Inside:
    """What is seen inside S models on held-out sequences; the gradient on adding alone."""
    gradient = None
    if task == "adding":
        gradient = gates.gradient_by_lag(model.recurrent, x[:GRADIENTS_OF])
        gradient = gradient / gradient[:, :1]
    return _Inside(gradient, gates.retention(model.recurrent, x))


def _text(values, s):
    """The values of a seed as JSON with four digits; None if there are none."""
    if values is None:
        return None
    return json.dumps([rounded(value, 4) for value in values[s].flatten().tolist()])
