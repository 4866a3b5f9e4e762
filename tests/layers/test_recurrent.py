"""The layers: equal to torch's, to each other where theory says so, different where it says so."""

import inspect
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from gatedrnn import GRU, LSTM, RNN, Recurrent, cells
from gatedrnn.cells import CELLS, get_cell

S = 3
B = 4
T = 6
inputs = 3
H = 5
TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def randomise(module):
    """Large random parameters: zeros or small numbers would hide a swapped gate."""
    with torch.no_grad():
        for p in module.parameters():
            p.normal_()
    return module


def pair(name):
    """Our layer and torch's with the same parameters."""
    ours, theirs = randomise(Recurrent(name, inputs, H)), TORCH[name](inputs, H, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.W[0])
        theirs.weight_hh_l0.copy_(ours.U[0])
        theirs.bias_ih_l0.copy_(ours.b[0])
        theirs.bias_hh_l0.zero_()
        if name == "gru":
            theirs.bias_hh_l0[2 * H :] = ours.b_hn[0]
    return ours, theirs


def start(name):
    state = tuple(torch.randn(1, B, H).tanh() for _ in CELLS[name].states)
    return state if len(state) > 1 else state[0]


def flat(state):
    return list(state) if isinstance(state, tuple) else [state]


def disagreement(name, ours, theirs):
    """The largest difference in output, state and every gradient, from a random state and loss."""
    x, state = torch.randn(B, T, inputs, requires_grad=True), start(name)
    weights = torch.randn(B, T, H)
    found = []
    for layer in (ours, theirs):
        output, last = layer(x, state)
        value = (output * weights).sum() + sum((part**2).sum() for part in flat(last))
        gradients = torch.autograd.grad(value, [x, *layer.parameters()])
        found.append((output, flat(last), gradients))
    (out_a, last_a, grad_a), (out_b, last_b, grad_b) = found
    grad_x_a, W, U, b, *b_hn = grad_a
    grad_x_b, W2, U2, b2, b_hh = grad_b
    pairs = [
        (out_a, out_b),
        *zip(last_a, last_b, strict=True),
        (grad_x_a, grad_x_b),
        (W[0], W2),
        (U[0], U2),
        (b[0], b2),
    ]
    if b_hn:
        pairs.append((b_hn[0][0], b_hh[2 * H :]))
    return max((a - b).abs().max().item() for a, b in pairs)


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("fast", [True, False])
def test_equals_torch_in_output_state_and_every_gradient(name, fast):
    ours, theirs = pair(name)
    ours.fast = fast
    assert disagreement(name, ours, theirs) < 1e-12


@pytest.mark.parametrize(
    ("name", "swap"),
    [(n, s) for n in ("lstm", "gru") for s in combinations(range(len(CELLS[n].gates)), 2)],
)
def test_a_swapped_pair_of_gates_is_noticed(name, swap):
    ours, theirs = pair(name)
    order = list(range(len(CELLS[name].gates)))
    order[swap[0]], order[swap[1]] = order[swap[1]], order[swap[0]]
    with torch.no_grad():
        for p in (ours.W, ours.U, ours.b):
            p.copy_(p.unflatten(1, (len(order), H))[:, order].flatten(1, 2))
    assert disagreement(name, ours, theirs) > 0.01


def mutate_gru(old, new):
    """The GRU step with one piece of its source replaced."""
    source = inspect.getsource(cells.gru)
    assert old in source, f"the mutation no longer applies: {old!r}"
    scope = dict(vars(cells))
    exec(f"from __future__ import annotations\n{source.replace(old, new)}", scope)
    return scope["gru"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("n.lerp(h, z)", "n + z * h"),  # (1 - z) dropped
        ("n.lerp(h, z)", "h.lerp(n, z)"),  # z updates instead of keeping
        ("x_n.addcmul(r, h_n", "x_n.addcmul(z, h_n"),  # the wrong gate resets
        ("x_n.addcmul(r, h_n + _each", "(x_n + h_n + _each"),  # reset dropped
        ("x_n.addcmul(r, h_n + _each", "(x_n.addcmul(r, h_n) + _each"),  # b_hn merged
    ],
)
def test_a_changed_gru_equation_is_noticed(old, new):
    ours, theirs = pair("gru")
    ours.cell, ours.fast = replace(ours.cell, step=mutate_gru(old, new)), False
    assert disagreement_of_outputs(ours, theirs) > 0.01


def disagreement_of_outputs(ours, theirs):
    x, state = torch.randn(B, T, inputs), start("gru")
    return (ours(x, state)[0] - theirs(x, state)[0]).abs().max().item()


