"""Weights to and from torch, Keras and ONNX.

A weight array does not say the order of its blocks, its orientation or its biases. The conventions are:

=========  =====================  ================================  ==========================================
library    blocks                 matrices                          biases
=========  =====================  ================================  ==========================================
ours       i f g o,  r z n        ``(S, G*H, I)``, ``(S, G*H, H)``  ``(S, G*H)``; the GRU also ``b_hn (S, H)``
torch      i f g o,  r z n        ``(G*H, I)``, ``(G*H, H)``        two of ``(G*H,)``
Keras      i f c o,  z r h        ``(I, G*H)``, ``(H, G*H)``        ``(G*H,)``; the GRU ``(2, 3H)``
ONNX       i o f c,  z r h        ``(1, G*H, I)``, ``(1, G*H, H)``  both in one ``(1, 2*G*H)``
=========  =====================  ================================  ==========================================

In all of them z keeps the old state. Of two biases only the sum acts, so ``from_`` adds them and ``to_`` writes ours on
the input side and zeros on the hidden side; only the candidate of the GRU that resets after the product needs both.
Weights are copied and keep their dtype, so ``from_`` undoes ``to_``; activations are tanh and the logistic sigmoid. A
kind, shape or cell that does not fit, or a layer of several models, is a ValueError that names it. Sources: the
documentation of torch, Keras 3 and ONNX (opset 22), all run in the tests.
"""

import numpy as np
import torch
from torch import nn

from gatedrnn.cells import get_cell
from gatedrnn.layers.recurrent import Recurrent

# The cells a library has, each with its blocks in that library's order, under our names (others write c or h for g, n).
ORDERS = {
    "torch": {"rnn": "n", "lstm": "ifgo", "gru": "rzn"},
    "Keras": {"rnn": "n", "lstm": "ifgo", "gru": "zrn", "gru_before": "zrn"},
    "ONNX": {"rnn": "n", "lstm": "iofg", "peephole": "iofg", "gru": "zrn", "gru_before": "zrn"},
}
PEEPHOLES = ("p_i", "p_o", "p_f")  # the blocks of P in ONNX
# The blocks of ``rows (G*H, ...)`` from one order of gates to another.
_permute = lambda rows, given, wanted: torch.cat(
    [rows.chunk(len(given))[given.index(gate)] for gate in wanted]
)
MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def from_torch(module):
    """Our layer from a plain ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``; it reads (B, T, I) whatever their batch_first."""
    kind = next((kind for kind, known in MODULES.items() if isinstance(module, known)), None)
    if kind is None:
        raise ValueError(f"expected nn.RNN, nn.LSTM or nn.GRU, not {type(module).__name__}")
    for name, plain in {
        "num_layers": 1,
        "bidirectional": False,
        "proj_size": 0,
        "nonlinearity": "tanh",
    }.items():
        if (given := getattr(module, name, plain)) != plain:
            raise ValueError(
                f"a module with {name}={given!r} cannot be converted; it must have {name}={plain!r}"
            )
    W, U, *biases = (p.detach() for p in module.parameters())
    return _import("torch", kind, W, U, biases)


def to_torch(layer):
    """An ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` with ``batch_first=True`` that computes what ``layer`` computes."""
    weights, kind = _export("torch", layer), MODULES[layer.cell.name]
    module = kind(
        layer.input_size, layer.hidden_size, batch_first=True, device="meta"
    )  # meta: as in _build
    module.load_state_dict(dict(zip(module.state_dict(), weights, strict=True)), assign=True)
    return module


def from_keras(kind, weights, reset_after=True):
    """Our layer from ``get_weights()`` of a Keras layer: kernel, recurrent kernel and, with ``use_bias``, bias.
    ``kind`` is "rnn", "lstm" or "gru"; a GRU without ``reset_after``, its bias ``(3H,)``, becomes our "gru_before".
    """
    cell = "gru_before" if kind == "gru" and not reset_after else kind
    forms = {
        "kernel": "I, G*H",
        "recurrent_kernel": "H, G*H",
        "bias": "2, G*H" if cell == "gru" else "G*H",
    }
    W, U, *biases = _read(kind, cell, forms, weights).values()
    return _import("Keras", cell, W.mT, U.mT, biases[0] if biases and cell == "gru" else biases)


def to_keras(layer):
    """The list that ``set_weights`` of a Keras layer takes: kernel, recurrent kernel, bias, as in ``from_keras``."""
    W, U, b, b_hidden = _export("Keras", layer)
    bias = torch.stack([b, b_hidden]) if layer.cell.name == "gru" else b
    return [array.numpy(force=True) for array in (W.mT, U.mT, bias)]


def from_onnx(kind, W, R, B=None, P=None, linear_before_reset=0):
    """Our layer from the inputs of a forward ONNX node, kind "rnn", "lstm" or "gru". Without B the biases are 0.
    An LSTM with P ``(1, 3*H)``, peepholes i, o, f, becomes our "peephole", a GRU that resets before "gru_before".
    """
    cell = (
        "peephole"
        if P is not None
        else "gru_before"
        if kind == "gru" and not linear_before_reset
        else kind
    )
    forms = {"W": "1, G*H, I", "R": "1, G*H, H", "B": "1, 2*G*H", "P": "1, 3*H"}
    arrays = _read(kind, cell, forms, (W, R, B, P))
    biases = () if B is None else arrays["B"][0].chunk(2)
    vectors = () if P is None else zip(PEEPHOLES, arrays["P"][0].chunk(3), strict=True)
    return _import("ONNX", cell, arrays["W"][0], arrays["R"][0], biases, vectors)


