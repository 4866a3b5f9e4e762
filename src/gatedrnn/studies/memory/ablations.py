"""Which gate matters? LSTMs without one of their parts, the steps from LSTM to GRU, a ladder of gates. (C02, C07, R6)

Three parts. ``ladder``: five cells with one to three gates, as many parameters as an LSTM with 32 units, chrono
initialisation for all, on adding (length 100) and delayed exclusive or (lag 50), ten seeds, up to 2,000 steps.
``ablation``: LSTMs without forget, input or output gate, without the tanh at the output, with coupled gates, with a
forget bias of 1, the GRU and the plain RNN, on sums of numbers of up to two digits (32 units, 4,000 steps) and on
chorales (36 units, 600 steps), five seeds. ``walk``: the two cells between CIFG and GRU, on chorales, too. The learning
rate, of {0.003, 0.01, 0.03}, is that of the lowest validation loss on two tuning seeds for each part, task, cell and
bias. ``solved_at``: the first evaluated step with a validation loss of at most 1 % of the best memoryless answer's,
-1 if none. ``score``: % of right digits for the sums, nats a step for chorales, of the best weights on the test part or
on 1,000 new sums.
"""

import numpy as np
import torch

from gatedrnn import reproducible
from gatedrnn.stats import steps_to
from gatedrnn.studies.protocol import BIAS, RUN, SEEDS, TUNING_SEEDS, as_rows, units
from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import generator, loss, score
from gatedrnn.tasks.memory import Adding, DelayedXor
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.training.train import Config, train

KEYS = ["part", "task", "cell", "bias", "phase", "learning_rate", "seed"]
COLUMNS = [*RUN, "solved_at", "score"]
RATES, FEW = (3e-3, 1e-2, 3e-2), SEEDS[:5]
LADDER = ("gru_noreset", "mgu", "gru", "cifg", "lstm")
PARTS = ("lstm", "rnn", "gru", "no_forget", "no_input", "no_output", "no_output_tanh", "cifg")
WALK = ("cifg_no_output", "gru_noreset")
# The task, its length, the LSTM's hidden size, the steps.
TASKS = {"adding": (Adding(), 100, 32, 2000), "xor": (DelayedXor(), 50, 32, 2000)}
TASKS |= {"addition": (Addition(), 2, 32, 4000), "chorales": (Chorales(), 64, 36, 600)}


def arms():
    """The part, task, cell and bias of every arm."""
    made = [("ladder", task, cell, "chrono") for task in ("adding", "xor") for cell in LADDER]
    made += [
        ("ablation", task, cell, "default") for task in ("addition", "chorales") for cell in PARTS
    ]
    made += [("ablation", task, "lstm", "one") for task in ("addition", "chorales")]
    return made + [("walk", "chorales", cell, "default") for cell in WALK]


def tuning(store):
    """Every learning rate on the two tuning seeds."""
    return [_call(*arm, "tuning", rate, TUNING_SEEDS) for arm in arms() for rate in RATES]


def final(store):
    """The seeds at the chosen rate."""
    rows = store.rows()
    rows = rows[rows.phase == "tuning"].fillna({"valid": np.inf})
    mean = rows.groupby(["part", "task", "cell", "bias", "learning_rate"]).valid.mean()
    return [
        _call(*arm, "final", mean[arm].idxmin().item(), SEEDS if arm[0] == "ladder" else FEW)
        for arm in arms()
    ]


PHASES = [tuning, final]  # about forty minutes of one core


def _call(part, task, cell, bias, phase, rate, seeds):
    call = {"part": part, "task": task, "cell": cell, "bias": bias, "phase": phase}
    return call | {"learning_rate": rate, "seeds": seeds}


def config(call):
    """The ``Config`` of a call."""
    task, length, width, steps = TASKS[call["task"]]
    ladder = call["part"] == "ladder"
    size = units(call["cell"], "parameters" if ladder else "hidden size", width, task.input_size)
    options = {
        "learning_rate": call["learning_rate"],
        "bias": BIAS[call["bias"]],
        "evaluate_every": 50,
    }
    options |= {"until": 0.01 * task.baseline(length) if ladder else None}
    return Config(task, call["cell"], size, length, tuple(call["seeds"]), steps, **options)


def measure(call):
    """Train the seeds of a call; the final ones are judged; a row a seed."""
    reproducible(dtype=torch.float32)
    run = train(config(call), progress=False)
    limit = -np.inf if run.config.until is None else run.config.until
    curves = [run.history[run.history.seed == seed] for seed in run.config.seeds]
    times = [steps_to(curve.step, curve.loss, limit) for curve in curves]
    scores = (
        judged(run)
        if call["phase"] == "final" and call["part"] != "ladder"
        else [None] * len(times)
    )
    found = [
        {"solved_at": int(t) if np.isfinite(t) else -1, "score": s}
        for t, s in zip(times, scores, strict=True)
    ]
    return as_rows(call, run, found)


@torch.no_grad()
def judged(run):
    """The score of each seed's best weights."""
    task, length = run.config.task, run.config.length
    run.model.load_state_dict(run.best)
    if isinstance(task, Chorales):
        test = task.part("test", length)
        return loss(task.loss, run.model(test.x)[0], test).tolist()
    test = task.batch(generator(0, 0, "test"), 1000, length)
    return (100 * score(task.loss, run.model(test.x)[0], test)).tolist()
