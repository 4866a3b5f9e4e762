"""The study of the engine: all its forms do the same work. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies.performance import engine


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_the_engine_does_the_same_work_in_all_its_forms():
    """Ten of torch's layers, and ten seeds of ours: as many parameters but for a second bias."""
    S, H = engine.S, 16
    for cell, (theirs, ours) in engine.CELLS.items():
        count = sum(p.numel() for p in theirs(engine.INPUTS, H).parameters())
        both = 3 if cell == "gru" else 4
        assert S * (count - both * H + (H if cell == "gru" else 0)) == sum(
            p.numel() for p in ours(engine.INPUTS, H, seeds=S).parameters()
        )
    found = engine.candidates("gru", 16)
    assert set(found) == set(engine.CANDIDATES)
    assert count_operators(found["products"])["aten::bmm"] == 2 * engine.T + 1
