"""JSB-like chorales at the sizes of two papers.

Replication R2. ``small``: 36 units for the LSTM, 46 for the GRU, 100 for the RNN (Chung et al.
2014), 2,000 steps of 32 excerpts of 64 quarter notes; ``large``: 234 and 276, about 300,000
parameters in the recurrent layer (the size of Bai et al. 2018), without dropout, 1,200 steps. Five
seeds. The learning rate, of three (large: two), is that of the lowest validation loss on two tuning
seeds in half the steps, for each cell and size. ``shuffled``: the small models on pieces whose
steps are in a random order, 1,000 steps, at the rates of ``small``. ``nats``: the loss of a step,
mean over all steps of the test pieces in full length; ``train_nats``: the same on the training
pieces. The weights are those of the lowest validation loss.
"""

from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    RUN,
    best_rates,
    is_tuning,
    make_call,
    tested,
    train_and_test,
    tuning_calls,
)
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "size", "cell", "learning_rate", "seed"]
COLUMNS = [*RUN, "nats", "train_nats"]
SMALL = {"lstm": 36, "gru": 46, "rnn": 100}
UNITS = {"small": SMALL, "large": {"lstm": 234, "gru": 276}, "shuffled": SMALL}
TUNED_AS = {"small": "small", "large": "large", "shuffled": "small"}  # whose rate a size takes
STEPS = {"small": 2000, "large": 1200, "shuffled": 1000}
RATES = {"small": (3e-3, 1e-2, 3e-2), "large": (3e-3, 1e-2)}
SEEDS = list(range(5))
LENGTH = 64  # quarter notes of an excerpt


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, for each cell and size."""
    calls = []
    for size, rates in RATES.items():
        calls += tuning_calls([{"size": size, "cell": cell} for cell in UNITS[size]], rates)
    return calls


def final(store: Store) -> list[dict]:
    """The five seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("size", "cell"))
    return [
        make_call("final", {"size": size, "cell": cell}, best[TUNED_AS[size], cell], SEEDS)
        for size in UNITS
        for cell in UNITS[size]
    ]


PHASES = [tuning, final]  # about three quarters of an hour of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    size = call["size"]
    return Config(
        Chorales(shuffled=size == "shuffled"),
        call["cell"],
        UNITS[size][call["cell"]],
        LENGTH,
        tuple(call["seeds"]),
        STEPS[size] // 2 if is_tuning(call) else STEPS[size],
        learning_rate=call["learning_rate"],
        evaluate_every=50,
    )


def judge(run: Run) -> list[dict]:
    """The loss of each seed on whole pieces."""
    test, _ = tested(run, run.config.task.part("test"))
    train, _ = tested(run, run.config.task.part("train"))
    return [{"nats": a, "train_nats": b} for a, b in zip(test, train, strict=True)]


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    return train_and_test(call, config(call), judge, COLUMNS)
