"""Which gate matters, to convergence: sums of longer and longer numbers, and chorales.

Replication R6, after Jozefowicz, Zaremba and Sutskever 2015 and Greff et al. 2017. ``length`` 3:
sums of two numbers of up to three digits, 64 units, 12,000 steps; the LSTM, one with a forget bias
of 1, LSTMs without forget, input or output gate, the GRU and the plain RNN. ``length`` 5 and 8: the
LSTM, the one without forget gate, and the RNN, for the question at which length of a sum the forget
gate begins to matter. Chorales: 36 units, 2,000 steps; the LSTM, coupled gates, LSTMs without the
tanh at the output and without forget gate.

All at equal hidden size, from torch's start but for the forget bias of 1, with a rate that falls
along half a cosine; rates until the best one lies inside its grid, on three tuning seeds, by the
lowest validation loss. Ten judged seeds for chorales and sums of three digits, five for longer
sums. ``score``, of the best weights: the percentage of right digits on 1,000 new sums; nats a step
on the test pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatedrnn.results import Store
from gatedrnn.settings import best_settings, loss_within
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, RUN, tested, train_and_test
from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "task", "length", "cell", "bias", "learning_rate", "steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "score"]
BY = ("task", "length", "cell")
TESTED = 1000  # sums
EVALUATIONS = 40  # of a training
ABLATED = ("lstm", "no_forget", "no_input", "no_output", "gru", "rnn")
FEW = ("lstm", "no_forget", "rnn")
PARTS = ("lstm", "cifg", "no_output_tanh", "no_forget")

row_badness = loss_within()


@dataclass(frozen=True)
class LongAddition(Addition):
    """Sums of numbers of up to eight digits; without ``baseline``, which would list them all."""

    longest = 8

    def _memoryless(self, length):
        raise NotImplementedError("the best memoryless answer to long sums is not computed")


@dataclass(frozen=True)
class Setting:
    """How a task of some length is trained.

    Attributes:
        task: the task.
        width: the hidden size of every cell.
        steps: of each training.
        seeds: how many are judged.
        cells: the cells, from torch's start.
        forget_bias: whether there is an LSTM with a forget bias of 1, too.
    """

    task: Any
    width: int
    steps: int
    seeds: int
    cells: Sequence[str]
    forget_bias: bool = False


SETTINGS = {
    ("addition", 3): Setting(Addition(), 64, 12_000, 10, ABLATED, forget_bias=True),
    ("chorales", 64): Setting(Chorales(), 36, 2000, 10, PARTS),
    ("addition", 5): Setting(LongAddition(), 64, 12_000, 5, FEW),
    ("addition", 8): Setting(LongAddition(), 64, 12_000, 5, FEW),
}


def _tuned(store: Store, task: str, length: int) -> list[dict]:
    """Rates of every arm until the best one lies inside."""
    setting = SETTINGS[task, length]
    models = [(cell, "default") for cell in setting.cells]
    if setting.forget_bias:
        models.append(("lstm", "one"))
    arms = [
        {"task": task, "length": length, "cell": cell, "bias": bias, "steps": setting.steps}
        for cell, bias in models
    ]
    return calibration.tuning_calls(store.rows(), arms, row_badness)


def _judged(store: Store, task: str, length: int) -> list[dict]:
    """The judged seeds of every arm at its best rate."""
    rows, setting = store.rows(), SETTINGS[task, length]
    here = rows[(rows.task == task) & (rows.length == length)]
    calls = []
    for bias in here[here.phase == "tuning"].bias.unique():
        best = best_settings(here, BY, row_badness, (bias,))
        calls += calibration.final_calls(best, BY, setting.steps, range(setting.seeds))
    return calls


def sums_tuning(store: Store) -> list[dict]:
    """The rates for sums of three digits."""
    return _tuned(store, "addition", 3)


def sums_final(store: Store) -> list[dict]:
    """The judged seeds on sums of three digits."""
    return _judged(store, "addition", 3)


def chorales_tuning(store: Store) -> list[dict]:
    """The rates for chorales."""
    return _tuned(store, "chorales", 64)


def chorales_final(store: Store) -> list[dict]:
    """The judged seeds on chorales."""
    return _judged(store, "chorales", 64)


def longer_tuning(store: Store) -> list[dict]:
    """The rates for sums of five and of eight digits."""
    return _tuned(store, "addition", 5) + _tuned(store, "addition", 8)


def longer_final(store: Store) -> list[dict]:
    """The judged seeds on sums of five and of eight digits."""
    return _judged(store, "addition", 5) + _judged(store, "addition", 8)


# about five hours of one core, half of them for the longer sums
PHASES = [
    chorales_tuning,
    chorales_final,
    sums_tuning,
    sums_final,
    longer_tuning,
    longer_final,
]


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = SETTINGS[call["task"], call["length"]]
    return Config(
        setting.task,
        call["cell"],
        setting.width,
        call["length"],
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        cosine=True,
        evaluate_every=call["steps"] // EVALUATIONS,
    )


def judge(run: Run) -> list[dict]:
    """The score of each seed."""
    task, length = run.config.task, run.config.length
    if isinstance(task, Chorales):
        losses, _ = tested(run, task.part("test"))
        return [{"score": loss} for loss in losses]
    _, right = tested(run, task.batch(generator(0, 0, "test"), TESTED, length))
    return [{"score": 100 * share} for share in right]


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged; a row a seed."""
    return train_and_test(call, config(call), judge, COLUMNS)
