"""The cells of the book: one pure step function each, and the registry ``CELLS``.

A step is ``state, gates = step(x, state, p)``:

======  ==========================================================================================
x       ``(..., B, G*H)``: the input of one time step, already projected, ``W x_t + b``, all blocks
state   ``(h,)`` or ``(h, c)``, each ``(..., B, H)``
p       the recurrent matrix ``U (..., G*H, H)`` and the cell's own vectors ``(..., H)``, by name
gates   what the step computed on the way, by name, each ``(..., B, H)``
======  ==========================================================================================

A leading axis S (seeds) broadcasts. The blocks of ``W``, ``U`` and ``b`` stand in the order of
``Cell.gates``. The conventions are torch's: ``z`` *keeps* the old state, and the GRU resets *after*
the matrix product.

To add a cell, write its step, and its entry in the registry below with the key of a citation; the
layers, the costs, the figures and the tests find it there. Nothing here imports torch: a step uses
the tensors' own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    State = tuple[Tensor, ...]
    Gates = dict[str, Tensor]


def rnn(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The plain network (Elman 1990), with tanh."""
    (h,) = state
    h = (x + h @ p["U"].mT).tanh()  # h_t = tanh(W x_t + U h_{t-1} + b)
    return (h,), {"n": h}


def rnn_relu(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The plain network with a rectifier: nothing bounds its state (Weiss et al. 2018)."""
    (h,) = state
    h = (x + h @ p["U"].mT).relu()  # h_t = relu(W x_t + U h_{t-1} + b)
    return (h,), {"n": h}


def lstm(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM with a forget gate and no peepholes (Gers et al. 2000), as in every library."""
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i = i.sigmoid()
    f = f.sigmoid()
    g = g.tanh()
    o = o.sigmoid()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def gru(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The GRU of the libraries: reset after the matrix product, so a step is one product."""
    (h,) = state
    H = h.shape[-1]
    x_rz, x_n = x.split([2 * H, H], -1)
    h_rz, h_n = (h @ p["U"].mT).split([2 * H, H], -1)
    r, z = (x_rz + h_rz).sigmoid().chunk(2, -1)
    # n_t = tanh(W_n x_t + b_n + r_t * (U_n h_{t-1} + b_hn))
    n = x_n.addcmul(r, h_n + _each(p["b_hn"])).tanh()
    h = n.lerp(h, z)  # h_t = n_t + z_t * (h_{t-1} - n_t) = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"r": r, "z": z, "n": n}


def gru_before(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The GRU of the paper (Cho et al. 2014): reset before the matrix product."""
    (h,) = state
    H = h.shape[-1]
    r, z = (x[..., : 2 * H] + h @ p["U"][..., : 2 * H, :].mT).sigmoid().chunk(2, -1)
    h_n = (r * h) @ p["U"][..., 2 * H :, :].mT
    n = (x[..., 2 * H :] + h_n).tanh()  # n_t = tanh(W_n x_t + U_n (r_t * h_{t-1}) + b_n)
    h = n.lerp(h, z)  # h_t = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"r": r, "z": z, "n": n}


def gru_noreset(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The GRU without its reset gate (Ravanelli et al. 2018)."""
    (h,) = state
    z, n = (x + h @ p["U"].mT).chunk(2, -1)
    z = z.sigmoid()
    n = n.tanh()  # n_t = tanh(W_n x_t + U_n h_{t-1} + b_n)
    h = n.lerp(h, z)  # h_t = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"z": z, "n": n}


def cifg(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM with coupled gates, i = 1 - f (Greff et al. 2017)."""
    h, c = state
    f, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    f = f.sigmoid()
    g = g.tanh()
    o = o.sigmoid()
    c = g.lerp(c, f)  # c_t = f_t * c_{t-1} + (1 - f_t) * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"f": f, "g": g, "o": o, "c": c}


def peephole(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM whose gates see the cell state, each unit its own (Gers et al. 2002)."""
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i = (
        i + _each(p["p_i"]) * c
    ).sigmoid()  # i_t = sigmoid(W_i x_t + U_i h_{t-1} + p_i * c_{t-1} + b_i)
    f = (
        f + _each(p["p_f"]) * c
    ).sigmoid()  # f_t = sigmoid(W_f x_t + U_f h_{t-1} + p_f * c_{t-1} + b_f)
    g = g.tanh()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    o = (
        o + _each(p["p_o"]) * c
    ).sigmoid()  # o_t = sigmoid(W_o x_t + U_o h_{t-1} + p_o * c_t + b_o)
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def no_forget(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The first LSTM: a cell state that is only added to (Hochreiter and Schmidhuber 1997)."""
    h, c = state
    i, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    i = i.sigmoid()
    g = g.tanh()
    o = o.sigmoid()
    c = c + i * g  # c_t = c_{t-1} + i_t * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "g": g, "o": o, "c": c}


def no_input(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM without an input gate (Greff et al. 2017)."""
    h, c = state
    f, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    f = f.sigmoid()
    g = g.tanh()
    o = o.sigmoid()
    c = f * c + g  # c_t = f_t * c_{t-1} + g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"f": f, "g": g, "o": o, "c": c}


def no_output(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM without an output gate (Greff et al. 2017)."""
    h, c = state
    i, f, g = (x + h @ p["U"].mT).chunk(3, -1)
    i = i.sigmoid()
    f = f.sigmoid()
    g = g.tanh()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = c.tanh()  # h_t = tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "c": c}


def no_output_tanh(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The LSTM that shows its cell state without tanh (Greff et al. 2017)."""
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i = i.sigmoid()
    f = f.sigmoid()
    g = g.tanh()
    o = o.sigmoid()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = o * c  # h_t = o_t * c_t
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def cifg_no_output(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """CIFG without an output gate: as many gates as a GRU without reset, and a cell state."""
    h, c = state
    f, g = (x + h @ p["U"].mT).chunk(2, -1)
    f = f.sigmoid()
    g = g.tanh()
    c = g.lerp(c, f)  # c_t = f_t * c_{t-1} + (1 - f_t) * g_t
    h = c.tanh()  # h_t = tanh(c_t)
    return (h, c), {"f": f, "g": g, "c": c}


def mgu(x: Tensor, state: State, p: Mapping[str, Tensor]) -> tuple[State, Gates]:
    """The minimal gated unit: one gate resets and updates (Zhou et al. 2016)."""
    (h,) = state
    H = h.shape[-1]
    f = (x[..., :H] + h @ p["U"][..., :H, :].mT).sigmoid()
    h_n = (f * h) @ p["U"][..., H:, :].mT
    n = (x[..., H:] + h_n).tanh()  # n_t = tanh(W_n x_t + U_n (f_t * h_{t-1}) + b_n)
    h = h.lerp(n, f)  # h_t = (1 - f_t) * h_{t-1} + f_t * n_t
    return (h,), {"f": f, "n": n}


def _each(vector: Tensor) -> Tensor:
    """A vector ``(..., H)`` as ``(..., 1, H)``, so that it meets each sequence of the batch."""
    return vector[..., None, :]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What the book needs of a cell.

    Attributes:
        name: The key in ``CELLS``.
        label: The name in figures and tables.
        step: The step function.
        gates: The blocks of ``W``, ``U`` and ``b``, in their order.
        states: The names of the state tensors, ``h`` first.
        paper: The citation's key in ``references.bib``.
        equations: One line of LaTeX each, in the order of computing.
        kept: What the backward pass of the step asks for, one vector ``(H,)`` each: a product wants
            both its factors, sigmoid and tanh want their own results, a matrix product the vector
            that was multiplied. Nothing asks for a sum.
        vectors: Further parameters ``(H,)``.
        keeps: The block that keeps the old state when it is large (sign 1) or small (sign -1), or
            None.
    """

    name: str
    label: str
    step: Callable
    gates: tuple[str, ...]
    states: tuple[str, ...]
    paper: str
    equations: tuple[str, ...]
    kept: tuple[str, ...]
    vectors: tuple[str, ...] = ()
    keeps: tuple[str, int] | None = None


def _block(gate: str, activation: str = r"\sigma", peephole: str | None = None) -> str:
    """The LaTeX line of one block, with a peephole to the cell state of that time."""
    seen = rf" + p_{gate} \odot c_{{{peephole}}}" if peephole else ""
    return rf"{gate}_t = {activation}(W_{gate} x_t + U_{gate} h_{{t-1}}{seen} + b_{gate})"


_INPUT = _block("i")
_FORGET = _block("f")
_OUTPUT = _block("o")
_RESET = _block("r")
_UPDATE = _block("z")
_LSTM_CANDIDATE = _block("g", r"\tanh")
_CANDIDATE = _block("n", r"\tanh")
_RESET_AFTER = r"n_t = \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + b_{hn}))"
_RESET_BEFORE = r"n_t = \tanh(W_n x_t + U_n (r_t \odot h_{t-1}) + b_n)"
_CELL_STATE = r"c_t = f_t \odot c_{t-1} + i_t \odot g_t"
_CELL_STATE_COUPLED = r"c_t = f_t \odot c_{t-1} + (1 - f_t) \odot g_t"
_HIDDEN_STATE = r"h_t = o_t \odot \tanh(c_t)"
_HIDDEN_STATE_UNGATED = r"h_t = \tanh(c_t)"
_HIDDEN_STATE_MIXED = r"h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}"

_REGISTERED = (
    Cell(
        name="rnn",
        label="RNN",
        step=rnn,
        gates=("n",),
        states=("h",),
        paper="elman1990",
        equations=(r"h_t = \tanh(W x_t + U h_{t-1} + b)",),
        kept=("h",),
    ),
    Cell(
        name="lstm",
        label="LSTM",
        step=lstm,
        gates=("i", "f", "g", "o"),
        states=("h", "c"),
        paper="gers2000",
        equations=(_INPUT, _FORGET, _LSTM_CANDIDATE, _OUTPUT, _CELL_STATE, _HIDDEN_STATE),
        kept=("i", "f", "g", "o", "c", "tanh c", "h"),
        keeps=("f", 1),
    ),
    Cell(
        name="gru",
        label="GRU",
        step=gru,
        gates=("r", "z", "n"),
        states=("h",),
        paper="cho2014",
        equations=(_RESET, _UPDATE, _RESET_AFTER, _HIDDEN_STATE_MIXED),
        kept=("r", "z", "n", "U_n h + b_hn", "h"),
        vectors=("b_hn",),
        keeps=("z", 1),
    ),
    Cell(
        name="gru_before",
        label="GRU, reset before",
        step=gru_before,
        gates=("r", "z", "n"),
        states=("h",),
        paper="cho2014",
        equations=(_RESET, _UPDATE, _RESET_BEFORE, _HIDDEN_STATE_MIXED),
        kept=("r", "z", "n", "r h", "h"),
        keeps=("z", 1),
    ),
    Cell(
        name="gru_noreset",
        label="GRU, no reset",
        step=gru_noreset,
        gates=("z", "n"),
        states=("h",),
        paper="ravanelli2018",
        equations=(_UPDATE, _CANDIDATE, _HIDDEN_STATE_MIXED),
        kept=("z", "n", "h"),
        keeps=("z", 1),
    ),
    Cell(
        name="cifg",
        label="CIFG",
        step=cifg,
        gates=("f", "g", "o"),
        states=("h", "c"),
        paper="greff2017",
        equations=(_FORGET, _LSTM_CANDIDATE, _OUTPUT, _CELL_STATE_COUPLED, _HIDDEN_STATE),
        kept=("f", "g", "o", "c", "tanh c", "h"),
        keeps=("f", 1),
    ),
    Cell(
        name="cifg_no_output",
        label="CIFG, no output gate",
        step=cifg_no_output,
        gates=("f", "g"),
        states=("h", "c"),
        paper="greff2017",
        equations=(_FORGET, _LSTM_CANDIDATE, _CELL_STATE_COUPLED, _HIDDEN_STATE_UNGATED),
        kept=("f", "g", "c", "h"),  # h is tanh c
        keeps=("f", 1),
    ),
    Cell(
        name="peephole",
        label="LSTM, peepholes",
        step=peephole,
        gates=("i", "f", "g", "o"),
        states=("h", "c"),
        paper="gers2002",
        equations=(
            _block("i", peephole="t-1"),
            _block("f", peephole="t-1"),
            _LSTM_CANDIDATE,
            _CELL_STATE,
            _block("o", peephole="t"),
            _HIDDEN_STATE,
        ),
        kept=("i", "f", "g", "o", "c", "tanh c", "h"),
        vectors=("p_i", "p_f", "p_o"),
        keeps=("f", 1),
    ),
    Cell(
        name="no_forget",
        label="LSTM, no forget gate",
        step=no_forget,
        gates=("i", "g", "o"),
        states=("h", "c"),
        paper="hochreiter1997",
        equations=(
            _INPUT,
            _LSTM_CANDIDATE,
            _OUTPUT,
            r"c_t = c_{t-1} + i_t \odot g_t",
            _HIDDEN_STATE,
        ),
        kept=("i", "g", "o", "tanh c", "h"),  # c is only added to: nothing asks for it
    ),
    Cell(
        name="no_input",
        label="LSTM, no input gate",
        step=no_input,
        gates=("f", "g", "o"),
        states=("h", "c"),
        paper="greff2017",
        equations=(
            _FORGET,
            _LSTM_CANDIDATE,
            _OUTPUT,
            r"c_t = f_t \odot c_{t-1} + g_t",
            _HIDDEN_STATE,
        ),
        kept=("f", "g", "o", "c", "tanh c", "h"),
        keeps=("f", 1),
    ),
    Cell(
        name="no_output",
        label="LSTM, no output gate",
        step=no_output,
        gates=("i", "f", "g"),
        states=("h", "c"),
        paper="greff2017",
        equations=(_INPUT, _FORGET, _LSTM_CANDIDATE, _CELL_STATE, _HIDDEN_STATE_UNGATED),
        kept=("i", "f", "g", "c", "h"),  # h is tanh c
        keeps=("f", 1),
    ),
    Cell(
        name="no_output_tanh",
        label="LSTM, no output tanh",
        step=no_output_tanh,
        gates=("i", "f", "g", "o"),
        states=("h", "c"),
        paper="greff2017",
        equations=(
            _INPUT,
            _FORGET,
            _LSTM_CANDIDATE,
            _OUTPUT,
            _CELL_STATE,
            r"h_t = o_t \odot c_t",
        ),
        kept=("i", "f", "g", "o", "c", "h"),
        keeps=("f", 1),
    ),
    Cell(
        name="mgu",
        label="MGU",
        step=mgu,
        gates=("f", "n"),
        states=("h",),
        paper="zhou2016",
        equations=(
            _FORGET,
            r"n_t = \tanh(W_n x_t + U_n (f_t \odot h_{t-1}) + b_n)",
            r"h_t = (1 - f_t) \odot h_{t-1} + f_t \odot n_t",
        ),
        kept=("f", "n", "f h", "h"),
        keeps=("f", -1),
    ),
    Cell(
        name="rnn_relu",
        label="RNN, ReLU",
        step=rnn_relu,
        gates=("n",),
        states=("h",),
        paper="weiss2018",
        equations=(r"h_t = \mathrm{relu}(W x_t + U h_{t-1} + b)",),
        kept=("h",),
    ),
)
CELLS: dict[str, Cell] = {cell.name: cell for cell in _REGISTERED}


def get_cell(name: str) -> Cell:
    """The cell of that name.

    Raises:
        ValueError: There is none; the message lists the names.
    """
    if name not in CELLS:
        raise ValueError(f"no cell named {name!r}; the cells are {', '.join(CELLS)}")
    return CELLS[name]
