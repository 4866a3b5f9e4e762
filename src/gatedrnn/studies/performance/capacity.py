"""How many random labels a cell can store for each of its parameters: after Collins et al. 2017.

Replication R8. N strings of 8 steps of 4 random signs get a random label, 0 or 1, read at the last
step. RNN, GRU and LSTM of 4, 8 and 12 units are trained on all N strings at once, 1,500 steps of
Adam at 1e-2 falling to 0 along a cosine, three seeds. A model that labels a share 1 - e rightly has
stored N (1 - h(e)) bits, h the binary entropy of e (0 bits if e is 1/2 or more). N runs from 1 to 5
labels a parameter, readout included; the capacity of a cell is the largest number of bits a
parameter over these N.

Pass, fixed before the runs: 2 to 6 bits a parameter for every cell; capacities of any two cells
within 20 %; capacity linear in the number of parameters with R^2 above 0.95. The paper tuned every
model at length and searched for the largest N; we do neither, so ours are lower bounds.
"""

import math
import time
from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn import cost, reproducible
from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.results import Store
from gatedrnn.studies.protocol import MACHINE, key_columns, machine
from gatedrnn.tasks.base import generator
from gatedrnn.training.train import clip_per_seed

KEYS = ["cell", "hidden_size", "labels_per_parameter", "seed"]
COLUMNS = [
    "parameters",
    "strings",
    "wrong",
    "bits",
    "bits_per_parameter",
    "cpu_seconds",
    *MACHINE,
]
CELLS = ("rnn", "gru", "lstm")
SIZES = (4, 8, 12)
RATIOS = (1, 2, 3, 4, 5)  # labels a parameter
SEEDS = [0, 1, 2]
STEPS = 1500
RATE = 1e-2
LENGTH = 8
INPUTS = 4


def grid(store: Store) -> list[dict]:
    """Every cell, size and number of labels."""
    return [
        {"cell": cell, "hidden_size": H, "labels_per_parameter": ratio, "seeds": SEEDS}
        for H, cell, ratio in product(SIZES, CELLS, RATIOS)
    ]


PHASES = [grid]  # about a quarter of an hour of one core


def stored_bits(strings: int, wrong: int | np.ndarray) -> np.ndarray:
    """The bits that so many right answers are worth, N (1 - h(e)).

    Args:
        strings: N.
        wrong: how many of their labels are wrong.

    Returns:
        The bits; none if half or more are wrong.
    """
    e = np.minimum(np.asarray(wrong) / strings, 0.5)
    return strings * (1 - (_entropy_term(e) + _entropy_term(1 - e)))


def _entropy_term(p):
    """Minus p log2 p, 0 at 0."""
    return np.where(p > 0, -p * np.log2(np.where(p > 0, p, 1)), 0)


def labelled_strings(strings: int, seeds: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random strings ``(S, N, T, I)`` of signs and their random labels ``(S, N)``, a set a seed."""
    draws = [generator(seed, 0, "capacity") for seed in seeds]
    bits = [torch.randint(0, 2, (strings, LENGTH, INPUTS), generator=draw) for draw in draws]
    labels = [torch.randint(0, 2, (strings,), generator=draw) for draw in draws]
    return (2.0 * torch.stack(bits) - 1).float(), torch.stack(labels).float()


def learn(cell: str, hidden_size: int, strings: int, seeds: Sequence[int], steps: int) -> list[int]:
    """The number of wrong labels of each seed after a training on all strings at once."""
    x, y = labelled_strings(strings, seeds)
    model = SequenceModel(cell, INPUTS, hidden_size, 1, seeds=len(seeds))
    generators = initialise.per_seed(seeds)
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        logits = model(x)[0][:, :, -1, 0]  # (S, N)
        losses = F.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)
        losses.sum().backward()
        clip_per_seed(list(model.parameters()), 1.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        logits = model(x)[0][:, :, -1, 0]
        return ((logits > 0) != (y > 0.5)).sum(1).tolist()


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; a row a seed."""
    reproducible(dtype=torch.float32)
    start = time.process_time()
    H, seeds = call["hidden_size"], call["seeds"]
    count = cost.parameters(call["cell"], INPUTS, H) + H + 1
    strings = math.ceil(call["labels_per_parameter"] * count)
    wrong = learn(call["cell"], H, strings, seeds, STEPS)
    shared = key_columns(call) | {"parameters": count, "strings": strings}
    shared["cpu_seconds"] = round((time.process_time() - start) / len(seeds), 2)
    shared |= machine()
    rows = []
    for seed, errors in zip(seeds, wrong, strict=True):
        bits = float(stored_bits(strings, errors))
        found = {"wrong": errors, "bits": bits, "bits_per_parameter": bits / count}
        rows.append(shared | {"seed": seed} | found)
    return rows
