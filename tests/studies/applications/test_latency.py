"""The study of single steps: percentiles, and the load of a busy machine. No time is asserted."""

import os

import psutil
import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.applications import latency


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_percentiles_of_a_latency_are_in_order():
    rows = results.read("latency")
    for cell in ("lstm", "gru"):
        assert (rows[f"{cell}_p50"] <= rows[f"{cell}_p99"]).all()
        assert (rows[f"{cell}_p99"] <= rows[f"{cell}_worst"]).all()
    assert rows.ratio.to_numpy() == pytest.approx(
        (rows.lstm_p50 / rows.gru_p50).to_numpy(), rel=1e-3
    )


def test_a_busy_machine_counts_and_stops_counting():
    def counting():
        return len(psutil.Process().children())

    before = counting()
    with latency.busy("busy"):
        assert counting() == before + os.cpu_count()
        assert all(child.is_running() for child in psutil.Process().children())
    assert counting() == before
    with latency.busy("alone"):
        assert counting() == before
