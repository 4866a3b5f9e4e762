"""The study of words a^n b^n: the horizon of counters whose horizon is known."""

import json
from dataclasses import replace

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.measure import counters
from gatedrnn.studies.memory import counting
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.languages import AnBn
from gatedrnn.training.train import build


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def exact_model(cell="lstm"):
    """Two LSTMs that count a's up and b's down in c; the second closes one step early."""
    config = counting.config(
        {"words": "drawn", "cell": cell, "matched": "reference", "bias": "default", "seeds": [0, 1]}
    )
    model = build(replace(config, hidden_size=2))
    for p in model.parameters():
        p.data.zero_()
    layer, H = model.recurrent, 2
    gate = {name: slice(k * H, (k + 1) * H) for k, name in enumerate("ifgo")}
    layer.b.data[:, gate["f"]] = layer.b.data[:, gate["i"]] = layer.b.data[:, gate["o"]] = 30.0
    layer.W.data[:, gate["g"].start, 1], layer.W.data[:, gate["g"].start, 2] = (
        30.0,
        -30.0,
    )  # +1 for a, -1 for b
    layer.W.data[:, gate["g"].start + 1, 2] = 30.0  # the other unit: has there been a b
    model.a.data[:] = torch.tensor([3.0, 5.0, 0.0])  # logits of # a b: a before the first b
    model.V.data[:, :, 1] = torch.tensor([0.0, -20.0, 2.0])
    model.V.data[:, 2, 0] = 10.0  # b while the count is above zero
    model.a.data[1, 0] = 20.0  # the second closes too early
    return model


def test_the_horizon_of_a_counter_is_the_longest_word_tested():
    counted = counting.counted(exact_model())
    assert [row["horizon"] for row in counted] == [counting.LONGEST, counters.FIRST - 1]
    assert counted[0]["slope"] == pytest.approx(1, abs=1e-4)
    assert counted[0]["highest"] <= 1
    path = json.loads(counted[0]["trajectory"])
    assert path[50] == pytest.approx(500, abs=1)
    assert abs(path[-1]) < 1


def test_a_word_in_the_middle_that_is_wrong_ends_the_horizon(monkeypatch):
    exact = torch.ones(2, counting.LONGEST, dtype=torch.bool)
    exact[0, 99] = False  # n = 100
    monkeypatch.setattr(counters, "closes", lambda model, counts: exact[:, [n - 1 for n in counts]])
    assert counting.counted(exact_model())[0]["horizon"] == 99


def test_all_words_are_in_every_batch():
    batch = counting.AllWords().batch(generator(3, 4), 5, 7)
    expected = AnBn().words(range(1, 8))
    assert all(torch.equal(a, b) for a, b in zip(batch, expected, strict=True))
