"""How many random labels a cell can store for each of its parameters: after Collins et al. 2017 (replication R8).

N strings of 8 steps of 4 random signs get a random label, 0 or 1, read at the last step. RNN, GRU and LSTM of 4, 8 and
12 units are trained on all N strings at once, 1,500 steps of Adam at 1e-2 falling to 0 along a cosine, three seeds. A
model that labels a share 1 - e rightly has stored N (1 - h(e)) bits, h the binary entropy of e (0 bits if e is 1/2 or
more). N runs from 1 to 5 labels a parameter, readout included; the capacity of a cell is the largest number of bits a
parameter over these N. Pass, fixed before the runs: 2 to 6 bits a parameter for every cell; capacities of any two cells
within 20 %; capacity linear in the number of parameters with R^2 above 0.95. The paper tuned every model at length and
searched for the largest N; we do neither, so ours are lower bounds.
"""

import math
import time

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn import cost, reproducible
from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure.timing import environment
from gatedrnn.tasks.base import generator
from gatedrnn.training.train import clip_per_seed

CELLS, SIZES, RATIOS, SEEDS, STEPS, T, I = (
    ("rnn", "gru", "lstm"),
    (4, 8, 12),
    (1, 2, 3, 4, 5),
    [0, 1, 2],
    1500,
    8,
    4,
)
KEYS = ["cell", "hidden_size", "labels_per_parameter", "seed"]
COLUMNS = [
    "parameters",
    "strings",
    "wrong",
    "bits",
    "bits_per_parameter",
    "cpu_seconds",
    "cpu",
    "torch",
    "threads",
]


def stored_bits(strings, wrong):
    """N (1 - h(e)) for ``wrong`` of ``strings`` labels: the bits that so many right answers are worth."""
    e = np.minimum(np.asarray(wrong) / strings, 0.5)
    terms = [np.where(p > 0, -p * np.log2(np.where(p > 0, p, 1)), 0) for p in (e, 1 - e)]
    return strings * (1 - sum(terms))


def learn(cell, hidden_size, strings, seeds, steps):
    """The number of wrong labels of each seed after training, a list."""
    draws = [generator(seed, 0, "capacity") for seed in seeds]
    x = torch.stack(
        [2.0 * torch.randint(0, 2, (strings, T, I), generator=g) - 1 for g in draws]
    ).float()
    y = torch.stack([torch.randint(0, 2, (strings,), generator=g) for g in draws]).float()
    model, generators = (
        SequenceModel(cell, I, hidden_size, 1, seeds=len(seeds)),
        initialise.per_seed(seeds),
    )
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        logits = model(x)[0][:, :, -1, 0]  # (S, N)
        F.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1).sum().backward()
        clip_per_seed(list(model.parameters()), 1.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return ((model(x)[0][:, :, -1, 0] > 0) != (y > 0.5)).sum(1).tolist()


def measure(call):
    """One row a seed."""
    reproducible(dtype=torch.float32)
    H, start = call["hidden_size"], time.process_time()
    count = cost.parameters(call["cell"], I, H) + H + 1
    strings = math.ceil(call["labels_per_parameter"] * count)
    wrong, machine = learn(call["cell"], H, strings, call["seeds"], STEPS), environment()
    shared = {name: call[name] for name in KEYS[:-1]} | {"parameters": count, "strings": strings}
    shared |= {"cpu_seconds": round((time.process_time() - start) / len(wrong), 2)}
    shared |= {name: machine[name] for name in ("cpu", "torch", "threads")}
    rows = []
    for seed, errors in zip(call["seeds"], wrong, strict=True):
        bits = float(stored_bits(strings, errors))
        rows.append(
            shared
            | {"seed": seed, "wrong": errors, "bits": bits, "bits_per_parameter": bits / count}
        )
    return rows


def grid(store):
    """Every cell, size and number of labels."""
    sizes = [(cell, H, ratio) for H in SIZES for cell in CELLS for ratio in RATIOS]
    return [dict(zip(KEYS, size, strict=False)) | {"seeds": SEEDS} for size in sizes]


PHASES = [grid]  # about a quarter of an hour of one core
