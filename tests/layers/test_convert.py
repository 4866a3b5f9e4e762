"""Weights moved between libraries give the same numbers in the libraries themselves.

The references are torch, Keras and ONNX Runtime, run on weights in their own layout. Weights and
states are uniform on (-1, 1), so a wrong block shows; no two of T, B, I and H are equal, so a wrong
axis shows.

References that compute in float32 are compared to 1e-5: ONNX Runtime has these operators in float32
only, and Keras rounds the matrix products of SimpleRNN and of the reset-before GRU to float32 on
torch, whatever the dtype (keras-team/keras#23704). All others run in float64 and are compared to
1e-12.
"""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, weight_norm

from gatedrnn import Recurrent
from gatedrnn.layers import convert

T = 6
B = 4
inputs = 3
H = 5
DTYPE = {"torch": torch.float64, "Keras": torch.float64, "ONNX": torch.float32}
ROUNDED = {("Keras", "rnn"), ("Keras", "gru_before")}
FAR = 0.01  # a real mistake moves the result by more than this
KIND = {"gru_before": "gru", "peephole": "lstm"}
MODULE = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PAIRS = [(library, cell) for library, cells in convert.ORDERS.items() for cell in cells]
SWAPS = [
    (library, cell, swap)
    for library, cell in PAIRS
    for swap in itertools.combinations(range(len(convert.ORDERS[library][cell])), 2)
]
TOLERANCE = {
    (library, cell): 1e-5 if library == "ONNX" or (library, cell) in ROUNDED else 1e-12
    for library, cell in PAIRS
}
BLOCKS = {"rnn": 1, "lstm": 4, "peephole": 4, "gru": 3, "gru_before": 3}


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Keras on torch, with its own settings, not those of ~/.keras; imported only where needed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras
    assert keras.config.backend() == "torch"
    return keras


@pytest.fixture
def run(request):
    """``run(library, cell, weights, x, state) -> [output, *states]``, by the library alone."""

    def run(library, cell, weights, x, state):
        if library == "Keras":
            return run_keras(request.getfixturevalue("keras"), cell, weights, x, state)
        return {"torch": run_torch, "ONNX": run_onnx}[library](cell, weights, x, state)

    return run


def uniform(*shape, dtype=torch.float64):
    return torch.empty(shape, dtype=dtype).uniform_(-1, 1)


def arrays(*shapes, dtype=torch.float64):
    return [uniform(*shape, dtype=dtype).numpy() for shape in shapes]


def random_layer(cell, dtype=torch.float64, seeds=None):
    layer = Recurrent(cell, inputs, H, seeds=seeds, dtype=dtype)
    for p in layer.parameters():
        p.data.uniform_(-1, 1)
    return layer


def data(cell, dtype):
    states = 2 if cell in ("lstm", "peephole") else 1
    return uniform(B, T, inputs, dtype=dtype), tuple(
        uniform(1, B, H, dtype=dtype) for _ in range(states)
    )


def random_weights(library, cell):
    """Weights in the library's layout, written without the code under test."""
    if library == "torch":
        module = MODULE[cell](inputs, H, batch_first=True)
        for p in module.parameters():
            p.data.uniform_(-1, 1)
        return module
    rows = BLOCKS[cell] * H
    if library == "Keras":
        return arrays((inputs, rows), (H, rows), (2, rows) if cell == "gru" else (rows,))
    names = ["W", "R", "B"] + ["P"] * (cell == "peephole")
    shapes = [(1, rows, inputs), (1, rows, H), (1, 2 * rows), (1, 3 * H)]
    node = dict(zip(names, arrays(*shapes[: len(names)], dtype=torch.float32), strict=True))
    return node | ({"linear_before_reset": int(cell == "gru")} if "gru" in cell else {})


def load(library, cell, weights):
    """Our layer from the library's weights."""
    if library == "torch":
        return convert.from_torch(weights)
    if library == "Keras":
        return convert.from_keras(KIND.get(cell, cell), weights, reset_after=cell != "gru_before")
    return convert.from_onnx(KIND.get(cell, cell), **weights)


