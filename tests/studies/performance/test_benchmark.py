"""The benchmark: its phases, on made-up tuning rows; what is trained and what is judged."""

import json

import numpy as np
import pandas as pd
import pytest

from gatedrnn.claims.register import benchmark as register
from gatedrnn.settings import FIRST_RATES, STARTS
from gatedrnn.studies.performance import benchmark
from gatedrnn.studies.protocol import MODELS


class Stored:
    """Rows in the place of a store."""

    def __init__(self, rows):
        self.kept = rows

    def rows(self):
        return self.kept


def badness(call):
    """0 for the middle rate and the chrono start."""
    return abs(np.log(call["learning_rate"] / 0.01)) + 0.5 * (call["bias"] != "chrono")


def curve(call):
    """A loss that falls after a quarter of the steps, to less the better the setting is.

    A cosine is better than a constant rate. Where steps count, a better setting falls earlier.
    """
    falls = call["steps"] / 4
    if call["task"] in benchmark.MADE_UP:
        falls *= 1 + badness(call) / 2
    end = 0.0001 * (1 + badness(call) + (call["schedule"] == "constant"))
    steps = np.linspace(0, call["steps"], 41)[1:]
    losses = np.where(steps < falls, 5.0, end).tolist()
    return json.dumps([[s, 1.0, v, 0.5] for s, v in zip(steps.tolist(), losses, strict=True)])


def rows_of(calls):
    """The tuning rows of calls."""
    rows = []
    for call in calls:
        row = {name: call[name] for name in call if name != "seeds"} | {"curve": curve(call)}
        for seed in call["seeds"]:
            rows.append(row | {"seed": seed, "diverged_at": None, "error": None})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def tuned():
    first = benchmark.tuning(Stored(pd.DataFrame()))
    rows = rows_of(first)
    assert benchmark.tuning(Stored(rows)) == first
    cosine = benchmark.schedule(Stored(rows))
    return first, cosine, pd.concat([rows, rows_of(cosine)], ignore_index=True)


def test_every_model_is_tuned_from_every_start(tuned):
    first, _, _ = tuned
    assert len(first) == len(benchmark.TASKS) * len(MODELS) * len(STARTS) * len(FIRST_RATES)


def test_the_schedule_is_tuned_at_the_steps_that_are_enough_from_both_starts(tuned):
    _, cosine, _ = tuned
    starts = {}
    for call in cosine:
        assert call["steps"] == benchmark.TASKS[call["task"]].most // 4
        starts.setdefault((call["task"], call["cell"], call["matched"]), set()).add(call["bias"])
    assert {task for task, *_ in starts} == set(benchmark.TASKS) - set(benchmark.MADE_UP)
    assert set(map(frozenset, starts.values())) == {frozenset({"chrono", "default"})}


def test_the_judged_seeds_have_the_chosen_setting_and_number(tuned):
    _, _, rows = tuned
    calls = benchmark.final(Stored(rows))
    assert len(calls) == len(benchmark.TASKS) * len(MODELS) * 2  # the best start, and torch's
    for call in calls:
        task = call["task"]
        assert call["learning_rate"] == 0.01
        assert len(call["seeds"]) == register()[task]["seeds"]
        assert call["schedule"] == ("constant" if task in benchmark.MADE_UP else "cosine")
        assert benchmark.config(call).until is None or task in benchmark.MADE_UP


def test_every_task_has_an_entry_in_the_register():
    assert set(register()) == {*benchmark.TASKS, "language"}


def test_rows_of_several_tasks_are_judged_each_by_its_own_measure(tuned):
    _, _, rows = tuned
    worth = benchmark.row_badness(rows)
    solved = rows.task.isin(benchmark.MADE_UP)
    assert worth[solved].min() == pytest.approx(0.25)  # of the steps, where the setting is best
    assert worth[~solved].max() < 0.01  # a loss
