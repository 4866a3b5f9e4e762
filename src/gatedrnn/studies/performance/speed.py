"""The time of the GRU over that of the LSTM of the same hidden size, by shape and kernel (C17, C18).

One row is one ratio, time of the GRU over time of the LSTM, of one layer with 64 inputs in float32 on one thread. Both
were timed in turns, in rounds of random order; the interval is a bootstrap over rounds. ``default``: ``nn.LSTM`` and
``nn.GRU`` as torch ships them, where the LSTM alone has a fused kernel (oneDNN); ``native``: the same with oneDNN off;
``loop``: our readable steps, one after the other; ``compiled``: our compiled loop, which treats both cells alike.
Modes: ``training`` is forward and backward over a whole sequence, ``inference`` forward alone, ``step`` one step of one
sequence without gradients. The rule stands in claims.yml.
"""

import math
import timeit
from itertools import product

import torch
from torch import nn

from gatedrnn import GRU, LSTM, reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.reproduce import onednn

INPUTS, SECONDS, ROUNDS = (
    64,
    0.6,
    (5, 30),
)  # a row is measured for about 0.6 s, but for 5 to 30 rounds
COMPARISONS = ("default", "native", "loop", "compiled")
SEQUENCES = list(product((32, 64, 128, 256, 512), (20, 100, 400), (1, 16, 64)))  # H, T, B
SHAPES = {
    "training": SEQUENCES,
    "inference": SEQUENCES,
    "step": [(H, 1, 1) for H in (32, 64, 128, 256, 512)],
}
ALONE, KEYS = True, ["comparison", "mode", "hidden_size", "length", "batch_size"]
COLUMNS = [
    "ratio",
    "low",
    "high",
    *(f"{cell}_{q}_ms" for cell in ("gru", "lstm") for q in ("q25", "median", "q75")),
]
COLUMNS += [
    "lstm_fused",
    "rounds",
    "cpu",
    "instructions",
    "platform",
    "python",
    "torch",
    "numpy",
    "threads",
]
COLUMNS += ["onednn_available", "onednn_enabled", "blas"]


def call(layer, x, mode, fused=True):
    """A function of no arguments that runs the layer once in that mode, with oneDNN on or off."""

    def run():
        with onednn(fused), torch.set_grad_enabled(mode == "training"):
            output, _ = layer(x)
            if mode == "training":
                output.sum().backward()

    return run


def candidates(comparison, mode, hidden_size, length, batch_size):
    """The two that are compared, {"gru": callable, "lstm": callable}."""
    theirs, x = comparison in ("default", "native"), torch.randn(batch_size, length, INPUTS)
    made = {}
    for name, torchs, ours in (("gru", nn.GRU, GRU), ("lstm", nn.LSTM, LSTM)):
        layer = (
            torchs(INPUTS, hidden_size, batch_first=True) if theirs else ours(INPUTS, hidden_size)
        )
        layer.fast = comparison == "compiled"
        made[name] = call(layer, x, mode, fused=comparison == "default")
    return made


def measure(config):
    """One row: both cells timed in turns."""
    reproducible(dtype=torch.float32)
    pair = candidates(**config)
    for run in pair.values():
        run()  # the first call compiles and fills caches
    once = sum(timeit.timeit(run, number=1) for run in pair.values())
    rounds = min(max(math.ceil(SECONDS / once), ROUNDS[0]), ROUNDS[1])
    r = ratio(compare_times(pair, rounds=rounds, warmup=0), "gru", "lstm")
    row = config | {"ratio": r.ratio, "low": r.low, "high": r.high, "rounds": rounds}
    for cell, quartiles in (("gru", r.quartiles_a), ("lstm", r.quartiles_b)):
        row |= {
            f"{cell}_{q}_ms": 1e3 * t
            for q, t in zip(("q25", "median", "q75"), quartiles, strict=True)
        }
    return [
        row
        | {"lstm_fused": "aten::mkldnn_rnn_layer" in count_operators(pair["lstm"])}
        | environment()
    ]


def grid(store):
    """Every comparison at every shape."""
    shapes = [(mode, *shape) for mode, found in SHAPES.items() for shape in found]
    return [
        dict(zip(KEYS, (comparison, *shape), strict=True))
        for comparison, shape in product(COMPARISONS, shapes)
    ]


PHASES = [grid]  # about a quarter of an hour; leave the machine alone while it runs
