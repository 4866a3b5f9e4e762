"""Traffic a day ahead from four origins, with a recurrent net that corrects the median and one that has to do it all.

``corrected``: the task ``realtasks.Traffic``; ``plain``: the same with the training mean in place of the median. An
origin is the first hour of a test of 2,000 hours (the last one: 3,520); the 2,000 hours before it validate, all before
these train. Five seeds, 800 steps of 32 windows of 120 hours; the LSTM has 16 units, the GRUs as many or as many
parameters. The learning rate, of {0.001, 0.003, 0.01, 0.03}, is that of the lowest validation loss at the first origin
on two tuning seeds (the GRU tuned at equal parameters). ``mae``: vehicles an hour over the test's observed hours;
``median``: that of the median forecast there. ``coverage``: for each nominal level the share of test hours within plus
and minus that quantile of the absolute errors on the validation part, and this half width in vehicles an hour (split
conformal intervals; Lei et al. 2018).
"""

import json

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import MODELS, RATES, RUN, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import Config, train

KEYS = ["phase", "kind", "origin", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "mae", "median", "coverage"]
SPANS = {8000: 2000, 10_000: 2000, 12_000: 2000, 14_000: 3520}
LEVELS, WIDTH, STEPS, SEEDS, KINDS = (
    (0.5, 0.8, 0.9, 0.95),
    16,
    800,
    list(range(5)),
    ("corrected", "plain"),
)


def task(kind, origin):
    """The task of a kind and an origin."""
    return Traffic(plain=kind == "plain", origin=origin, span=SPANS[origin])


def tuning(store):
    """Every learning rate at the first origin, on the two tuning seeds."""
    arms, origin = (MODELS[0], MODELS[2]), min(SPANS)
    return [
        _call("tuning", kind, origin, arm, r, TUNING_SEEDS)
        for kind in KINDS
        for arm in arms
        for r in RATES
    ]


def final(store):
    """The five seeds at the chosen rate, at every origin."""
    rows = store.rows()
    tuned = rows[rows.phase == "tuning"].fillna({"valid": float("inf")})
    mean = tuned.groupby(["kind", "cell", "learning_rate"]).valid.mean()
    rate = lambda kind, cell: mean[kind, cell].idxmin().item()
    return [
        _call("final", k, o, arm, rate(k, arm[0]), SEEDS)
        for k in KINDS
        for o in SPANS
        for arm in MODELS
    ]


def _call(phase, kind, origin, arm, rate, seeds):
    call = {"phase": phase, "kind": kind, "origin": origin, "cell": arm[0], "matched": arm[1]}
    return call | {"learning_rate": rate, "seeds": seeds}


PHASES = [tuning, final]  # about a quarter of an hour of one core


def config(call):
    """The ``Config`` of a call."""
    options, problem = (
        {"learning_rate": call["learning_rate"], "evaluate_every": 40},
        task(call["kind"], call["origin"]),
    )
    size = units(call["cell"], call["matched"], WIDTH, problem.input_size)
    return Config(problem, call["cell"], size, 120, tuple(call["seeds"]), STEPS, **options)


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    if call["phase"] == "tuning":
        return as_rows(call, run, [dict.fromkeys(COLUMNS[len(RUN) :]) for _ in call["seeds"]])
    run.model.load_state_dict(run.best)
    return as_rows(call, run, tested(run.model, run.config.task))


@torch.no_grad()
def errors(model, task, part):
    """The absolute errors of each model at the scored hours of a part, in vehicles an hour: (S, hours)."""
    batch = task.part(part, 120)
    return (model(batch.x)[0] - batch.y)[..., 0].abs()[:, batch.mask] * task.scale


def tested(model, task):
    """What is measured of each model, a list of dicts."""
    valid, test = (errors(model, task, part).double().numpy() for part in ("valid", "test"))
    corrected = Traffic(origin=task.origin, span=task.span)
    batch = corrected.part("test", 120)
    median = batch.y[..., 0].abs()[batch.mask].double().mean().item() * corrected.scale
    width = np.quantile(valid, LEVELS, axis=1)  # (levels, S)
    covered = (test[None] <= width[..., None]).mean(-1)
    return [
        {"mae": test[s].mean().item(), "median": median}
        | {
            "coverage": json.dumps(
                [[p, round(covered[k, s], 4), round(width[k, s], 1)] for k, p in enumerate(LEVELS)]
            )
        }
        for s in range(len(test))
    ]
