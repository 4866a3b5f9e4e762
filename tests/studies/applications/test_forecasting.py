"""The study of traffic: errors and coverage of a model that is the median forecast."""

import json

import numpy as np
import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.data import loaders
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.studies.applications import forecasting
from gatedrnn.tasks.real.traffic import Traffic


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_forecast_errors_and_coverage_of_the_median():
    """A model that answers 0 is the median forecast."""
    task = Traffic(origin=10_000, span=2000)
    model = SequenceModel("gru", 7, 2, 1, seeds=1)
    for p in model.parameters():
        p.data.zero_()
    (row,) = forecasting.tested(model, task)
    assert row["mae"] == pytest.approx(row["median"], rel=1e-5)
    volume = loaders.traffic().traffic_volume.to_numpy()
    test, valid = (
        np.abs(volume - task.forecast)[slice(*task.rows(part))] for part in ("test", "valid")
    )
    assert row["mae"] == pytest.approx(np.nanmean(test), rel=1e-5)
    for level, covered, width in json.loads(row["coverage"]):
        wanted = np.nanquantile(valid, level)
        assert width == pytest.approx(wanted, abs=0.1)
        assert covered == pytest.approx(np.mean(test[~np.isnan(test)] <= wanted), abs=2e-3)
