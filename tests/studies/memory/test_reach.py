"""The study of reach: which lengths are tried, when a start is given up, what is judged."""

import pandas as pd
import pytest

from gatedrnn.studies.memory import reach
from gatedrnn.studies.protocol import LSTM


class Stored:
    """A store with these rows."""

    def __init__(self, rows):
        self.stored = pd.DataFrame(rows)

    def rows(self):
        return self.stored


def trained(calls, solved_at):
    """The rows of tuning calls; ``solved_at(call)`` says when each seed solved the task."""
    rows = []
    for call in calls:
        keys = {name: value for name, value in call.items() if name != "seeds"}
        for seed in call["seeds"]:
            row = keys | {"seed": seed, "steps": reach.TASKS[call["task"]].most, "valid": 0.1}
            rows.append(row | {"solved_at": solved_at(call), "diverged_at": None, "error": None})
    return rows


def best_inside(call):
    """All rates solve the task, the middle one first."""
    return 100 if call["learning_rate"] == 1e-2 else 200


def whole_tuning(solved_at):
    """The store after the tuning has asked for nothing new."""
    store = Stored([])
    while True:
        rows = trained(reach.tuning(store), solved_at)
        if len(rows) == len(store.stored):
            return store
        store = Stored(rows)


def test_it_begins_with_the_shortest_length_from_each_start():
    calls = reach.tuning(Stored([]))
    lengths = {(call["task"], call["length"]) for call in calls}
    assert lengths == {(task, setting.lengths[0]) for task, setting in reach.TASKS.items()}
    assert {call["bias"] for call in calls} == {"default", "one", "chrono"}


def test_a_start_that_fails_is_not_tried_at_twice_the_length():
    def solved_at(call):
        fails = call["bias"] == "default" and call["length"] >= 200
        return -1 if fails else best_inside(call)

    store = whole_tuning(solved_at)
    rows = store.rows()
    adding = rows[(rows.task == "adding") & (rows.cell == "lstm")]
    assert adding[adding.bias == "default"].length.max() == 200
    assert adding[adding.bias == "chrono"].length.max() == 1600
    judged = [c for c in reach.final(store) if c["task"] == "adding" and c["cell"] == "lstm"]
    assert {call["length"] for call in judged if call["bias"] == "default"} == {100}
    assert {call["length"] for call in judged} == set(reach.TASKS["adding"].lengths)
    assert {call["learning_rate"] for call in judged} == {1e-2}
    assert {len(call["seeds"]) for call in judged} == {16}


def test_nobody_is_judged_where_no_tuning_seed_solved_the_task():
    store = whole_tuning(lambda call: -1)
    assert set(store.rows().length) == {s.lengths[0] for s in reach.TASKS.values()}
    assert reach.final(store) == []


@pytest.mark.parametrize("task", reach.TASKS)
def test_lengths_double_and_reach_the_training(task):
    setting = reach.TASKS[task]
    for shorter, longer in zip(setting.lengths, setting.lengths[1:], strict=False):
        assert longer == 2 * shorter
    call = {"task": task, "length": setting.lengths[1], "bias": "chrono", "learning_rate": 0.01}
    made = reach.config(call | LSTM._asdict() | {"seeds": [0]})
    assert (made.length, made.bias, made.steps) == (setting.lengths[1], "chrono", setting.most)
    assert made.until == reach.threshold(task, made.length)
    assert made.task.check_length(made.length)


def test_pixels_have_a_tail():
    assert [reach.made("pixels", length).tail for length in (98, 196, 784)] == [0, 98, 686]
