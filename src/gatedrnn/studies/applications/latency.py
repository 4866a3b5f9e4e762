"""How long one step takes when samples come one by one, with and without load. (C22)

``nn.LSTM`` and ``nn.GRU``, one sequence, one step of 13 inputs, state carried, no gradient, float32, one thread, wall
time. The cells take turns, step by step, 4,000 steps each after 200 that are not counted. ``default``: with oneDNN,
``native``: without. ``busy``: while as many processes as the machine has cores do nothing but count. ``p50``, ``p99``
and ``worst`` are in milliseconds; ``ratio``: the LSTM's median over the GRU's.
"""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import environment
from gatedrnn.reproduce import onednn
from gatedrnn.studies.protocol import units

ALONE, KEYS = True, ["kernel", "load", "width", "matched"]
COLUMNS = [f"{cell}_{name}" for cell in ("lstm", "gru") for name in ("p50", "p99", "worst")]
COLUMNS += ["ratio", "steps", "cpu", "torch", "threads"]
WIDTHS, STEPS, WARM, INPUTS = (32, 64, 128, 256), 4000, 200, 13


def grid(store):
    """Every kernel, load, size and way of matching."""
    return [
        {"kernel": kernel, "load": load, "width": width, "matched": matched}
        for kernel in ("default", "native")
        for load in ("alone", "busy")
        for width in WIDTHS
        for matched in ("parameters", "hidden size")
    ]


PHASES = [grid]  # about a minute; leave the machine alone while it runs


@contextmanager
def busy(load):
    """One counting process for each core, if the load is "busy"."""
    number = os.cpu_count() if load == "busy" else 0
    processes = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)
    ]
    try:
        time.sleep(0.5 if processes else 0.0)  # until they count
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@torch.no_grad()
def milliseconds(layers, steps, warm=WARM):
    """The wall time of each step of each layer, {name: array (steps,)}, the layers taken in turns."""
    x, states, times = (
        torch.randn(1, 1, INPUTS),
        dict.fromkeys(layers),
        {name: [] for name in layers},
    )
    for _ in range(warm + steps):
        for name, layer in layers.items():
            start = time.perf_counter()
            _, states[name] = layer(x, states[name])
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * np.array(values[warm:]) for name, values in times.items()}


def measure(call):
    """One row."""
    reproducible(dtype=torch.float32)
    layers = {"lstm": nn.LSTM(INPUTS, call["width"], batch_first=True)}
    layers |= {
        "gru": nn.GRU(
            INPUTS, units("gru", call["matched"], call["width"], INPUTS), batch_first=True
        )
    }
    with busy(call["load"]), onednn(call["kernel"] == "default"):
        times = milliseconds(layers, STEPS)
    row = call | {"steps": STEPS, "ratio": np.median(times["lstm"]) / np.median(times["gru"])}
    for cell, values in times.items():
        found = {"p50": np.median(values), "p99": np.quantile(values, 0.99), "worst": values.max()}
        row |= {f"{cell}_{name}": round(float(value), 5) for name, value in found.items()}
    return [
        row
        | {
            name: value
            for name, value in environment().items()
            if name in ("cpu", "torch", "threads")
        }
    ]
