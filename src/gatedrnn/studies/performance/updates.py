"""How long one training update takes with torch's own layers, on the tasks of the panel.

For C28; and of the character model with 128 units. One seed: forward, loss, backward, clipping and
Adam, on a batch of 32 of the task, ``nn.LSTM`` or ``nn.GRU`` with a linear readout, float32, one
thread. ``default``: with oneDNN, ``native``: without. ``seconds``: the median over 30 rounds;
``low`` and ``high``: the quartiles.
"""

from collections.abc import Callable

import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import compare_times
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.studies.protocol import MODELS, PANEL, hidden_size, machine, units
from gatedrnn.tasks.base import generator, loss

ALONE = True
KEYS = ["task", "cell", "hidden_size", "kernel"]
MACHINE = ["cpu", "torch", "threads", "blas"]
COLUMNS = ["seconds", "low", "high", "rounds", *MACHINE]
TASKS = ("speech", "pixels", "chorales", "language", "traffic")
KERNELS = ("default", "native")
LARGE = 128  # the LSTM's units in the larger character model
BATCH_SIZE = 32
ROUNDS = 30


def sizes() -> list[tuple[str, str, int]]:
    """Task, cell and hidden size of each model, once, those of a task one after the other."""
    made = [(task, model.cell, hidden_size(task, *model)) for task in TASKS for model in MODELS]
    inputs = PANEL["language"].task().input_size
    made += [("language", model.cell, units(*model, LARGE, inputs)) for model in MODELS]
    return list(dict.fromkeys(made))


def grid(store: Store) -> list[dict]:
    """Every model on both kernels, those of a task one after the other."""
    return [
        dict(zip(KEYS, (*model, kernel), strict=True)) for model in sizes() for kernel in KERNELS
    ]


PHASES = [grid]  # about a minute; leave the machine alone while it runs


def update(task: str, cell: str, size: int, kernel: str) -> Callable[[], None]:
    """A function without arguments that makes one update of a model with ``size`` units."""
    setting = PANEL[task]
    problem = setting.task()
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](problem.input_size, size, batch_first=True)
    readout = nn.Linear(size, problem.output_size)
    batch = problem.batch(generator(0, 0), BATCH_SIZE, setting.length)
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
    """One row: the median time of one update."""
    reproducible(dtype=torch.float32)
    run = update(call["task"], call["cell"], call["hidden_size"], call["kernel"])
    times = compare_times({"update": run}, rounds=ROUNDS).seconds
    low, middle, high = times.quantile([0.25, 0.5, 0.75])
    row = {"seconds": middle, "low": low, "high": high, "rounds": ROUNDS}
    return [call | row | machine(MACHINE)]
