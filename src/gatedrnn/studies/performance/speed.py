"""The time of the GRU over that of the LSTM of the same hidden size, by shape and kernel.

For C17 and C18, whose rule stands in claims.yml. One row is one ratio, time of the GRU over time of
the LSTM, of one layer with 64 inputs in float32 on one thread. Both were timed in turns, in rounds
of random order; the interval is a bootstrap over rounds. ``default``: ``nn.LSTM`` and ``nn.GRU`` as
torch ships them, where the LSTM alone has a fused kernel (oneDNN); ``native``: the same with oneDNN
off; ``loop``: our readable steps, one after the other; ``compiled``: our compiled loop, which
treats both cells alike. Modes: ``training`` is forward and backward over a whole sequence,
``inference`` forward alone, ``step`` one step of one sequence without gradients.
"""

import math
import timeit
from collections.abc import Callable
from itertools import product

import torch
from torch import nn

from gatedrnn import GRU, LSTM, reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.results import Store
from gatedrnn.studies.protocol import layer_call

ALONE = True
KEYS = ["comparison", "mode", "hidden_size", "length", "batch_size"]
QUARTILES = ("q25", "median", "q75")
COLUMNS = [
    "ratio",
    "low",
    "high",
    *(f"gru_{quartile}_ms" for quartile in QUARTILES),
    *(f"lstm_{quartile}_ms" for quartile in QUARTILES),
    "lstm_fused",
    "rounds",
    "cpu",
    "instructions",
    "platform",
    "python",
    "torch",
    "numpy",
    "threads",
    "onednn_available",
    "onednn_enabled",
    "blas",
]
INPUTS = 64
SECONDS = 0.6  # a row is measured for about so long,
FEWEST_ROUNDS = 5  # but for so many rounds at least
MOST_ROUNDS = 30  # and at most
COMPARISONS = ("default", "native", "loop", "compiled")
HIDDEN_SIZES = (32, 64, 128, 256, 512)
SEQUENCES = list(product(HIDDEN_SIZES, (20, 100, 400), (1, 16, 64)))  # H, T, B
SHAPES = {
    "training": SEQUENCES,
    "inference": SEQUENCES,
    "step": [(H, 1, 1) for H in HIDDEN_SIZES],
}


def grid(store: Store) -> list[dict]:
    """Every comparison at every shape."""
    return [
        dict(zip(KEYS, (comparison, mode, *shape), strict=True))
        for comparison in COMPARISONS
        for mode, shapes in SHAPES.items()
        for shape in shapes
    ]


PHASES = [grid]  # about a quarter of an hour; leave the machine alone while it runs


def candidates(
    comparison: str, mode: str, hidden_size: int, length: int, batch_size: int
) -> dict[str, Callable[[], None]]:
    """The two layers that are compared, functions without arguments called "gru" and "lstm"."""
    x = torch.randn(batch_size, length, INPUTS)
    made = {}
    for name, theirs, ours in (("gru", nn.GRU, GRU), ("lstm", nn.LSTM, LSTM)):
        if comparison in ("default", "native"):
            layer = theirs(INPUTS, hidden_size, batch_first=True)
        else:
            layer = ours(INPUTS, hidden_size)
            layer.fast = comparison == "compiled"
        made[name] = layer_call(layer, x, mode, fused=comparison == "default")
    return made


def measure(call: dict) -> list[dict]:
    """One row: both cells timed in turns."""
    reproducible(dtype=torch.float32)
    pair = candidates(**call)
    for run in pair.values():
        run()  # the first call compiles and fills caches
    once = sum(timeit.timeit(run, number=1) for run in pair.values())
    rounds = min(max(math.ceil(SECONDS / once), FEWEST_ROUNDS), MOST_ROUNDS)
    found = ratio(compare_times(pair, rounds=rounds, warmup=0), "gru", "lstm")
    row = {"ratio": found.ratio, "low": found.low, "high": found.high, "rounds": rounds}
    for cell, seconds in (("gru", found.quartiles_a), ("lstm", found.quartiles_b)):
        for quartile, value in zip(QUARTILES, seconds, strict=True):
            row[f"{cell}_{quartile}_ms"] = 1e3 * value
    row["lstm_fused"] = "aten::mkldnn_rnn_layer" in count_operators(pair["lstm"])
    return [call | row | environment()]
