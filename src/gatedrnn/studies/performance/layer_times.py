"""The time of the GRU over that of the LSTM on one thread of this CPU, over ten processes.

For C17 and C18. One row is one ratio, time of the GRU over time of the LSTM of the same hidden
size, of one layer with 64 inputs in float32, at one shape in one process; both were timed in turns,
in a few rounds of random order. The processes are started one after the other (``studies.fresh``),
and each measures all shapes: an interval is one over processes. ``default``: ``nn.LSTM`` and
``nn.GRU`` as torch ships them, where the LSTM alone has a fused kernel (oneDNN); ``native``: the
same with oneDNN off; ``compiled``: our compiled loop, which treats both cells alike. Modes:
``training`` is forward and backward over a whole sequence, ``inference`` forward alone, ``step``
one step of one sequence without gradients.
"""

import math
import timeit
from collections.abc import Callable
from itertools import product

import torch
from torch import nn

from gatedrnn import GRU, LSTM, reproducible
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.results import Store
from gatedrnn.studies.fresh import PROCESSES, measured
from gatedrnn.studies.protocol import layer_call

ALONE = True
KEYS = ["process", "comparison", "mode", "hidden_size", "length", "batch_size"]
MACHINE = ["cpu", "instructions", "python", "torch", "threads", "blas"]
COLUMNS = ["ratio", "gru_ms", "lstm_ms", "rounds", *MACHINE]
INPUTS = 64
SECONDS = 0.2  # a row is measured for about so long,
FEWEST_ROUNDS = 3  # but for so many rounds at least
MOST_ROUNDS = 20  # and at most
COMPARISONS = ("default", "native", "compiled")
HIDDEN_SIZES = (32, 64, 128, 256, 512)
SEQUENCES = list(product(HIDDEN_SIZES, (20, 100, 400), (1, 16, 64)))  # H, T, B
SHAPES = {
    "training": SEQUENCES,
    "inference": SEQUENCES,
    "step": [(H, 1, 1) for H in HIDDEN_SIZES],
}


def grid(store: Store) -> list[dict]:
    """Every comparison at every shape, in one process after the other."""
    return [
        dict(zip(KEYS, (process, comparison, mode, *shape), strict=True))
        for process in PROCESSES
        for comparison in COMPARISONS
        for mode, shapes in SHAPES.items()
        for shape in shapes
    ]


PHASES = [grid]  # about an hour; leave the machine alone while it runs


def candidates(
    comparison: str, mode: str, hidden_size: int, length: int, batch_size: int
) -> dict[str, Callable[[], None]]:
    """The two layers that are compared, functions without arguments called "gru" and "lstm"."""
    x = torch.randn(batch_size, length, INPUTS)
    made = {}
    for name, theirs, ours in (("gru", nn.GRU, GRU), ("lstm", nn.LSTM, LSTM)):
        if comparison == "compiled":
            layer = ours(INPUTS, hidden_size)
            layer.fast = True
        else:
            layer = theirs(INPUTS, hidden_size, batch_first=True)
        made[name] = layer_call(layer, x, mode, fused=comparison == "default")
    return made


def measure(call: dict) -> list[dict]:
    """One row: both cells timed in turns, in the process of the call."""
    return measured(call["process"], measure_here, call)


def measure_here(call: dict) -> list[dict]:
    """One row, timed in this process."""
    reproducible(dtype=torch.float32)
    pair = candidates(**{name: call[name] for name in KEYS if name != "process"})
    for run in pair.values():
        run()  # the first call compiles and fills caches
    once = sum(timeit.timeit(run, number=1) for run in pair.values())
    rounds = min(max(math.ceil(SECONDS / once), FEWEST_ROUNDS), MOST_ROUNDS)
    found = ratio(compare_times(pair, rounds=rounds, warmup=0), "gru", "lstm")
    row = {"ratio": found.ratio, "rounds": rounds}
    row["gru_ms"], row["lstm_ms"] = 1e3 * found.quartiles_a[1], 1e3 * found.quartiles_b[1]
    machine = environment()
    return [call | row | {name: machine[name] for name in MACHINE}]
