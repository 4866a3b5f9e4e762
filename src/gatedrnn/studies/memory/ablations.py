"""Which gate matters? LSTMs without a part, the steps from LSTM to GRU, a ladder of gates.

For C02, C07 and replication R6. Three parts. ``ladder``: five cells with one to three gates, as
many parameters as an LSTM with 32 units, chrono initialisation for all, on adding (length 100) and
delayed exclusive or (lag 50), ten seeds, up to 2,000 steps. ``ablation``: LSTMs without forget,
input or output gate, without the tanh at the output, with coupled gates, with a forget bias of 1,
the GRU and the plain RNN, on sums of numbers of up to two digits (32 units, 4,000 steps) and on
chorales (36 units, 600 steps), five seeds. ``walk``: the two cells between CIFG and GRU, on
chorales, too. The learning rate, of {0.003, 0.01, 0.03}, is that of the lowest validation loss on
two tuning seeds for each part, task, cell and bias. ``solved_at``: the first evaluated step with a
validation loss of at most 1 % of the best memoryless answer's, -1 if none. ``score``: % of right
digits for the sums, nats a step for chorales, of the best weights on the test part or on 1,000 new
sums.
"""

from dataclasses import dataclass
from typing import Any

import torch

from gatedrnn.results import Store
from gatedrnn.studies.protocol import (
    BIAS,
    RUN,
    SEEDS,
    SOLVED,
    as_rows,
    best_rates,
    is_tuning,
    make_call,
    solved_at,
    training,
    tuning_calls,
    units,
)
from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import generator, loss, score
from gatedrnn.tasks.memory import Adding, DelayedXor
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, Run

KEYS = ["part", "task", "cell", "bias", "phase", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at", "score"]
RATES = (3e-3, 1e-2, 3e-2)
FEW = SEEDS[:5]  # of the ablation and the walk
TESTED = 1000  # sums
LADDER = ("gru_noreset", "mgu", "gru", "cifg", "lstm")
ABLATIONS = ("lstm", "rnn", "gru", "no_forget", "no_input", "no_output", "no_output_tanh", "cifg")
WALK = ("cifg_no_output", "gru_noreset")


@dataclass(frozen=True)
class Setting:
    """A task, its length, the LSTM's hidden size, the training steps."""

    task: Any
    length: int
    width: int
    steps: int


TASKS = {
    "adding": Setting(Adding(), 100, 32, 2000),
    "xor": Setting(DelayedXor(), 50, 32, 2000),
    "addition": Setting(Addition(), 2, 32, 4000),
    "chorales": Setting(Chorales(), 64, 36, 600),
}


def arms() -> list[dict]:
    """The part, task, cell and bias of every arm."""
    made = [("ladder", task, cell, "chrono") for task in ("adding", "xor") for cell in LADDER]
    made += [
        ("ablation", task, cell, "default")
        for task in ("addition", "chorales")
        for cell in ABLATIONS
    ]
    made += [("ablation", task, "lstm", "one") for task in ("addition", "chorales")]
    made += [("walk", "chorales", cell, "default") for cell in WALK]
    return [
        {"part": part, "task": task, "cell": cell, "bias": bias} for part, task, cell, bias in made
    ]


def tuning(store: Store) -> list[dict]:
    """Every learning rate on the two tuning seeds."""
    return tuning_calls(arms(), RATES)


def final(store: Store) -> list[dict]:
    """The seeds at the chosen rate."""
    by = ("part", "task", "cell", "bias")
    best = best_rates(store.rows(), by)
    calls = []
    for arm in arms():
        rate = best[tuple(arm[name] for name in by)]
        calls.append(make_call("final", arm, rate, SEEDS if arm["part"] == "ladder" else FEW))
    return calls


PHASES = [tuning, final]  # about forty minutes of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    task, length = setting.task, setting.length
    ladder = call["part"] == "ladder"
    matched = "parameters" if ladder else "hidden size"
    return Config(
        task,
        call["cell"],
        units(call["cell"], matched, setting.width, task.input_size),
        length,
        tuple(call["seeds"]),
        setting.steps,
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=50,
        until=SOLVED * task.baseline(length) if ladder else None,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged but for the ladder; a row a seed."""
    with training(call, config(call)) as run:
        times = solved_at(run)
        scores = [None] * len(times)
        if not is_tuning(call) and call["part"] != "ladder":
            scores = judge(run)
        measured = [
            {"solved_at": time, "score": score} for time, score in zip(times, scores, strict=True)
        ]
        return as_rows(call, run, measured)


@torch.no_grad()
def judge(run: Run) -> list[float]:
    """The score of each seed's best weights."""
    task, length = run.config.task, run.config.length
    run.model.load_state_dict(run.best)
    if isinstance(task, Chorales):
        test = task.part("test", length)
        return loss(task.loss, run.model(test.x)[0], test).tolist()
    test = task.batch(generator(0, 0, "test"), TESTED, length)
    return (100 * score(task.loss, run.model(test.x)[0], test)).tolist()
