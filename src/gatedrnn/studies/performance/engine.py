"""Ten seeds of a layer at once, compiled and readable, against ten of torch's layers in turn.

One row is one cell at one hidden size: forward and backward of ten models, batch 32, 100 steps, 2
inputs, float32, one thread, four candidates timed in turns over 30 rounds. ``torch``: ten
``nn.LSTM`` (oneDNN on) or ``nn.GRU``; ``compiled`` and ``loop``: one layer of ours with ten seeds;
``products``: the matrix products of the layer alone, all seeds at once, which no implementation can
do without. A speed-up is the ratio of two medians with its bootstrap interval. No claim is judged
by it; ``gatedrnn bench`` repeats a part.
"""

from collections.abc import Callable

import torch
from torch import nn

from gatedrnn import GRU, LSTM, reproducible
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.results import Store
from gatedrnn.studies.protocol import layer_call

ALONE = True
KEYS = ["cell", "hidden_size"]
CANDIDATES = ("torch", "compiled", "loop", "products")
# The columns of each ratio, and the two candidates whose times it compares.
RATIOS = {
    "compiled": ("torch", "compiled"),
    "loop": ("torch", "loop"),
    "products": ("compiled", "products"),
}
COLUMNS = [
    *(f"{name}_ms" for name in CANDIDATES),
    *(f"{name}_{end}" for name in RATIOS for end in ("ratio", "low", "high")),
    *environment(),
    "rounds",
]
CELLS = {"lstm": (nn.LSTM, LSTM), "gru": (nn.GRU, GRU)}
SIZES = (16, 32, 64)
S = 10  # seeds
B = 32  # sequences
T = 100  # steps
INPUTS = 2
ROUNDS = 30


def grid(store: Store) -> list[dict]:
    """Both cells at three hidden sizes."""
    return [{"cell": cell, "hidden_size": H} for H in SIZES for cell in CELLS]


PHASES = [grid]  # about a minute; leave the machine alone while it runs


def products(G: int, H: int) -> Callable[[], None]:
    """A function that does the products of T steps: gates, gradient of the state, of the weights.

    Args:
        G: gate blocks.
        H: hidden size.

    Returns:
        The function, without arguments.
    """
    h = torch.randn(S, B, H)
    U = torch.randn(S, H, G * H)
    d = torch.randn(S, B, G * H)
    many = torch.randn(S, T * B, G * H)
    states = torch.randn(S, H, T * B)
    gates, back, total = torch.empty_like(d), torch.empty_like(h), torch.empty_like(U)

    def run():
        for _ in range(T):
            torch.bmm(h, U, out=gates)
            torch.bmm(d, U.mT, out=back)
        torch.bmm(states, many, out=total)

    return run


def candidates(cell: str, hidden_size: int) -> dict[str, Callable[[], None]]:
    """The four that are compared, functions without arguments by their names in ``CANDIDATES``."""
    x = torch.randn(S, B, T, INPUTS)
    theirs, ours = CELLS[cell]
    ten = [
        layer_call(theirs(INPUTS, hidden_size, batch_first=True), x[s], "training")
        for s in range(S)
    ]
    compiled = ours(INPUTS, hidden_size, seeds=S)
    loop = ours(INPUTS, hidden_size, seeds=S)
    loop.fast = False

    def run_ten():
        for run in ten:
            run()

    return {
        "torch": run_ten,
        "compiled": layer_call(compiled, x, "training"),
        "loop": layer_call(loop, x, "training"),
        "products": products(len(loop.cell.gates), hidden_size),
    }


def measure(call: dict, rounds: int = ROUNDS) -> list[dict]:
    """One row: the four candidates in turns."""
    reproducible(dtype=torch.float32)
    times = compare_times(candidates(**call), rounds=rounds)
    medians = times.groupby("name").seconds.median()
    row = {f"{name}_ms": 1e3 * medians[name] for name in CANDIDATES}
    for name, (a, b) in RATIOS.items():
        found = ratio(times, a, b)
        row[f"{name}_ratio"] = found.ratio
        row[f"{name}_low"] = found.low
        row[f"{name}_high"] = found.high
    return [call | row | environment() | {"rounds": rounds}]
