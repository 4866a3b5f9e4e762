"""Weights to and from torch, Keras and ONNX.

A weight array says nothing about the order of its gate blocks, its orientation or its biases; each library has its own
convention. They are set out here:

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
Weights are copied and keep their dtype, so ``from_`` undoes ``to_`` exactly. Activations are tanh and the logistic
sigmoid. A ValueError names what does not fit: the kind, an array and its shape, a cell the other library lacks, a layer
that holds several models. Sources: the documentation of torch, Keras 3 and the ONNX operators (opset 22), all run in
the tests.
"""

import numpy as np
import torch
from torch import nn

from gatedrnn.cells import get_cell
from gatedrnn.layer import Recurrent

# The cells a library has, each with its blocks in that library's order, under our names (others write c or h for g, n).
ORDERS = {
    "torch": {"rnn": "n", "lstm": "ifgo", "gru": "rzn"},
    "Keras": {"rnn": "n", "lstm": "ifgo", "gru": "zrn", "gru_before": "zrn"},
    "ONNX": {"rnn": "n", "lstm": "iofg", "peephole": "iofg", "gru": "zrn", "gru_before": "zrn"},
}
PEEPHOLES = ("p_i", "p_o", "p_f")  # the blocks of P in ONNX
MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def from_torch(module):
    """Our layer from an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``; ours reads ``(B, T, I)`` whatever its ``batch_first``.

    More layers, two directions, projections and relu are refused.
    """
    kind = next((kind for kind, known in MODULES.items() if isinstance(module, known)), None)
    if kind is None:
        raise ValueError(f"expected nn.RNN, nn.LSTM or nn.GRU, not {type(module).__name__}")
    for name, plain in {"num_layers": 1, "bidirectional": False, "proj_size": 0, "nonlinearity": "tanh"}.items():
        if (given := getattr(module, name, plain)) != plain:
            raise ValueError(f"a module with {name}={given!r} cannot be converted; it must have {name}={plain!r}")
    biases = (module.bias_ih_l0.detach(), module.bias_hh_l0.detach()) if module.bias else ()
    return _import("torch", kind, module.weight_ih_l0.detach(), module.weight_hh_l0.detach(), biases)


def to_torch(layer):
    """An ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` with ``batch_first=True`` that computes what ``layer`` computes."""
    W, U, b, b_hidden = _export("torch", layer)
    with torch.device("meta"):  # no memory, and no draw from the global generator
        module = MODULES[layer.cell.name](layer.input_size, layer.hidden_size, batch_first=True)
    weights = {"weight_ih_l0": W, "weight_hh_l0": U, "bias_ih_l0": b, "bias_hh_l0": b_hidden}
    module.load_state_dict(weights, assign=True)
    return module


def from_keras(kind, weights, reset_after=True):
    """Our layer from ``get_weights()`` of a Keras ``SimpleRNN``, ``LSTM`` or ``GRU``.

    Args:
        kind: "rnn", "lstm" or "gru".
        weights: kernel ``(I, G*H)``, recurrent kernel ``(H, G*H)`` and, unless ``use_bias=False``, bias ``(G*H,)``;
            that of a GRU with ``reset_after=True`` is ``(2, 3H)``.
        reset_after: the GRU's argument of that name; True gives our "gru", False our "gru_before".
    """
    _check_kind(kind)
    cell = "gru_before" if kind == "gru" and not reset_after else kind
    bias = ("2", "G*H") if cell == "gru" else ("G*H",)
    forms = {"kernel": ("I", "G*H"), "recurrent_kernel": ("H", "G*H"), "bias": bias}
    if len(weights) not in (2, 3):
        raise ValueError(f"expected the 2 or 3 arrays {', '.join(forms)} of one layer, not {len(weights)} arrays")
    W, U, *biases = _tensors(cell, dict(zip(forms, weights, strict=False)), forms).values()
    if biases and cell == "gru":
        biases = biases[0]
    return _import("Keras", cell, W.mT, U.mT, biases)


def to_keras(layer):
    """The list that ``set_weights`` of a Keras layer takes: kernel, recurrent kernel, bias, as in ``from_keras``."""
    W, U, b, b_hidden = _export("Keras", layer)
    bias = torch.stack([b, b_hidden]) if layer.cell.name == "gru" else b
    return [array.numpy(force=True) for array in (W.mT, U.mT, bias)]


def from_onnx(kind, W, R, B=None, P=None, linear_before_reset=0):
    """Our layer from the inputs of a forward ONNX node ``RNN``, ``LSTM`` or ``GRU``.

    Args:
        kind: "rnn", "lstm" or "gru".
        W, R, B: ``(1, G*H, I)``, ``(1, G*H, H)``, ``(1, 2*G*H)``; without B the biases are 0.
        P: peephole vectors i, o, f of the LSTM, ``(1, 3*H)``; with P the result is our "peephole".
        linear_before_reset: the GRU's attribute of that name; 0 gives our "gru_before", 1 our "gru".
    """
    _check_kind(kind)
    if P is not None and kind != "lstm":
        raise ValueError(f"only an LSTM has peepholes; leave P out for kind={kind!r}")
    cell = "gru_before" if kind == "gru" and not linear_before_reset else "peephole" if P is not None else kind
    forms = {"W": ("1", "G*H", "I"), "R": ("1", "G*H", "H"), "B": ("1", "2*G*H"), "P": ("1", "3*H")}
    given = {"W": W, "R": R} | {name: array for name, array in {"B": B, "P": P}.items() if array is not None}
    arrays = {name: tensor[0] for name, tensor in _tensors(cell, given, forms).items()}
    biases = arrays["B"].chunk(2) if "B" in arrays else ()
    vectors = dict(zip(PEEPHOLES, arrays["P"].chunk(3), strict=True)) if "P" in arrays else {}
    return _import("ONNX", cell, arrays["W"], arrays["R"], biases, vectors)


