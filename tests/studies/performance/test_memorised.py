"""The study of memorised labels: bits of known cases, what is learned, the tuned rate."""

import pytest
import torch

from gatedrnn import cost, reproducible, results
from gatedrnn.settings import TUNING_SEEDS
from gatedrnn.studies.performance import memorised


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return results.Store(tmp_path / "memorised.csv", memorised.KEYS, [*memorised.COLUMNS, "error"])


def test_stored_bits_of_known_cases():
    assert memorised.stored_bits(100, 0) == 100
    assert memorised.stored_bits(100, 50) == 0
    assert memorised.stored_bits(100, 70) == 0
    assert memorised.stored_bits(1000, 110) == pytest.approx(500, abs=1)  # h(0.11) is near 1/2


def test_a_small_set_is_learned_and_many_labels_are_not_at_once():
    assert memorised.learn("gru", 4, 20, 0.01, [0, 1], 200) == [0, 0]
    assert min(memorised.learn("gru", 4, 400, 0.01, [0], 1)) > 100


def test_every_cell_is_judged_at_its_best_rate_with_ten_seeds(store):
    for call in memorised.tuning(store):
        empty = dict.fromkeys([*memorised.COLUMNS, "error"])
        keys = {name: value for name, value in call.items() if name != "seeds"}
        keys["bits_per_parameter"] = 2.5 - abs(call["learning_rate"] - 0.01)
        store.extend([empty | keys | {"seed": seed} for seed in call["seeds"]])
    calls = memorised.final(store)
    assert {call["learning_rate"] for call in calls} == {0.01}
    runs = {
        (c["cell"], c["hidden_size"], c["labels_per_parameter"], s)
        for c in calls
        for s in c["seeds"]
    }
    assert len(runs) == 10 * len(memorised.CELLS) * len(memorised.SIZES) * len(memorised.RATIOS)
    assert not {seed for *_, seed in runs} & set(TUNING_SEEDS)


def test_a_call_gives_whole_rows(store):
    call = memorised.tuning(store)[0] | {"steps": 1, "seeds": [0, 1], "phase": "final"}
    for row in memorised.measure(call):
        assert set(row) == {*memorised.KEYS, *memorised.COLUMNS}
        assert row["parameters"] == cost.parameters("rnn", 4, 8) + 9
        assert row["strings"] == 3 * row["parameters"]
