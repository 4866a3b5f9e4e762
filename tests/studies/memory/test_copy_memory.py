"""The study of copy memory: the share of doing nothing, and the rate that the tuning chose."""

import json

import numpy as np
import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.memory import copy_memory
from gatedrnn.tasks.memory import Copy


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    columns = [*copy_memory.COLUMNS, "error"]
    return results.Store(tmp_path / "copy_memory.csv", copy_memory.KEYS, columns)


def tuning_rows(call, loss):
    curve = json.dumps([[0, 2.1, 2.1, 0.1], [2000, loss, loss, 0.5]])
    empty = dict.fromkeys([*copy_memory.COLUMNS, "error"])
    keys = {name: value for name, value in call.items() if name != "seeds"}
    return [empty | keys | {"seed": seed, "curve": curve} for seed in call["seeds"]]


def test_every_later_phase_takes_the_best_rate(store):
    for call in copy_memory.tuning(store):
        store.extend(tuning_rows(call, 0.4 if call["learning_rate"] == 0.003 else 1.6))
    assert len(copy_memory.tuning(store)) == 6
    for phase in copy_memory.PHASES[1:]:
        calls = phase(store)
        assert {call["learning_rate"] for call in calls} == {0.003}
        assert {call["phase"] for call in calls} == {phase.__name__}


def test_a_run_that_learned_is_better_than_one_that_did_not(store):
    nothing = Copy().baseline(copy_memory.NEAR)
    call = copy_memory.tuning(store)[0]
    for loss in (0.2, 0.3, 0.9):
        store.extend(tuning_rows(call | {"learning_rate": loss}, loss * nothing))
    found = copy_memory.row_badness(store.rows()).unique()
    np.testing.assert_allclose(found, [0.5, 1.3, 1.9])


@pytest.mark.parametrize("phase", ["tuning", "final"])
def test_the_share_of_copying_is_that_of_doing_nothing(phase, store, monkeypatch):
    monkeypatch.setattr(copy_memory, "EVERY", 2)
    call = copy_memory.tuning(store)[0]
    call |= {"phase": phase, "wait": 5, "steps": 4, "learning_rate": 1e-4, "seeds": [0, 1]}
    for row in copy_memory.measure(call):
        assert set(row) == {*copy_memory.KEYS, *copy_memory.COLUMNS}
        if phase == "tuning":
            assert row["share_of_baseline"] is None
        else:
            assert 0.9 < row["share_of_baseline"] < 1.2
