"""How long one training update takes with torch's own layers, on the tasks of the panel (for C28), and of the character
model with 128 units.

One seed: forward, loss, backward, clipping and Adam, on a batch of 32 of the task, ``nn.LSTM`` or ``nn.GRU`` with a
linear readout, float32, one thread. ``default``: with oneDNN, ``native``: without. ``seconds``: the median over 30
rounds; ``low`` and ``high``: the quartiles.
"""

import torch
from torch import nn

from gatedrnn import reproducible
from gatedrnn.measure.timing import compare_times, environment
from gatedrnn.reproduce import onednn
from gatedrnn.studies.protocol import MODELS, PANEL, hidden_size, units
from gatedrnn.tasks.base import generator, loss

TASKS, ROUNDS = ("speech", "pixels", "chorales", "language", "traffic"), 30
ALONE, KEYS = True, ["task", "cell", "hidden_size", "kernel"]
COLUMNS = ["seconds", "low", "high", "rounds", "cpu", "torch", "threads", "blas"]


def update(task, cell, size, kernel):
    """A function of no arguments that makes one update."""
    setting = PANEL[task]
    problem = setting.task()
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](problem.input_size, size, batch_first=True)
    readout, batch = (
        nn.Linear(size, problem.output_size),
        problem.batch(generator(0, 0), 32, setting.length),
    )
    parameters = [*layer.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters)

    def run():
        with onednn(kernel == "default"):
            optimiser.zero_grad()
            loss(problem.loss, readout(layer(batch.x)[0]), batch).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()

    return run


def measure(config):
    """One row: the median time of one update."""
    reproducible(dtype=torch.float32)
    times = compare_times({"update": update(*(config[key] for key in KEYS))}, rounds=ROUNDS).seconds
    low, middle, high = times.quantile([0.25, 0.5, 0.75])
    machine = environment()
    row = config | {"seconds": middle, "low": low, "high": high, "rounds": ROUNDS}
    return [row | {name: machine[name] for name in ("cpu", "torch", "threads", "blas")}]


def grid(store):
    """Every model on both kernels, those of a task one after the other."""
    sizes = {
        (task, cell, hidden_size(task, cell, matched)): None
        for task in TASKS
        for cell, matched in MODELS
    }
    sizes |= {("language", cell, units(cell, matched, 128, 87)): None for cell, matched in MODELS}
    return [
        dict(zip(KEYS, (*model, kernel), strict=True))
        for model in sizes
        for kernel in ("default", "native")
    ]


PHASES = [grid]  # about a minute; leave the machine alone while it runs
