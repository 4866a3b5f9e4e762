"""The compiled path of LSTM and GRU: equal to the readable loop in every value and gradient, and no buffer shared."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numba import njit

from gatedrnn import GRU, LSTM, Recurrent
from gatedrnn.layers import compiled
from gatedrnn.layers import compiled as kernels
from gatedrnn.layers import recurrent as layer

SHAPES = [  # S, B, T, I, H: one of everything; a batch wider than one sum of weight gradients; lengths beside the sums
    (1, 1, 1, 1, 1),
    (3, 5, 7, 2, 4),
    (2, 1, 300, 3, 5),
    (2, 300, 3, 4, 2),
    (1, 33, 20, 5, 16),
]


def models(cell, S, I, H, dtype):
    """The same layer twice, compiled and readable, with parameters large enough to reach the ends of the gates."""
    fast, slow = (Recurrent(cell, I, H, seeds=S, dtype=dtype) for _ in range(2))
    with torch.no_grad():
        for p in fast.parameters():
            p.normal_()
    slow.load_state_dict(fast.state_dict())
    slow.fast = False
    return fast, slow


def everything(model, x, state, weights):
    """Output, last state and every gradient of a random function of both."""
    x, state = x.detach().requires_grad_(), [part.detach().requires_grad_() for part in state]
    output, last = model(x, tuple(state) if len(state) > 1 else state[0])
    last = last if isinstance(last, tuple) else (last,)
    value = sum((w * part).sum() for w, part in zip(weights, (output, *last), strict=True))
    return [output, *last, *torch.autograd.grad(value, [x, *state, *model.parameters()])]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_equals_the_readable_loop_in_every_value_and_gradient(cell, dtype, shape):
    S, B, T, I, H = shape
    fast, slow = models(cell, S, I, H, dtype)
    x, state = (
        torch.randn(S, B, T, I, dtype=dtype),
        [torch.randn(S, B, H, dtype=dtype) for _ in fast.cell.states],
    )
    weights = [torch.randn(S, B, T, H, dtype=dtype), *(torch.randn_like(part) for part in state)]
    for a, b in zip(
        everything(fast, x, state, weights), everything(slow, x, state, weights), strict=True
    ):
        scale = 1 + b.abs().max().item()
        torch.testing.assert_close(
            a, b, rtol=0, atol=scale * (1e-13 if dtype == torch.float64 else 3e-5)
        )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_an_input_shared_by_all_seeds_gets_the_sum_of_their_gradients(cell):
    fast, slow = models(cell, 3, 2, 4, torch.float64)
    x, gradients = torch.randn(5, 7, 2), []
    for model in (fast, slow):
        shared = x.clone().requires_grad_()
        model(shared)[0].square().sum().backward()
        gradients.append(shared.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-13)


@pytest.mark.parametrize("used", ["output", "state"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_loss_may_use_the_output_or_the_state_alone(cell, used):
    fast, slow = models(cell, 2, 3, 4, torch.float64)
    x, gradients = torch.randn(2, 5, 6, 3), []
    for model in (fast, slow):
        output, state = model(x)
        part = (
            output[:, :, 2:4]
            if used == "output"
            else state[-1]
            if isinstance(state, tuple)
            else state
        )
        gradients.append(torch.autograd.grad(part.square().sum(), list(model.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_two_live_graphs_share_no_buffer(cell):
    """The second call, forward and backward, must leave the first graph as it was."""
    model, (x, y) = models(cell, 2, 3, 4, torch.float64)[0], torch.randn(2, 2, 5, 6, 3)
    parameters = list(model.parameters())
    alone = torch.autograd.grad(model(x)[0].square().sum(), parameters)
    first = model(x)[0]
    kept = first.detach().clone()
    model(y)[0].square().sum().backward()
    torch.testing.assert_close(first, kept, rtol=0, atol=0)
    again = torch.autograd.grad(first.square().sum(), parameters, retain_graph=True)
    twice = torch.autograd.grad(
        first.square().sum(), parameters
    )  # nor does a backward pass spoil what it reads
    for a, b, c in zip(alone, again, twice, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        torch.testing.assert_close(a, c, rtol=0, atol=0)


def test_a_changed_output_cannot_spoil_the_gradient_unseen():
    model = models("gru", 2, 3, 4, torch.float64)[0]
    with pytest.raises(RuntimeError, match="modified in"):
        model(torch.randn(2, 5, 6, 3))[0].mul_(2).sum().backward()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_asked_for_a_second_derivative_it_says_what_to_do(cell):
    fast, slow = models(cell, 1, 2, 3, torch.float64)
    x = torch.randn(1, 2, 4, 2, requires_grad=True)
    for loss in (
        lambda y: y.square().sum(),
        lambda y: y.sum(),
    ):  # of the second, autograd itself would say nothing
        with pytest.raises(
            RuntimeError, match=r"cannot be differentiated twice: set layer.fast = False"
        ):
            torch.autograd.grad(loss(fast(x)[0]), x, create_graph=True)
    (first,) = torch.autograd.grad(slow(x)[0].square().sum(), x, create_graph=True)
    first.square().sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_exponential_is_exact_to_rounding_over_its_whole_range(dtype):
    curve = njit(lambda x: [(compiled._exp(v), compiled._sigmoid(v), compiled._tanh(v)) for v in x])
    limit, eps = (700, 2.3e-16) if dtype is np.float64 else (85, 1.2e-7)
    x = np.concatenate([np.linspace(-limit, limit, 20_001), np.linspace(-2, 2, 20_001)]).astype(
        dtype
    )
    found, wide = np.array(curve(x), dtype=np.float64).T, x.astype(np.float64)
    assert np.abs(found[0] / np.exp(wide) - 1).max() < 3 * eps
    assert np.abs(found[1] - 1 / (1 + np.exp(-wide))).max() < 2 * eps
    assert np.abs(found[2] - np.tanh(wide)).max() < 3 * eps


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_beyond_the_range_gates_are_shut_or_open_and_nan_stays_nan(dtype):
    gates = njit(lambda x: [(compiled._sigmoid(v), compiled._tanh(v)) for v in x])
    low, high, nan = gates(np.array([-1e30, 1e30, np.nan], dtype=dtype))
    assert low == pytest.approx((0, -1), abs=1e-30)
    assert high == (1, 1)
    assert math.isnan(nan[0])
    assert math.isnan(nan[1])


def test_a_diverged_seed_shows_its_nan_and_leaves_the_others_alone():
    model, x = models("lstm", 3, 2, 4, torch.float64)[0], torch.randn(3, 5, 6, 2)
    before = model(x)[0]
    with torch.no_grad():
        model.U[1] = float("nan")
    after = model(x)[0]
    assert after[1].isnan().any()
    torch.testing.assert_close(after[[0, 2]], before[[0, 2]], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("function", "old", "new"),
    [
        ("_lstm_forward", "f[j] * before[j]", "i[j] * before[j]"),
        ("_lstm_forward", "i[j] * g[j]", "o[j] * g[j]"),
        ("_lstm_backward", "before[j] * f[j]", "g[j] * f[j]"),
        ("_lstm_backward", "dcs[j] = q * f[j]", "dcs[j] = q"),
        ("_lstm_backward", "if slot == 0", "if slot == B"),
        ("_lstm_backward", "many_d[:] = 0", "pass"),
        ("_gru_forward", "r[j] * q[j]", "q[j]"),
        (
            "_gru_forward",
            "x[j] + u[j] * (before[j] - x[j])",
            "before[j] + u[j] * (x[j] - before[j])",
        ),
        ("_gru_backward", "dq[j] = dn[j] * r[j]", "dq[j] = dn[j]"),
        ("_gru_backward", "dhs[j] = e * u[j]", "dhs[j] = e"),
        ("_gru_backward", "dx[s, t] += extra", "pass"),
    ],
)
def test_a_changed_line_is_noticed(function, old, new, monkeypatch):
    """The test of equality above sees these: run as plain Python, so nothing has to be compiled anew."""
    source = Path(compiled.__file__).read_text()
    body = re.search(rf"^def {function}\(.*?(?=^\S)", source, re.MULTILINE | re.DOTALL)[0]
    assert body.count(old) >= 1, f"the mutation no longer applies: {old!r}"
    sigmoid, tanh = (lambda v: 1 / (1 + np.exp(-v))), np.tanh
    scope = {
        "np": np,
        "_sigmoid": sigmoid,
        "_tanh": tanh,
        "COLUMNS": 4,
    }  # few, so that sums begin within the five steps
    cell = "lstm" if "lstm" in function else "gru"
    for text, wrong in ((body, False), (body.replace(old, new), True)):
        exec(text, scope)
        monkeypatch.setattr(kernels, function, scope[function])
        torch.manual_seed(1)
        fast, slow = models(cell, 2, 2, 3, torch.float64)
        x, state = torch.randn(2, 2, 5, 2), [torch.randn(2, 2, 3) for _ in fast.cell.states]
        weights = [torch.randn(2, 2, 5, 3), *state]
        pairs = zip(
            everything(fast, x, state, weights), everything(slow, x, state, weights), strict=True
        )
        assert (max((a - b).abs().max().item() for a, b in pairs) > 1e-3) is wrong


def test_which_layers_are_compiled():
    x = torch.randn(2, 3, 4)
    assert GRU(4, 5)._is_compiled(x)
    assert LSTM(4, 5, dtype=torch.float32)._is_compiled(x.float())
    assert not Recurrent("cifg", 4, 5)._is_compiled(x)
    assert not GRU(4, 5, dtype=torch.float16)._is_compiled(x.half())
    readable = GRU(4, 5)
    readable.fast = False
    assert not readable._is_compiled(x)


def test_without_numba_the_layers_run_their_loop(monkeypatch):
    model, x = GRU(2, 3), torch.randn(4, 5, 2)
    compiled = model(x)[0]
    monkeypatch.setattr(layer, "kernels", None)
    torch.testing.assert_close(model(x)[0], compiled, rtol=0, atol=1e-14)
    code = "import sys; sys.modules['numba'] = None\nimport torch, gatedrnn\n"
    code += "print(gatedrnn.LSTM(2, 3)(torch.randn(1, 4, 2))[0].shape, 'gatedrnn.kernels' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "torch.Size([1, 4, 3]) False"


def test_the_products_run_on_one_thread():
    from threadpoolctl import threadpool_info

    assert {
        pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"
    } == {1}
