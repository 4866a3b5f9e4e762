"""JSB-like chorales at the sizes of two papers, tuned: ten seeds, and dropout for the large models.

Replication R2. ``small``: 36 units for the LSTM, 46 for the GRU, 100 for the RNN (Chung et al.
2014), 2,000 steps of 32 excerpts of 64 quarter notes, ten seeds. ``large``: 234 and 276, about
300,000 parameters in the recurrent layer (the size of Bai et al. 2018), 1,200 steps, five seeds;
the chance of dropout, of three, is tuned with the rate. From torch's start, with a rate that falls
along half a cosine; rates until the best one lies inside its grid, on three tuning seeds, by the
lowest validation loss.

``nats``: the loss of a step, mean over all steps of the test pieces in full length;
``train_nats``: the same on the training pieces. The weights are those of the lowest validation
loss.
"""

from gatedrnn.results import Store
from gatedrnn.settings import best_settings, loss_within
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import RUN, make_call, tested, train_and_test
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "size", "cell", "bias", "dropout", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "nats", "train_nats"]
UNITS = {"small": {"lstm": 36, "gru": 46, "rnn": 100}, "large": {"lstm": 234, "gru": 276}}
STEPS = {"small": 2000, "large": 1200}
SEEDS = {"small": range(10), "large": range(5)}
DROPOUTS = {"small": (0.0,), "large": (0.0, 0.3, 0.5)}
LENGTH = 64  # quarter notes of an excerpt
EVERY = 50  # steps from one evaluation to the next
BY = ("size", "cell", "dropout")

row_badness = loss_within()


def _arm(size, cell, dropout):
    keys = {"size": size, "cell": cell, "bias": "default", "dropout": dropout}
    return keys | {"steps": STEPS[size]}


def _tuned(store: Store, size: str) -> list[dict]:
    """Rates of every cell and chance of dropout until the best one lies inside."""
    arms = [_arm(size, cell, dropout) for cell in UNITS[size] for dropout in DROPOUTS[size]]
    return calibration.tuning_calls(store.rows(), arms, row_badness)


def _judged(store: Store, size: str) -> list[dict]:
    """The judged seeds of every cell at its best rate and chance of dropout."""
    rows = store.rows()
    found = best_settings(rows[rows["size"] == size], BY, row_badness)
    calls = []
    for cell in UNITS[size]:
        settings = {dropout: found[size, cell, dropout] for dropout in DROPOUTS[size]}
        best = min(settings, key=lambda dropout: settings[dropout].badness)
        rate = settings[best].learning_rate
        calls.append(make_call("final", _arm(size, cell, best), rate, SEEDS[size]))
    return calls


def small_tuning(store: Store) -> list[dict]:
    """The rates of the small models."""
    return _tuned(store, "small")


def small_final(store: Store) -> list[dict]:
    """Ten seeds of the small models."""
    return _judged(store, "small")


def large_tuning(store: Store) -> list[dict]:
    """The rates and the dropout of the large models."""
    return _tuned(store, "large")


def large_final(store: Store) -> list[dict]:
    """Five seeds of the large models."""
    return _judged(store, "large")


# about twenty minutes of one core for the small models, two hours for the large ones
PHASES = [small_tuning, small_final, large_tuning, large_final]


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    return Config(
        Chorales(),
        call["cell"],
        UNITS[call["size"]][call["cell"]],
        LENGTH,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        cosine=True,
        evaluate_every=EVERY,
        dropout=call["dropout"],
    )


def judge(run: Run) -> list[dict]:
    """The loss of each seed on whole pieces."""
    test, _ = tested(run, run.config.task.part("test"))
    train, _ = tested(run, run.config.task.part("train"))
    return [{"nats": a, "train_nats": b} for a, b in zip(test, train, strict=True)]


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    return train_and_test(call, config(call), judge, COLUMNS)
