"""What a recurrent layer costs, in closed form, and the hidden size that makes two cells cost the same.

I is the input size, H the hidden size, G the number of gate blocks. All functions raise ValueError for an unknown cell
and for a size that is not a whole number of at least 1. Nothing here imports torch.
"""

from bisect import bisect_left
from numbers import Integral

from gatedrnn.cells import get_cell


def parameters(cell, input_size, hidden_size):
    """Parameters of one recurrent layer, ``G (I H + H^2 + H)`` and H for each vector of the cell (the GRU's ``b_hn``).
    One bias a block, as in ``gatedrnn.Recurrent``; torch keeps two, of which only the sum acts, except in the GRU.
    """
    cell, I, H = (
        get_cell(cell),
        _whole("input_size", input_size),
        _whole("hidden_size", hidden_size),
    )
    return len(cell.gates) * (I * H + H * H + H) + len(cell.vectors) * H


def macs(cell, input_size, hidden_size):
    """Multiply-adds in the matrix products of one step of one sequence: ``G H (I + H)``. The elementwise work, about
    10 H operations, is left out. A FLOP counter reports twice this number.
    """
    I, H = _whole("input_size", input_size), _whole("hidden_size", hidden_size)
    return len(get_cell(cell).gates) * H * (I + H)


def state(cell, hidden_size):
    """Numbers carried from one step to the next, for one sequence: H for ``h``, 2 H for ``(h, c)``."""
    return len(get_cell(cell).states) * _whole("hidden_size", hidden_size)


# What the backward pass of each step function asks for, one vector (H,) each: a product wants both its factors, sigmoid
# and tanh want their own results, a matrix product the vector that was multiplied. Nothing asks for a sum.
KEPT = {
    "rnn": ("h",),
    "lstm": ("i", "f", "g", "o", "c", "tanh c", "h"),
    "gru": ("r", "z", "n", "U_n h + b_hn", "h"),
    "gru_before": ("r", "z", "n", "r h", "h"),
    "gru_noreset": ("z", "n", "h"),
    "cifg": ("f", "g", "o", "c", "tanh c", "h"),
    "cifg_no_output": ("f", "g", "c", "h"),  # h is tanh c
    "peephole": ("i", "f", "g", "o", "c", "tanh c", "h"),
    "no_forget": ("i", "g", "o", "tanh c", "h"),  # c is only added to: nothing asks for it
    "no_input": ("f", "g", "o", "c", "tanh c", "h"),
    "no_output": ("i", "f", "g", "c", "h"),
    "no_output_tanh": ("i", "f", "g", "o", "c", "h"),
    "mgu": ("f", "n", "f h", "h"),
    "rnn_relu": ("h",),
}


def activations(cell, input_size, hidden_size):
    """Numbers that training must keep for each step of each sequence until its backward pass, in the step functions as
    they are written: I for the input and H for each vector in ``KEPT``. Over T steps a cell keeps one vector more if
    the state at the end is a factor or a kept result: the RNNs, and the LSTMs with peepholes or without an output gate
    or its tanh. Kernels of a library may keep more.
    """
    I, H = _whole("input_size", input_size), _whole("hidden_size", hidden_size)
    return I + len(KEPT[get_cell(cell).name]) * H


def whole_model(cell, input_size, hidden_size, symbols, outputs, layers=1):
    """Parameters of a model by its parts, a dict: ``embedding``, a vector of ``input_size`` for each of ``symbols``;
    ``recurrent``, so many ``layers`` one on the other; ``readout``, a linear layer with bias to ``outputs`` numbers.
    """
    I, H, layers = (
        _whole("input_size", input_size),
        _whole("hidden_size", hidden_size),
        _whole("layers", layers),
    )
    recurrent = parameters(cell, I, H) + (layers - 1) * parameters(cell, H, H)
    readout = (H + 1) * _whole("outputs", outputs)
    return {"embedding": _whole("symbols", symbols) * I, "recurrent": recurrent, "readout": readout}


COUNTS = {"parameters": parameters, "macs": macs, "state": lambda cell, I, H: state(cell, H)}


def match(cell, budget, input_size, by="parameters"):
    """The hidden size at which ``cell`` costs nearest to ``budget``, a count of the kind ``by`` (a name in ``COUNTS``).
    Of two sizes equally near, the smaller. Raises ValueError also for an unknown ``by`` and a budget below one unit.

    >>> match("gru", parameters("lstm", 64, 128), input_size=64)
    152
    """
    if by not in COUNTS:
        raise ValueError(f"by must be one of {', '.join(COUNTS)}; not {by!r}")
    budget, cost = _whole("budget", budget), lambda H: COUNTS[by](cell, input_size, H)
    if budget < cost(1):
        raise ValueError(f"one unit of {cell} costs {cost(1)} {by} already; the budget is {budget}")
    # Every count is at least H and grows with H, so the first size that reaches the budget is at most the budget.
    above = bisect_left(range(budget + 1), budget, lo=1, key=cost)
    return min((H for H in (above - 1, above) if H), key=lambda H: abs(cost(H) - budget))


def _whole(name, value):
    """The value as Python's own integer, which cannot overflow."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)
