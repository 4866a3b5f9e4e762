"""A character model of the annual messages, its state carried over the whole text. (C26, C27, R5)

Truncated backpropagation through 100 steps, 32 readers, 1,000 steps (2.9 times the training text), Adam with the rate
falling along half a cosine; before each batch a reader starts anew from an empty state with a chance of 1 in 20; five
seeds. ``width``: the units of the LSTM; the GRUs have as many or as many parameters, the RNN as many units. The
learning rate, of {0.002, 0.005, 0.01}, is that of the lowest validation loss on two tuning seeds in 1,500 steps without
restarts, for each cell and width (the GRU tuned at equal parameters, the RNN at 64 units). On the test text: ``nats``
a character; ``by_context``: the loss if only the last k characters are known, at 2,000 places; ``shuffled``: the loss
with 300 characters of which all but the last k are in a random order. ``useful``: the context at which 95 % of the
gain from the first to the last of ``CONTEXTS`` is reached, interpolated in log k.

Earlier versions had no restarts. ``after short tuning``: 3,000 steps at 64 units, at rates tuned in 600 steps (``short
tuning``). The GRU's training loss was lower than the LSTM's, and its loss on validation, which begins with an empty
state, went up to 14 nats: it was lost without its memory. Hence the restarts.
"""

import json

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.measure import text
from gatedrnn.studies.protocol import MODELS, RUN, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks import real
from gatedrnn.tasks.real.text import part
from gatedrnn.training.train import Config, train

KEYS = ["phase", "width", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "nats", "by_context", "shuffled", "useful"]
WIDTHS, RATES, SEEDS = (64, 128), (2e-3, 5e-3, 1e-2), list(range(5))
STEPS = {"tuning": 1500, "final": 1000, "short tuning": 600, "after short tuning": 3000}
CONTEXTS, SHUFFLED = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300), (5, 12, 30, 80, 200)
ARMS = [*MODELS, ("rnn", "hidden size")]


def _tuning(phase, plain):
    arms = {width: [ARMS[0], ARMS[2], *([ARMS[3]] if width in plain else [])] for width in WIDTHS}
    return [
        _call(phase, width, arm, rate, TUNING_SEEDS)
        for width in WIDTHS
        for arm in arms[width]
        for rate in RATES
    ]


def _final(phase, rows, widths):
    """Every arm at its chosen rate; a width without a tuned RNN takes the rate of the other."""
    mean = (
        rows.fillna({"valid": float("inf")})
        .groupby(["width", "cell", "learning_rate"])
        .valid.mean()
    )
    rate = lambda width, cell: (
        mean[width if (width, cell) in mean else WIDTHS[0], cell].idxmin().item()
    )
    return [
        _call(phase, width, arm, rate(width, arm[0]), SEEDS) for width in widths for arm in ARMS
    ]


def tuning(store):
    """Every learning rate on the two tuning seeds, once for each cell and width; the RNN at the smaller width."""
    return _tuning("tuning", WIDTHS[:1])


def final(store):
    """The five seeds at the chosen rate."""
    return _final("final", store.rows().query("phase == 'tuning'"), WIDTHS)


def short_tuning(store):
    """The tuning of the first version."""
    return _tuning("short tuning", WIDTHS)


def after_short_tuning(store):
    """What it led to, at the smaller width, without restarts."""
    return _final("after short tuning", store.rows().query("phase == 'short tuning'"), WIDTHS[:1])


def _call(phase, width, arm, rate, seeds):
    return {
        "phase": phase,
        "width": width,
        "cell": arm[0],
        "matched": arm[1],
        "learning_rate": rate,
        "seeds": seeds,
    }


PHASES = [short_tuning, after_short_tuning, tuning, final]  # about two hours of one core


def config(call):
    """The ``Config`` of a call."""
    size = units(call["cell"], call["matched"], call["width"], 87)
    options = {
        "learning_rate": call["learning_rate"],
        "evaluate_every": 100 if call["phase"] == "final" else 150,
        "cosine": True,
    }
    steps = STEPS[call["phase"]]
    task = real.CarriedText() if call["phase"] == "final" else real.CarriedText(restart=0)
    return Config(task, call["cell"], size, 100, tuple(call["seeds"]), steps, **options)


def measure(call):
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    if call["phase"] in ("tuning", "short tuning"):
        return as_rows(call, run, [dict.fromkeys(COLUMNS[len(RUN) :]) for _ in call["seeds"]])
    run.model.load_state_dict(run.best)
    return as_rows(call, run, judge(run.model))


def judge(model):
    """What is measured of each model, a list of dicts."""
    test = part("test")
    contexts = text.by_context(model, test, CONTEXTS).tolist()
    shuffled = text.by_context(model, test, [*SHUFFLED, max(CONTEXTS)], shuffled=True).tolist()
    curve = lambda lengths, losses: json.dumps(
        [[k, round(loss, 5)] for k, loss in zip(lengths, losses, strict=True)]
    )
    return [
        {"nats": whole, "by_context": curve(CONTEXTS, losses), "useful": useful(losses)}
        | {"shuffled": curve([*SHUFFLED, max(CONTEXTS)], mixed)}
        for whole, losses, mixed in zip(
            text.nats(model, test).tolist(), contexts, shuffled, strict=True
        )
    ]


def useful(losses):
    """The context, in characters, after which the losses at ``CONTEXTS`` have fallen by 95 % of what they fall."""
    gained = np.maximum.accumulate((losses[0] - np.array(losses)) / (losses[0] - losses[-1]))
    k = int(np.argmax(gained >= 0.95))
    left, right = np.log(CONTEXTS[k - 1]), np.log(CONTEXTS[k])
    part = (0.95 - gained[k - 1]) / (gained[k] - gained[k - 1])
    return float(np.exp(left + part * (right - left)))
