"""The study of lengths: what is tuned, and how steps and seeds reach the judged runs."""

import json

import pandas as pd

from gatedrnn.claims import register
from gatedrnn.studies.memory import lengths


class Stored:
    """A store with these rows."""

    def __init__(self, rows):
        self.stored = pd.DataFrame(rows, columns=[*lengths.KEYS, "curve", "diverged_at", "error"])

    def rows(self):
        return self.stored


def tuned():
    """Rows whose middle rate is the best; flat from the first evaluation on."""
    rows = []
    for call in lengths.tuning(Stored([])):
        loss = 1.0 if call["learning_rate"] == 1e-2 else 2.0
        curve = json.dumps([[0, loss, loss, 0.5], [call["steps"], loss, loss, 0.5]])
        keys = {name: value for name, value in call.items() if name != "seeds"}
        for seed in call["seeds"]:
            rows.append(keys | {"seed": seed, "curve": curve})
    return Stored(rows)


def test_a_quarter_of_the_steps_is_enough_for_flat_curves():
    calls = lengths.final(tuned())
    for call in calls:
        setting = lengths.TASKS[call["task"]]
        assert call["steps"] == setting.most // 4
        assert (call["learning_rate"], call["bias"]) == (1e-2, "default")
        made = lengths.config(call)
        assert (made.length, made.steps) == (call["length"], call["steps"])
        assert len(made.seeds) == len(setting.seeds)
    assert len(calls) == 2 * sum(len(setting.lengths) for setting in lengths.TASKS.values())


def test_the_claim_asks_for_what_is_trained():
    (claim,) = [c for c in (*register.load_next(), *register.load()) if "lengths" in c.study]
    for task, setting in lengths.TASKS.items():
        spec = claim.parameters["tasks"][task]
        assert (tuple(spec["lengths"]), spec["seeds"]) == (setting.lengths, len(setting.seeds))
        assert spec["loss"] == setting.margin