def test_reset_before_is_another_cell_than_torchs():
    ours, theirs = pair("gru")
    with torch.no_grad():
        ours.b_hn.zero_()
        theirs.bias_hh_l0.zero_()
    before = Recurrent("gru_before", inputs, H)
    before.load_state_dict({k: v for k, v in ours.state_dict().items() if k != "b_hn"})
    assert disagreement_of_outputs(ours, theirs) < 1e-12
    assert disagreement_of_outputs(before, theirs) > 0.01


def test_a_doubled_bias_is_noticed():
    ours, theirs = pair("lstm")
    with torch.no_grad():
        theirs.bias_hh_l0.copy_(theirs.bias_ih_l0)
    assert disagreement("lstm", ours, theirs) > 0.01


@pytest.mark.parametrize("name", CELLS)
def test_seeds_together_equal_each_alone(name):
    together = randomise(Recurrent(name, inputs, H, seeds=S))
    x = torch.randn(S, B, T, inputs)
    output, last = together(x)
    assert output.shape == (S, B, T, H)
    for s in range(S):
        alone = Recurrent(name, inputs, H)
        alone.load_state_dict({k: v[s : s + 1] for k, v in together.state_dict().items()})
        output_s, last_s = alone(x[s])
        torch.testing.assert_close(output_s, output[s], rtol=0, atol=1e-13)
        for a, b in zip(flat(last_s), flat(last), strict=True):
            torch.testing.assert_close(a, b[s : s + 1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_input_shared_by_all_seeds(name, dtype):
    layer, x = (
        randomise(Recurrent(name, inputs, H, seeds=S, dtype=dtype)),
        torch.randn(B, T, inputs, dtype=dtype),
    )
    shared, repeated = layer(x)[0], layer(x.expand(S, B, T, inputs))[0]
    torch.testing.assert_close(shared, repeated, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", CELLS)
def test_chunks_equal_the_whole_at_every_split(name, dtype):
    layer, x = (
        randomise(Recurrent(name, inputs, H, seeds=S, dtype=dtype)),
        torch.randn(S, B, T, inputs, dtype=dtype),
    )
    whole, last = layer(x)
    tolerance = 1e-13 if dtype == torch.float64 else 2e-6
    for split in range(1, T):
        first, state = layer(x[:, :, :split])
        second, state = layer(x[:, :, split:], state)
        torch.testing.assert_close(torch.cat([first, second], 2), whole, rtol=0, atol=tolerance)
        for a, b in zip(flat(state), flat(last), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", CELLS)
def test_a_sample_alone_equals_the_sample_in_its_batch(name):
    layer, x = randomise(Recurrent(name, inputs, H)), torch.randn(B, T, inputs)
    changed = x.clone()
    changed[0] += 1.0
    before, after = layer(x)[0], layer(changed)[0]
    torch.testing.assert_close(after[1:], before[1:], rtol=0, atol=0)
    assert (after[0] - before[0]).abs().max() > 1e-3


@pytest.mark.parametrize("name", CELLS)
def test_trace_changes_nothing_and_shows_every_gate(name):
    layer, x = randomise(Recurrent(name, inputs, H, seeds=S)), torch.randn(S, B, T, inputs)
    output, last, gates = layer(x, trace=True)
    torch.testing.assert_close(output, layer(x)[0], rtol=0, atol=1e-14)
    cell = get_cell(name)
    assert set(gates) == {*cell.gates, *cell.states} - {"h"}
    assert all(g.shape == (S, B, T, H) for g in gates.values())
    if "c" in gates:  # the traced parts are the ones that made the output
        shown = gates["c"] if name == "no_output_tanh" else gates["c"].tanh()
        torch.testing.assert_close(gates.get("o", 1.0) * shown, output, rtol=0, atol=1e-14)
        torch.testing.assert_close(gates["c"][:, :, -1], last[1], rtol=0, atol=0)
    single = Recurrent(name, inputs, H)(x[0], trace=True)[2]
    assert all(g.shape == (B, T, H) for g in single.values())


@pytest.mark.parametrize("name", CELLS)
def test_gradients_by_finite_differences(name):
    layer = randomise(Recurrent(name, 2, 3))
    x = torch.randn(2, 3, 2, requires_grad=True)
    names = [n for n, _ in layer.named_parameters()]

    def call(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))[0]

    assert torch.autograd.gradcheck(
        call, (x, *(p.detach().requires_grad_() for p in layer.parameters()))
    )


@pytest.mark.parametrize("name", CELLS)
def test_every_parameter_acts(name):
    layer = randomise(Recurrent(name, inputs, H))
    layer(torch.randn(B, T, inputs))[0].sum().backward()
    for key, p in layer.named_parameters():
        assert (p.grad != 0).all(), f"{key} has entries without effect"


@pytest.mark.parametrize(
    "name", [n for n, cell in CELLS.items() if cell.states == ("h",) and n != "rnn_relu"]
)
def test_a_cell_without_c_stays_within_one(name):
    layer = randomise(Recurrent(name, inputs, H))
    with torch.no_grad():
        output, _ = layer(100 * torch.randn(B, 200, inputs))
    assert output.abs().max() <= 1.0


def tied(name, other, blocks, drop=(), biases=()):
    """Two layers with tied blocks: those of ``other`` are ``sign`` times blocks of ``name``."""
    a, b = randomise(Recurrent(name, inputs, H)), Recurrent(other, inputs, H)
    gates = CELLS[name].gates
    with torch.no_grad():
        for key in ("W", "U", "b"):
            rows = a.get_parameter(key).unflatten(1, (len(gates), H))
            b.get_parameter(key).copy_(
                torch.cat([s * rows[:, gates.index(g)] for g, s in blocks], dim=1)
            )
        for gate, value in biases:  # a gate held fully open
            k = CELLS[other].gates.index(gate)
            for key in ("W", "U"):
                b.get_parameter(key).unflatten(1, (-1, H))[:, k] = 0
            b.b.unflatten(1, (-1, H))[:, k] = value
        for vector in CELLS[other].vectors:
            b.get_parameter(vector).zero_()
    x = torch.randn(B, T, inputs)
    return (a(x)[0] - b(x)[0]).abs().max().item()


def test_cifg_is_an_lstm_whose_input_gate_is_one_minus_forget():
    assert tied("cifg", "lstm", [("f", -1), ("f", 1), ("g", 1), ("o", 1)]) < 1e-13


def test_no_input_and_no_output_are_lstms_with_that_gate_open():
    assert (
        tied("no_input", "lstm", [("f", 1), ("f", 1), ("g", 1), ("o", 1)], biases=[("i", 50.0)])
        < 1e-13
    )
    assert (
        tied("no_output", "lstm", [("i", 1), ("f", 1), ("g", 1), ("g", 1)], biases=[("o", 50.0)])
        < 1e-13
    )


def test_cifg_no_output_is_a_cifg_whose_output_gate_is_open():
    assert (
        tied("cifg_no_output", "cifg", [("f", 1), ("g", 1), ("g", 1)], biases=[("o", 50.0)]) < 1e-13
    )


def test_no_forget_is_an_lstm_with_the_forget_gate_open():
    assert (
        tied("no_forget", "lstm", [("i", 1), ("i", 1), ("g", 1), ("o", 1)], biases=[("f", 50.0)])
        < 1e-13
    )


def test_peephole_with_zero_peepholes_is_the_lstm():
    assert tied("lstm", "peephole", [(g, 1) for g in "ifgo"]) < 1e-13


def test_mgu_is_a_reset_before_gru_with_its_gates_tied():
    assert tied("mgu", "gru_before", [("f", 1), ("f", -1), ("n", 1)]) < 1e-13


@pytest.mark.parametrize("other", ["gru", "gru_before"])
def test_without_reset_both_grus_are_one_cell(other):
    assert tied("gru_noreset", other, [("z", 1), ("z", 1), ("n", 1)], biases=[("r", 50.0)]) < 1e-13


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Recurrent("lstn", inputs, H),
            "no cell named 'lstn'; the cells are rnn, lstm, gru",
        ),
        (lambda: LSTM(0, H), "input_size must be a whole number of at least 1, not 0"),
        (lambda: LSTM(inputs, 2.5), "hidden_size must be a whole number"),
        (lambda: LSTM(inputs, H, seeds=0), "seeds must be a whole number of at least 1, not 0"),
        (
            lambda: LSTM(inputs, H)(torch.randn(T, inputs)),
            r"input must be \(B, T, I\), not of shape \(6, 3\)",
        ),
        (lambda: LSTM(inputs, H)(torch.randn(S, B, T, inputs)), r"input must be \(B, T, I\)"),
        (
            lambda: LSTM(inputs, H)(torch.randn(B, T, inputs + 1)),
            "4 features, the layer has input_size=3",
        ),
        (
            lambda: LSTM(inputs, H, seeds=S)(torch.randn(S + 1, B, T, inputs)),
            "4 on its seed axis, the layer has seeds=3",
        ),
        (
            lambda: LSTM(inputs, H)(torch.randn(0, T, inputs)),
            "is empty: the batch and the length must be at least 1",
        ),
        (
            lambda: LSTM(inputs, H)(torch.randn(B, 0, inputs)),
            "is empty: the batch and the length must be at least 1",
        ),
        (
            lambda: LSTM(inputs, H)(torch.randn(B, T, inputs, dtype=torch.float32)),
            "input is torch.float32, the layer is torch.float64",
        ),
        (
            lambda: LSTM(inputs, H)(torch.randn(B, T, inputs), torch.zeros(1, B, H)),
            r"state of lstm must be \(h, c\)",
        ),
        (
            lambda: GRU(inputs, H)(torch.randn(B, T, inputs), torch.zeros(B, H)),
            r"each of shape \(1, 4, 5\); given: \[\(4, 5\)\]",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


PACKED = nn.utils.rnn.pack_sequence([torch.ones(3, inputs), torch.ones(2, inputs)])
BAD_KINDS = [
    ("gru", PACKED, None, "input is a PackedSequence; use pad_packed_sequence"),
    ("gru", np.ones((B, T, inputs)), None, "must be a tensor, not ndarray; use torch.as_tensor"),
    ("lstm", None, [torch.zeros(1, B, H)] * 2, r"\(h, c\), .* tuple of tensors; given: a list"),
    ("gru", None, np.zeros((1, B, H)), "a tensor or a tuple of tensors; given: a ndarray"),
    ("gru", None, (np.zeros((1, B, H)),), r"a tuple of tensors; given: \['ndarray'\]"),
    ("gru", None, torch.zeros(1, B, H, dtype=torch.float32), "state is torch.float32"),
    ("gru", None, torch.zeros(1, B, H, dtype=torch.int64), "state is torch.int64"),
    ("gru", None, torch.zeros(1, B, H, dtype=torch.bool), r"use h.to\(layer.W.dtype\)"),
    ("gru", None, torch.zeros(1, B, H, dtype=torch.complex128), "the layer is torch.float64"),
]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(("cell", "x", "state", "message"), BAD_KINDS)
def test_another_kind_of_input_or_state_is_named(fast, cell, x, state, message):
    layer = Recurrent(cell, inputs, H)
    layer.fast = fast
    if x is None:
        x = torch.randn(B, T, inputs)
    with pytest.raises(ValueError, match=message):
        layer(x, state)


@pytest.mark.parametrize("layer", [RNN, LSTM, GRU])
def test_a_third_place_is_not_taken_for_seeds(layer):
    """In torch it is ``num_layers``."""
    with pytest.raises(TypeError, match="positional argument"):
        layer(inputs, H, 2)


@pytest.mark.parametrize("name", CELLS)
def test_one_seed_keeps_its_axis(name):
    layer = Recurrent(name, inputs, H, seeds=1)
    x = torch.randn(B, T, inputs)
    output, state, gates = layer(x, trace=True)
    assert layer(x)[0].shape == output.shape == (1, B, T, H)
    assert all(part.shape == (1, B, H) for part in flat(state))
    assert all(gate.shape == (1, B, T, H) for gate in gates.values())


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("trace", [True, False])
def test_weights_that_are_computed_are_read(name, trace):
    pruned = randomise(Recurrent(name, inputs, H))
    plain = Recurrent(name, inputs, H)
    prune.l1_unstructured(pruned, "U", 0.5)
    weights = {key: value.detach().clone() for key, value in pruned.weights().items()}
    assert (weights["U"] == 0).any()
    plain.load_state_dict(weights)
    x = torch.randn(B, T, inputs)
    expected = plain(x, trace=trace)[0]
    torch.testing.assert_close(pruned(x, trace=trace)[0], expected, rtol=0, atol=1e-13)
    parametrizations.weight_norm(plain, "W")
    torch.testing.assert_close(plain(x, trace=trace)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_a_replica_computes_the_same(name):
    """What ``nn.DataParallel`` makes of a layer: tensors where the parameters were."""
    layer = randomise(Recurrent(name, inputs, H))
    replica = layer._replicate_for_data_parallel()
    for key, value in layer.named_parameters():
        setattr(replica, key, value.clone())
    x = torch.randn(B, T, inputs)
    torch.testing.assert_close(replica(x)[0], layer(x)[0], rtol=0, atol=0)


def test_the_short_names_are_the_registry_cells():
    assert [layer(inputs, H).cell.name for layer in (RNN, LSTM, GRU)] == ["rnn", "lstm", "gru"]
