"""How long one step takes when samples come one by one, with and without load.

For C22. ``nn.LSTM`` and ``nn.GRU``, one sequence, one step of 13 inputs, state carried, no
gradient, float32, one thread, wall time. The cells take turns, step by step, 4,000 steps each after
200 that are not counted. ``default``: with oneDNN, ``native``: without. ``busy``: while as many
processes as the machine has cores do nothing but count. ``p50``, ``p99`` and ``worst`` are in
milliseconds; ``ratio``: the LSTM's median over the GRU's.
"""

import time
from itertools import product

import numpy as np
import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import busy
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.studies.protocol import MACHINE, machine, units

ALONE = True
KEYS = ["kernel", "load", "width", "matched"]
TIMES = ("p50", "p99", "worst")
COLUMNS = [
    *(f"lstm_{name}" for name in TIMES),
    *(f"gru_{name}" for name in TIMES),
    "ratio",
    "steps",
    *MACHINE,
]
WIDTHS = (32, 64, 128, 256)
STEPS = 4000
WARM = 200  # steps that are not counted
INPUTS = 13


def grid(store: Store) -> list[dict]:
    """Every kernel, load, size and way of matching."""
    values = (("default", "native"), ("alone", "busy"), WIDTHS, ("parameters", "hidden size"))
    return [dict(zip(KEYS, setting, strict=True)) for setting in product(*values)]


PHASES = [grid]  # about a minute; leave the machine alone while it runs


@torch.no_grad()
def milliseconds(
    layers: dict[str, nn.Module], steps: int, warm: int = WARM
) -> dict[str, np.ndarray]:
    """The wall time of each step of some layers, taken in turns.

    Args:
        layers: torch's layers by name, with 13 inputs.
        steps: how many are counted.
        warm: how many are made before.

    Returns:
        For each layer ``(steps,)``.
    """
    x = torch.randn(1, 1, INPUTS)
    states = dict.fromkeys(layers)
    times = {name: [] for name in layers}
    for _ in range(warm + steps):
        for name, layer in layers.items():
            start = time.perf_counter()
            _, states[name] = layer(x, states[name])
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * np.array(values[warm:]) for name, values in times.items()}


def measure(call: dict) -> list[dict]:
    """One row: both cells in turns."""
    reproducible(dtype=torch.float32)
    width = call["width"]
    layers = {
        "lstm": nn.LSTM(INPUTS, width, batch_first=True),
        "gru": nn.GRU(INPUTS, units("gru", call["matched"], width, INPUTS), batch_first=True),
    }
    with busy(call["load"]), onednn(call["kernel"] == "default"):
        times = milliseconds(layers, STEPS)
    row = {"steps": STEPS, "ratio": np.median(times["lstm"]) / np.median(times["gru"])}
    for cell, values in times.items():
        found = (np.median(values), np.quantile(values, 0.99), values.max())
        for name, value in zip(TIMES, found, strict=True):
            row[f"{cell}_{name}"] = round(float(value), 5)
    return [call | row | machine()]
