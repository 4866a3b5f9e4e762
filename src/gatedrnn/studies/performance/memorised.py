"""How many random labels a cell stores for each of its parameters, tuned: ten seeds, longer.

Replication R8, after Collins, Sohl-Dickstein and Sussillo 2017. N strings of 8 steps of 4 random
signs get a random label, 0 or 1, read at the last step. RNN, GRU and LSTM of 8, 12 and 16 units are
trained on all N strings at once, 3,000 steps of Adam whose rate falls along half a cosine. N is 2,
3 or 4 labels a parameter, readout included. A model that labels a share 1 - e rightly has stored
N (1 - h(e)) bits, h the binary entropy of e (0 bits if e is 1/2 or more).

``tuning``: at 3 labels a parameter, rates until the best one lies inside its grid, on three tuning
seeds, by the bits that are missing. ``final``: ten seeds at that rate with each N; the capacity of
a cell is the largest mean number of bits a parameter over N. What is trained on is what is asked
for, so there is no test part; the judged seeds have other strings and labels.
"""

import math
import time
from collections.abc import Sequence

import pandas as pd
import torch
import torch.nn.functional as F

from gatedrnn import cost, reproducible
from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.results import Store
from gatedrnn.settings import best_settings
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import MACHINE, SEEDS, key_columns, machine, make_call
from gatedrnn.tasks.base import generator
from gatedrnn.training.train import clip_per_seed

KEYS = [
    "phase",
    "cell",
    "hidden_size",
    "labels_per_parameter",
    "bias",
    "learning_rate",
    "steps",
    "seed",
]
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
SIZES = (8, 12, 16)
TUNED_AT = 3  # labels a parameter
RATIOS = (2, 3, 4)  # labels a parameter
STEPS = 3000
LENGTH = 8
INPUTS = 4
BY = ("cell", "hidden_size")


def row_badness(rows: pd.DataFrame) -> pd.Series:
    """What a tuning run is worth: the bits a parameter, as a negative number."""
    return -rows.bits_per_parameter


def tuning(store: Store) -> list[dict]:
    """Rates of every cell and size until the best one lies inside."""
    arms = [_arm(cell, size, TUNED_AT) for size in SIZES for cell in CELLS]
    return calibration.tuning_calls(store.rows(), arms, row_badness)


def _arm(cell, size, ratio):
    keys = {"cell": cell, "hidden_size": size, "labels_per_parameter": ratio}
    return keys | {"bias": "default", "steps": STEPS}


def final(store: Store) -> list[dict]:
    """Ten seeds of every cell and size with each number of labels."""
    best = best_settings(store.rows(), BY, row_badness)
    return [
        make_call("final", _arm(cell, size, ratio), chosen.learning_rate, SEEDS)
        for (cell, size), chosen in best.items()
        for ratio in RATIOS
    ]


PHASES = [tuning, final]  # about two hours of one core


def stored_bits(strings: int, wrong: int) -> float:
    """The bits that so many right answers are worth, N (1 - h(e)).

    Args:
        strings: N.
        wrong: how many of their labels are wrong.

    Returns:
        The bits; none if half or more are wrong.
    """
    e = min(wrong / strings, 0.5)
    if e == 0:
        return float(strings)
    return strings * (1 + e * math.log2(e) + (1 - e) * math.log2(1 - e))


def labelled_strings(strings: int, seeds: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random strings ``(S, N, T, I)`` of signs and their random labels ``(S, N)``, a set a seed."""
    draws = [generator(seed, 0, "memorised") for seed in seeds]
    signs = [torch.randint(0, 2, (strings, LENGTH, INPUTS), generator=draw) for draw in draws]
    labels = [torch.randint(0, 2, (strings,), generator=draw) for draw in draws]
    return (2.0 * torch.stack(signs) - 1).float(), torch.stack(labels).float()


def learn(
    cell: str, hidden_size: int, strings: int, rate: float, seeds: Sequence[int], steps: int
) -> list[int]:
    """Train on all strings at once.

    Args:
        cell: a name in ``CELLS``.
        hidden_size: the units.
        strings: N.
        rate: the learning rate at the first step.
        seeds: of weights, strings and labels.
        steps: of Adam.

    Returns:
        The number of wrong labels of each seed.
    """
    x, y = labelled_strings(strings, seeds)
    model = SequenceModel(cell, INPUTS, hidden_size, 1, seeds=len(seeds))
    generators = initialise.per_seed(seeds)
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        logits = model(x)[0][:, :, -1, 0]  # (S, N)
        losses = F.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)
        losses.sum().backward()
        clip_per_seed(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        logits = model(x)[0][:, :, -1, 0]
        return ((logits > 0) != (y > 0.5)).sum(1).tolist()


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; a row a seed."""
    reproducible(dtype=torch.float32)
    start = time.process_time()
    cell, size, seeds = call["cell"], call["hidden_size"], call["seeds"]
    count = cost.parameters(cell, INPUTS, size) + size + 1
    strings = math.ceil(call["labels_per_parameter"] * count)
    wrong = learn(cell, size, strings, call["learning_rate"], seeds, call["steps"])
    shared = key_columns(call) | {"parameters": count, "strings": strings}
    shared["cpu_seconds"] = round((time.process_time() - start) / len(seeds), 2)
    shared |= machine()
    rows = []
    for seed, errors in zip(seeds, wrong, strict=True):
        bits = stored_bits(strings, errors)
        found = {"wrong": errors, "bits": bits, "bits_per_parameter": bits / count}
        rows.append(shared | {"seed": seed} | found)
    return rows
