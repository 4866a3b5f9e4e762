"""The model of the tasks: the readout of every step, its seeds and its start."""

import pytest
import torch
from torch import nn

from gatedrnn.layers.initialise import per_seed
from gatedrnn.layers.sequence_model import SequenceModel

S = 3
B = 4
T = 6
inputs = 2
H = 5
outputs = 7


@pytest.mark.parametrize("seeds", [None, 1, S])
def test_the_prediction_is_a_linear_layer_of_every_step(seeds):
    model = SequenceModel("gru", inputs, H, outputs, seeds=seeds)
    x = torch.randn(B, T, inputs)
    prediction, state = model(x)
    hidden, last = model.recurrent(x)
    assert prediction.shape == ((seeds, B, T, outputs) if seeds else (B, T, outputs))
    torch.testing.assert_close(state, last, rtol=0, atol=0)
    for s in range(seeds or 1):
        shown = (prediction[s], hidden[s]) if seeds else (prediction, hidden)
        expected = nn.functional.linear(shown[1], model.V[s], model.a[s])
        torch.testing.assert_close(shown[0], expected, rtol=0, atol=1e-13)


def test_a_state_goes_on():
    model = SequenceModel("lstm", inputs, H, outputs, seeds=S)
    x = torch.randn(S, B, T, inputs)
    first, state = model(x[:, :, :2])
    second, _ = model(x[:, :, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 2), model(x)[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("seeds", [None, S])
def test_factors_meet_the_readout_alone(seeds):
    model = SequenceModel("gru", inputs, H, outputs, seeds=seeds)
    x = torch.randn(B, T, inputs)
    factors = torch.rand(seeds or 1, B, T, H)
    prediction, state = model(x, factors=factors)
    hidden, last = model.recurrent(x)
    torch.testing.assert_close(state, last, rtol=0, atol=0)
    for s in range(seeds or 1):
        shown = hidden[s] if seeds else hidden
        expected = nn.functional.linear(shown * factors[s], model.V[s], model.a[s])
        found = prediction[s] if seeds else prediction
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_the_readout_starts_as_that_of_torch():
    model = SequenceModel("gru", inputs, 400, 50)
    for p in (model.V, model.a):
        assert 0.9 / 20 < p.abs().max() <= 1 / 20
        assert abs(p.mean()) < 0.02


def test_a_seed_starts_the_same_alone_and_in_company():
    together = SequenceModel("gru", inputs, H, outputs, seeds=S)
    alone = SequenceModel("gru", inputs, H, outputs)
    together.initialise_readout(per_seed([7, 8, 9]))
    alone.initialise_readout(per_seed([8]))
    assert torch.equal(alone.V[0], together.V[1])
    assert torch.equal(alone.a[0], together.a[1])


def test_seeds_are_named():
    with pytest.raises(TypeError, match="positional argument"):
        SequenceModel("gru", inputs, H, outputs, S)
