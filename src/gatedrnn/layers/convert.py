"""Weights to and from torch, Keras and ONNX.

A weight array does not say the order of its blocks, its orientation or its biases. The conventions
are:

=========  =====================  ================================
========================================== library    blocks                 matrices
biases =========  =====================  ================================
========================================== ours       i f g o,  r z n        ``(S, G*H, I)``, ``(S,
G*H, H)``  ``(S, G*H)``; the GRU also ``b_hn (S, H)`` torch      i f g o,  r z n        ``(G*H,
I)``, ``(G*H, H)``        two of ``(G*H,)`` Keras      i f c o,  z r h        ``(I, G*H)``, ``(H,
G*H)``        ``(G*H,)``; the GRU ``(2, 3H)`` ONNX       i o f c,  z r h        ``(1, G*H, I)``,
``(1, G*H, H)``  both in one ``(1, 2*G*H)`` =========  =====================
================================  ==========================================

In all of them z keeps the old state. Of two biases only the sum acts, so ``from_`` adds them and
``to_`` writes ours on the input side and zeros on the hidden side; only the candidate of the GRU
that resets after the product needs both. Weights are copied and keep their dtype, so ``from_``
undoes ``to_``; activations are tanh and the logistic sigmoid. A kind, shape, dtype or cell that
does not fit, or a layer of several models, is a ValueError that names it. Sources: the
documentation of torch, Keras 3 and ONNX (opset 22), all run in the tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gatedrnn.cells import get_cell
from gatedrnn.layers.recurrent import Recurrent

# The cells a library has, each with its blocks in that library's order, under our names: others
# write c or h for g and n.
ORDERS = {
    "torch": {"rnn": "n", "lstm": "ifgo", "gru": "rzn"},
    "Keras": {"rnn": "n", "lstm": "ifgo", "gru": "zrn", "gru_before": "zrn"},
    "ONNX": {"rnn": "n", "lstm": "iofg", "peephole": "iofg", "gru": "zrn", "gru_before": "zrn"},
}
PEEPHOLES = ("p_i", "p_o", "p_f")  # the blocks of P in ONNX
MODULES = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PLAIN = {"num_layers": 1, "bidirectional": False, "proj_size": 0, "nonlinearity": "tanh"}


def from_torch(module: nn.RNN | nn.LSTM | nn.GRU) -> Recurrent:
    """Our layer from a plain module of torch; ours reads (B, T, I), whatever its batch_first.

    Args:
        module: An ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` of one layer and one direction.

    Returns:
        A layer that computes the same.

    Raises:
        ValueError: The module is another one, or computes something else: a subclass, more layers,
        weights that pruning or a parametrization makes of others.
    """
    kind = _kind_of(module)
    for name, plain in PLAIN.items():
        given = getattr(module, name, plain)
        if given != plain:
            raise ValueError(
                f"a module with {name}={given!r} cannot be converted; it must have {name}={plain!r}"
            )
    names = ["weight_ih_l0", "weight_hh_l0"]
    if module.bias:
        names += ["bias_ih_l0", "bias_hh_l0"]
    held = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    if sorted(held) != sorted(names):
        raise ValueError(
            f"the {type(module).__name__} holds {', '.join(held)}: its weights are computed from "
            "others, as by pruning or weight_norm; make them permanent first, as with prune.remove"
        )
    # By name: two biases may be one tied parameter, which a walk over the parameters shows once.
    W, U, *biases = (getattr(module, name).detach() for name in names)
    return _import("torch", kind, W, U, biases)


def _kind_of(module: Any) -> str:
    """The kind of one of torch's own modules, or a ValueError in words."""
    if isinstance(module, nn.Module) and parametrize.is_parametrized(module):
        raise ValueError(
            "the module's weights are parametrized; make them permanent first, "
            "with torch.nn.utils.parametrize.remove_parametrizations"
        )
    for kind, known in MODULES.items():
        if type(module) is known:
            return kind
        if isinstance(module, known):
            raise ValueError(
                f"{type(module).__name__} is a subclass of nn.{known.__name__} and may compute "
                f"something else; give the nn.{known.__name__} itself"
            )
    raise ValueError(f"expected nn.RNN, nn.LSTM or nn.GRU, not {type(module).__name__}")


def to_torch(layer: Recurrent) -> nn.RNN | nn.LSTM | nn.GRU:
    """A module of torch with ``batch_first=True`` that computes what the layer computes."""
    weights = _export("torch", layer)
    kind = MODULES[layer.cell.name]
    with torch.device("meta"):  # as in _build
        module = kind(layer.input_size, layer.hidden_size, batch_first=True)
    module.load_state_dict(dict(zip(module.state_dict(), weights, strict=True)), assign=True)
    return module


def from_keras(kind: str, weights: Sequence[ArrayLike], reset_after: bool = True) -> Recurrent:
    """Our layer from the weights of a Keras layer.

    Args:
        kind: "rnn", "lstm" or "gru".
        weights: The list of ``layer.get_weights()``: kernel ``(I, G*H)``, recurrent kernel ``(H,
            G*H)`` and, with ``use_bias``, bias ``(G*H,)``, of the GRU ``(2, 3H)``.
        reset_after: As in Keras; a GRU without it, its bias ``(3H,)``, becomes our "gru_before".

    Returns:
        A layer that computes the same.

    Raises:
        ValueError: The kind is unknown, or the arrays do not fit.
    """
    if not isinstance(weights, list | tuple):
        raise ValueError(
            f"weights must be a list of arrays, not {type(weights).__name__}; "
            "use layer.get_weights()"
        )
    cell = "gru_before" if kind == "gru" and not reset_after else kind
    forms = {
        "kernel": "I, G*H",
        "recurrent_kernel": "H, G*H",
        "bias": "2, G*H" if cell == "gru" else "G*H",
    }
    W, U, *biases = _read(kind, cell, forms, weights).values()
    if biases and cell == "gru":
        biases = biases[0].unbind()
    return _import("Keras", cell, W.mT, U.mT, biases)


def to_keras(layer: Recurrent) -> list[np.ndarray]:
    """The list that ``set_weights`` of a Keras layer takes: kernel, recurrent kernel, bias."""
    W, U, b, b_hidden = _export("Keras", layer)
    bias = torch.stack([b, b_hidden]) if layer.cell.name == "gru" else b
    return [_as_array(tensor) for tensor in (W.mT, U.mT, bias)]


def from_onnx(
    kind: str,
    W: ArrayLike,
    R: ArrayLike,
    B: ArrayLike | None = None,
    P: ArrayLike | None = None,
    linear_before_reset: int = 0,
) -> Recurrent:
    """Our layer from the inputs of a forward ONNX node.

    Args:
        kind: "rnn", "lstm" or "gru".
        W: ``(1, G*H, I)``.
        R: ``(1, G*H, H)``.
        B: ``(1, 2*G*H)``, both biases; left out, None or "", as in a node, they are 0.
        P: ``(1, 3*H)``, an LSTM's peepholes i, o, f; with them it becomes our "peephole".
        linear_before_reset: As in ONNX; a GRU without it becomes our "gru_before".

    Returns:
        A layer that computes the same.

    Raises:
        ValueError: The kind is unknown, or the arrays do not fit.
    """
    W, R, B, P = (None if _is_omitted(array) else array for array in (W, R, B, P))
    cell = kind
    if kind == "gru" and not linear_before_reset:
        cell = "gru_before"
    if P is not None:
        cell = "peephole"
    forms = {"W": "1, G*H, I", "R": "1, G*H, H", "B": "1, 2*G*H", "P": "1, 3*H"}
    arrays = _read(kind, cell, forms, (W, R, B, P))
    biases = () if B is None else arrays["B"][0].chunk(2)
    vectors = {}
    if P is not None:
        vectors = dict(zip(PEEPHOLES, arrays["P"][0].chunk(3), strict=True))
    return _import("ONNX", cell, arrays["W"][0], arrays["R"][0], biases, vectors)


def _is_omitted(array: Any) -> bool:
    """Whether an input of a node is left out: its name is then empty."""
    return array is None or (isinstance(array, str) and array == "")


def to_onnx(layer: Recurrent) -> dict[str, np.ndarray | int]:
    """The arrays of an ONNX node under the names of ``from_onnx``, with ``linear_before_reset``."""
    W, U, *biases = _export("ONNX", layer)
    tensors = {"W": W, "R": U, "B": torch.cat(biases)}
    if layer.cell.name == "peephole":
        tensors["P"] = torch.cat([getattr(layer, name)[0] for name in PEEPHOLES])
    node = {name: _as_array(tensor[None]) for name, tensor in tensors.items()}
    if layer.cell.name in ("gru", "gru_before"):
        node["linear_before_reset"] = int(layer.cell.name == "gru")
    return node


def single(layer: Recurrent, index: int) -> Recurrent:
    """A copy of model ``index`` of a layer with seeds, as a layer without them."""
    weights = {name: value.detach()[index] for name, value in layer.weights().items()}
    return _build(layer.cell.name, weights)


def _build(cell: str, parameters: Mapping[str, Tensor]) -> Recurrent:
    """A layer with copies of these parameters of one model, given without the axis S."""
    with torch.device("meta"):  # no memory, and no draw from the global generator
        layer = Recurrent(cell, parameters["W"].shape[1], parameters["U"].shape[1])
    copies = {name: value[None].clone() for name, value in parameters.items()}
    layer.load_state_dict(copies, assign=True)
    return layer


def _permute(rows: Tensor, given: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """The blocks of ``rows (G*H, ...)`` from one order of gates to another."""
    blocks = dict(zip(given, rows.chunk(len(given)), strict=True))
    return torch.cat([blocks[gate] for gate in wanted])


def _import(
    library: str,
    cell: str,
    W: Tensor,
    U: Tensor,
    biases: Iterable[Tensor],
    vectors: Mapping[str, Tensor] | None = None,
) -> Recurrent:
    """Our layer from W (G*H, I), U (G*H, H), up to two biases (G*H,), the hidden side's last."""
    biases = list(biases)
    while len(biases) < 2:
        biases.append(W.new_zeros(len(W)))
    given = ORDERS[library][cell]
    wanted = get_cell(cell).gates
    W, U, b, b_hidden = (_permute(rows, given, wanted) for rows in (W, U, *biases))
    parameters = {"W": W, "U": U, "b": b, **(vectors or {})}
    if cell == "gru":  # the candidate, our last block, keeps its two biases apart
        H = U.shape[1]
        b_hidden, parameters["b_hn"] = b_hidden.split([2 * H, H])
    b[: len(b_hidden)] += b_hidden
    return _build(cell, parameters)


def _export(library: str, layer: Recurrent) -> list[Tensor]:
    """W, U and the biases of the input and the hidden side, in the library's order of blocks."""
    cell = layer.cell.name
    known = ORDERS[library]
    if cell not in known:
        raise ValueError(
            f"{cell!r} has no counterpart in {library}; the cells that have one: {', '.join(known)}"
        )
    weights = {name: value.detach() for name, value in layer.weights().items()}
    models = len(weights["b"])
    if models > 1:
        raise ValueError(
            f"the layer holds {models} models; choose one of them, as in convert.single(layer, 0)"
        )
    b_hidden = torch.zeros_like(weights["b"][0])
    if cell == "gru":
        b_hidden[-layer.hidden_size :] = weights["b_hn"][0]
    arrays = (weights["W"][0], weights["U"][0], weights["b"][0], b_hidden)
    return [_permute(rows, layer.cell.gates, known[cell]) for rows in arrays]


def _as_array(tensor: Tensor) -> np.ndarray:
    """The tensor for numpy, or a ValueError where numpy has no such dtype."""
    try:
        return tensor.numpy(force=True)
    except TypeError as error:
        raise ValueError(
            f"numpy has no counterpart of {tensor.dtype}, the layer's dtype; use layer.float()"
        ) from error


def _as_tensor(name: str, array: Any) -> Tensor:
    """A copy of an array or a tensor as a tensor on the CPU, or a ValueError that names it."""
    if isinstance(array, Tensor):
        return array.detach().cpu().clone(memory_format=torch.contiguous_format)
    try:
        copy = np.array(array, order="C")
        native = copy.astype(copy.dtype.newbyteorder("="), copy=False)  # a file may be big-endian
        return torch.from_numpy(native)
    except Exception as error:  # whatever another library's object makes of it
        kind = getattr(array, "dtype", type(array).__name__)
        raise ValueError(
            f"{name} ({kind}) cannot be read as numbers that torch has: {error}"
        ) from error


def _read(
    kind: str, cell: str, forms: Mapping[str, str], arrays: Sequence[Any]
) -> dict[str, Tensor]:
    """Copies of the arrays as tensors, None left out, after a look at their forms.

    I is the size that the first array says, H the shorter side of the second.
    """
    if kind not in MODULES:
        raise ValueError(f"kind must be one of {', '.join(MODULES)}, not {kind!r}")
    if cell == "peephole" and kind != "lstm":
        raise ValueError(f"only an LSTM has peepholes; leave P out for kind={kind!r}")
    if not 2 <= len(arrays) <= len(forms):
        raise ValueError(
            f"expected the 2 or 3 arrays {', '.join(forms)} of one layer, not {len(arrays)} arrays"
        )
    first, second = list(forms)[:2]
    if arrays[0] is None or arrays[1] is None:
        raise ValueError(f"{first} and {second} of {cell!r} are needed; one of them is left out")
    tensors = {}
    for name, array in zip(forms, arrays, strict=False):
        if array is not None:
            tensors[name] = _as_tensor(name, array)
    W = tensors[first]
    G = len(get_cell(cell).gates)
    H = min(tensors[second].shape[-2:], default=0)
    sizes = {"I": 0} | dict(zip(forms[first].split(", "), W.shape, strict=False))
    sizes |= {"1": 1, "2": 2, "H": H, "3*H": 3 * H, "G*H": G * H, "2*G*H": 2 * G * H}
    for name, tensor in tensors.items():
        form = forms[name]
        given = tuple(tensor.shape)
        expected = tuple(sizes[size] for size in form.split(", "))
        if given != expected:
            raise ValueError(
                f"{name} of {cell!r} has shape {given}; "
                f"expected {expected}: ({form}) with {G=}, {H=}"
            )
    dtypes = {name: tensor.dtype for name, tensor in tensors.items()}
    if len(set(dtypes.values())) > 1 or not W.is_floating_point():
        raise ValueError(f"the arrays must have one floating dtype, all the same; given: {dtypes}")
    return tensors
