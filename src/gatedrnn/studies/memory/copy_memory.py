"""Copy memory, tuned: ten symbols over a wait of 200 and of 500 steps, until they are learned.

Replication R4. The LSTM with 64 units and the GRU of as many parameters, batches of 64 sequences,
chrono initialisation, a constant rate. ``tuning``: three seeds, a wait of 200 steps, 4,000 training
steps; rates until the best one lies inside its grid. ``final``: five seeds at that rate, up to
20,000 steps; a training ends when each of its seeds is below a quarter of the loss of doing
nothing. ``far``: the LSTM with a wait of 500 steps, three seeds, up to 8,000 training steps, at the
rate of a wait of 200: to tune it anew would take as long as all the rest. ``shipped``: the start
that torch ships, which is the papers' control, 5,000 steps at the same rate.

The badness of a tuning run: the share of its steps until its validation loss is a quarter of that
of doing nothing; 1 plus the share of that loss that is left where it never is.

``share_of_baseline``: the loss of the best weights on 500 new sequences over that of doing nothing,
ln 8 a recalled symbol; only those are scored.
"""

import numpy as np
import pandas as pd

from gatedrnn.results import Store
from gatedrnn.settings import best_settings, first_step_below, lowest_loss
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    LSTM,
    RUN,
    TUNED,
    arm,
    make_call,
    tested,
    train_and_test,
    units,
)
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import Copy
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "wait", "cell", "matched", "bias", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "share_of_baseline"]
WIDTH = 64
BATCH = 64  # sequences a step
NEAR, FAR = 200, 500  # steps of the wait
STEPS = {"tuning": 4000, "final": 20_000, "far": 8000, "shipped": 5000}
EVERY = 100  # steps from one evaluation to the next
SEEDS = range(5)
FAR_SEEDS = range(3)
FIRST_RATES = (1e-3, 3e-3, 1e-2)
LEARNED = 0.25  # of the loss of doing nothing
TESTED = 500  # sequences
BY = ("cell", "matched")


def row_badness(rows: pd.DataFrame) -> pd.Series:
    """What a tuning run is worth; smaller is better."""
    nothing = Copy().baseline(NEAR)
    most = STEPS["tuning"]

    def of_run(curve):
        step = first_step_below(curve, LEARNED * nothing, most)
        if np.isfinite(step):
            return step / most
        return 1 + lowest_loss(curve, most) / nothing

    return rows.curve.map(of_run)


def _arm(model, phase, wait, bias):
    return arm(model, wait=wait, bias=bias, steps=STEPS[phase])


def tuning(store: Store) -> list[dict]:
    """Rates of both cells until the best one lies inside."""
    arms = [_arm(model, "tuning", NEAR, "chrono") for model in TUNED]
    return calibration.tuning_calls(store.rows(), arms, row_badness, FIRST_RATES)


def _rates(store):
    """The best rate of each model."""
    best = best_settings(store.rows(), BY, row_badness)
    return {model: best[model].learning_rate for model in TUNED}


def final(store: Store) -> list[dict]:
    """Both cells until they have learned."""
    return [
        make_call("final", _arm(model, "final", NEAR, "chrono"), rate, SEEDS)
        for model, rate in _rates(store).items()
    ]


def far(store: Store) -> list[dict]:
    """The LSTM over a wait of 500 steps."""
    rate = _rates(store)[LSTM]
    return [make_call("far", _arm(LSTM, "far", FAR, "chrono"), rate, FAR_SEEDS)]


def shipped(store: Store) -> list[dict]:
    """Both cells from the start that torch ships."""
    return [
        make_call("shipped", _arm(model, "shipped", NEAR, "default"), rate, SEEDS)
        for model, rate in _rates(store).items()
    ]


PHASES = [tuning, final, far, shipped]  # about six hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = Copy()
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        call["wait"],
        tuple(call["seeds"]),
        call["steps"],
        batch_size=BATCH,
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=EVERY,
        until=LEARNED * task.baseline(call["wait"]),
    )


def shares_of_baseline(run: Run) -> list[dict]:
    """The loss of each seed on new sequences, over that of doing nothing."""
    task, wait = run.config.task, run.config.length
    test = task.batch(generator(0, 0, "test"), TESTED, wait)
    losses, _ = tested(run, test)
    return [{"share_of_baseline": value / task.baseline(wait)} for value in losses]


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; all but those of the tuning are tested; a row a seed."""
    return train_and_test(call, config(call), shares_of_baseline, COLUMNS)
