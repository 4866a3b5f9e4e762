"""Traffic a day ahead, with a net that corrects the median and one that has to do it all.

``corrected``: the task ``Traffic``; ``plain``: the same with the training mean in place of the
median. An origin is the first hour of a test of 2,000 hours (the last one: 3,520); the 2,000 hours
before it validate, all before these train. Five seeds, 800 steps of 32 windows of 120 hours; the
LSTM has 16 units, the GRUs as many or as many parameters. The learning rate, of {0.001, 0.003,
0.01, 0.03}, is that of the lowest validation loss at the first origin on two tuning seeds (the GRU
tuned at equal parameters). ``mae``: vehicles an hour over the test's observed hours; ``median``:
that of the median forecast there. ``coverage``: for each nominal level the share of test hours
within plus and minus that quantile of the absolute errors on the validation part, and this half
width in vehicles an hour (split conformal intervals; Lei et al. 2018). One of the applications of
C24.
"""

import json

import numpy as np
import torch

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    RUN,
    TUNED,
    arm,
    best_rates,
    make_call,
    train_and_test,
    tuning_calls,
    units,
)
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import Config

KEYS = ["phase", "kind", "origin", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "mae", "median", "coverage"]
KINDS = ("corrected", "plain")
SPANS = {8000: 2000, 10_000: 2000, 12_000: 2000, 14_000: 3520}  # hours tested from each origin
LENGTH = 120  # hours of a window
LEVELS = (0.5, 0.8, 0.9, 0.95)
WIDTH = 16
STEPS = 800
SEEDS = list(range(5))


def task(kind: str, origin: int) -> Traffic:
    """The task of a kind and an origin."""
    return Traffic(plain=kind == "plain", origin=origin, span=SPANS[origin])


def tuning(store: Store) -> list[dict]:
    """Every learning rate at the first origin, on the two tuning seeds."""
    first = min(SPANS)
    return tuning_calls([arm(model, kind=kind, origin=first) for kind in KINDS for model in TUNED])


def final(store: Store) -> list[dict]:
    """The five seeds at the chosen rate, at every origin."""
    best = best_rates(store.rows(), by=("kind", "cell"))
    return [
        make_call("final", arm(model, kind=kind, origin=origin), best[kind, model.cell], SEEDS)
        for kind in KINDS
        for origin in SPANS
        for model in MODELS
    ]


PHASES = [tuning, final]  # about a quarter of an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    problem = task(call["kind"], call["origin"])
    return Config(
        problem,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, problem.input_size),
        LENGTH,
        tuple(call["seeds"]),
        STEPS,
        learning_rate=call["learning_rate"],
        evaluate_every=40,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        return tested(run.model, run.config.task)

    return train_and_test(call, config(call), test, COLUMNS)


@torch.no_grad()
def errors(model: SequenceModel, task: Traffic, part: str) -> np.ndarray:
    """The absolute errors of each seed at the scored hours, vehicles an hour: ``(S, hours)``."""
    batch = task.part(part, LENGTH)
    error = (model(batch.x)[0] - batch.y)[..., 0].abs()[:, batch.mask] * task.scale
    return error.double().numpy()


def error_of_median(task: Traffic) -> float:
    """The mean absolute error of the median forecast on the test part, in vehicles an hour."""
    corrected = Traffic(origin=task.origin, span=task.span)  # its target is what the median misses
    batch = corrected.part("test", LENGTH)
    return batch.y[..., 0].abs()[batch.mask].double().mean().item() * corrected.scale


def tested(model: SequenceModel, task: Traffic) -> list[dict]:
    """What is measured of each seed."""
    valid, test = errors(model, task, "valid"), errors(model, task, "test")
    median = error_of_median(task)
    widths = np.quantile(valid, LEVELS, axis=1)  # (levels, S)
    covered = (test[None] <= widths[..., None]).mean(-1)  # (levels, S)
    rows = []
    for s in range(len(test)):
        coverage = [
            [level, round(share, 4), round(width, 1)]
            for level, share, width in zip(LEVELS, covered[:, s], widths[:, s], strict=True)
        ]
        row = {"mae": test[s].mean().item(), "median": median}
        rows.append(row | {"coverage": json.dumps(coverage)})
    return rows