def save(library, layer):
    return {"torch": convert.to_torch, "Keras": convert.to_keras, "ONNX": convert.to_onnx}[library](
        layer
    )


def run_ours(layer, x, state):
    output, state = layer(x, state)
    return [
        a.detach().numpy() for a in (output, *(state if isinstance(state, tuple) else (state,)))
    ]


def run_torch(cell, module, x, state):
    output, state = module(x, state if len(state) > 1 else state[0])
    return [
        a.detach().numpy() for a in (output, *(state if isinstance(state, tuple) else (state,)))
    ]


def run_keras(keras, cell, weights, x, state):
    layers = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    after = {"gru": {"reset_after": True}, "gru_before": {"reset_after": False}}.get(cell, {})
    layer = layers[KIND.get(cell, cell)](
        H,
        return_sequences=True,
        return_state=True,
        dtype="float64",
        use_bias=len(weights) == 3,
        **after,
    )
    layer.build(x.shape)
    layer.set_weights(weights)
    output, *states = layer(x, initial_state=[part[0] for part in state])
    return [a.numpy(force=True) for a in (output, *(part[None] for part in states))]


def run_onnx(cell, node, x, state):
    """A graph of one node. The operators are time first, and have an axis of directions."""
    import onnx
    import onnxruntime
    from onnx import helper

    make = helper.make_tensor_value_info
    arrays = {name: value for name, value in node.items() if name != "linear_before_reset"}
    fed = {"X": x.transpose(0, 1).numpy()} | {
        f"{s}0": part.numpy() for s, part in zip("hc", state, strict=False)
    }
    given = arrays.keys() | fed.keys()
    names = [name if name in given else "" for name in ("X", "W", "R", "B", "", "h0", "c0", "P")]
    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(state)]
    after = {key: node[key] for key in node.keys() & {"linear_before_reset"}}
    operator = KIND.get(cell, cell).upper()
    graph = helper.make_graph(
        [
            helper.make_node(
                operator,
                names if operator == "LSTM" else names[:6],
                outputs,
                hidden_size=H,
                **after,
            )
        ],
        "one node",
        [make(name, onnx.TensorProto.FLOAT, value.shape) for name, value in fed.items()],
        [
            make(name, onnx.TensorProto.FLOAT, [None] * (4 if name == "Y" else 3))
            for name in outputs
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    # Fixed versions: a newer onnx would write what the installed ONNX Runtime need not know.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    output, *states = session.run(None, fed)
    return [output[:, 0].swapaxes(0, 1), *states]


def distance(ours, theirs):
    """The largest difference over output and states, whose shapes must agree."""
    assert (
        [a.shape for a in ours]
        == [a.shape for a in theirs]
        == [(B, T, H)] + [(1, B, H)] * (len(ours) - 1)
    )
    return max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))


def same_parameters(a, b):
    ours, theirs = dict(a.named_parameters()), dict(b.named_parameters())
    assert a.cell is b.cell
    assert ours.keys() == theirs.keys()
    for name, p in ours.items():
        assert p.dtype == theirs[name].dtype, name
        assert torch.equal(p, theirs[name]), name


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_a_layer_from_the_library_computes_what_the_library_computes(run, library, cell):
    weights, (x, state) = random_weights(library, cell), data(cell, DTYPE[library])
    layer = load(library, cell, weights)
    assert layer.cell.name == cell
    assert layer.W.dtype == DTYPE[library]
    assert (
        distance(run_ours(layer, x, state), run(library, cell, weights, x, state))
        < TOLERANCE[library, cell]
    )


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_the_library_computes_what_a_layer_written_for_it_computes(run, library, cell):
    layer, (x, state) = random_layer(cell, DTYPE[library]), data(cell, DTYPE[library])
    theirs = run(library, cell, save(library, layer), x, state)
    assert distance(run_ours(layer, x, state), theirs) < TOLERANCE[library, cell]


