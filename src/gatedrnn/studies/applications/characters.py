"""A character model after calibration: three widths, longer training, the state carried over.

For C26, C27 and replication R5. The text of ``language``, truncated backpropagation through 100
steps, 32 readers, restarts with a chance of 1 in 20, 4,000 steps (12 times the training text). The
learning rate falls along half a cosine. ``width``: the units of the LSTM; the GRUs have as many or
as many parameters, the RNN as many units.

``tuning``: start and rate of each model at each width on three seeds, as ``studies.calibration``
describes, with ``badness`` the lowest validation loss. Every start is tried at 64 units; at larger
widths those that were best there and torch's own. The RNN is tuned at 64 units, from torch's start.
``check``: the chosen setting of each model at 64 units with twice the steps, and with a constant
rate. ``final``: ten seeds, five at 256 units, from the best start and from torch's. ``more seeds``:
those that C26 needs at 64 and 128 units to show two equal cells equal in four of five cases.

On the test text: ``nats`` a character; ``by_context``: the loss if only the last k characters are
known, at 2,000 places; ``shuffled``: the loss with 300 characters of which all but the last k are
in a random order.
"""

from collections.abc import Iterable, Sequence

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import text
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, TUNING_SEEDS, best_settings, loss_within, regimes
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    MODELS,
    PLAIN_RNN,
    RUN,
    TUNED,
    Model,
    arm,
    make_call,
    train_and_test,
    units,
)
from gatedrnn.tasks.real.text import CarriedText, part
from gatedrnn.training.train import Config

KEYS = ["phase", "width", "cell", "matched", "bias", "schedule", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "nats", "by_context", "shuffled"]
STEPS = 4000
LENGTH = 100  # steps of truncated backpropagation
EVERY = 200  # steps from one evaluation to the next
SMALL, MIDDLE, LARGE = 64, 128, 256
WIDTHS = {SMALL: MODELS, MIDDLE: MODELS, LARGE: TUNED}
SEEDS = {SMALL: range(10), MIDDLE: range(10), LARGE: range(5)}
MORE = {SMALL: range(10, 20), MIDDLE: range(10, 16)}
BY = ("width", "cell", "matched")
CONTEXTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300)  # characters
SHUFFLED = (5, 12, 30, 80, 200)  # characters left in their order

badness = loss_within()


def _arms(width: int, models: Iterable[Model], starts: dict[Model, Sequence[str]]) -> list[dict]:
    return [
        arm(model, width=width, bias=bias, schedule="cosine", steps=STEPS)
        for model in models
        for bias in starts[model]
    ]


def _tuned(store: Store, width: int) -> list[dict]:
    """The tuning of a width."""
    rows = store.rows()
    if width == SMALL:
        starts = dict.fromkeys(WIDTHS[SMALL], STARTS) | {PLAIN_RNN: ("default",)}
    else:
        best = best_settings(rows, BY, badness)
        starts = {}
        for model in WIDTHS[width]:
            starts[model] = list(dict.fromkeys(["default", best[SMALL, *model].bias]))
    return calibration.tuning_calls(rows, _arms(width, starts, starts), badness)


def _judged(store: Store, width: int, seeds: Sequence[int], phase: str = "final") -> list[dict]:
    """The judged runs of a width, in both regimes."""
    rows = store.rows()
    calls = []
    for settings in regimes(rows[rows.width == width], BY, badness).values():
        calls += calibration.final_calls(settings, BY, STEPS, seeds, phase, schedule="cosine")
    return calibration.once(calls)


def small_tuning(store: Store) -> list[dict]:
    """Every start and rate at 64 units."""
    return _tuned(store, SMALL)


def check(store: Store) -> list[dict]:
    """The chosen setting of each model at 64 units with twice the steps, and at a constant rate."""
    rows = store.rows()
    best = best_settings(rows[rows.width == SMALL], BY, badness)
    calls = []
    for key, chosen in best.items():
        same = dict(zip(BY, key, strict=True)) | {"bias": chosen.bias}
        for other in ({"schedule": "cosine", "steps": 2 * STEPS}, {"schedule": "constant"}):
            arm = same | {"steps": STEPS} | other
            calls.append(make_call("check", arm, chosen.learning_rate, TUNING_SEEDS))
    return calls


def small_final(store: Store) -> list[dict]:
    """The judged runs at 64 units."""
    return _judged(store, SMALL, SEEDS[SMALL])


def middle_tuning(store: Store) -> list[dict]:
    """The starts that are left and every rate at 128 units."""
    return _tuned(store, MIDDLE)


def middle_final(store: Store) -> list[dict]:
    """The judged runs at 128 units."""
    return _judged(store, MIDDLE, SEEDS[MIDDLE])


def large_tuning(store: Store) -> list[dict]:
    """The starts that are left and every rate at 256 units."""
    return _tuned(store, LARGE)


def large_final(store: Store) -> list[dict]:
    """The judged runs at 256 units."""
    return _judged(store, LARGE, SEEDS[LARGE])


def more_seeds(store: Store) -> list[dict]:
    """Further judged seeds at 64 and 128 units."""
    calls = []
    for width, seeds in MORE.items():
        for call in _judged(store, width, seeds, "more seeds"):
            if call["cell"] != PLAIN_RNN.cell:
                calls.append(call)
    return calls


PHASES = [
    small_tuning,
    check,
    small_final,
    middle_tuning,
    middle_final,
    large_tuning,
    large_final,
    more_seeds,
]  # about 35 hours of one core, 15 of them at 256 units


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = CarriedText()
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], call["width"], task.input_size),
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
        return judge(run.model)

    return train_and_test(call, config(call), test, COLUMNS)


def judge(model: SequenceModel) -> list[dict]:
    """What is measured of each seed."""
    test = part("test")
    in_order = [*SHUFFLED, max(CONTEXTS)]
    by_context = text.by_context(model, test, CONTEXTS).tolist()
    shuffled = text.by_context(model, test, in_order, shuffled=True).tolist()
    nats = text.nats(model, test).tolist()
    return [
        {
            "nats": nats[s],
            "by_context": text.as_pairs(CONTEXTS, by_context[s]),
            "shuffled": text.as_pairs(in_order, shuffled[s]),
        }
        for s in range(len(nats))
    ]
