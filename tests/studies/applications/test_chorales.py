"""The study of tuned chorales: every cell is judged at its best rate and chance of dropout."""

import json

import pytest
import torch

from gatedrnn import cost, reproducible, results
from gatedrnn.studies.applications import chorales


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return results.Store(tmp_path / "chorales.csv", chorales.KEYS, [*chorales.COLUMNS, "error"])


def tuning_rows(call, loss):
    curve = json.dumps([[0, 60, 60, 0.1], [50, loss, loss, 0.5]])
    empty = dict.fromkeys([*chorales.COLUMNS, "error"])
    keys = {name: value for name, value in call.items() if name != "seeds"}
    return [empty | keys | {"seed": seed, "curve": curve} for seed in call["seeds"]]


def test_the_best_rate_and_chance_of_dropout_are_judged(store):
    for tuning, final in zip(chorales.PHASES[::2], chorales.PHASES[1::2], strict=True):
        for call in tuning(store):
            worse = abs(call["learning_rate"] - 0.01) + abs(call["dropout"] - 0.3)
            store.extend(tuning_rows(call, 8 + worse))
        judged = final(store)
        assert {call["learning_rate"] for call in judged} == {0.01}
        size = judged[0]["size"]
        assert [call["cell"] for call in judged] == list(chorales.UNITS[size])
        assert {call["dropout"] for call in judged} == {0.3 if size == "large" else 0.0}


def test_the_large_models_have_about_300_000_parameters():
    for cell, units in chorales.UNITS["large"].items():
        assert cost.parameters(cell, 88, units) == pytest.approx(303_000, rel=0.01)


@pytest.mark.parametrize("phase", ["tuning", "final"])
def test_a_judged_call_gives_whole_rows(phase, store, monkeypatch):
    monkeypatch.setattr(chorales, "EVERY", 1)
    monkeypatch.setitem(chorales.UNITS["small"], "lstm", 4)
    call = chorales.small_tuning(store)[0] | {"phase": phase, "steps": 1, "seeds": [0, 1]}
    for row in chorales.measure(call):
        assert set(row) == {*chorales.KEYS, *chorales.COLUMNS}
        assert (row["nats"] is None) == (phase == "tuning")
