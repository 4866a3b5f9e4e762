"""Each probe is 0 for the right program and far from it for the wrong one."""

import pytest
import torch
from torch import nn

from gatedrnn import probes

B, T, I, H = 4, 7, 3, 5
X = torch.randn(B, T, I, dtype=torch.float64)
LENGTHS = [7, 3, 5, 1]


def packed(layer, x, lengths):
    pack = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return layer(pack)[1]


def test_samples_independent():
    right, wrong = nn.GRU(I, H, batch_first=True), nn.GRU(I, H)
    assert probes.samples_independent(lambda x: right(x)[0], X) == 0
    assert probes.samples_independent(lambda x: wrong(x)[0], X) > 1e-3
    assert probes.samples_independent(lambda x: wrong(x)[0], X.transpose(0, 1), batch_axis=1) == 0
    assert probes.samples_independent(lambda x: x.reshape(T, B, I).transpose(0, 1).cumsum(1), X) > 1e-3
    with pytest.raises(ValueError, match="one sample cannot disturb another"):
        probes.samples_independent(lambda x: x, X[:1])


def test_ignores_padding():
    layer, both = nn.GRU(I, H, batch_first=True), nn.GRU(I, H, batch_first=True, bidirectional=True)
    last = torch.tensor(LENGTHS) - 1
    assert probes.ignores_padding(lambda x: layer(x)[0][range(B), last], X, LENGTHS) == 0
    assert probes.ignores_padding(lambda x: layer(x)[0][:, -1], X, LENGTHS) > 1e-3
    assert probes.ignores_padding(lambda x: packed(both, x, LENGTHS), X, LENGTHS) == 0
    assert probes.ignores_padding(lambda x: both(x)[0][range(B), last], X, LENGTHS) > 1e-3


def test_causal():
    one, both = nn.GRU(I, H, batch_first=True), nn.GRU(I, H, batch_first=True, bidirectional=True)
    assert probes.causal(lambda x: one(x)[0], X, 4) == 0
    assert probes.causal(lambda x: both(x)[0], X, 4) > 1e-3
    assert probes.causal(lambda x: x - x.mean(1, keepdim=True), X, 4) > 1e-3  # a scaler fitted on the future


def test_repeats():
    layer = nn.GRU(I, H, batch_first=True)
    assert probes.repeats(lambda x: layer(x)[0], X) == 0
    assert probes.repeats(lambda x: layer(x, torch.randn(1, B, H))[0], X) > 1e-3
    assert probes.repeats(nn.Dropout(0.5), X) > 1e-3


@pytest.mark.parametrize("split", [1, 3, 6])
def test_chunked_equals_whole(split):
    layer = nn.LSTM(I, H, batch_first=True)
    assert probes.chunked_equals_whole(layer, X, split) < 1e-12
    assert probes.chunked_equals_whole(lambda x, state: layer(x), X, split) > 1e-3  # the state is dropped


def test_probes_leave_the_input_and_the_global_generator_alone():
    x, state = X.clone(), torch.random.get_rng_state()
    probes.samples_independent(lambda x: x, x)
    probes.ignores_padding(lambda x: x, x, LENGTHS)
    probes.causal(lambda x: x, x, 2)
    assert torch.equal(x, X)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_input_drawn_with_seed_0_is_changed_too():
    """Fresh noise of the same seed would be the input itself, and every probe would be 0."""
    x = torch.empty(B, T, I).normal_(generator=torch.Generator().manual_seed(0))
    assert probes.ignores_padding(lambda x: x, x, LENGTHS) >= 1
    assert probes.causal(lambda x: x.flip(1), x, 4) >= 1
    assert probes.samples_independent(lambda x: x.flip(0), x) >= 1