@pytest.mark.parametrize(("library", "cell", "swap"), SWAPS)
def test_any_two_swapped_blocks_are_noticed(run, monkeypatch, library, cell, swap):
    layer, (x, state) = random_layer(cell, DTYPE[library]), data(cell, DTYPE[library])
    weights = random_weights(library, cell)
    order = list(convert.ORDERS[library][cell])
    order[swap[0]], order[swap[1]] = order[swap[1]], order[swap[0]]
    monkeypatch.setitem(convert.ORDERS[library], cell, "".join(order))
    loaded = distance(
        run_ours(load(library, cell, weights), x, state), run(library, cell, weights, x, state)
    )
    saved = distance(run_ours(layer, x, state), run(library, cell, save(library, layer), x, state))
    assert min(loaded, saved) > FAR


@pytest.mark.parametrize(
    "order", [p for p in itertools.permutations(convert.PEEPHOLES) if p != convert.PEEPHOLES]
)
def test_any_other_order_of_the_peepholes_is_noticed(run, monkeypatch, order):
    layer, (x, state) = random_layer("peephole", torch.float32), data("peephole", torch.float32)
    monkeypatch.setattr(convert, "PEEPHOLES", order)
    theirs = run("ONNX", "peephole", convert.to_onnx(layer), x, state)
    assert distance(run_ours(layer, x, state), theirs) > FAR


def test_the_other_place_of_the_reset_is_noticed(run):
    x, state = data("gru", torch.float32)
    node = random_weights("ONNX", "gru")
    wrong = convert.from_onnx("gru", **node | {"linear_before_reset": 0})
    assert distance(run_ours(wrong, x, state), run("ONNX", "gru", node, x, state)) > FAR


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", MODULE)
def test_every_gradient_is_that_of_torch(kind, bias):
    module = MODULE[kind](inputs, H, batch_first=True, bias=bias)
    for p in module.parameters():
        p.data.uniform_(-1, 1)
    layer, (x, state) = convert.from_torch(module), data(kind, torch.float64)
    weights, results = uniform(B, T, H), []
    for run in (layer, module):
        leaves = [a.clone().requires_grad_() for a in (x, *state)]
        output, last = run(leaves[0], tuple(leaves[1:]) if len(state) > 1 else leaves[1])
        last = last if isinstance(last, tuple) else (last,)
        ((output * weights).sum() + sum((part**2).sum() for part in last)).backward()
        results.append([output, *last, *(a.grad for a in leaves)])
    ours = {name: p.grad[0] for name, p in layer.named_parameters()}
    pairs = list(zip(*results, strict=True)) + [
        (ours["W"], module.weight_ih_l0.grad),
        (ours["U"], module.weight_hh_l0.grad),
    ]
    if bias:
        hidden = torch.cat([ours["b"][: 2 * H], ours["b_hn"]]) if kind == "gru" else ours["b"]
        pairs += [(ours["b"], module.bias_ih_l0.grad), (hidden, module.bias_hh_l0.grad)]
    for a, b in pairs:
        assert b.abs().max() > FAR
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_there_and_back_gives_the_same_bits(library, cell, dtype):
    layer = random_layer(cell, dtype)
    same_parameters(layer, load(library, cell, save(library, layer)))


@pytest.mark.parametrize(("library", "cell"), [pair for pair in PAIRS if pair[0] != "torch"])
def test_back_and_there_gives_the_same_bits_but_for_merged_biases(library, cell):
    weights = random_weights(library, cell)
    back = save(library, load(library, cell, weights))
    if library == "Keras":
        weights, back = (
            dict(zip(("W", "R", "B"), arrays, strict=True)) for arrays in (weights, back)
        )
    assert weights.keys() == back.keys()
    for name, given in weights.items():
        if name == "B" and given.shape[-1] * given.shape[0] == 2 * BLOCKS[cell] * H:
            given, returned = (a.reshape(2, BLOCKS[cell], H).copy() for a in (given, back[name]))
            merged = BLOCKS[cell] - (
                cell == "gru"
            )  # the candidate of this GRU keeps its two biases
            given[0, :merged] += given[1, :merged]
            given[1, :merged] = 0
            np.testing.assert_array_equal(returned, given)
        else:
            np.testing.assert_array_equal(back[name], given)


