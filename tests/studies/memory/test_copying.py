"""The study of copying: the share of doing nothing."""

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.studies.memory import copying


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_the_share_of_copying_is_that_of_doing_nothing(monkeypatch):
    monkeypatch.setattr(copying, "STEPS", 100)
    monkeypatch.setattr(copying, "WAIT", 5)
    rows = copying.measure({"cell": "lstm", "bias": "default", "seeds": [0, 1]})
    assert all(0.9 < row["share_of_baseline"] < 1.1 for row in rows)
