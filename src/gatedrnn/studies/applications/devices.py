"""Accuracy for bytes after calibration: noisy spoken digits, weights rounded to eight bits.

For C21. The task, the sizes and the bytes are those of ``quantisation``: single digits with normal
noise of standard deviation 1; ``width``, the units of the LSTM, are size bins; GRU and CIFG have as
many parameters or, the GRU only, as many units. All weights are rounded by the same quantiser. What
is measured are bytes and accuracy; neither a phone nor its energy is.

``tuning``: start and rate of each model at each width on three seeds, as ``studies.calibration``
describes, by the lowest validation loss, in 2,000 steps of 32 recordings, the rate falling along
half a cosine. Every start is tried at 8 units; at other widths those that were best there and
torch's own; the CIFG starts as torch would. ``check``: the chosen settings at 8 units with twice
the steps, and with a constant rate. ``final``: 40 seeds at the two smallest widths, 20 at the
others, from the best start and from torch's. ``accuracy``: on the test part; ``accuracy_int8``:
after rounding.
"""

from gatedrnn.measure.quantise import bytes_int8, bytes_of, quantise
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, TUNING_SEEDS, best_settings, loss_within, regimes
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, MODELS, RUN, Model, make_call, train_and_test, units
from gatedrnn.tasks.base import score
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config

KEYS = ["phase", "width", "cell", "matched", "bias", "schedule", "learning_rate", "steps", "seed"]
MEASURED = ["accuracy", "accuracy_int8", "bytes", "bytes_int8"]
COLUMNS = [*(name for name in RUN if name != "steps"), *MEASURED]
SEEDS = {4: range(40), 8: range(40), 16: range(20), 32: range(20), 64: range(20)}  # by width
LENGTH = 50  # frames
TASK = SpokenDigits(noise=1.0)
CIFG = Model("cifg", "parameters")
FIRST = 8  # the width at which every start is tried
STEPS = 2000
EVERY = 100  # steps from one evaluation to the next
BY = ("width", "cell", "matched")

badness = loss_within()


def tuning(store: Store) -> list[dict]:
    """Every start and rate at 8 units."""
    arms = [_arm(FIRST, model, bias) for model in MODELS for bias in STARTS]
    arms.append(_arm(FIRST, CIFG, "default"))
    return calibration.tuning_calls(store.rows(), arms, badness)


def other_tuning(store: Store) -> list[dict]:
    """The starts that are left and every rate at the other widths."""
    rows = store.rows()
    best = best_settings(rows, BY, badness)
    arms = []
    for width in SEEDS:
        for model in (*MODELS, CIFG) if width != FIRST else ():
            starts = dict.fromkeys(["default", best[FIRST, *model].bias])
            arms += [_arm(width, model, bias) for bias in starts]
    return calibration.tuning_calls(rows, arms, badness)


def check(store: Store) -> list[dict]:
    """The chosen settings at 8 units with twice the steps, and at a constant rate."""
    rows = store.rows()
    best = best_settings(rows[rows.width == FIRST], BY, badness)
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
        for (width, *model), chosen in settings.items():
            same = _arm(width, model, chosen.bias)
            calls.append(make_call("final", same, chosen.learning_rate, SEEDS[width]))
    return calibration.once(calls)


PHASES = [tuning, other_tuning, check, final]  # about two hours of one core


def _arm(width, model, bias):
    """The key columns of a model in a size bin."""
    cell, matched = model
    same = {"width": width, "cell": cell, "matched": matched, "bias": bias}
    return same | {"schedule": "cosine", "steps": STEPS}


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        TASK,
        call["cell"],
        units(call["cell"], call["matched"], call["width"], TASK.input_size),
        LENGTH,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=EVERY,
        cosine=call["schedule"] == "cosine",
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested, then rounded; a row a seed."""

    def test(run):
        model, number = run.model, len(call["seeds"])
        columns = {"accuracy": _accuracy(model)}
        columns["bytes"] = [bytes_of(model)] * number
        columns["bytes_int8"] = [bytes_int8(model)] * number
        quantise(model)
        columns["accuracy_int8"] = _accuracy(model)
        measured = zip(*columns.values(), strict=True)
        return [dict(zip(columns, values, strict=True)) for values in measured]

    return train_and_test(call, config(call), test, COLUMNS)


def _accuracy(model):
    """The share of right answers of each seed on the test part."""
    batch = TASK.part("test", LENGTH)
    return score(TASK.loss, model(batch.x)[0], batch).tolist()