@pytest.mark.parametrize(("library", "cell"), [pair for pair in PAIRS if pair[0] != "torch"])
def test_weights_without_biases(run, library, cell):
    weights, (x, state) = random_weights(library, cell), data(cell, DTYPE[library])
    weights = (
        weights[:2]
        if library == "Keras"
        else {name: a for name, a in weights.items() if name != "B"}
    )
    layer = load(library, cell, weights)
    assert not layer.b.any()
    assert (
        distance(run_ours(layer, x, state), run(library, cell, weights, x, state))
        < TOLERANCE[library, cell]
    )


@pytest.mark.parametrize("kind", MODULE)
def test_to_torch_puts_the_biases_on_the_input_side(kind):
    layer = random_layer(kind)
    module = convert.to_torch(layer)
    assert module.batch_first
    assert torch.equal(module.bias_ih_l0, layer.b[0])
    merged = len(layer.b[0]) - H * (kind == "gru")
    assert not module.bias_hh_l0[:merged].any()
    assert module.bias_hh_l0[merged:].all()


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_the_weights_are_copies(library, cell):
    layer = random_layer(cell)
    weights = save(library, layer)
    for p in load(library, cell, weights).parameters():
        assert p.requires_grad
        p.data.zero_()
    same_parameters(layer, load(library, cell, weights))
    if library == "torch":
        weights = {name: p.data for name, p in weights.named_parameters()}
    for array in weights if library == "Keras" else weights.values():
        if not isinstance(array, int):
            array[...] = 0
    assert all(p.all() for p in layer.parameters())


def test_arrays_in_any_memory_layout_are_read():
    node = random_weights("ONNX", "gru")
    expected = convert.from_onnx("gru", **node)
    node["W"] = np.asfortranarray(node["W"])
    node["R"] = node["R"][..., ::-1].copy()[..., ::-1]
    node["B"].flags.writeable = False  # as onnx.numpy_helper.to_array gives them
    same_parameters(expected, convert.from_onnx("gru", **node))


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_one_model_of_a_layer_with_seeds(library, cell):
    layer, x = random_layer(cell, seeds=3), uniform(B, T, inputs)
    with pytest.raises(
        ValueError, match=r"holds 3 models; choose one of them, as in convert\.single\(layer, 0\)"
    ):
        save(library, layer)
    chosen = convert.single(layer, 1)
    assert chosen.seeds is None
    torch.testing.assert_close(chosen(x)[0], layer(x)[0][1], rtol=0, atol=1e-12)
    same_parameters(chosen, load(library, cell, save(library, chosen)))
    with pytest.raises(IndexError):
        convert.single(layer, 3)
    for p in chosen.parameters():
        p.data.zero_()
    assert all(p.all() for p in layer.parameters())  # a copy


def test_the_global_generator_is_left_alone():
    layers = {cell: random_layer(cell) for _, cell in PAIRS}
    before = torch.random.get_rng_state()
    for library, cell in PAIRS:
        load(library, cell, save(library, layers[cell]))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("library", "cell", "known"),
    [
        ("torch", "cifg", "rnn, lstm, gru"),
        ("torch", "gru_before", "rnn, lstm, gru"),
        ("torch", "peephole", "rnn, lstm, gru"),
        ("Keras", "peephole", "rnn, lstm, gru, gru_before"),
        ("ONNX", "mgu", "rnn, lstm, peephole, gru, gru_before"),
    ],
)
def test_a_cell_that_the_library_lacks_is_refused(library, cell, known):
    with pytest.raises(
        ValueError,
        match=f"'{cell}' has no counterpart in {library}; the cells that have one: {known}$",
    ):
        save(library, random_layer(cell))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.LSTM(inputs, H, num_layers=2), "num_layers=2"),
        (nn.GRU(inputs, H, bidirectional=True), "bidirectional=True"),
        (nn.LSTM(inputs, H, proj_size=2), "proj_size=2"),
        (nn.RNN(inputs, H, nonlinearity="relu"), "nonlinearity='relu'"),
        (nn.LSTMCell(inputs, H), "expected nn.RNN, nn.LSTM or nn.GRU, not LSTMCell"),
    ],
)
def test_other_torch_modules_are_refused(module, message):
    with pytest.raises(ValueError, match=message):
        convert.from_torch(module)


