"""Inside a layer: against finite differences, multiplied Jacobians, gates set by hand, and one
model alone.
"""

import pytest
import torch

from gatedrnn import Recurrent
from gatedrnn.cells import CELLS
from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import gates

S, B, T, INPUTS, H = 2, 3, 5, 2, 4
KEEPING = [name for name, cell in CELLS.items() if cell.keeps]
P = torch.randn(
    H, generator=torch.Generator().manual_seed(1), dtype=torch.float64
)  # the projection in gradient_by_lag


def constant(cell, seeds=S, size=H, **biases):
    """A layer whose gates ignore input and state: only these biases, {gate: (H,) or number}, are
    not zero.
    """
    layer = Recurrent(cell, INPUTS, size, seeds=seeds)
    for p in layer.parameters():
        p.data.zero_()
    for gate, value in biases.items():
        layer.b.data.unflatten(1, (-1, size))[:, layer.cell.gates.index(gate)] = torch.as_tensor(
            value
        )
    return layer


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mgu"])
def test_gradient_by_lag_is_what_finite_differences_say(cell):
    layer, x, e = Recurrent(cell, INPUTS, H, seeds=S), torch.randn(B, T, INPUTS), 1e-5

    def loss(v):
        return (layer(v)[0][:, :, -1] @ P).sum(1).detach()  # (S,)

    slopes = torch.empty(S, B, T, INPUTS)
    for place in torch.cartesian_prod(*map(torch.arange, (B, T, INPUTS))).tolist():
        b, t, i = place
        step = torch.zeros_like(x)
        step[b, t, i] = e
        slopes[:, b, t, i] = (loss(x + step) - loss(x - step)) / (2 * e)
    by_time = slopes.square().sum((1, 3)).sqrt()  # (S, T)
    curves = gates.gradient_by_lag(layer, x)
    torch.testing.assert_close(curves, by_time.flip(1), rtol=1e-6, atol=1e-9)
    assert not torch.allclose(curves, by_time, rtol=0.01)  # lag 0 is the last step


def test_gradient_by_lag_is_the_product_of_the_jacobians():
    layer, x = Recurrent("rnn", INPUTS, H, seeds=S), torch.randn(1, T, INPUTS)
    h, curves = layer(x)[0][:, 0].detach(), gates.gradient_by_lag(layer, x).detach()  # (S, T, H)
    for s in range(S):
        g = P
        for lag in range(T):
            slope = g * (1 - h[s, T - 1 - lag] ** 2)  # dL / d(what is inside the tanh)
            torch.testing.assert_close(
                curves[s, lag], (slope @ layer.W[s]).norm().detach(), rtol=1e-12, atol=0
            )
            g = slope @ layer.U[s]


def test_gradient_by_lag_leaves_no_gradient_behind():
    layer = Recurrent("gru", INPUTS, H, seeds=S)
    gates.gradient_by_lag(layer, torch.randn(B, T, INPUTS))
    assert all(p.grad is None for p in layer.parameters())


@pytest.mark.parametrize(
    ("cell", "gate", "sign"), [("lstm", "f", 1), ("gru", "z", 1), ("mgu", "f", -1)]
)
def test_retention_of_gates_set_by_hand(cell, gate, sign):
    bias = torch.tensor([-1.0, 0.0, 1.0, 5.0])
    kept = gates.retention(constant(cell, **{gate: bias}), torch.randn(B, T, INPUTS))
    assert kept.shape == (S, H)
    torch.testing.assert_close(kept, (sign * bias).sigmoid().expand(S, H))
    torch.testing.assert_close(
        1 / (1 - kept), 1 + (sign * bias).exp().expand(S, H)
    )  # the time constant


@pytest.mark.parametrize("cell", KEEPING)
def test_a_retention_bias_is_a_time_constant_in_every_cell(cell):
    layer = constant(cell)
    initialise.retention_bias(layer, 2.0)
    kept = gates.retention(layer, torch.randn(B, T, INPUTS))
    torch.testing.assert_close(1 / (1 - kept), torch.full((S, H), 1 + torch.e**2))


