"""Is it the number of gates that costs time? Cells, products and reset varied one by one (C20).

GRU and CIFG have three gate blocks, the LSTM four. Each is computed with one product for all gates or with one product
per gate, the GRU with its reset after or before the product, all as plain torch steps without any fused kernel. Time is
the median of forward and backward over 20 steps in float32 on one thread, with 64 inputs. ``launches``: torch operators
started, forward and backward; ``macs``: multiply-adds of the products, forward and backward. The rule, in claims.yml,
asks for the share of the variance of log time, within a hidden size and batch size, that lies between three and four
blocks.
"""

from itertools import product

import torch

from gatedrnn import cost, reproducible
from gatedrnn.cells import CELLS
from gatedrnn.measure.operators import count_operators
from gatedrnn.measure.timing import compare_times, environment

LENGTH, INPUTS, ROUNDS = 20, 64, 30
VARIANTS = [(cell, products, "-") for cell in ("lstm", "cifg") for products in ("one", "per gate")]
VARIANTS += [
    ("gru", products, reset) for products in ("one", "per gate") for reset in ("after", "before")
]
ALONE, KEYS = True, ["cell", "products", "reset", "hidden_size", "batch_size"]
COLUMNS = [
    "seconds",
    "q25",
    "q75",
    "launches",
    "macs",
    "blocks",
    "rounds",
    "cpu",
    "torch",
    "threads",
    "blas",
]


def lstm(x, state, U):
    """x: the projected input of each gate, (B, H) each; U: their recurrent matrices. One product per gate, as below."""
    h, c = state
    i, f, g, o = (part + h @ u.mT for part, u in zip(x, U, strict=True))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def cifg(x, state, U):
    h, c = state
    f, g, o = (part + h @ u.mT for part, u in zip(x, U, strict=True))
    c = g.tanh().lerp(c, f.sigmoid())
    return o.sigmoid() * c.tanh(), c


def gru_after(x, state, U):
    (h,) = state
    r, z = (x[0] + h @ U[0].mT).sigmoid(), (x[1] + h @ U[1].mT).sigmoid()
    return (x[2].addcmul(r, h @ U[2].mT).tanh().lerp(h, z),)


def gru_before(x, state, U):
    (h,) = state
    r, z = (x[0] + h @ U[0].mT).sigmoid(), (x[1] + h @ U[1].mT).sigmoid()
    return ((x[2] + (r * h) @ U[2].mT).tanh().lerp(h, z),)


PER_GATE = {"lstm": lstm, "cifg": cifg, "gru": gru_after, "gru_before": gru_before}


def variant(cell, products, reset, hidden_size, batch_size):
    """A function of no arguments that runs 20 steps of a variant forward and backward; its number of gate blocks. The
    input is projected outside the loop in all of them: one product, or one a gate.
    """
    name = "gru_before" if reset == "before" else cell
    G, H = len(CELLS[name].gates), hidden_size
    weights = [torch.randn(G * H, n).div(H**0.5).requires_grad_() for n in (INPUTS, H)]
    b_hn = {v: torch.zeros(H, requires_grad=True) for v in CELLS[name].vectors}
    x, start = (
        torch.randn(LENGTH, batch_size, INPUTS),
        [torch.zeros(batch_size, H) for _ in CELLS[name].states],
    )

    def run():
        state, (W, U) = tuple(start), weights
        if products == "one":
            for x_t in (x @ W.mT).unbind():
                state, _ = CELLS[name].step(x_t, state, {"U": U} | b_hn)
        else:
            blocks = U.split(H)
            for parts in zip(*((x @ w.mT).unbind() for w in W.split(H)), strict=True):
                state = PER_GATE[name](parts, state, blocks)
        state[0].sum().backward()

    return run, G


def measure(config):
    """One row: the median time of one variant."""
    reproducible(dtype=torch.float32)
    run, blocks = variant(**config)
    times = compare_times({"variant": run}, rounds=ROUNDS).seconds
    low, middle, high = times.quantile([0.25, 0.5, 0.75])
    name = "gru_before" if config["reset"] == "before" else config["cell"]
    macs = (
        3 * LENGTH * config["batch_size"] * cost.macs(name, INPUTS, config["hidden_size"])
    )  # backward costs two more
    row = config | {
        "seconds": middle,
        "q25": low,
        "q75": high,
        "launches": sum(count_operators(run).values()),
        "macs": macs,
    }
    machine = environment()
    return [
        row
        | {"blocks": blocks, "rounds": ROUNDS}
        | {k: machine[k] for k in ("cpu", "torch", "threads", "blas")}
    ]


def grid(store):
    """Every variant at every size, the variants of a size one after the other."""
    sizes = product((32, 64, 128, 256, 512), (1, 64))
    return [dict(zip(KEYS, (*v, *size), strict=True)) for size, v in product(sizes, VARIANTS)]


PHASES = [grid]  # about three minutes; leave the machine alone while it runs
