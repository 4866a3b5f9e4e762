"""A character model of the annual messages, its state carried over the whole text.

For C26, C27 and replication R5. Truncated backpropagation through 100 steps, 32 readers, 1,000
steps (2.9 times the training text), Adam with the rate falling along half a cosine; before each
batch a reader starts anew from an empty state with a chance of 1 in 20; five seeds. ``width``: the
units of the LSTM; the GRUs have as many or as many parameters, the RNN as many units. The learning
rate, of {0.002, 0.005, 0.01}, is that of the lowest validation loss on two tuning seeds in 1,500
steps without restarts, for each cell and width (the GRU tuned at equal parameters, the RNN at 64
units).

On the test text: ``nats`` a character; ``by_context``: the loss if only the last k characters are
known, at 2,000 places; ``shuffled``: the loss with 300 characters of which all but the last k are
in a random order. ``useful``: the context at which 95 % of the gain from the first to the last of
``CONTEXTS`` is reached, interpolated in log k.

Earlier versions had no restarts. ``after short tuning``: 3,000 steps at 64 units, at rates tuned in
600 steps (``short tuning``). The GRU's training loss was lower than the LSTM's, and its loss on
validation, which begins with an empty state, went up to 14 nats: it was lost without its memory.
Hence the restarts.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import text
from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    PLAIN_RNN,
    RUN,
    TUNED,
    arm,
    best_rates,
    make_call,
    train_and_test,
    tuning_calls,
    units,
)
from gatedrnn.tasks.real.text import CarriedText, part
from gatedrnn.training.train import Config

KEYS = ["phase", "width", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "nats", "by_context", "shuffled", "useful"]
WIDTHS = (64, 128)
RATES = (2e-3, 5e-3, 1e-2)
SEEDS = list(range(5))
LENGTH = 100  # steps of truncated backpropagation
STEPS = {"tuning": 1500, "final": 1000, "short tuning": 600, "after short tuning": 3000}
CONTEXTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300)  # characters
SHUFFLED = (5, 12, 30, 80, 200)  # characters left in their order


def short_tuning(store: Store) -> list[dict]:
    """The tuning of the first version."""
    models = (*TUNED, PLAIN_RNN)
    arms = [arm(model, width=width) for width in WIDTHS for model in models]
    return tuning_calls(arms, RATES, phase="short tuning")


def after_short_tuning(store: Store) -> list[dict]:
    """What it led to, at the smaller width, without restarts."""
    return _final_calls("after short tuning", store.rows(), "short tuning", WIDTHS[:1])


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the tuning seeds for each cell and width, the RNN at the smaller."""
    small, large = WIDTHS
    arms = [arm(model, width=small) for model in (*TUNED, PLAIN_RNN)]
    arms += [arm(model, width=large) for model in TUNED]
    return tuning_calls(arms, RATES)


def final(store: Store) -> list[dict]:
    """The five seeds at the chosen rate."""
    return _final_calls("final", store.rows(), "tuning", WIDTHS)


PHASES = [short_tuning, after_short_tuning, tuning, final]  # about two hours of one core


def _final_calls(
    phase: str, rows: pd.DataFrame, tuned_in: str, widths: Sequence[int]
) -> list[dict]:
    """Every model at its chosen rate; the RNN has that of the smaller width where it lacks one."""
    best = best_rates(rows, by=("width", "cell"), phase=tuned_in)
    calls = []
    for width in widths:
        for model in (*MODELS, PLAIN_RNN):
            rate = best.get((width, model.cell), best[WIDTHS[0], model.cell])
            calls.append(make_call(phase, arm(model, width=width), rate, SEEDS))
    return calls


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    final = call["phase"] == "final"
    task = CarriedText() if final else CarriedText(restart=0)
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], call["width"], task.input_size),
        LENGTH,
        tuple(call["seeds"]),
        STEPS[call["phase"]],
        learning_rate=call["learning_rate"],
        evaluate_every=100 if final else 150,
        cosine=True,
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
            "useful": useful(by_context[s]),
            "shuffled": text.as_pairs(in_order, shuffled[s]),
        }
        for s in range(len(nats))
    ]


def useful(losses: Sequence[float]) -> float:
    """The context, in characters, after which the loss has fallen by 95 % of what it falls.

    Args:
        losses: those at ``CONTEXTS``.

    Returns:
        The context, interpolated in its logarithm.
    """
    gained = (losses[0] - np.array(losses)) / (losses[0] - losses[-1])
    gained = np.maximum.accumulate(gained)
    k = int(np.argmax(gained >= 0.95))
    left, right = np.log(CONTEXTS[k - 1]), np.log(CONTEXTS[k])
    share = (0.95 - gained[k - 1]) / (gained[k] - gained[k - 1])
    return float(np.exp(left + share * (right - left)))
