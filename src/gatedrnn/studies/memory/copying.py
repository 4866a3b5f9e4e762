"""Copy memory: does chrono initialisation decide whether ten symbols survive a wait of 200 steps?

Replication R4. LSTM with 60 units and GRU with 70, five seeds, 3,000 steps of 32 sequences at a
learning rate of 0.003, no tuning; training stops when every seed is below a quarter of the loss of
doing nothing. ``share_of_baseline``: the loss of the best weights on 500 new sequences over that of
doing nothing, ln 8 a recalled symbol; only those are scored.
"""

import torch

from gatedrnn.results import Store
from gatedrnn.studies.protocol import BIAS, RUN, as_rows, training
from gatedrnn.tasks.base import generator, loss
from gatedrnn.tasks.memory import Copy
from gatedrnn.training.train import Config, Run

KEYS = ["cell", "bias", "seed"]
COLUMNS = [*RUN, "share_of_baseline"]
WAIT = 200
SIZES = {"lstm": 60, "gru": 70}
STEPS = 3000
RATE = 3e-3
SEEDS = list(range(5))
TESTED = 500  # sequences


def arms(store: Store) -> list[dict]:
    """Both cells, both biases."""
    return [
        {"cell": cell, "bias": bias, "seeds": SEEDS}
        for bias in ("default", "chrono")
        for cell in SIZES
    ]


PHASES = [arms]  # about a quarter of an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        Copy(),
        call["cell"],
        SIZES[call["cell"]],
        WAIT,
        tuple(call["seeds"]),
        STEPS,
        learning_rate=RATE,
        bias=BIAS[call["bias"]],
        until=Copy().baseline(WAIT) / 4,
    )


@torch.no_grad()
def shares_of_baseline(run: Run) -> list[float]:
    """The loss of each seed's best weights on new sequences, over that of doing nothing."""
    run.model.load_state_dict(run.best)
    test = Copy().batch(generator(0, 0, "test"), TESTED, WAIT)
    losses = loss("cross_entropy", run.model(test.x)[0], test)
    return (losses / Copy().baseline(WAIT)).tolist()


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; a row a seed."""
    with training(call, config(call)) as run:
        return as_rows(
            call, run, [{"share_of_baseline": share} for share in shares_of_baseline(run)]
        )
