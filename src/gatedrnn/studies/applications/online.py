"""Predict, see, learn: errors of nets that learn on a stream while they predict it. (C23)

The streams are those of ``gatedrnn.online``; seed k has its own: another draw of the made-up ones, another subject of
the watch. Ten seeds; the LSTM has 16 units, the GRUs as many or as many parameters, the RNN as many units; one step of
Adam a sample. The learning rate, of {0.001, 0.003, 0.01, 0.03}, is that of the lowest error over the whole stream on
two tuning seeds, for each cell and stream (the GRU tuned at equal parameters). ``mse``: the mean squared error over
the stream after the first 200 samples; ``log_mse``: its logarithm; ``blocks``: means of 50 samples; ``persistence``
and ``least_squares``: the errors of the two simple forecasts on the same stream.
"""

import json
import time

import numpy as np
import torch

from gatedrnn import cost, reproducible
from gatedrnn.measure.timing import environment
from gatedrnn.studies.protocol import MODELS, SEEDS, TUNING_SEEDS, units
from gatedrnn.tasks import streams
from gatedrnn.training import online

KEYS = ["phase", "stream", "cell", "matched", "learning_rate", "seed"]
COLUMNS = ["hidden_size", "parameters", "mse", "log_mse", "blocks", "persistence", "least_squares"]
COLUMNS += ["cpu_seconds", "cpu", "torch", "threads"]
RATES, WIDTH, BLOCK, ARMS = (1e-3, 3e-3, 1e-2, 3e-2), 16, 50, [*MODELS, ("rnn", "hidden size")]


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell."""
    arms = (ARMS[0], ARMS[2], ARMS[3])
    return [
        _call("tuning", s, arm, rate, TUNING_SEEDS)
        for s in streams.STREAMS
        for arm in arms
        for rate in RATES
    ]


def final(store):
    """The ten seeds at the chosen rate."""
    rows = store.rows()
    tuned = rows[rows.phase == "tuning"].fillna({"mse": float("inf")})
    mean = tuned.groupby(["stream", "cell", "learning_rate"]).mse.mean()
    return [
        _call("final", s, arm, mean[s, arm[0]].idxmin().item(), SEEDS)
        for s in streams.STREAMS
        for arm in ARMS
    ]


def _call(phase, stream, arm, rate, seeds):
    return {
        "phase": phase,
        "stream": stream,
        "cell": arm[0],
        "matched": arm[1],
        "learning_rate": rate,
        "seeds": seeds,
    }


PHASES = [tuning, final]  # about ten minutes of one core


def measure(call):
    """Let the nets of a call learn on their streams; a row a seed."""
    reproducible(dtype=torch.float32)
    streams = torch.stack([streams.STREAMS[call["stream"]](seed) for seed in call["seeds"]])
    size = units(call["cell"], call["matched"], WIDTH, streams.shape[-1])
    clock = time.process_time()
    errors = online.learn(
        streams, call["cell"], size, call["learning_rate"], call["seeds"]
    ).double()
    shared = {name: value for name, value in call.items() if name != "seeds"} | {
        "hidden_size": size
    }
    shared |= {"parameters": cost.parameters(call["cell"], streams.shape[-1], size)}
    shared |= {"cpu_seconds": round((time.process_time() - clock) / len(errors), 2)}
    shared |= {
        name: value for name, value in environment().items() if name in ("cpu", "torch", "threads")
    }
    return [
        shared
        | {"seed": seed, "mse": error.mean().item(), "log_mse": error.mean().log().item()}
        | {"blocks": json.dumps(np.round(error.view(-1, BLOCK).mean(1).numpy(), 5).tolist())}
        | {"persistence": online.persistence(stream).mean().item()}
        | {"least_squares": online.least_squares(stream).mean().item()}
        for seed, error, stream in zip(call["seeds"], errors, streams, strict=True)
    ]
