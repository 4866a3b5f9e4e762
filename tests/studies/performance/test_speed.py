"""The study of speed: it times what it says. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies.performance import speed


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.parametrize(
    ("comparison", "fused"), [("default", True), ("native", False), ("compiled", False)]
)
def test_the_speed_study_names_the_kernel_that_ran(comparison, fused):
    (row,) = speed.measure(dict(zip(speed.KEYS, (comparison, "inference", 8, 3, 2), strict=True)))
    assert set(row) == {*speed.KEYS, *speed.COLUMNS}
    assert row["lstm_fused"] == (fused and torch.backends.mkldnn.is_available())
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
    assert row["ratio"] == pytest.approx(row["gru_median_ms"] / row["lstm_median_ms"])
    for cell in ("gru", "lstm"):
        assert row[f"{cell}_q25_ms"] <= row[f"{cell}_median_ms"] <= row[f"{cell}_q75_ms"]
    assert 5 <= row["rounds"] <= 30


def test_a_readable_and_a_compiled_candidate_are_two_things():
    """A step of the readable loop is many operators, a compiled sequence only what prepares it."""
    count = {}
    for comparison in ("loop", "compiled"):
        for cell, run in speed.candidates(comparison, "inference", 8, 30, 2).items():
            count[comparison, cell] = sum(count_operators(run).values())
    assert min(count["loop", c] for c in ("gru", "lstm")) > 5 * max(
        count["compiled", c] for c in ("gru", "lstm")
    )


def test_training_runs_backward_and_inference_does_not():
    for mode, trains in (("training", True), ("inference", False), ("step", False)):
        seen = count_operators(
            speed.candidates("native", mode, 4, 3 if mode != "step" else 1, 1)["gru"]
        )
        assert any("backward" in name for name in seen) is trains