class Doubled(nn.GRU):
    """A module with another forward pass."""

    def forward(self, x, state=None):
        return super().forward(2 * x, state)


def pruned(name):
    module = nn.LSTM(H, H, batch_first=True, bias=False)
    prune.l1_unstructured(module, name, 0.5)
    return module


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Doubled(inputs, H), "Doubled is a subclass of nn.GRU and may compute something"),
        (lambda: pruned("weight_hh_l0"), "weight_hh_l0_orig: its weights are computed from others"),
        (lambda: pruned("weight_ih_l0"), "weight_ih_l0_orig: its weights are computed from others"),
        (lambda: weight_norm(nn.LSTM(inputs, H), "weight_hh_l0"), "weight_hh_l0_g, .* computed"),
        (
            lambda: parametrizations.weight_norm(nn.LSTM(inputs, H), "weight_hh_l0"),
            "weights are parametrized; make them permanent first",
        ),
    ],
)
def test_torch_modules_that_compute_something_else_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        convert.from_torch(make())


def test_tied_biases_of_torch_are_read_twice():
    module = nn.LSTM(inputs, H, batch_first=True)
    module.bias_hh_l0 = module.bias_ih_l0
    x, state = data("lstm", torch.float64)
    ours = run_ours(convert.from_torch(module), x, state)
    assert distance(ours, run_torch("lstm", module, x, state)) < 1e-12


def test_a_pruned_module_made_permanent_is_read():
    module = pruned("weight_hh_l0")
    prune.remove(module, "weight_hh_l0")
    layer = convert.from_torch(module)
    assert torch.equal(layer.U[0], module.weight_hh_l0)
    assert (layer.U == 0).any()


@pytest.mark.parametrize("write", [convert.to_keras, convert.to_onnx])
def test_a_dtype_that_numpy_lacks_is_refused(write):
    layer = random_layer("lstm", torch.bfloat16)
    with pytest.raises(ValueError, match=r"counterpart of torch.bfloat16.*use layer.float\(\)"):
        write(layer)
    same_parameters(layer, convert.from_torch(convert.to_torch(layer)))


def test_tensors_and_parameters_are_read_as_arrays():
    weights = random_weights("Keras", "gru")
    parameters = [nn.Parameter(torch.from_numpy(array)) for array in weights]
    expected = convert.from_keras("gru", weights)
    same_parameters(expected, convert.from_keras("gru", parameters))
    halves = [parameter.bfloat16() for parameter in parameters]
    assert convert.from_keras("gru", halves).W.dtype == torch.bfloat16


def test_arrays_of_the_other_byte_order_are_read():
    node = random_weights("ONNX", "lstm")
    swapped = {name: array.astype(">f4") for name, array in node.items()}
    same_parameters(convert.from_onnx("lstm", **node), convert.from_onnx("lstm", **swapped))


def test_an_empty_name_is_an_input_left_out():
    node = random_weights("ONNX", "lstm")
    layer = convert.from_onnx("lstm", node["W"], node["R"], "", "")
    same_parameters(layer, convert.from_onnx("lstm", node["W"], node["R"]))
    with pytest.raises(ValueError, match="W and R of 'lstm' are needed; one of them is left out"):
        convert.from_onnx("lstm", node["W"], "")


def test_what_is_no_list_of_arrays_is_refused(keras):
    layer = keras.layers.LSTM(H)
    layer.build((B, T, inputs))
    for given in (layer, layer.get_weights):
        with pytest.raises(ValueError, match=r"must be a list of arrays, not .*get_weights\(\)"):
            convert.from_keras("lstm", given)
    for array in ("kernel", np.zeros(2, "datetime64[s]"), [[1.0], [2.0, 3.0]]):
        with pytest.raises(ValueError, match="^kernel .* cannot be read as numbers"):
            convert.from_keras("lstm", [array, np.zeros((H, 4 * H))])


@pytest.mark.parametrize("name", ["lstm", "mgu"])
def test_one_model_of_a_pruned_layer(name):
    layer = random_layer(name, seeds=3)
    prune.l1_unstructured(layer, "U", 0.5)
    assert torch.equal(convert.single(layer, 1).U[0], layer.U[1])


