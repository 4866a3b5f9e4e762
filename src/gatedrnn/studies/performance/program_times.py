"""Is it the number of gates that costs time? Cells, products and reset, over ten processes.

For C20: the share of the variance of log time, within a hidden size and batch size, that lies
between three and four blocks, with every program and with each of them left out. GRU and CIFG have
three gate blocks, the LSTM four. Each is computed with one product for all gates or with one
product per gate, the GRU with its reset after or before the product, all as plain torch steps
without any fused kernel. Time is the median of forward and backward over 20 steps in float32 on one
thread of this CPU, with 64 inputs. All programs are measured in each process, and the processes are
started one after the other (``studies.fresh``).
"""

from itertools import product

import torch

from gatedrnn import reproducible
from gatedrnn.measure.programs import VARIANTS, variant
from gatedrnn.measure.timing import compare_times
from gatedrnn.results import Store
from gatedrnn.studies.fresh import PROCESSES, measured
from gatedrnn.studies.protocol import machine

ALONE = True
KEYS = ["process", "cell", "products", "reset", "hidden_size", "batch_size"]
MACHINE = ["cpu", "torch", "threads", "blas"]
COLUMNS = ["seconds", "blocks", "rounds", *MACHINE]
ROUNDS = 10
HIDDEN_SIZES = (32, 64, 128, 256, 512)
BATCH_SIZES = (1, 64)


def grid(store: Store) -> list[dict]:
    """Every program at every size, those of a size one after the other, in each process."""
    return [
        dict(zip(KEYS, (process, *variant, H, B), strict=True))
        for process in PROCESSES
        for H, B, variant in product(HIDDEN_SIZES, BATCH_SIZES, VARIANTS)
    ]


PHASES = [grid]  # about a quarter of an hour; leave the machine alone while it runs


def measure(call: dict) -> list[dict]:
    """One row: the median time of one program, in the process of the call."""
    return measured(call["process"], measure_here, call)


def measure_here(call: dict) -> list[dict]:
    """One row, timed in this process."""
    reproducible(dtype=torch.float32)
    run, blocks = variant(**{name: call[name] for name in KEYS if name != "process"})
    times = compare_times({"variant": run}, rounds=ROUNDS).seconds
    row = {"seconds": times.median(), "blocks": blocks, "rounds": ROUNDS}
    return [call | row | machine(MACHINE)]