def to_onnx(layer):
    """The arrays of an ONNX node under the names of ``from_onnx``; also ``linear_before_reset`` for the GRUs."""
    W, U, *biases = _export("ONNX", layer)
    arrays = {"W": W, "R": U, "B": torch.cat(biases)}
    if layer.cell.name == "peephole":
        arrays["P"] = torch.cat([getattr(layer, name)[0] for name in PEEPHOLES])
    node = {name: array[None].numpy(force=True) for name, array in arrays.items()}
    if layer.cell.name in ("gru", "gru_before"):
        node["linear_before_reset"] = int(layer.cell.name == "gru")
    return node


def single(layer, index):
    """A copy of model ``index`` of a layer with seeds, as a layer without them."""
    return _build(layer.cell.name, {name: p.detach()[index] for name, p in layer.named_parameters()})


def _import(library, cell, W, U, biases=(), vectors=None):
    """Our layer from W (G*H, I), U (G*H, H) and up to two biases (G*H,), the hidden side's last, in their order."""
    theirs, ours = ORDERS[library][cell], get_cell(cell).gates
    parameters = {"W": _permute(W, theirs, ours), "U": _permute(U, theirs, ours), **(vectors or {})}
    zeros = W.new_zeros(2 - len(biases), len(W))
    b, b_hidden = (_permute(bias, theirs, ours) for bias in (*biases, *zeros))
    if cell == "gru":  # the candidate, our last block, keeps its two biases apart
        b_hidden, parameters["b_hn"] = b_hidden.split([2 * U.shape[1], U.shape[1]])
    b[: len(b_hidden)] += b_hidden
    return _build(cell, parameters | {"b": b})


def _export(library, layer):
    """W (G*H, I), U (G*H, H) and the biases (G*H,) of both sides, in the library's order of gates."""
    cell, known = layer.cell.name, ORDERS[library]
    if cell not in known:
        raise ValueError(f"{cell!r} has no counterpart in {library}; the cells that have one: {', '.join(known)}")
    if len(layer.b) > 1:
        raise ValueError(f"the layer holds {len(layer.b)} models; choose one of them, as in convert.single(layer, 0)")
    p = {name: value.detach()[0] for name, value in layer.named_parameters()}
    b_hidden = torch.zeros_like(p["b"])
    if cell == "gru":
        b_hidden[-layer.hidden_size :] = p["b_hn"]
    return [_permute(array, layer.cell.gates, known[cell]) for array in (p["W"], p["U"], p["b"], b_hidden)]


def _permute(rows, given, wanted):
    """The blocks of ``rows (G*H, ...)`` from one order of gates to another."""
    blocks = dict(zip(given, rows.chunk(len(given)), strict=True))
    return torch.cat([blocks[gate] for gate in wanted])


def _build(cell, parameters):
    """A layer with copies of these parameters of one model, given without the axis S."""
    W, U = parameters["W"], parameters["U"]
    with torch.device("meta"):  # no memory, and no draw from the global generator
        layer = Recurrent(cell, W.shape[1], U.shape[1])
    layer.load_state_dict({name: p[None].clone() for name, p in parameters.items()}, assign=True)
    return layer


def _check_kind(kind):
    if kind not in MODULES:
        raise ValueError(f"kind must be one of {', '.join(MODULES)}, not {kind!r}")


def _tensors(cell, arrays, forms):
    """Copies of the arrays as tensors, their shapes checked: I is in the first, H the shorter side of the second."""
    tensors = {name: torch.from_numpy(np.asarray(array).copy()) for name, array in arrays.items()}
    first, second, *_ = tensors
    G, H = len(get_cell(cell).gates), min(tensors[second].shape[-2:], default=0)
    sizes = {"1": 1, "2": 2, "H": H, "3*H": 3 * H, "G*H": G * H, "2*G*H": 2 * G * H}
    sizes["I"] = dict(zip(forms[first], tensors[first].shape, strict=False)).get("I", 0)
    for name, tensor in tensors.items():
        shape = tuple(sizes[size] for size in forms[name])
        if tensor.shape != shape:
            given, form = tuple(tensor.shape), ", ".join(forms[name])
            raise ValueError(f"{name} of {cell!r} has shape {given}; expected {shape}: ({form}) with {G=}, {H=}")
    dtypes = {name: tensor.dtype for name, tensor in tensors.items()}
    if len(set(dtypes.values())) > 1 or not dtypes[first].is_floating_point:
        raise ValueError(f"the arrays must have one floating dtype, all the same; given: {dtypes}")
    return tensors
