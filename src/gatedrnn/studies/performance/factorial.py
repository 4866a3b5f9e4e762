"""Is it the number of gates that costs time? Cells, products and reset varied one by one.

For C20, whose rule, in claims.yml, asks for the share of the variance of log time, within a hidden
size and batch size, that lies between three and four blocks. GRU and CIFG have three gate blocks,
the LSTM four. Each is computed with one product for all gates or with one product per gate, the GRU
with its reset after or before the product, all as plain torch steps without any fused kernel. Time
is the median of forward and backward over 20 steps in float32 on one thread, with 64 inputs.
``launches``: torch operators started, forward and backward; ``macs``: multiply-adds of the
products, forward and backward.
"""

from itertools import product

import torch

from gatedrnn import cost, reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.measure.programs import INPUTS, LENGTH, VARIANTS, registered, variant
from gatedrnn.measure.timing import compare_times
from gatedrnn.results import Store
from gatedrnn.studies.protocol import machine

ALONE = True
KEYS = ["cell", "products", "reset", "hidden_size", "batch_size"]
MACHINE = ["cpu", "torch", "threads", "blas"]
COLUMNS = ["seconds", "q25", "q75", "launches", "macs", "blocks", "rounds", *MACHINE]
ROUNDS = 30
HIDDEN_SIZES = (32, 64, 128, 256, 512)
BATCH_SIZES = (1, 64)


def grid(store: Store) -> list[dict]:
    """Every variant at every size, the variants of a size one after the other."""
    return [
        dict(zip(KEYS, (*variant, H, B), strict=True))
        for H, B, variant in product(HIDDEN_SIZES, BATCH_SIZES, VARIANTS)
    ]


PHASES = [grid]  # about three minutes; leave the machine alone while it runs


def measure(call: dict) -> list[dict]:
    """One row: the median time of one variant."""
    reproducible(dtype=torch.float32)
    run, blocks = variant(**call)
    times = compare_times({"variant": run}, rounds=ROUNDS).seconds
    low, middle, high = times.quantile([0.25, 0.5, 0.75])
    macs = cost.macs(registered(call["cell"], call["reset"]), INPUTS, call["hidden_size"])
    row = {
        "seconds": middle,
        "q25": low,
        "q75": high,
        "launches": sum(count_operators(run).values()),
        "macs": 3 * LENGTH * call["batch_size"] * macs,  # backward costs two more
        "blocks": blocks,
        "rounds": ROUNDS,
    }
    return [call | row | machine(MACHINE)]
