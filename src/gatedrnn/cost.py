"""What a recurrent layer costs, in closed form, and the hidden size at which two cells cost alike.

I is the input size, H the hidden size, G the number of gate blocks. All functions raise ValueError
for an unknown cell and for a size that is not a whole number of at least 1. Nothing here imports
torch.
"""

from bisect import bisect_left
from numbers import Integral

from gatedrnn.cells import get_cell


def parameters(cell: str, input_size: int, hidden_size: int) -> int:
    """Parameters of one recurrent layer: ``G (I H + H^2 + H)``, and H for each vector of the cell.

    There is one bias a block, as in ``gatedrnn.Recurrent``; torch keeps two, of which only the sum
    acts, except in the GRU, whose second one is the vector ``b_hn``.
    """
    known = get_cell(cell)
    input_size = _whole("input_size", input_size)
    hidden_size = _whole("hidden_size", hidden_size)
    block = input_size * hidden_size + hidden_size**2 + hidden_size
    return len(known.gates) * block + len(known.vectors) * hidden_size


def macs(cell: str, input_size: int, hidden_size: int) -> int:
    """Multiply-adds in the matrix products of one step of one sequence: ``G H (I + H)``.

    The elementwise work, about 10 H operations, is left out. A FLOP counter reports twice this
    number.
    """
    input_size = _whole("input_size", input_size)
    hidden_size = _whole("hidden_size", hidden_size)
    return len(get_cell(cell).gates) * hidden_size * (input_size + hidden_size)


def state(cell: str, hidden_size: int) -> int:
    """Numbers carried from one step to the next, a sequence: H for ``h``, 2 H for ``(h, c)``."""
    return len(get_cell(cell).states) * _whole("hidden_size", hidden_size)


def activations(cell: str, input_size: int, hidden_size: int) -> int:
    """Numbers that training must keep for each step of each sequence until its backward pass.

    In the step functions as they are written: I for the input and H for each vector in
    ``Cell.kept``. Over T steps a cell keeps one vector more if the state at the end is a factor or
    a kept result: the RNNs, and the LSTMs with peepholes or without an output gate or its tanh.
    Kernels of a library may keep more.
    """
    input_size = _whole("input_size", input_size)
    hidden_size = _whole("hidden_size", hidden_size)
    return input_size + len(get_cell(cell).kept) * hidden_size


def whole_model(
    cell: str, input_size: int, hidden_size: int, symbols: int, outputs: int, layers: int = 1
) -> dict[str, int]:
    """Parameters of a model by its parts.

    Args:
        cell: The cell's name.
        input_size: I, also the length of an embedding.
        hidden_size: H.
        symbols: How many symbols have an embedding.
        outputs: The numbers that a linear layer with bias reads from the last recurrent layer.
        layers: Recurrent layers, one on the other.

    Returns:
        The counts of ``embedding``, ``recurrent`` and ``readout``.
    """
    input_size = _whole("input_size", input_size)
    hidden_size = _whole("hidden_size", hidden_size)
    layers = _whole("layers", layers)
    first = parameters(cell, input_size, hidden_size)
    further = parameters(cell, hidden_size, hidden_size)
    return {
        "embedding": _whole("symbols", symbols) * input_size,
        "recurrent": first + (layers - 1) * further,
        "readout": (hidden_size + 1) * _whole("outputs", outputs),
    }


def _state_of_any_input(cell: str, input_size: int, hidden_size: int) -> int:
    """``state`` with the arguments of the other counts."""
    return state(cell, hidden_size)


COUNTS = {"parameters": parameters, "macs": macs, "state": _state_of_any_input}


def match(cell: str, budget: int, input_size: int, by: str = "parameters") -> int:
    """The hidden size at which a cell costs nearest to a budget; of two equally near, the smaller.

    >>> match("gru", parameters("lstm", 64, 128), input_size=64)
    152

    Args:
        cell: The cell's name.
        budget: What it may cost, a count of the kind ``by``.
        input_size: I.
        by: What is counted, a name in ``COUNTS``.

    Returns:
        H.

    Raises:
        ValueError: Also for an unknown ``by``, and for a budget below one unit.
    """
    if by not in COUNTS:
        raise ValueError(f"by must be one of {', '.join(COUNTS)}; not {by!r}")
    budget = _whole("budget", budget)

    def cost(hidden_size: int) -> int:
        return COUNTS[by](cell, input_size, hidden_size)

    if budget < cost(1):
        raise ValueError(f"one unit of {cell} costs {cost(1)} {by} already; the budget is {budget}")
    # Every count is at least H and grows with H: the first size that reaches the budget is at most
    # the budget.
    above = bisect_left(range(budget + 1), budget, lo=1, key=cost)
    below = above - 1
    if below == 0 or cost(above) - budget < budget - cost(below):
        return above
    return below


def _whole(name: str, value: int) -> int:
    """The value as Python's own integer, which cannot overflow."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)
