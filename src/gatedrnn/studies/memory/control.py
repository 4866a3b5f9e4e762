"""Fine control and intricate patterns: four tasks of one memory operation, and Markov sources.

For C05 and C10. ``Control``: accumulate, latch, overwrite and clear, trained at length 50 and
tested at 200; ``Markov`` of order 1 to 6 at length 100. The LSTM has 16 units, the GRUs as many or
as many parameters; 1,500 steps, ten seeds; the learning rate, of {0.003, 0.01, 0.03}, is that of
the lowest validation loss on two tuning seeds for each cell and task (the GRU tuned at equal
parameters). ``accuracy``: the share of right steps, and ``loss``, in nats a step, of the weights
with the lowest validation loss on 200 new sequences, at four times the trained length for the four.
"""

from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    MODELS,
    RUN,
    SEEDS,
    TUNED,
    arm,
    best_rates,
    make_call,
    tested,
    train_and_test,
    tuning_calls,
    units,
)
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import Control
from gatedrnn.tasks.sources import Markov
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "cell", "matched", "learning_rate", "seed"]
COLUMNS = [*RUN, "loss", "accuracy"]
OPERATIONS = {kind: Control(kind) for kind in ("accumulate", "latch", "overwrite", "clear")}
SOURCES = {f"markov {order}": Markov(order) for order in (1, 2, 3, 4, 6)}
TASKS = OPERATIONS | SOURCES
RATES = (3e-3, 1e-2, 3e-2)
STEPS = 1500
WIDTH = 16
TESTED = 200  # sequences


def trained_length(task: str) -> int:
    """The length of the training's sequences."""
    return 100 if task in SOURCES else 50


def tested_length(task: str) -> int:
    """The length of the test's sequences."""
    return 100 if task in SOURCES else 200


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds, once for each cell."""
    return tuning_calls([arm(model, task=task) for task in TASKS for model in TUNED], RATES)


def final(store: Store) -> list[dict]:
    """The ten seeds at the chosen rate."""
    best = best_rates(store.rows(), by=("task", "cell"))
    return [
        make_call("final", arm(model, task=task), best[task, model.cell], SEEDS)
        for task in TASKS
        for model in MODELS
    ]


PHASES = [tuning, final]  # about twenty minutes of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = TASKS[call["task"]]
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        trained_length(call["task"]),
        tuple(call["seeds"]),
        STEPS,
        learning_rate=call["learning_rate"],
    )


def judge(run: Run, length: int) -> list[dict]:
    """The loss and the accuracy of each seed on new sequences."""
    test = run.config.task.batch(generator(0, 0, "test"), TESTED, length)
    return [
        {"loss": loss, "accuracy": accuracy}
        for loss, accuracy in zip(*tested(run, test), strict=True)
    ]


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""

    def test(run):
        return judge(run, tested_length(call["task"]))

    return train_and_test(call, config(call), test, COLUMNS)
