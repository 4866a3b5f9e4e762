"""The study of the ladder: its cells, their sizes, and the lag at which a gradient is gone."""

import pandas as pd
import torch

from gatedrnn import cost, reproducible
from gatedrnn.cells import CELLS
from gatedrnn.studies.memory import ladder
from gatedrnn.training.train import build


class Nothing:
    """A store without rows."""

    def rows(self):
        return pd.DataFrame()


def test_cells_have_equal_parameters_and_a_start_only_where_a_gate_keeps():
    calls = ladder.tuning(Nothing())
    sizes = []
    for call in calls:
        made = ladder.config(call)
        sizes.append(cost.parameters(made.cell, made.task.input_size, made.hidden_size))
        if not CELLS[call["cell"]].keeps:
            assert call["bias"] == "default"
    assert max(sizes) / min(sizes) < 1.08
    assert {call["cell"] for call in calls} == {*ladder.UNGATED, *ladder.GATED}


def test_reach_is_the_first_lag_without_a_gradient(monkeypatch):
    monkeypatch.setattr(ladder, "LOOKED_AT", 30)
    reproducible()
    call = {"phase": "final", "task": "adding", "cell": "rnn", "bias": "default"}
    model = build(ladder.config(call | {"learning_rate": 0.01, "seeds": [0, 1]}))
    model.recurrent.U.data[1] = 0  # nothing is kept
    lags = ladder.reach(model)
    assert lags[1] == 1
    assert 1 < lags[0] <= 30
    monkeypatch.setattr(ladder, "GONE", 0.0)
    with torch.no_grad():
        model.recurrent.U.copy_(torch.eye(model.recurrent.hidden_size).expand(2, -1, -1))
    assert ladder.reach(model) == [30, 30]