@pytest.mark.parametrize("kind", ["LSTM", "peephole", "gru_before", None])
def test_an_unknown_kind_is_refused(kind):
    for call in (lambda: convert.from_keras(kind, []), lambda: convert.from_onnx(kind, [], [])):
        with pytest.raises(ValueError, match=f"kind must be one of rnn, lstm, gru, not {kind!r}"):
            call()


@pytest.mark.parametrize(
    ("kind", "shapes", "message"),
    [
        (
            "lstm",
            [(inputs, 4 * H)],
            "expected the 2 or 3 arrays kernel, recurrent_kernel, bias of one layer, not 1",
        ),
        ("lstm", [(inputs, 4 * H)] * 6, "not 6 arrays"),
        (
            "lstm",
            [(inputs, 3 * H), (H, 4 * H)],
            r"kernel of 'lstm' has shape \(3, 15\); expected \(3, 20\): \(I, G\*H\)",
        ),
        (
            "lstm",
            [(4 * H, inputs), (4 * H, H)],
            r"kernel of 'lstm' has shape \(20, 3\); expected \(20, 20\): \(I, G\*H\)",
        ),
        (
            "rnn",
            [(inputs, H), (H, 2 * H)],
            r"recurrent_kernel of 'rnn' has shape \(5, 10\); expected \(5, 5\): \(H, G\*H\)",
        ),
        (
            "gru",
            [(inputs, 3 * H), (H, 3 * H), (3 * H,)],
            r"bias of 'gru' has shape \(15,\); expected \(2, 15\): \(2, G\*H\)",
        ),
        ("gru", [(), ()], r"kernel of 'gru' has shape \(\); expected \(0, 0\)"),
    ],
)
def test_keras_arrays_of_a_wrong_shape_are_refused(kind, shapes, message):
    with pytest.raises(ValueError, match=message):
        convert.from_keras(kind, arrays(*shapes))


def test_a_keras_bias_for_the_other_reset_is_refused():
    with pytest.raises(
        ValueError, match=r"bias of 'gru_before' has shape \(2, 15\); expected \(15,\): \(G\*H\)"
    ):
        convert.from_keras(
            "gru", arrays((inputs, 3 * H), (H, 3 * H), (2, 3 * H)), reset_after=False
        )


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "W",
            (2, 4 * H, inputs),
            r"W of 'peephole' has shape \(2, 20, 3\); expected \(1, 20, 3\): \(1, G\*H, I\)",
        ),
        ("W", (4 * H, inputs), r"W of 'peephole' has shape \(20, 3\); expected"),
        (
            "R",
            (1, H, 4 * H),
            r"R of 'peephole' has shape \(1, 5, 20\); expected \(1, 20, 5\): \(1, G\*H, H\)",
        ),
        (
            "B",
            (1, 4 * H),
            r"B of 'peephole' has shape \(1, 20\); expected \(1, 40\): \(1, 2\*G\*H\) with G=4",
        ),
        ("P", (1, 4 * H), r"P of 'peephole' has shape \(1, 20\); expected \(1, 15\): \(1, 3\*H\)"),
    ],
)
def test_onnx_arrays_of_a_wrong_shape_are_refused(name, shape, message):
    node = random_weights("ONNX", "peephole") | {name: arrays(shape, dtype=torch.float32)[0]}
    with pytest.raises(ValueError, match=message):
        convert.from_onnx("lstm", **node)


def test_peepholes_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="only an LSTM has peepholes; leave P out for kind='gru'"):
        convert.from_onnx("gru", **random_weights("ONNX", "gru"), P=np.ones((1, 3 * H), np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_arrays_that_are_mixed_or_not_floating_are_refused(dtype):
    W, R = (a.astype(dtype) for a in arrays((1, H, inputs), (1, H, H)))
    with pytest.raises(
        ValueError, match="one floating dtype, all the same; given: {'W': .*, 'R': .*}"
    ):
        convert.from_onnx("rnn", W, R if dtype == np.int64 else R.astype(np.float32))
