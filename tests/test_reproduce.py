"""The settings under which a number comes out the same again."""

import pytest
import torch

from gatedrnn import GRU, reproducible
from gatedrnn.reproduce import onednn


@pytest.fixture
def _settings_come_back():
    threads = torch.get_num_threads()
    dtype = torch.get_default_dtype()
    mode = torch.get_deterministic_debug_mode()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)
    torch.set_deterministic_debug_mode(mode)


@pytest.mark.usefixtures("_settings_come_back")
def test_it_sets_seed_threads_dtype_and_algorithms():
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float32)
    outputs = []
    for _ in range(2):
        reproducible(seed=3)
        outputs.append(GRU(2, 4)(torch.randn(1, 5, 2))[0])
    assert torch.equal(*outputs)
    assert outputs[0].dtype == torch.float64
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    reproducible(seed=4, dtype=torch.float32)
    assert GRU(2, 4).W.dtype == torch.float32
    assert torch.initial_seed() == 4


def fail_with_onednn(enabled):
    with onednn(enabled):
        assert torch.backends.mkldnn.enabled is enabled
        raise ZeroDivisionError


def test_onednn_comes_back_after_an_error():
    before = torch.backends.mkldnn.enabled
    with pytest.raises(ZeroDivisionError):
        fail_with_onednn(not before)
    assert torch.backends.mkldnn.enabled is before
