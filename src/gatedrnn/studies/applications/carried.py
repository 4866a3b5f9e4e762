"""Learning on a stream with a state that is really carried along, after calibration.

For C23. The streams are those of ``gatedrnn.tasks.streams``; seed k has its own: another draw of
the made-up ones (``samples``: 4,000, the coefficients or the delay change every 1,000), another
subject of the watch (ten subjects). A net reads each sample once, forecasts the next one, and takes
one step of Adam; nothing is read again (``online.learn_carried``). The LSTM has 16 units, the GRUs
as many or as many parameters, the RNN as many units.

``tuning``: start and rate of each model on three seeds, as ``studies.calibration`` describes, by
``log_mse``; the RNN from torch's start. ``final``: twenty seeds, ten on the watch, from the best
start and from torch's. ``mse``: the mean squared error over the stream after the first 200 samples;
``log_mse``: its logarithm; ``persistence`` and ``least_squares``: the errors of the two simple
forecasts on the same stream.
"""

import time

import numpy as np
import pandas as pd
import torch

from gatedrnn import cost, reproducible
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, regimes
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    MACHINE,
    MODELS,
    PLAIN_RNN,
    arm,
    key_columns,
    machine,
    make_call,
    units,
)
from gatedrnn.tasks.streams import STREAMS
from gatedrnn.training import online

KEYS = ["phase", "stream", "cell", "matched", "bias", "learning_rate", "seed"]
COLUMNS = [
    "hidden_size",
    "parameters",
    "mse",
    "log_mse",
    "persistence",
    "least_squares",
    "cpu_seconds",
    *MACHINE,
]
WIDTH = 16
SEEDS = {"switching": range(20), "mackey-glass": range(20), "arm": range(10)}
BY = ("stream", "cell", "matched")


def row_badness(rows: pd.DataFrame) -> pd.Series:
    """What a tuning row is worth: the logarithm of its error."""
    return rows.log_mse


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside."""
    arms = []
    for stream in STREAMS:
        arms += [arm(model, stream=stream, bias=bias) for model in MODELS for bias in STARTS]
        arms.append(arm(PLAIN_RNN, stream=stream, bias="default"))
    return calibration.tuning_calls(store.rows(), arms, row_badness)


def final(store: Store) -> list[dict]:
    """The judged seeds of every model in both regimes."""
    calls = []
    for settings in regimes(store.rows(), BY, row_badness).values():
        for key, chosen in settings.items():
            same = dict(zip(BY, key, strict=True)) | {"bias": chosen.bias}
            calls.append(make_call("final", same, chosen.learning_rate, SEEDS[key[0]]))
    return calibration.once(calls)


PHASES = [tuning, final]  # about forty minutes of one core


def measure(call: dict) -> list[dict]:
    """Let the nets of a call learn on their streams; a row a seed."""
    reproducible(dtype=torch.float32)
    streams = torch.stack([STREAMS[call["stream"]](seed) for seed in call["seeds"]])  # (S, N, I)
    inputs = streams.shape[-1]
    size = units(call["cell"], call["matched"], WIDTH, inputs)
    clock = time.process_time()
    errors = online.learn_carried(
        streams, call["cell"], size, call["learning_rate"], call["seeds"], BIAS[call["bias"]]
    )
    seconds = time.process_time() - clock
    shared = key_columns(call)
    shared["hidden_size"] = size
    shared["parameters"] = cost.parameters(call["cell"], inputs, size)
    shared["cpu_seconds"] = round(seconds / len(errors), 2)
    shared |= machine()
    rows = []
    for seed, error, stream in zip(call["seeds"], errors.double(), streams, strict=True):
        mse = error.mean().item()
        row = {"seed": seed, "mse": mse, "log_mse": float(np.log(mse))}
        row["persistence"] = online.persistence(stream).mean().item()
        row["least_squares"] = online.least_squares(stream).mean().item()
        rows.append(shared | row)
    return rows
