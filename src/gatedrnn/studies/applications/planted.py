"""A text with planted far dependencies: can the measure of C27 see a difference in reach?

The positive control of C27. The text is that of ``characters``, over which marks with a character
to keep and, 25 to 75 characters later, questions for it are written (``PlantedText``). The
endpoint, as there: how far the loss falls when a net is shown the last 300 characters in place of
the last 20. A net that remembers what it was told gains about 0.05 nats a character, one that
forgets gains nothing. The LSTM, the GRU with as many parameters and the plain RNN, which is known
to forget, with 64 units; truncated backpropagation through 100 steps, 32 readers, 2,000 steps, a
rate that falls along half a cosine.

``tuning``: start and rate of each model on three seeds, as ``studies.calibration`` describes, by
the lowest validation loss; the RNN from torch's start. ``final``: ten seeds, from the best start
and from torch's. ``by_context``: the loss if only the last k characters are known, at 2,000 places.
"""

from gatedrnn.measure import text
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, loss_within, regimes
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    PLAIN_RNN,
    RUN,
    SEEDS,
    TUNED,
    arm,
    train_and_test,
    units,
)
from gatedrnn.tasks.real.text import PlantedText, planted
from gatedrnn.training.train import Config

KEYS = ["phase", "cell", "matched", "bias", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "by_context"]
STEPS = 2000
LENGTH = 100  # steps of truncated backpropagation
EVERY = 200  # steps from one evaluation to the next
WIDTH = 64
MODEL = ("cell", "matched")
CONTEXTS = (5, 20, 50, 80, 120, 300)  # characters

badness = loss_within()


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside."""
    arms = [arm(model, bias=bias, steps=STEPS) for model in TUNED for bias in STARTS]
    arms.append(arm(PLAIN_RNN, bias="default", steps=STEPS))
    return calibration.tuning_calls(store.rows(), arms, badness)


def final(store: Store) -> list[dict]:
    """The ten seeds of every model in both regimes."""
    calls = []
    for settings in regimes(store.rows(), MODEL, badness).values():
        calls += calibration.final_calls(settings, MODEL, STEPS, SEEDS)
    return calibration.once(calls)


PHASES = [tuning, final]  # about two hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = PlantedText()
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        LENGTH,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=EVERY,
        cosine=True,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        losses = text.by_context(run.model, planted("test"), CONTEXTS).tolist()
        return [{"by_context": text.as_pairs(CONTEXTS, values)} for values in losses]

    return train_and_test(call, config(call), test, COLUMNS)
