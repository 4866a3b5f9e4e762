"""How far back can each cell reach? Tasks of growing length, ten seeds, two initial biases. (C08, C09, C12, R3)

Adding, recall and pixels with a blank tail, where the length is what must be bridged; spoken digits cut short and
windows of text, where a longer sequence holds more to read (these at the default bias only). LSTM and GRUs as in
``training``, 32 units for adding and recall. Learning rates are those that the tuning of ``panel`` chose for the cell
and the task, with chrono initialisation on adding and recall those of ``convergence``. Training stops when every seed
has solved the task. ``solved_at``: the first evaluated step with a validation loss of at most 1 % of the best answer
without memory, -1 if there is none (always for real data). ``quality``, in points: accuracy on the test part for
pixels and speech; for the others the share of that answer's loss, or of the constant answer's, that the best weights
removed. ``test_error`` and ``test_accuracy``: their loss and score on the test part, or on 1,000 new sequences.
"""

import numpy as np
import torch

from gatedrnn import reproducible, results
from gatedrnn.stats import steps_to
from gatedrnn.studies.protocol import BIAS, MODELS, RUN, SEEDS, as_rows, units
from gatedrnn.tasks.base import generator, loss, score
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters
from gatedrnn.training.train import Config, train

KEYS = ["phase", "task", "length", "cell", "matched", "bias", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at", "quality", "test_error", "test_accuracy"]
WIDTHS = {"adding": 32, "recall": 32, "pixels": 16, "speech": 8, "language": 64}
STEPS = {"adding": 2000, "recall": 2000, "pixels": 1000, "speech": 600, "language": 600}
LENGTHS = {"adding": (50, 100, 200, 400), "recall": (25, 50, 100, 200), "pixels": (98, 198, 298)}
CUT = {"speech": (12, 25, 50), "language": (25, 50, 100)}
TASKS = {"adding": Adding, "recall": DelayedRecall, "pixels": PixelDigits, "speech": SpokenDigits}
TASKS["language"] = Characters
TWO = {**BIAS, "two": 2.0}


def reach(store):
    """The tasks that must bridge a length, at equal parameters, both biases; then the shorter ones at equal size."""
    equal = [MODELS[0], MODELS[2]]
    made = [
        (task, n, m, b)
        for b in ("default", "chrono")
        for task in LENGTHS
        for n in LENGTHS[task]
        for m in equal
    ]
    made += [(task, n, m, "default") for task in CUT for n in CUT[task] for m in equal]
    made += [(task, n, MODELS[2], "two") for task, n in (("adding", 200), ("recall", 100))]
    made += [("adding", 200, ("rnn", "hidden size"), "default")]
    made += [(task, n, MODELS[1], "default") for task in LENGTHS for n in LENGTHS[task]]
    return [_call(*arm) for arm in made]


PHASES = [reach]  # about an hour and a half of one core


def _call(task, length, model, bias):
    cell, matched = model
    call = {
        "phase": "final",
        "task": task,
        "length": length,
        "cell": cell,
        "matched": matched,
        "bias": bias,
    }
    return call | {"learning_rate": rate(task, cell, bias), "seeds": SEEDS}


def rate(task, cell, bias):
    """The learning rate of an earlier study's tuning. The plain RNN, which was not tuned, has the smallest of them."""
    if cell == "rnn":
        return 1e-3
    bias, task = ("one" if bias == "two" else bias), task
    source = "convergence" if bias != "default" and task in ("adding", "recall") else "panel"
    rows = results.read(source)
    rows = rows[(rows.phase == "final") & (rows.task == task) & (rows.cell == cell)]
    return (
        rows[rows.bias == (bias if source == "convergence" else "default")]
        .learning_rate.iloc[0]
        .item()
    )


def config(call):
    """The ``Config`` of a call."""
    task, length = TASKS[call["task"]], call["length"]
    task = task(tail=length - 98) if task is PixelDigits else task()
    until = 0.01 * task.baseline(length) if call["task"] in ("adding", "recall") else None
    size = units(call["cell"], call["matched"], WIDTHS[call["task"]], task.input_size)
    options = {"learning_rate": call["learning_rate"], "bias": TWO[call["bias"]], "until": until}
    options["evaluate_every"] = 50
    return Config(
        task, call["cell"], size, length, tuple(call["seeds"]), STEPS[call["task"]], **options
    )


def measure(call):
    """Train the seeds of a call, then judge their best weights; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    return as_rows(call, run, judged(run))


@torch.no_grad()
def judged(run):
    """What the study measures of each seed, a list of dicts."""
    c, task = run.config, run.config.task
    real = hasattr(task, "part")
    test = (
        task.part("test", c.length) if real else task.batch(generator(0, 0, "test"), 1000, c.length)
    )
    run.model.load_state_dict(run.best)
    prediction = run.model(test.x)[0]
    errors, accuracies = (
        loss(task.loss, prediction, test).numpy(),
        score(task.loss, prediction, test).numpy(),
    )
    if isinstance(task, Characters) or not real:
        quality = 100 * (
            1 - errors / (task.reference("test", c.length) if real else task.baseline(c.length))
        )
    else:
        quality = 100 * accuracies
    curves = [run.history[run.history.seed == seed] for seed in c.seeds]
    limit = -np.inf if c.until is None else c.until
    times = [steps_to(curve.step, curve.loss, limit) for curve in curves]
    return [
        {
            "solved_at": int(t) if np.isfinite(t) else -1,
            "quality": q,
            "test_error": e,
            "test_accuracy": a,
        }
        for t, q, e, a in zip(
            times, *(np.float64(v).tolist() for v in (quality, errors, accuracies)), strict=True
        )
    ]
