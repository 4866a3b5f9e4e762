"""Steps in time and streams that one core can serve, over ten processes.

For C22. ``nn.LSTM`` and ``nn.GRU``, one sequence, 13 inputs, state carried, no gradient, float32,
one thread, wall time. ``default``: with oneDNN, ``native``: without. ``busy``: while as many
processes as the machine has cores do nothing but count. Seed k is the k-th of ten processes that
are started one after the other. In each the cells take turns, a block of 50 milliseconds each, 20
blocks after one that is not counted. For each deadline of ``DEADLINES``, in milliseconds:
``in_time``, the share of the steps that are shorter; ``streams``, how many streams one core can
serve if each brings one sample in that time: so many steps, one after the other, end within it in
99 of 100 cases.
"""

import json
import time
from itertools import product

import numpy as np
import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import busy
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.studies.fresh import PROCESSES, measured
from gatedrnn.studies.protocol import MACHINE, key_columns, machine, units

ALONE = True
KEYS = ["kernel", "load", "width", "matched", "seed"]
COLUMNS = ["lstm_in_time", "gru_in_time", "lstm_streams", "gru_streams", "steps", *MACHINE]
WIDTHS = (32, 64, 128, 256)
INPUTS = 13
DEADLINES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # milliseconds
BLOCK = 0.05  # seconds
BLOCKS = 20
SHARE = 0.01  # of the cases may be late


def grid(store: Store) -> list[dict]:
    """Every kernel, load, size and way of matching, in ten processes each."""
    values = (("default", "native"), ("alone", "busy"), WIDTHS, ("parameters", "hidden size"))
    calls = []
    for setting in product(*values):
        calls.append(dict(zip(KEYS, setting, strict=False)) | {"seeds": list(PROCESSES)})
    return calls


PHASES = [grid]  # about half an hour; leave the machine alone while it runs


def measure(call: dict) -> list[dict]:
    """A row a process: one after the other, each a fresh one."""
    setting = key_columns(call)
    rows = []
    for number in call["seeds"]:
        for found in measured(number, measure_here, setting):
            rows.append(setting | {"seed": number} | found)
    return rows


def measure_here(setting: dict) -> list[dict]:
    """The columns of one row, timed in this process: both cells in turns."""
    reproducible(dtype=torch.float32)
    width = setting["width"]
    layers = {
        "lstm": nn.LSTM(INPUTS, width, batch_first=True),
        "gru": nn.GRU(INPUTS, units("gru", setting["matched"], width, INPUTS), batch_first=True),
    }
    with busy(setting["load"]), onednn(setting["kernel"] == "default"):
        ends = blocks(layers, BLOCKS, BLOCK)
    row = {"steps": sum(len(block) - 1 for block in ends["lstm"])}
    for cell, found in ends.items():
        in_time = [[each, round(share_in_time(found, each), 5)] for each in DEADLINES]
        served = [[each, streams(found, each)] for each in DEADLINES]
        row |= {f"{cell}_in_time": json.dumps(in_time), f"{cell}_streams": json.dumps(served)}
    return [row | machine()]


@torch.no_grad()
def blocks(layers: dict[str, nn.Module], number: int, seconds: float) -> dict:
    """Let layers step in turns, a block of time each.

    Args:
        layers: torch's layers by name, with 13 inputs.
        number: how many blocks are counted; one more is made before.
        seconds: the length of a block.

    Returns:
        For each layer a list of blocks: when the block began and when each step ended, in
        milliseconds.
    """
    x = torch.randn(1, 1, INPUTS)
    states = dict.fromkeys(layers)
    found = {name: [] for name in layers}
    for _ in range(1 + number):
        for name, layer in layers.items():
            times = [time.perf_counter()]
            while times[-1] < times[0] + seconds:
                _, states[name] = layer(x, states[name])
                times.append(time.perf_counter())
            found[name].append(1000 * np.array(times))
    return {name: values[1:] for name, values in found.items()}


def share_in_time(ends: list[np.ndarray], deadline: float) -> float:
    """The share of the steps of all blocks that are not longer than the deadline."""
    steps = np.concatenate([np.diff(block) for block in ends])
    return float((steps <= deadline).mean())


def streams(ends: list[np.ndarray], deadline: float) -> int:
    """How many steps, one after the other, end within the deadline in 99 of 100 cases.

    Args:
        ends: blocks as from ``blocks``.
        deadline: in the same unit.

    Returns:
        The 1st percentile, over all moments at which a step begins and whose deadline lies within
        their block, of the number of steps that end in time; 0 if there is no such moment.
    """
    counts = []
    for block in ends:
        begins = block[:-1][block[:-1] + deadline <= block[-1]]
        last = np.searchsorted(block, begins + deadline, side="right") - 1
        counts.append(last - np.arange(len(begins)))
    counts = np.concatenate(counts)
    return int(np.quantile(counts, SHARE, method="lower")) if len(counts) else 0
