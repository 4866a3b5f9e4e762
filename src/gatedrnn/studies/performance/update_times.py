"""How long one training update takes with torch's own layers, on one thread, over ten processes.

For C28. One seed of each model of ``benchmark`` and of the character model with 64 units: forward,
loss, backward, clipping and Adam on a batch of 32 of the task, ``nn.LSTM`` or ``nn.GRU`` with a
linear readout, in float32. ``default``: with oneDNN, ``native``: without. ``seconds``: the median
over 20 rounds in one process; the processes are started one after the other (``studies.fresh``).
"""

from collections.abc import Callable

import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import compare_times
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.studies.fresh import PROCESSES, measured
from gatedrnn.studies.protocol import MODELS, machine, units
from gatedrnn.tasks.base import generator, loss
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import CarriedText
from gatedrnn.tasks.real.traffic import Traffic

ALONE = True
KEYS = ["process", "task", "cell", "matched", "kernel"]
MACHINE = ["cpu", "torch", "threads", "blas"]
COLUMNS = ["hidden_size", "seconds", "rounds", *MACHINE]
KERNELS = ("default", "native")
BATCH_SIZE = 32
ROUNDS = 20
# The task, its length and the LSTM's hidden size, as in ``benchmark`` and ``characters``.
TASKS = {
    "watch": (Watch, 50, 8),
    "speech": (SpokenDigits, 50, 8),
    "traffic": (Traffic, 120, 16),
    "pixels": (PixelDigits, 98, 16),
    "chorales": (Chorales, 64, 36),
    "language": (CarriedText, 100, 64),
}


def grid(store: Store) -> list[dict]:
    """Every model on both kernels, those of a task one after the other, in each process."""
    return [
        {"process": process, "task": task, **model._asdict(), "kernel": kernel}
        for process in PROCESSES
        for task in TASKS
        for kernel in KERNELS
        for model in MODELS
    ]


PHASES = [grid]  # about ten minutes; leave the machine alone while it runs


def hidden_size(task: str, cell: str, matched: str) -> int:
    """The units of a model on a task."""
    kind, _, width = TASKS[task]
    return units(cell, matched, width, kind().input_size)


def update(task: str, cell: str, size: int, kernel: str) -> Callable[[], None]:
    """A function without arguments that makes one update of a model with ``size`` units."""
    kind, length, _ = TASKS[task]
    problem = kind()
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](problem.input_size, size, batch_first=True)
    readout = nn.Linear(size, problem.output_size)
    batch = problem.batch(generator(0, 0), BATCH_SIZE, length)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters)

    def run():
        with onednn(kernel == "default"):
            optimiser.zero_grad()
            loss(problem.loss, readout(layer(batch.x)[0]), batch).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()

    return run


def measure(call: dict) -> list[dict]:
    """One row: the median time of one update, in the process of the call."""
    return measured(call["process"], measure_here, call)


def measure_here(call: dict) -> list[dict]:
    """One row, timed in this process."""
    reproducible(dtype=torch.float32)
    size = hidden_size(call["task"], call["cell"], call["matched"])
    times = compare_times(
        {"update": update(call["task"], call["cell"], size, call["kernel"])}, rounds=ROUNDS
    ).seconds
    row = {"hidden_size": size, "seconds": times.median(), "rounds": ROUNDS}
    return [call | row | machine(MACHINE)]