def test_retention_is_the_mean_over_sequences_and_steps():
    layer = constant("lstm")
    layer.W.data[:, H : 2 * H, 0] = (
        100.0  # f is 1 where the first feature is 1, and 0 where it is -1
    )
    x = -torch.ones(B, T, INPUTS)
    x[0, 1:4, 0] = x[2, 0, 0] = 1.0  # 4 of 15
    torch.testing.assert_close(gates.retention(layer, x), torch.full((S, H), 4 / 15))


@pytest.mark.parametrize("cell", sorted(set(CELLS) - set(KEEPING)))
def test_no_keeping_gate_no_retention(cell):
    assert gates.retention(Recurrent(cell, INPUTS, H, seeds=S), torch.randn(B, T, INPUTS)) is None


@pytest.mark.parametrize("measure", [gates.retention, gates.plane])
def test_a_layer_without_seeds_is_one_model(measure):
    together, x = Recurrent("lstm", INPUTS, H, seeds=S), torch.randn(B, T, INPUTS)
    for s, wanted in enumerate(measure(together, x)):
        alone = Recurrent("lstm", INPUTS, H)
        for name, p in alone.named_parameters():
            p.data[0] = together.get_parameter(name).data[s]
        torch.testing.assert_close(measure(alone, x), wanted[None], rtol=1e-12, atol=0)


def test_plane_puts_a_unit_into_its_square():
    def logit(v):
        return torch.tensor(v).logit()

    layer = constant("lstm", size=2, f=logit([0.75, 0.05]), i=logit([0.15, 0.95]))
    plane = gates.plane(layer, torch.randn(B, T, INPUTS))
    wanted = torch.zeros(10, 10)
    wanted[7, 1] = wanted[0, 9] = 0.5  # f first, then i
    assert torch.equal(plane, wanted.expand(S, 10, 10))


def test_plane_sums_to_one_for_each_model_also_on_the_edge():
    layer = Recurrent("lstm", INPUTS, H, seeds=S)
    layer.W.data[1] *= 1000  # the second model's gates reach 0 and 1
    x = torch.randn(B, T, INPUTS)
    for bins in (3, 10):
        plane = gates.plane(layer, x, bins)
        assert plane.shape == (S, bins, bins)
        torch.testing.assert_close(plane.sum((1, 2)), torch.ones(S))
    assert plane[1, -1].sum() > 0.2
    assert plane[0, 3:7, 3:7].sum() > 0.7 > 0.3 > plane[1, 3:7, 3:7].sum()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_saliency_is_the_gradient_of_each_model_alone(cell):
    model, step, output = SequenceModel(cell, INPUTS, H, 3, seeds=S), 2, 1
    x = torch.randn(B, T, INPUTS)
    found = gates.saliency(model, x, step, output)
    assert found.shape == (S, B, step + 1)
    for s in range(S):
        single = SequenceModel(cell, INPUTS, H, 3)
        for name, p in single.named_parameters():
            p.data[0] = model.get_parameter(name).data[s]
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(single(leaf)[0][:, step, output].sum(), leaf)
        torch.testing.assert_close(
            found[s], gradient.norm(dim=-1)[:, : step + 1], rtol=1e-12, atol=1e-15
        )
        assert not gradient[:, step + 1 :].any()  # what comes later cannot matter
        assert gradient[:, : step + 1].norm(dim=-1).min() > 0


def test_saliency_does_not_see_later_inputs_nor_other_outputs():
    model, x = SequenceModel("gru", INPUTS, H, 3, seeds=S), torch.randn(B, T, INPUTS)
    found = gates.saliency(model, x, 2, 1)
    changed = x.clone()
    changed[:, 3:] += 1.0
    assert torch.equal(gates.saliency(model, changed, 2, 1), found)
    assert not torch.allclose(gates.saliency(model, x, 2, 0), found, rtol=0.01)
    changed[:, 1] += 1.0
    assert not torch.allclose(gates.saliency(model, changed, 2, 1), found, rtol=0.01)