def to_onnx(layer):
    """The arrays of an ONNX node under the names of ``from_onnx``; also ``linear_before_reset`` for the GRUs."""
    W, U, *biases = _export("ONNX", layer)
    arrays = {"W": W, "R": U, "B": torch.cat(biases)}
    if layer.cell.name == "peephole":
        arrays["P"] = torch.cat([getattr(layer, name)[0] for name in PEEPHOLES])
    reset = (
        {"linear_before_reset": int(layer.cell.name == "gru")}
        if layer.cell.name in ("gru", "gru_before")
        else {}
    )
    return {name: array[None].numpy(force=True) for name, array in arrays.items()} | reset


def single(layer, index):
    """A copy of model ``index`` of a layer with seeds, as a layer without them."""
    return _build(
        layer.cell.name, {name: p.detach()[index] for name, p in layer.named_parameters()}
    )


def _build(cell, parameters):
    """A layer with copies of these parameters of one model, given without the axis S."""
    with torch.device("meta"):  # no memory, and no draw from the global generator
        layer = Recurrent(cell, parameters["W"].shape[1], parameters["U"].shape[1])
    layer.load_state_dict({name: p[None].clone() for name, p in parameters.items()}, assign=True)
    return layer


def _import(library, cell, W, U, biases, vectors=()):
    """Our layer from W (G*H, I), U (G*H, H) and up to two biases (G*H,), the hidden side's last, in their order."""
    arrays = (W, U, *biases, *W.new_zeros(2 - len(biases), len(W)))
    W, U, b, b_hidden = (
        _permute(array, ORDERS[library][cell], get_cell(cell).gates) for array in arrays
    )
    parameters = {"W": W, "U": U, "b": b, **dict(vectors)}
    if cell == "gru":  # the candidate, our last block, keeps its two biases apart
        b_hidden, parameters["b_hn"] = b_hidden.split([2 * U.shape[1], U.shape[1]])
    b[: len(b_hidden)] += b_hidden
    return _build(cell, parameters)


def _export(library, layer):
    """W (G*H, I), U (G*H, H) and the biases (G*H,) of both sides, in the library's order of gates."""
    cell, known = layer.cell.name, ORDERS[library]
    if cell not in known:
        raise ValueError(
            f"{cell!r} has no counterpart in {library}; the cells that have one: {', '.join(known)}"
        )
    if len(layer.b) > 1:
        raise ValueError(
            f"the layer holds {len(layer.b)} models; choose one of them, as in convert.single(layer, 0)"
        )
    W, U, b, b_hidden = (
        p.detach()[0] for p in (layer.W, layer.U, layer.b, torch.zeros_like(layer.b))
    )
    if cell == "gru":
        b_hidden[-layer.hidden_size :] = layer.b_hn.detach()[0]
    return [_permute(array, layer.cell.gates, known[cell]) for array in (W, U, b, b_hidden)]


def _read(kind, cell, forms, arrays):
    """Copies of the arrays as tensors, in these forms: I is in the first array, H the shorter side of the second."""
    if kind not in MODULES:
        raise ValueError(f"kind must be one of {', '.join(MODULES)}, not {kind!r}")
    if cell == "peephole" and kind != "lstm":
        raise ValueError(f"only an LSTM has peepholes; leave P out for kind={kind!r}")
    if not 2 <= len(arrays) <= len(forms):
        raise ValueError(
            f"expected the 2 or 3 arrays {', '.join(forms)} of one layer, not {len(arrays)} arrays"
        )
    present = [
        (name, array) for name, array in zip(forms, arrays, strict=False) if array is not None
    ]
    tensors = {name: torch.from_numpy(np.array(array, order="C")) for name, array in present}
    (first, W), (_, U), *_ = tensors.items()
    G, H = len(get_cell(cell).gates), min(U.shape[-2:], default=0)
    sizes = dict(zip(forms[first].split(", "), W.shape, strict=False))
    sizes = (
        {"I": 0} | sizes | {"1": 1, "2": 2, "H": H, "3*H": 3 * H, "G*H": G * H, "2*G*H": 2 * G * H}
    )
    for name, tensor in tensors.items():
        given, form = tuple(tensor.shape), forms[name]
        if given != (shape := tuple(sizes[size] for size in form.split(", "))):
            raise ValueError(
                f"{name} of {cell!r} has shape {given}; expected {shape}: ({form}) with {G=}, {H=}"
            )
    dtypes = {name: tensor.dtype for name, tensor in tensors.items()}
    if len(set(dtypes.values())) > 1 or not W.is_floating_point():
        raise ValueError(f"the arrays must have one floating dtype, all the same; given: {dtypes}")
    return tensors
