"""Does the GRU do better on little data? Shares of the data, several subsets, calibrated cells.

For C15. Three tasks, 3 and 10 % of their training data. ``subset``: which sequences are kept, of
each class as many; the judged runs are on ten subsets, three seeds each, the tuning on an eleventh,
so that neither one lucky subset nor one lucky seed decides. On each share each model has its own
tuning, as ``studies.calibration`` describes: start and rate on three seeds, steps by doubling, at a
constant rate, as the lowest validation loss comes early. The sizes and the lengths are those of
``benchmark``, whose runs are those on all of the data. Validation and test data are always whole.

``score``: see ``protocol.judge``.
"""

import pandas as pd

from gatedrnn.claims.register import benchmark
from gatedrnn.results import Store
from gatedrnn.settings import STARTS, Plan, loss_within, plan
from gatedrnn.studies import calibration, protocol
from gatedrnn.studies.protocol import BIAS, MODELS, PANEL, RUN, arm, hidden_size, train_and_test
from gatedrnn.training.train import Config

KEYS = [
    "phase",
    "task",
    "share",
    "subset",
    "cell",
    "matched",
    "bias",
    "schedule",
    "learning_rate",
    "steps",
    "seed",
]
COLUMNS = [*(name for name in RUN if name != "steps"), "score"]
MODEL = ("cell", "matched")
SHARES = (0.03, 0.1)
MOST = {"speech": 2000, "chorales": 800, "pixels": 3000}  # steps of the tuning
EVALUATIONS = 40  # of the longest training
TUNING_SUBSET = 0
SUBSETS = range(1, 11)
SEEDS = range(3)


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside, on each share."""
    rows, calls = store.rows(), []
    for task, most in MOST.items():
        arms = [
            arm(model, task=task, share=share, subset=TUNING_SUBSET, bias=bias)
            | {"schedule": "constant", "steps": most}
            for share in SHARES
            for bias in STARTS
            for model in MODELS
        ]
        calls += calibration.tuning_calls(rows, arms, loss_within())
    return calls


def chosen(rows: pd.DataFrame, task: str, share: float) -> Plan:
    """Steps and the settings of both regimes on a share, from the tuning rows."""
    rows = rows[(rows.task == task) & (rows.share == share)]
    return plan(rows, MODEL, MOST[task], benchmark()[task]["loss_margin"], None)


def final(store: Store) -> list[dict]:
    """The judged runs on each share and subset, in both regimes."""
    rows, calls = store.rows(), []
    for task in MOST:
        for share in SHARES:
            steps, _, schedule, regimes = chosen(rows, task, share)
            for settings in regimes.values():
                for subset in SUBSETS:
                    keys = {"task": task, "share": share, "subset": subset, "schedule": schedule}
                    calls += calibration.final_calls(settings, MODEL, steps, SEEDS, **keys)
    return calibration.once(calls)


PHASES = [tuning, final]  # about two hours of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    setting = PANEL[call["task"]]
    return Config(
        setting.task(share=call["share"], subset=call["subset"]),
        call["cell"],
        hidden_size(call["task"], call["cell"], call["matched"]),
        setting.length,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=MOST[call["task"]] // EVALUATIONS,
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are judged; a row a seed."""

    def test(run):
        return [{"score": value} for value in protocol.judge(call["task"], run)]

    return train_and_test(call, config(call), test, COLUMNS)
