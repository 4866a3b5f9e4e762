"""The compiled path of LSTM and GRU: equal to the readable loop, and no buffer shared."""

import io
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numba import njit
from torch.autograd import forward_ad

import gatedrnn
from gatedrnn import GRU, LSTM, Recurrent
from gatedrnn.cells import CELLS
from gatedrnn.layers import compiled, recurrent

# S, B, T, I, H: one of everything; a batch wider than one sum of weight gradients; lengths beside
# the sums
SHAPES = [
    (1, 1, 1, 1, 1),
    (3, 5, 7, 2, 4),
    (2, 1, 300, 3, 5),
    (2, 300, 3, 4, 2),
    (1, 33, 20, 5, 16),
]


def models(cell, S, inputs, H, dtype):
    """The same layer, compiled and readable, its weights large enough to reach the gates' ends."""
    fast, slow = (Recurrent(cell, inputs, H, seeds=S, dtype=dtype) for _ in range(2))
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
    S, B, T, inputs, H = shape
    fast, slow = models(cell, S, inputs, H, dtype)
    x, state = (
        torch.randn(S, B, T, inputs, dtype=dtype),
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


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_a_caller_does_to_the_output_spoils_no_gradient(cell):
    fast, slow = models(cell, 2, 3, 4, torch.float64)
    x = torch.randn(2, 5, 6, 3)
    gradients = []
    for model in (fast, slow):
        output, state = model(x)
        shown = output.detach().numpy()
        shown -= shown.mean()  # past the eyes of autograd
        last = state[0] if cell == "lstm" else state
        gradients.append(torch.autograd.grad(last.square().sum(), list(model.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_the_output_can_be_changed_in_place():
    fast, slow = models("gru", 2, 3, 4, torch.float64)
    x = torch.randn(2, 5, 6, 3)
    gradients = []
    for model in (fast, slow):
        output = model(x)[0].mul_(2)
        output[:, :, -1] = 0
        gradients.append(torch.autograd.grad(output.square().sum(), list(model.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_a_stored_output_holds_nothing_else():
    model = LSTM(100, 4)
    output = model(torch.randn(8, 50, 100))[0].detach()
    file = io.BytesIO()
    torch.save(output, file)
    assert len(file.getvalue()) < 2 * output.numel() * output.element_size()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_asked_for_a_second_derivative_it_says_what_to_do(cell):
    fast, slow = models(cell, 1, 2, 3, torch.float64)
    x = torch.randn(1, 2, 4, 2, requires_grad=True)
    output = fast(x)[0]
    # Of a sum alone, whose second derivative is a constant, autograd itself would say nothing.
    for loss in (output.square().sum(), output.sum()):
        with pytest.raises(RuntimeError, match=r"differentiated twice: set layer.fast = False"):
            torch.autograd.grad(loss, x, create_graph=True, retain_graph=True)
    (first,) = torch.autograd.grad(slow(x)[0].square().sum(), x, create_graph=True)
    first.square().sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_exponential_is_exact_to_rounding_over_its_whole_range(dtype):
    @njit
    def curve(x):
        return [(compiled._exp(v), compiled._sigmoid(v), compiled._tanh(v)) for v in x]

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
    @njit
    def gates(x):
        return [(compiled._sigmoid(v), compiled._tanh(v)) for v in x]

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
        ("_lstm_backward", "d_c * before[j]", "d_c * g[j]"),
        ("_lstm_backward", "dc_now[j] = d_c * f[j]", "dc_now[j] = d_c"),
        ("_lstm_backward", "if slot == 0", "if slot == B"),
        ("_lstm_backward", "many_d[:] = 0", "pass"),
        ("_gru_forward", "r[j] * recurrent[j]", "recurrent[j]"),
        (
            "_gru_forward",
            "candidate[j] + z[j] * (before[j] - candidate[j])",
            "before[j] + z[j] * (candidate[j] - before[j])",
        ),
        (
            "_gru_backward",
            "d_recurrent[j] = d_candidate[j] * r[j]",
            "d_recurrent[j] = d_candidate[j]",
        ),
        ("_gru_backward", "dh_now[j] = d_h * z[j]", "dh_now[j] = d_h"),
        ("_gru_backward", "dx[s, t] += dx_input_part", "pass"),
    ],
)
def test_a_changed_line_is_noticed(function, old, new, monkeypatch):
    """The test of equality sees these: run as plain Python, so nothing is compiled anew."""
    source = Path(compiled.__file__).read_text()
    body = re.search(rf"^def {function}\(.*?(?=^\S)", source, re.MULTILINE | re.DOTALL)[0]
    assert body.count(old) >= 1, f"the mutation no longer applies: {old!r}"

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    # Few columns, so that sums begin within the five steps
    scope = {"np": np, "_sigmoid": sigmoid, "_tanh": np.tanh, "COLUMNS": 4}
    cell = "lstm" if "lstm" in function else "gru"
    for text, wrong in ((body, False), (body.replace(old, new), True)):
        exec(text, scope)
        monkeypatch.setattr(compiled, function, scope[function])
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


def test_a_cell_with_another_step_is_not_compiled():
    layer = GRU(4, 5)
    layer.cell = replace(layer.cell, step=CELLS["gru_before"].step)
    assert not layer._is_compiled(torch.randn(2, 3, 4))


def test_without_the_compiled_module_the_layers_run_their_loop(monkeypatch):
    model = GRU(2, 3)
    x = torch.randn(4, 5, 2)
    output = model(x)[0]
    monkeypatch.setattr(recurrent, "compiled", None)
    torch.testing.assert_close(model(x)[0], output, rtol=0, atol=1e-14)


USE = """
import torch, gatedrnn
for layer in (gatedrnn.LSTM(2, 3), gatedrnn.GRU(2, 3)):
    output = layer(torch.ones(1, 4, 2))[0]
    output.sum().backward()
    assert output.isfinite().all()
"""
IS_MISSING = "from gatedrnn.layers import recurrent; print(recurrent.compiled is None)"


def python(code, **variables):
    """Run code in a process of its own; what it prints, and its warnings."""
    environment = os.environ | variables
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip(), run.stderr


def test_without_numba_the_layers_run_their_loop():
    out, _ = python(f"import sys; sys.modules['numba'] = None{USE}{IS_MISSING}")
    assert out == "True"


def test_with_numba_switched_off_the_layers_run_their_loop():
    out, _ = python(USE + IS_MISSING, NUMBA_DISABLE_JIT="1")
    assert out == "True"


@pytest.fixture
def installation(tmp_path):
    """A copy of the package, and the variables under which numba can keep files beside it only."""
    copy = tmp_path / "gatedrnn"
    source = Path(gatedrnn.__file__).parent
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME"), "/dev/null")
    return copy, nowhere | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tmp_path)}


def test_without_a_folder_to_write_to_the_layers_run_their_loop(installation):
    copy, variables = installation
    (copy / "layers" / "__pycache__").write_text("stands for a folder that cannot be written")
    out, warned = python(USE + IS_MISSING, **variables)
    assert out == "True"
    assert "numba finds no folder for its cache" in warned


def test_with_a_broken_cache_the_layers_run_their_loop(installation):
    copy, variables = installation
    cache = copy / "layers" / "__pycache__"
    cache.mkdir()
    compiled.compile_all()  # so that there are files whose names the broken ones can take
    kept = list((Path(compiled.__file__).parent / "__pycache__").glob("compiled.*.nbi"))
    assert kept
    for file in kept:
        (cache / file.name).write_bytes(b"")
    _, warned = python(USE, **variables)
    assert "the compiled lstm cannot be loaded" in warned
    assert "the compiled gru cannot be loaded" in warned


def vectorized_over_samples(layer, x):
    def one_sample(row):
        return layer(row[None])[0]

    return torch.func.vmap(one_sample)(x)


def jacobian_of_the_input(layer, x):
    return torch.func.jacrev(lambda x: layer(x)[0])(x)


def gradient_of_the_weights(layer, x):
    def loss(weights):
        return torch.func.functional_call(layer, weights, (x,))[0].sum()

    return torch.func.grad(loss)(dict(layer.named_parameters()))["U"]


def forward_mode(layer, x):
    return torch.func.jvp(lambda x: layer(x)[0], (x,), (x,))[1]


def exported(layer, x):
    return torch.export.export(layer, (x,)).module()(x)[0]


def traced(layer, x):
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(layer, (x,), check_trace=False), file)
    return torch.jit.load(io.BytesIO(file.getvalue()))(x)[0]


TRANSFORMS = [
    vectorized_over_samples,
    jacobian_of_the_input,
    gradient_of_the_weights,
    forward_mode,
    exported,
    traced,
]


@pytest.mark.filterwarnings("ignore")  # torch's own: of tracing, which it no longer recommends
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_transformed_layer_takes_the_readable_loop(cell, transform):
    fast, slow = models(cell, None, 3, 4, torch.float64)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(transform(fast, x), transform(slow, x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_cannot_be_compiled_says_what_to_do(cell):
    layer = Recurrent(cell, 3, 4)
    x = torch.randn(2, 5, 3)

    def output(x):
        return layer(x)[0]

    with pytest.raises(RuntimeError, match=r"walk back in a batch: set layer.fast = False"):
        torch.autograd.functional.jacobian(output, x, vectorize=True)
    with (
        forward_ad.dual_level(),
        pytest.raises(RuntimeError, match=r"no forward-mode derivative: set layer.fast = False"),
    ):
        output(forward_ad.make_dual(x, x))


def test_the_products_run_on_one_thread():
    from threadpoolctl import threadpool_info

    assert {
        pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"
    } == {1}
