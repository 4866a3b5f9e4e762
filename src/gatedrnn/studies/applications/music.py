"""JSB-like chorales at the sizes of two papers. (R2)

``small``: 36 units for the LSTM, 46 for the GRU, 100 for the RNN (Chung et al. 2014), 2,000 steps of 32 excerpts of 64
quarter notes; ``large``: 234 and 276, about 300,000 parameters in the recurrent layer (the size of Bai et
al. 2018), without dropout, 1,200 steps. Five seeds. The learning rate, of three (large: two), is that of the lowest
validation loss on two tuning seeds in half the steps, for each cell and size. ``shuffled``: the small models on pieces
whose steps are in a random order, 1,000 steps, at the rates of ``small``. ``nats``: the loss of a step, mean over all
steps of the test pieces in full length; ``train_nats``: the same on the training pieces. The weights are those of the
lowest validation loss.
"""

import torch

from gatedrnn import reproducible
from gatedrnn.studies.protocol import RUN, TUNING_SEEDS, as_rows
from gatedrnn.tasks.base import loss
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, train

KEYS = ["phase", "size", "cell", "learning_rate", "seed"]
COLUMNS = [*RUN, "nats", "train_nats"]
UNITS = {"small": {"lstm": 36, "gru": 46, "rnn": 100}, "large": {"lstm": 234, "gru": 276}}
UNITS |= {"shuffled": UNITS["small"]}
STEPS = {"small": 2000, "large": 1200, "shuffled": 1000}
RATES = {"small": (3e-3, 1e-2, 3e-2), "large": (3e-3, 1e-2)}
SEEDS = list(range(5))


def tuning(store):
    """Every learning rate on the two tuning seeds, for each cell and size."""
    return [
        _call("tuning", size, c, r, TUNING_SEEDS)
        for size in RATES
        for c in UNITS[size]
        for r in RATES[size]
    ]


def final(store):
    """The five seeds at the chosen rate."""
    rows = store.rows()
    tuned = rows[rows.phase == "tuning"].fillna({"valid": float("inf")})
    mean = tuned.groupby(["size", "cell", "learning_rate"]).valid.mean()
    rate = lambda size, cell: mean["small" if size == "shuffled" else size, cell].idxmin().item()
    return [
        _call("final", size, cell, rate(size, cell), SEEDS)
        for size in UNITS
        for cell in UNITS[size]
    ]


def _call(phase, size, cell, rate, seeds):
    return {"phase": phase, "size": size, "cell": cell, "learning_rate": rate, "seeds": seeds}


PHASES = [tuning, final]  # about three quarters of an hour of one core


def config(call):
    """The ``Config`` of a call."""
    size, steps = call["size"], STEPS[call["size"]] // (1 if call["phase"] == "final" else 2)
    options = {"learning_rate": call["learning_rate"], "evaluate_every": 50}
    task = Chorales(shuffled=size == "shuffled")
    return Config(
        task, call["cell"], UNITS[size][call["cell"]], 64, tuple(call["seeds"]), steps, **options
    )


@torch.no_grad()
def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    with torch.enable_grad():
        run = train(config(call), progress=False)
    run.model.load_state_dict(run.best)
    measured = [{"nats": None, "train_nats": None} for _ in call["seeds"]]
    if call["phase"] == "final":
        parts = {
            name: run.config.task.part(part)
            for name, part in (("nats", "test"), ("train_nats", "train"))
        }
        losses = {
            name: loss("bernoulli", run.model(part.x)[0], part).tolist()
            for name, part in parts.items()
        }
        measured = [
            {name: values[s] for name, values in losses.items()} for s in range(len(measured))
        ]
    return as_rows(call, run, measured)
