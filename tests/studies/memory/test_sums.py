"""The study of sums and chorales: long sums are right, every arm is tuned and judged."""

import json
from operator import itemgetter

import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.memory import sums
from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import generator, score


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return results.Store(tmp_path / "sums.csv", sums.KEYS, [*sums.COLUMNS, "error"])


def test_sums_of_eight_digits_are_added_up():
    batch = sums.LongAddition().batch(generator(0, 0), 200, 8)
    assert batch.x.shape[1:] == (27, 13)
    assert score("cross_entropy", Addition().oracle(batch.x), batch) == 1
    digits = batch.mask.sum(1)
    assert (digits == 9).all()  # units first, then ends


def test_short_sums_are_those_of_the_task():
    ours = sums.LongAddition().batch(generator(1, 2), 20, 3)
    theirs = Addition().batch(generator(1, 2), 20, 3)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def tuning_rows(call, loss):
    curve = json.dumps([[0, 2.3, 2.3, 0.1], [300, loss, loss, 0.5]])
    empty = dict.fromkeys([*sums.COLUMNS, "error"])
    keys = {name: value for name, value in call.items() if name != "seeds"}
    return [empty | keys | {"seed": seed, "curve": curve} for seed in call["seeds"]]


@pytest.mark.parametrize("place", range(0, len(sums.PHASES), 2))
def test_every_tuned_arm_is_judged_at_its_best_rate(place, store):
    tuning, final = sums.PHASES[place : place + 2]
    asked = tuning(store)
    for call in asked:
        store.extend(tuning_rows(call, 0.1 if call["learning_rate"] == 0.01 else 0.5))
    assert tuning(store) == asked
    arm = itemgetter("task", "length", "cell", "bias", "steps")
    arms = set(map(arm, asked))
    judged = map(arm, final(store))
    assert sorted(judged) == sorted(arms)
    assert {call["learning_rate"] for call in final(store)} == {0.01}


@pytest.mark.parametrize(("task", "length"), sums.SETTINGS)
def test_a_judged_call_gives_whole_rows(task, length, store, monkeypatch):
    monkeypatch.setattr(sums, "EVALUATIONS", 1)
    call = {"phase": "final", "task": task, "length": length, "cell": "no_forget"}
    call |= {"bias": "default", "learning_rate": 0.01, "steps": 2, "seeds": [0, 1]}
    for row in sums.measure(call):
        assert set(row) == {*sums.KEYS, *sums.COLUMNS}
        assert row["score"] > 0
