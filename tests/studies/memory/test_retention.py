"""The study of retention: what is measured before and after a training."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.studies.memory import retention


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["adding", "anbn", "chorales"])
def test_the_inside_is_measured_before_and_after(task, monkeypatch):
    setting = retention.TASKS[task]
    short = replace(setting, length=min(setting.length, 20), steps=50)
    monkeypatch.setitem(retention.TASKS, task, short)
    rows = retention.measure({"task": task, "cell": "lstm", "bias": "default", "seeds": [0, 1]})
    assert [set(row) for row in rows] == 2 * [{*retention.KEYS, *retention.COLUMNS}]
    for row in rows:
        assert (row["gradient_before"] is None) == (task != "adding")
        before, after = (json.loads(row[f"kept_{when}"]) for when in ("before", "after"))
        assert len(before) == setting.hidden_size
        assert np.abs(np.array(before) - 0.5).max() < 0.2  # torch's start
        assert before != after
        assert sum(json.loads(row["plane"])) == pytest.approx(1, abs=0.01)
