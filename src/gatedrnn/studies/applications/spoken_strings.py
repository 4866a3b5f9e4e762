"""Strings of three, five and eight noisy digits after calibration: which digit came first?

For C25. At the end of each digit of a string, say the first (``DigitStrings``); normal noise of
standard deviation 1, where the coefficients' own is 1, in training and test, so that no cell gets
to the ceiling; the first 20 frames of each recording. ``count`` digits and ``width``, the units of
the LSTM: ``PLACES``, the longest strings for the smallest nets. The GRUs have as many units or as
many parameters. 3,200 steps of 32 strings, the learning rate falls along half a cosine.

``tuning``: start and rate of each model at each place on three seeds, as ``studies.calibration``
describes, by the lowest validation loss. Every start is tried on five digits; elsewhere those that
were best there and torch's own. ``check``: the chosen settings on five digits with twice the steps,
and with a constant rate. ``final``: twenty seeds, from the best start and from torch's.
``accuracy``: the share of 600 test strings that are answered right at their end; ``ends``: the same
at each end.
"""

import json

from gatedrnn.measure.ends import at_ends
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, TUNING_SEEDS, best_settings, loss_within, regimes
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, MODELS, RUN, make_call, train_and_test, units
from gatedrnn.tasks.real.speech import DigitStrings
from gatedrnn.training.train import Config

KEYS = [
    "phase",
    "count",
    "width",
    "cell",
    "matched",
    "bias",
    "schedule",
    "learning_rate",
    "steps",
    "seed",
]
COLUMNS = [*(name for name in RUN if name != "steps"), "accuracy", "ends"]
PLACES = {5: 32, 3: 64, 8: 16}  # {digits: units of the LSTM}, the first with every start
FIRST = 5
NOISE = 1.0
LENGTH = 20  # frames kept of a recording
STEPS = 3200
EVERY = 200  # steps from one evaluation to the next
SEEDS = range(20)
BY = ("count", "cell", "matched")

badness = loss_within()


def tuning(store: Store) -> list[dict]:
    """Every start and rate on five digits."""
    arms = [_arm(FIRST, model, bias) for model in MODELS for bias in STARTS]
    return calibration.tuning_calls(store.rows(), arms, badness)


def other_tuning(store: Store) -> list[dict]:
    """The starts that are left and every rate on the other strings."""
    rows = store.rows()
    best = best_settings(rows, BY, badness)
    arms = []
    for count in PLACES:
        for model in MODELS if count != FIRST else ():
            starts = dict.fromkeys(["default", best[FIRST, *model].bias])
            arms += [_arm(count, model, bias) for bias in starts]
    return calibration.tuning_calls(rows, arms, badness)


def check(store: Store) -> list[dict]:
    """The chosen settings on five digits with twice the steps, and at a constant rate."""
    rows = store.rows()
    best = best_settings(rows[rows["count"] == FIRST], BY, badness)
    calls = []
    for (_, *model), chosen in best.items():
        same = _arm(FIRST, model, chosen.bias)
        for other in ({"steps": 2 * STEPS}, {"schedule": "constant"}):
            calls.append(make_call("check", same | other, chosen.learning_rate, TUNING_SEEDS))
    return calls


def final(store: Store) -> list[dict]:
    """The judged seeds of every model in both regimes."""
    calls = []
    for settings in regimes(store.rows(), BY, badness).values():
        for (count, *model), chosen in settings.items():
            same = _arm(count, model, chosen.bias)
            calls.append(make_call("final", same, chosen.learning_rate, SEEDS))
    return calibration.once(calls)


PHASES = [tuning, other_tuning, check, final]  # about three hours of one core


def _arm(count, model, bias):
    """The key columns of a model on strings of so many digits."""
    cell, matched = model
    same = {"count": count, "width": PLACES[count], "cell": cell, "matched": matched, "bias": bias}
    return same | {"schedule": "cosine", "steps": STEPS}


def task(count: int) -> DigitStrings:
    """The strings of so many noisy digits."""
    return DigitStrings(count=count, noise=NOISE)


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    strings = task(call["count"])
    return Config(
        strings,
        call["cell"],
        units(call["cell"], call["matched"], call["width"], strings.input_size),
        LENGTH,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=EVERY,
        cosine=call["schedule"] == "cosine",
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        ends = at_ends(run.model, run.config.task, LENGTH).tolist()
        return [{"accuracy": shares[-1], "ends": json.dumps(shares)} for shares in ends]

    return train_and_test(call, config(call), test, COLUMNS)
