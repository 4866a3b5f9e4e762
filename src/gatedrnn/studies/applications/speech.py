"""Spoken digits: LSTM, GRU and plain RNN, ten paired seeds, matched by hidden size and by parameters.

Each run trains on the 2,100 training recordings and is judged after its last step on the 600 test recordings. The
learning rate of each cell and width is the one of {1e-3, 3e-3, 1e-2, 3e-2} with the highest validation accuracy, mean
of two tuning seeds that are used for nothing else. ``order control``: the same models on frames in a random order.

Rule, fixed before the runs. Endpoint: test accuracy, paired over ten seeds. Margin: 1 percentage point. Primary:
equal parameters; secondary: equal hidden size. Positive differences favour the LSTM.
*Better*: the 95 % interval of the primary difference excludes 0 and the difference is at least the margin.
*Equivalent*: the 90 % interval of the primary difference lies within the margin. *Inconclusive*: neither. *Mixed*: the
secondary difference excludes 0 the other way. The comparison counts as informative only if both cells lie between 20 %
and 97 % on the tuning seeds. The width of the LSTM was therefore chosen on the tuning seeds alone, before any run with
the ten seeds: at 16 units both cells reached 96.5 % and more, at 8 units the LSTM reached 91 %.
"""

import json
from itertools import product

import numpy as np
import torch

from gatedrnn import cost, reproducible
from gatedrnn.measure.timing import environment
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.training.train import Config, train

WIDTH, LENGTH, STEPS = 8, 50, 1000  # units of the LSTM; frames kept of a recording; training steps
CELLS, RATES = ("lstm", "gru", "rnn"), (1e-3, 3e-3, 1e-2, 3e-2)
TUNING_SEEDS, SEEDS = (100, 101), tuple(range(10))
REGIMES = ("hidden size", "parameters")
KEYS = ["phase", "cell", "regime", "learning_rate", "seed"]
COLUMNS = [
    "hidden_size",
    "parameters",
    "steps",
    "valid_accuracy",
    "test_accuracy",
    "curve",
    "confusion",
]
COLUMNS += ["diverged_at", "cpu_seconds", "cpu", "torch", "threads"]


def config(cell, regime, rate, seeds, shuffled=False):
    """The training of a cell that is matched to the LSTM by "hidden size" or by "parameters"."""
    matched = cost.match(cell, cost.parameters("lstm", 13, WIDTH), input_size=13)
    task, hidden_size = (
        SpokenDigits(shuffled=shuffled),
        WIDTH if regime == "hidden size" else matched,
    )
    return Config(
        task, cell, hidden_size, LENGTH, seeds, STEPS, learning_rate=rate, evaluate_every=50
    )


def answer(primary, secondary):
    """The rule above, applied to two ``stats.Comparison`` of LSTM minus GRU in percentage points."""
    if secondary.high < 0 < primary.low or primary.high < 0 < secondary.low:
        return "mixed"
    if primary.low > 0 and primary.difference >= primary.margin:
        return "LSTM better"
    if primary.high < 0 and -primary.difference >= primary.margin:
        return "GRU better"
    return "equivalent" if primary.equivalent else "inconclusive"


def rows(phase, regime, run):
    """One row for each seed of a finished run."""
    c, batch = run.config, run.config.task.part("test", run.config.length)
    with torch.no_grad():
        prediction = run.model(batch.x)[0][:, batch.mask].argmax(-1)  # (S, 600)
    truth, machine = batch.y[batch.mask].numpy(), environment()
    for k, seed in enumerate(c.seeds):
        history = run.history[run.history.seed == seed]
        confusion = np.zeros((10, 10), dtype=int)
        np.add.at(confusion, (truth, prediction[k].numpy()), 1)
        judged = phase != "tuning"  # the test part is not looked at while tuning
        row = {"phase": phase, "cell": c.cell, "regime": regime, "hidden_size": c.hidden_size}
        row |= {
            "parameters": cost.parameters(c.cell, 13, c.hidden_size),
            "learning_rate": c.learning_rate,
        }
        row |= {"seed": seed, "steps": c.steps, "valid_accuracy": history.score.iloc[-1]}
        row |= {"test_accuracy": (confusion.trace() / len(truth)).item() if judged else None}
        row |= {
            "curve": json.dumps(
                history[["step", "train_loss", "loss", "score"]].round(6).values.tolist()
            )
        }
        row |= {"confusion": json.dumps(confusion.tolist()) if judged else None}
        row |= {
            "diverged_at": run.diverged.get(seed),
            "cpu_seconds": round(run.seconds / len(c.seeds), 2),
        }
        yield row | {key: machine[key] for key in ("cpu", "torch", "threads")}


def best_rate(store, cell, regime):
    """The learning rate with the highest mean validation accuracy over the tuning seeds."""
    tuned = store.rows().query("phase == 'tuning' and cell == @cell and regime == @regime")
    return tuned.groupby("learning_rate").valid_accuracy.mean().idxmax().item()


def tuning(store):
    """Every learning rate, on the two tuning seeds."""
    return [
        _call("tuning", cell, regime, rate, TUNING_SEEDS)
        for regime, cell, rate in product(REGIMES, CELLS, RATES)
    ]


def final(store):
    """The ten seeds at the learning rate that the tuning chose; then the order control."""
    runs = [*product(["final"], REGIMES, CELLS), *product(["order control"], REGIMES[:1], CELLS)]
    return [
        _call(phase, cell, regime, best_rate(store, cell, regime), SEEDS)
        for phase, regime, cell in runs
    ]


def _call(phase, cell, regime, rate, seeds):
    return {
        "phase": phase,
        "cell": cell,
        "regime": regime,
        "learning_rate": rate,
        "seeds": list(seeds),
    }


PHASES = [tuning, final]  # about half an hour on one core


def measure(call):
    """Train the seeds of one call of a phase; their rows."""
    reproducible()
    phase, cell, regime, rate, seeds = (
        call[name] for name in ("phase", "cell", "regime", "learning_rate", "seeds")
    )
    return list(
        rows(
            phase, regime, train(config(cell, regime, rate, tuple(seeds), phase == "order control"))
        )
    )
