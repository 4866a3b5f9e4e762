"""Predict, see, learn: errors of nets that learn on a stream while they predict it.

For C23. The streams are those of ``gatedrnn.tasks.streams``; seed k has its own: another draw of
the made-up ones, another subject of the watch. Ten seeds; the LSTM has 16 units, the GRUs as many
or as many parameters, the RNN as many units; one step of Adam a sample. The learning rate, of
{0.001, 0.003, 0.01, 0.03}, is that of the lowest error over the whole stream on two tuning seeds,
for each cell and stream (the GRU tuned at equal parameters). ``mse``: the mean squared error over
the stream after the first 200 samples; ``log_mse``: its logarithm; ``blocks``: means of 50 samples;
``persistence`` and ``least_squares``: the errors of the two simple forecasts on the same stream.
"""

import json
import time

import numpy as np
import torch

from gatedrnn import cost, reproducible
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MACHINE,
    MODELS,
    PLAIN_RNN,
    SEEDS,
    TUNED,
    arm,
    best_rates,
    key_columns,
    machine,
    make_call,
    tuning_calls,
    units,
)
from gatedrnn.tasks.streams import STREAMS
from gatedrnn.training import online

KEYS = ["phase", "stream", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [
    "hidden_size",
    "parameters",
    "mse",
    "log_mse",
    "blocks",
    "persistence",
    "least_squares",
    "cpu_seconds",
    *MACHINE,
]
WIDTH = 16
BLOCK = 50  # samples


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, once for each cell."""
    models = (*TUNED, PLAIN_RNN)
    return tuning_calls([arm(model, stream=stream) for stream in STREAMS for model in models])


def final(store: Store) -> list[dict]:
    """The ten seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("stream", "cell"), column="mse")
    return [
        make_call("final", arm(model, stream=stream), best[stream, model.cell], SEEDS)
        for stream in STREAMS
        for model in (*MODELS, PLAIN_RNN)
    ]


PHASES = [tuning, final]  # about ten minutes of one core


def measure(call: dict) -> list[dict]:
    """Let the nets of a call learn on their streams; a row a seed."""
    reproducible(dtype=torch.float32)
    streams = torch.stack([STREAMS[call["stream"]](seed) for seed in call["seeds"]])  # (S, N, I)
    inputs = streams.shape[-1]
    size = units(call["cell"], call["matched"], WIDTH, inputs)
    clock = time.process_time()
    errors = online.learn(streams, call["cell"], size, call["learning_rate"], call["seeds"])
    seconds = time.process_time() - clock
    shared = key_columns(call)
    shared["hidden_size"] = size
    shared["parameters"] = cost.parameters(call["cell"], inputs, size)
    shared["cpu_seconds"] = round(seconds / len(errors), 2)
    shared |= machine()
    rows = []
    for seed, error, stream in zip(call["seeds"], errors.double(), streams, strict=True):
        mse = error.mean()
        blocks = error.view(-1, BLOCK).mean(1).numpy()
        rows.append(
            shared
            | {
                "seed": seed,
                "mse": mse.item(),
                "log_mse": mse.log().item(),
                "blocks": json.dumps(np.round(blocks, 5).tolist()),
                "persistence": online.persistence(stream).mean().item(),
                "least_squares": online.least_squares(stream).mean().item(),
            }
        )
    return rows
