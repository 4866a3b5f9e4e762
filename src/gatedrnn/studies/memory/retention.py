"""How far gradients reach and how long units keep, before and after training. (C06; time constants and gate planes)

Ten seeds, equal hidden size: 32 units on adding (length 200) and recall (lag 100), 10 on words a^n b^n, 36 on chorales,
64 on text. Rates and stops are those of ``long_range``; the words are trained as in ``counting``, in half the steps. On
64 held-out sequences and in float64: ``gradient_before`` and ``gradient_after`` (adding): the gradient of the last
hidden state by lag, relative to lag 0, before and after the training; ``kept_before`` and ``kept_after``: for each unit
the mean of the gate that keeps; ``plane`` (LSTM): the share of each hundredth of the (f, i) square, f by rows. The
weights after training are those with the lowest validation loss.
"""

import json

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.measure import gates
from gatedrnn.stats import steps_to
from gatedrnn.studies.memory.long_range import TWO, rate
from gatedrnn.studies.protocol import RUN, SEEDS, as_rows
from gatedrnn.tasks.languages import AnBn
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.text import Characters
from gatedrnn.training.train import Config, build, evaluation_batch, train

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
# The task, its length, the hidden size, the steps.
TASKS = {
    "adding": (Adding(), 200, 32, 2000),
    "recall": (DelayedRecall(), 100, 32, 2000),
    "anbn": (AnBn(), 100, 10, 1200),
}
TASKS |= {"chorales": (Chorales(), 64, 36, 600), "language": (Characters(), 64, 64, 600)}


def arms(store):
    """Every cell, task and bias, its ten seeds together."""
    made = [("adding", "rnn", "default")]
    made += [
        ("adding", cell, bias) for bias in ("default", "one", "chrono") for cell in ("lstm", "gru")
    ]
    made += [("recall", cell, bias) for bias in ("default", "chrono") for cell in ("lstm", "gru")]
    made += [
        (task, cell, "default")
        for task in ("anbn", "chorales", "language")
        for cell in ("lstm", "gru")
    ]
    return [{"task": task, "cell": cell, "bias": bias, "seeds": SEEDS} for task, cell, bias in made]


PHASES = [arms]  # about 20 minutes of one core


def config(call):
    """The ``Config`` of a call."""
    task, length, size, steps = TASKS[call["task"]]
    words, known = call["task"] == "anbn", call["task"] in ("adding", "recall")
    options = {
        "learning_rate": 1e-2 if words else rate(call["task"], call["cell"], call["bias"]),
        "cosine": words,
    }
    options |= {
        "until": 0.01 * task.baseline(length) if known else None,
        "evaluate_every": 50,
        "bias": TWO[call["bias"]],
    }
    return Config(task, call["cell"], size, length, tuple(call["seeds"]), steps, **options)


def measure(call):
    """Train the seeds of a call, look inside before and after; a row a seed."""
    reproducible(dtype=torch.float32)
    c = config(call)
    run, start, x = train(c, progress=False), build(c), evaluation_batch(c).x[:64].double()
    run.model.load_state_dict(run.best)
    inside = [_inside(model.double(), x, call["task"]) for model in (start, run.model)]
    plane = gates.plane(run.model.recurrent, x) if call["cell"] == "lstm" else None
    limit, rows = -np.inf if c.until is None else c.until, []
    for s, seed in enumerate(c.seeds):
        curve = run.history[run.history.seed == seed]
        time = steps_to(curve.step, curve.loss, limit)
        row = {
            "learning_rate": c.learning_rate,
            "solved_at": int(time) if np.isfinite(time) else -1,
        }
        for name, (gradient, kept) in zip(("before", "after"), inside, strict=True):
            row |= {f"gradient_{name}": _text(gradient, s), f"kept_{name}": _text(kept, s)}
        rows.append(row | {"plane": _text(plane, s)})
    return as_rows(call, run, rows)


def _inside(model, x, task):
    """The gradient by lag, relative to lag 0, and what each unit keeps; None where it is not asked for."""
    curves = gates.gradient_by_lag(model.recurrent, x[:16]) if task == "adding" else None
    return None if curves is None else curves / curves[:, :1], gates.retention(model.recurrent, x)


def _text(values, s):
    return (
        None
        if values is None
        else json.dumps([float(f"{value:.4g}") for value in values[s].flatten().tolist()])
    )
