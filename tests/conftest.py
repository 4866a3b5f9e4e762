"""Every test starts from the same settings."""

import pytest
import torch

from gatedrnn import results, stats


@pytest.fixture(autouse=True)
def _settings():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in place of ``results/``, for made-up rows, and fewer resamples."""
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(stats, "RESAMPLES", 200)
    monkeypatch.setattr(stats, "FLIPS", 16)
    return tmp_path
