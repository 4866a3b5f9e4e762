"""Initialisations: what they set, and that each seed's draw is its own."""

import math

import pytest
import torch
from torch.nn.utils import prune

from gatedrnn import Recurrent
from gatedrnn.cells import CELLS
from gatedrnn.layers import initialise

inputs = 3
H = 400


def chrono_of_50(layer, generators):
    initialise.chrono(layer, 50, generators)


@pytest.mark.parametrize("init", [initialise.uniform, initialise.orthogonal, chrono_of_50])
def test_a_seed_starts_the_same_alone_and_in_company(init):
    together, alone = Recurrent("lstm", inputs, 5, seeds=3), Recurrent("lstm", inputs, 5)
    for layer in (together, alone):
        for p in layer.parameters():
            p.data.zero_()
    init(together, initialise.per_seed([7, 8, 9]))
    init(alone, initialise.per_seed([8]))
    for name, p in alone.named_parameters():
        assert torch.equal(p[0], together.get_parameter(name)[1])
    assert not torch.equal(together.b[0], together.b[1]) or init is initialise.orthogonal
    assert not torch.equal(together.W[0], together.W[1]) or together.W.abs().sum() == 0


def test_uniform_has_torchs_bounds():
    layer = Recurrent("gru", inputs, H)
    for p in layer.parameters():
        assert 0.99 * H**-0.5 < p.abs().max() <= H**-0.5 or p.numel() < 1000
        assert abs(p.mean().item()) < 3 * H**-0.5 / math.sqrt(3 * p.numel())


def test_orthogonal_blocks():
    layer = Recurrent("lstm", inputs, 20, seeds=2)
    initialise.orthogonal(layer)
    for block in layer.U.detach().reshape(-1, 20, 20):
        torch.testing.assert_close(block @ block.T, torch.eye(20), rtol=0, atol=1e-12)
    assert not layer.b.any()
    assert layer.W.abs().min() > 0


def test_orthogonal_is_not_keras_start():
    """Keras draws one matrix for all G gates, we draw a block for each.

    Theirs is ``(H, G*H)`` with orthonormal rows, our U transposed: the columns are orthonormal.
    Ours has orthogonal blocks, so its columns have the length sqrt(G).
    """
    H = 20
    G = 4
    layer = Recurrent("lstm", inputs, H)
    initialise.orthogonal(layer)
    ours = layer.U.detach()[0]  # (G*H, H), like keras
    keras = torch.nn.init.orthogonal_(torch.empty(H, G * H)).mT

    def products(U):
        return torch.stack([block @ block.mT for block in U.split(H)])

    torch.testing.assert_close(keras.mT @ keras, torch.eye(H), rtol=0, atol=1e-12)
    torch.testing.assert_close(ours.mT @ ours, G * torch.eye(H), rtol=0, atol=1e-12)
    torch.testing.assert_close(products(ours), torch.eye(H).expand(G, H, H), rtol=0, atol=1e-12)
    far = (products(keras) - torch.eye(H)).abs().amax((1, 2))
    assert far.min() > 0.5  # no block of theirs is orthogonal
    assert keras.abs().max() < ours.abs().max()


@pytest.mark.parametrize("name", [n for n, cell in CELLS.items() if cell.keeps and n != "no_input"])
def test_a_large_retention_bias_keeps_the_old_state(name):
    layer = Recurrent(name, inputs, 20)
    initialise.retention_bias(layer, 30.0)
    with torch.no_grad():
        if (
            "i" in layer.cell.gates
        ):  # what is kept and what is written are two gates here: close the second
            k = layer.cell.gates.index("i")
            layer.b.unflatten(1, (-1, 20))[:, k] = -30.0
        state = tuple(torch.rand(1, 2, 20) for _ in layer.cell.states)
        last = layer(torch.randn(2, 10, inputs), state if len(state) > 1 else state[0])[1]
    kept = last[1] if isinstance(last, tuple) else last
    torch.testing.assert_close(kept, state[-1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [n for n, cell in CELLS.items() if not cell.keeps])
def test_a_cell_without_a_keeping_gate_is_left_alone(name):
    layer = Recurrent(name, inputs, 5)
    before = layer.b.clone()
    initialise.retention_bias(layer, 3.0)
    initialise.chrono(layer, 50)
    assert torch.equal(layer.b, before)


@pytest.mark.parametrize(
    ("name", "gate", "sign"), [("lstm", "f", 1), ("gru", "z", 1), ("mgu", "f", -1)]
)
def test_chrono_spreads_the_time_constants(name, gate, sign):
    layer = Recurrent(name, inputs, H, seeds=2)
    initialise.chrono(layer, 100)
    rows = layer.b.detach().unflatten(1, (-1, H))
    bias = sign * rows[:, layer.cell.gates.index(gate)]
    tau = 1 / (
        1 - bias.sigmoid()
    )  # time constant of a gate at its bias: 1 + exp(b), uniform on (2, 100)
    assert tau.min() >= 2
    assert tau.max() <= 100
    assert abs(tau.mean().item() - 51) < 5
    if name == "lstm":
        assert torch.equal(rows[:, 0], -rows[:, 1])


def test_half_life_bias():
    for steps in (1, 10, 100):
        assert math.isclose(
            torch.tensor(initialise.half_life_bias(steps)).sigmoid().item() ** steps, 0.5
        )


def test_bad_arguments_are_named():
    layer = Recurrent("lstm", inputs, 5, seeds=3)
    with pytest.raises(ValueError, match="2 generators for 3 models"):
        initialise.uniform(layer, initialise.per_seed([1, 2]))
    with pytest.raises(ValueError, match="at least 3 steps, not 2"):
        initialise.chrono(layer, 2)


def test_a_bias_that_is_computed_is_not_set_in_vain():
    layer = Recurrent("lstm", inputs, 5)
    prune.identity(layer, "b")
    with pytest.raises(AttributeError, match="`b` is not an nn.Parameter"):
        initialise.retention_bias(layer)
