"""The study of long range: what is trained, and when a task counts as solved."""

import json

import numpy as np
import pytest

from gatedrnn import results
from gatedrnn.studies.memory import long_range


def test_solved_at_is_the_first_evaluation_below_one_percent():
    rows = results.read("long_range")
    for row in rows[rows.task.isin(["adding", "recall"])].itertuples():
        floor = 1 / 6 if row.task == "adding" else np.log(8)
        below = [step for step, _, held_out, _ in json.loads(row.curve) if held_out <= 0.01 * floor]
        assert row.solved_at == (below[0] if below else -1)
        assert row.quality == pytest.approx(100 * (1 - row.test_error / floor), abs=1e-3)


def test_bias_and_width_reach_the_training():
    calls = {
        (c["task"], c["length"], c["cell"], c["matched"], c["bias"]): c
        for c in long_range.reach(None)
    }
    two = long_range.config(calls["adding", 200, "gru", "parameters", "two"])
    assert (two.bias, two.hidden_size) == (2.0, 37)
    chrono = long_range.config(calls["pixels", 298, "lstm", "reference", "chrono"])
    assert (chrono.bias, chrono.length, chrono.task.tail, chrono.until) == (
        "chrono",
        298,
        200,
        None,
    )
