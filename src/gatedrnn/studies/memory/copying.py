"""Copy memory: does chrono initialisation decide whether ten symbols survive a wait of 200 steps? (R4)

LSTM with 60 units and GRU with 70, five seeds, 3,000 steps of 32 sequences at a learning rate of 0.003, no tuning;
training stops when every seed is below a quarter of the loss of doing nothing. ``share_of_baseline``: the loss of the
best weights on 500 new sequences over that of doing nothing, ln 8 a recalled symbol; only those are scored.
"""

import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import BIAS, RUN, as_rows
from gatedrnn.tasks.base import generator, loss
from gatedrnn.tasks.memory import Copy
from gatedrnn.training.train import Config, train

KEYS = ["cell", "bias", "seed"]
COLUMNS = [*RUN, "share_of_baseline"]
WAIT, SIZES, STEPS, RATE, SEEDS = 200, {"lstm": 60, "gru": 70}, 3000, 3e-3, list(range(5))


def arms(store):
    """Both cells, both biases."""
    return [
        {"cell": cell, "bias": bias, "seeds": SEEDS}
        for bias in ("default", "chrono")
        for cell in SIZES
    ]


PHASES = [arms]  # about a quarter of an hour of one core


def config(call):
    """The ``Config`` of a call."""
    options = {
        "learning_rate": RATE,
        "bias": BIAS[call["bias"]],
        "until": Copy().baseline(WAIT) / 4,
    }
    return Config(
        Copy(), call["cell"], SIZES[call["cell"]], WAIT, tuple(call["seeds"]), STEPS, **options
    )


@torch.no_grad()
def measure(call):
    """Train the seeds of a call; a row a seed."""
    reproducible(dtype=torch.float32)
    with torch.enable_grad():
        run = train(config(call), progress=False)
    run.model.load_state_dict(run.best)
    test = Copy().batch(generator(0, 0, "test"), 500, WAIT)
    shares = loss("cross_entropy", run.model(test.x)[0], test) / Copy().baseline(WAIT)
    return as_rows(call, run, [{"share_of_baseline": share} for share in shares.tolist()])
