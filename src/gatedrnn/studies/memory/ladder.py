"""Gates against none: fourteen cells, from two without a gate, with one part changed at a time.

For the claims C06 and C07. Adding (length 100) and delayed exclusive or (lag 50); all cells have as
many recurrent parameters as an LSTM with 32 units. Start (where a cell has a gate that keeps) and
rate of each cell are tuned as ``studies.calibration`` describes, on the steps to a solution:
validation loss at most 1 % of that of the best answer without memory. A training ends when each of
its seeds has solved the task, or after 2,000 steps.

``solved_at``: the first evaluated step with such a loss, -1 if none. ``reach_before`` and
``reach_after`` (adding): the first lag at which the gradient of the last hidden state is below a
thousandth of that at lag 0, before training and with the weights of the lowest validation loss, in
float64 on 16 new sequences of ``LOOKED_AT`` steps; that length if it never is: the measure ends
there.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gatedrnn.cells import CELLS
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import gates
from gatedrnn.results import Store
from gatedrnn.settings import SOLVED, STARTS, best_settings, steps_needed
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import (
    BIAS,
    RUN,
    SEEDS,
    as_rows,
    is_tuning,
    make_call,
    solved_at,
    training,
    units,
)
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import Adding, DelayedXor
from gatedrnn.training.train import Config, build

KEYS = ["phase", "task", "cell", "bias", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at", "reach_before", "reach_after"]
UNGATED = ("rnn", "rnn_relu")
GATED = (
    "lstm",
    "no_output",
    "cifg",
    "cifg_no_output",
    "gru",
    "gru_before",
    "gru_noreset",
    "mgu",
    "no_input",
    "no_forget",
    "no_output_tanh",
    "peephole",
)
WIDTH = 32
STEPS = 2000
LOOKED_AT = 400  # steps of the sequences whose gradient is followed
GRADIENTS_OF = 16  # sequences
GONE = 1e-3  # of the gradient at lag 0


@dataclass(frozen=True)
class Setting:
    """A task and its length."""

    task: Any
    length: int


TASKS = {"adding": Setting(Adding(), 100), "xor": Setting(DelayedXor(), 50)}


def starts(cell: str) -> tuple[str, ...]:
    """The starts that a cell can have: torch's alone, if no gate of it keeps the state."""
    return STARTS if CELLS[cell].keeps else ("default",)


row_badness = steps_needed  # what a tuning run is worth


def tuning(store: Store) -> list[dict]:
    """Every start of every cell and, for each, rates until the best one lies inside."""
    rows = store.rows()
    calls = []
    for task in TASKS:
        for cell in (*UNGATED, *GATED):
            arms = [{"task": task, "cell": cell, "bias": bias} for bias in starts(cell)]
            calls += calibration.tuning_calls(rows, arms, steps_needed)
    return calls


def final(store: Store) -> list[dict]:
    """The judged seeds of every cell at its best start and rate."""
    rows = store.rows()
    calls = []
    for task in TASKS:
        mine = rows[rows.task == task]
        for (cell,), chosen in best_settings(mine, ["cell"], steps_needed).items():
            keys = {"task": task, "cell": cell, "bias": chosen.bias}
            calls.append(make_call("final", keys, chosen.learning_rate, SEEDS))
    return calls


PHASES = [tuning, final]  # about two hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = TASKS[call["task"]]
    return Config(
        setting.task,
        call["cell"],
        units(call["cell"], "parameters", WIDTH, setting.task.input_size),
        setting.length,
        tuple(call["seeds"]),
        STEPS,
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=50,
        until=SOLVED * setting.task.baseline(setting.length),
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the gradients of the final ones are followed; a row a seed."""
    made = config(call)
    with training(call, made) as run:
        measured = [{"solved_at": step} for step in solved_at(run)]
        before = after = [None] * len(measured)
        if not is_tuning(call) and call["task"] == "adding":
            run.model.load_state_dict(run.best)
            before = reach(build(made))
            after = reach(run.model)
        for row, first, last in zip(measured, before, after, strict=True):
            row |= {"reach_before": first, "reach_after": last}
        return as_rows(call, run, measured)


def reach(model: SequenceModel) -> list[int]:
    """The lag at which the gradient of each seed is gone.

    Args:
        model: S models of adding; they are turned to float64.

    Returns:
        The first lag with a norm below ``GONE`` of that at lag 0; ``LOOKED_AT`` if there is none.
    """
    x = Adding().batch(generator(0, 0, "test"), GRADIENTS_OF, LOOKED_AT).x.double()
    norms = gates.gradient_by_lag(model.double().recurrent, x)
    gone = (norms < GONE * norms[:, :1]).numpy()
    never = ~gone.any(1)
    return np.where(never, LOOKED_AT, gone.argmax(1)).tolist()
