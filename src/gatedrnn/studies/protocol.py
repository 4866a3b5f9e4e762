"""What the studies that train have in common: the tasks of the panel, the sizes, one call, and the learning rate.

The LSTM's hidden size is given for each task; a GRU is matched to it by "hidden size" or by "parameters" of the
recurrent layer. A call trains its seeds together, in float32, keeps for each seed the weights of its lowest validation
loss, and judges those on the test part. ``valid`` is that loss. ``score``: the percentage of right answers (speech,
pixels, watch), nats a step or a character (chorales, language), the error as a percentage of the median forecast's
(traffic), or 1 if the task was solved, that is, if ``valid`` is at most 1 % of the loss of the best answer without
memory (adding, recall), else 0. ``curve``: step, training loss, validation loss and validation score.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import product

import torch

from gatedrnn import cost, reproducible
from gatedrnn.measure.timing import environment
from gatedrnn.tasks.base import loss, score
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import Config, train

RATES, TUNING_SEEDS, SEEDS, EVALUATIONS = (1e-3, 3e-3, 1e-2, 3e-2), [100, 101], list(range(10)), 20
MODELS = (("lstm", "reference"), ("gru", "hidden size"), ("gru", "parameters"))
BIAS = {"default": None, "one": 1.0, "chrono": "chrono"}
RUN = [
    "hidden_size",
    "parameters",
    "steps",
    "best_step",
    "valid",
    "curve",
    "diverged_at",
]  # what ``as_rows`` adds
RUN += ["cpu_seconds", "cpu", "torch", "threads"]
KEYS = ["phase", "task", "cell", "matched", "bias", "learning_rate", "share", "seed"]
COLUMNS = [*RUN, "score"]


@dataclass(frozen=True)
class Setting:
    """One task of the panel: its class, length, the LSTM's hidden size, training steps."""

    task: type
    length: int
    width: int
    steps: int


PANEL = {
    "speech": Setting(SpokenDigits, 50, 8, 1000),
    "pixels": Setting(PixelDigits, 98, 16, 1500),
    "watch": Setting(Watch, 50, 8, 600),
    "chorales": Setting(Chorales, 64, 36, 1000),
    "language": Setting(Characters, 64, 64, 1200),
    "traffic": Setting(Traffic, 120, 16, 800),
    "adding": Setting(Adding, 200, 32, 3000),
    "recall": Setting(DelayedRecall, 100, 32, 2000),
}


def units(cell, matched, width, inputs):
    """The units of a cell that is matched to an LSTM with ``width`` units and so many inputs."""
    return (
        cost.match(cell, cost.parameters("lstm", inputs, width), inputs)
        if matched == "parameters"
        else width
    )


def hidden_size(task, cell, matched):
    """The units of a cell on a task."""
    return units(cell, matched, PANEL[task].width, PANEL[task].task().input_size)


def config(call, steps=None):
    """The ``Config`` of a call, with the steps of its task unless others are given."""
    setting, share = PANEL[call["task"]], {} if call["share"] == 1 else {"share": call["share"]}
    options = {"learning_rate": call["learning_rate"], "bias": BIAS[call["bias"]]}
    size, seeds = hidden_size(call["task"], call["cell"], call["matched"]), tuple(call["seeds"])
    steps = steps or setting.steps
    options["evaluate_every"] = steps // EVALUATIONS
    return Config(
        setting.task(**share), call["cell"], size, setting.length, seeds, steps, **options
    )


@cache
def _test(task, length):
    return task.part("test", length), task.reference("test", length)


@torch.no_grad()
def judge(task, run):
    """The score of each seed's best weights, a list, in the unit of the task."""
    kind, length = run.config.task.loss, run.config.length
    if task in ("adding", "recall"):
        solved = run.history.groupby("seed").loss.min() <= 0.01 * run.config.task.baseline(length)
        return [float(solved[seed]) for seed in run.config.seeds]
    run.model.load_state_dict(run.best)
    test, constant = _test(PANEL[task].task(), length)
    prediction = run.model(test.x)[0]
    if task in ("speech", "pixels", "watch"):
        return (100 * score(kind, prediction, test)).tolist()
    return (loss(kind, prediction, test) * (100 / constant if task == "traffic" else 1)).tolist()


def measure(call, steps=None):
    """Train the seeds of a call; one row a seed. The test part is not looked at while tuning."""
    reproducible(dtype=torch.float32)
    run = train(config(call, steps), progress=False)
    scores = judge(call["task"], run) if call["phase"] == "final" else [None] * len(call["seeds"])
    return as_rows(call, run, [{"score": score} for score in scores])


def as_rows(call, run, measured):
    """A row a seed: the key columns of the call, the size and cost of the run, its curve, and what was measured."""
    c, machine = run.config, environment()
    shared = {name: value for name, value in call.items() if name != "seeds"}
    shared |= {
        "hidden_size": c.hidden_size,
        "parameters": cost.parameters(c.cell, c.task.input_size, c.hidden_size),
    }
    shared |= {"steps": c.steps, "cpu_seconds": round(run.seconds / len(c.seeds), 2)}
    shared |= {name: machine[name] for name in ("cpu", "torch", "threads")}
    rows = []
    for seed, columns in zip(c.seeds, measured, strict=True):
        history = run.history[run.history.seed == seed]
        best = (
            history.loc[history.loss.idxmin()]
            if history.loss.notna().any()
            else {"step": None, "loss": None}
        )
        curve = [
            [int(step), *map(_digits, rest)]
            for step, *rest in history.drop(columns="seed").values.tolist()
        ]
        row = {
            "seed": seed,
            "best_step": best["step"],
            "valid": best["loss"],
            "curve": json.dumps(curve),
        }
        rows.append(shared | row | {"diverged_at": run.diverged.get(seed)} | columns)
    return rows


def _digits(value):
    return float(f"{value:.6g}")


def tuning_calls(tasks, biases=("default",), share=1.0, rates=RATES):
    """Every learning rate for each cell and task, the GRU at equal parameters, on the tuning seeds."""
    made = product(tasks, biases, (MODELS[0], MODELS[2]), rates)
    return [
        _call("tuning", task, model, bias, rate, share, TUNING_SEEDS)
        for task, bias, model, rate in made
    ]


def final_calls(tuned, tasks, models=MODELS, biases=("default",), shares=(1.0,)):
    """The ten seeds at the learning rate with the lowest best validation loss, mean of the tuning seeds in ``tuned``; a
    seed that never had a finite loss counts as infinitely bad.
    """
    rows = tuned[tuned.phase == "tuning"]
    mean = (
        rows.valid.fillna(float("inf"))
        .groupby([rows.task, rows.cell, rows.bias, rows.learning_rate])
        .mean()
    )
    made = product(tasks, biases, models, shares)
    rate = lambda task, model, bias: mean.loc[task, model[0], bias].idxmin().item()
    return [
        _call("final", task, model, b, rate(task, model, b), share, SEEDS)
        for task, b, model, share in made
    ]


def _call(phase, task, model, bias, rate, share, seeds):
    key = {
        "phase": phase,
        "task": task,
        "cell": model[0],
        "matched": model[1],
        "bias": bias,
        "learning_rate": rate,
    }
    return key | {"share": share, "seeds": seeds}
