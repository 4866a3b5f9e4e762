"""The study of tuned counters: what is validated on, which recipe is chosen."""

import json

import pandas as pd
import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.memory import counters
from gatedrnn.tasks.base import generator, score
from gatedrnn.tasks.languages import AnBn


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return results.Store(tmp_path / "counters.csv", counters.KEYS, [*counters.COLUMNS, "error"])


def test_of_a_long_word_the_last_letter_and_the_end_are_scored():
    batch = counters.DrawnWords().part("valid", 100)
    assert batch.mask.sum(1).tolist() == [2] * len(counters.VALIDATED)
    assert batch.y[batch.mask].view(-1, 2).tolist() == [[2, 0]] * len(counters.VALIDATED)
    exact = AnBn().oracle(batch.x)
    assert score("cross_entropy", exact, batch) == 1
    early = exact.roll(-1, 1)
    assert score("cross_entropy", early, batch) <= 0.5


def test_all_words_are_in_every_batch():
    batch = counters.AllWords().batch(generator(3, 4), 5, 7)
    expected = AnBn().words(range(1, 8))
    assert all(torch.equal(a, b) for a, b in zip(batch, expected, strict=True))


def tuning_rows(call, score):
    curve = json.dumps([[step, 1.0, 1.0, score] for step in range(0, 2500, 500)])
    empty = dict.fromkeys([*counters.COLUMNS, "error"])
    keys = {name: value for name, value in call.items() if name != "seeds"}
    return [empty | keys | {"seed": seed, "curve": curve} for seed in call["seeds"]]


def test_a_recipe_is_the_best_schedule_and_rate_of_a_model(store):
    good = {("constant", 0.003): 0.8, ("cosine", 0.003): 0.9}
    for call in counters.drawn_tuning(store):
        found = good.get((call["schedule"], call["learning_rate"]), 0.5)
        store.extend(tuning_rows(call, found))
    assert {call["learning_rate"] for call in counters.drawn_tuning(store)} == {0.001, 0.003, 0.01}
    calls = counters.drawn_final(store)
    assert len(calls) == len(counters.MODELS["drawn"])
    for call in calls:
        assert (call["schedule"], call["learning_rate"], len(call["seeds"])) == (
            "cosine",
            0.003,
            10,
        )


def test_a_rate_at_the_edge_asks_for_the_next_one(store):
    for call in counters.whole_tuning(store):
        store.extend(tuning_rows(call, call["learning_rate"]))
    assert 0.03 in {call["learning_rate"] for call in counters.whole_tuning(store)}


def test_a_judged_call_gives_whole_rows_and_a_tuning_none_of_the_test(store, monkeypatch):
    monkeypatch.setattr(counters, "EVERY", 2)
    monkeypatch.setattr(counters, "LONGEST", 50)
    call = counters.drawn_tuning(store)[0] | {"steps": 4, "seeds": [0, 1]}
    for phase, filled in (("tuning", False), ("final", True)):
        rows = pd.DataFrame(counters.measure(call | {"phase": phase}))
        assert set(rows) == {*counters.KEYS, *counters.COLUMNS}
        assert rows[counters.MEASURED].notna().all(axis=None) == filled
