"""The cells of the book: one pure step function each, and the registry ``CELLS``.
A step is ``step(x, state, p) -> (state, gates)``: ``x (..., B, G*H)`` is the input of one time step, already projected,
``W x_t + b`` for all G blocks; ``state`` is ``(h,)`` or ``(h, c)``, tensors ``(..., B, H)``; ``p`` holds the recurrent
matrix ``U (..., G*H, H)`` and the cell's vectors ``(..., H)``; ``gates`` names what the step computed on the way, each
``(..., B, H)``. A leading axis S (seeds) broadcasts. The blocks of ``W``, ``U`` and ``b`` stand in the order of
``Cell.gates``. Conventions are torch's: ``z`` *keeps* the old state, and the GRU resets *after* the matrix product.
Nothing here imports torch: a step uses the tensors' own methods.
"""

from collections.abc import Callable
from dataclasses import dataclass


def rnn(x, state, p):
    (h,) = state
    h = (x + h @ p["U"].mT).tanh()  # h_t = tanh(W x_t + U h_{t-1} + b)
    return (h,), {"n": h}


def rnn_relu(x, state, p):
    (h,) = state
    h = (x + h @ p["U"].mT).relu()  # h_t = relu(W x_t + U h_{t-1} + b)
    return (h,), {"n": h}


def lstm(x, state, p):
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def gru(x, state, p):
    (h,) = state
    H = h.shape[-1]
    xrz, xn = x.split([2 * H, H], -1)
    hrz, hn = (h @ p["U"].mT).split([2 * H, H], -1)
    r, z = (xrz + hrz).sigmoid().chunk(2, -1)
    n = xn.addcmul(
        r, hn + p["b_hn"][..., None, :]
    ).tanh()  # n_t = tanh(W_n x_t + b_n + r_t * (U_n h_{t-1} + b_hn))
    h = n.lerp(h, z)  # h_t = n_t + z_t * (h_{t-1} - n_t) = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"r": r, "z": z, "n": n}


def gru_before(x, state, p):
    (h,) = state
    H = h.shape[-1]
    r, z = (x[..., : 2 * H] + h @ p["U"][..., : 2 * H, :].mT).sigmoid().chunk(2, -1)
    hn = (r * h) @ p["U"][..., 2 * H :, :].mT
    n = (x[..., 2 * H :] + hn).tanh()  # n_t = tanh(W_n x_t + U_n (r_t * h_{t-1}) + b_n)
    h = n.lerp(h, z)  # h_t = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"r": r, "z": z, "n": n}


def gru_noreset(x, state, p):
    (h,) = state
    z, n = (x + h @ p["U"].mT).chunk(2, -1)
    z, n = z.sigmoid(), n.tanh()  # n_t = tanh(W_n x_t + U_n h_{t-1} + b_n)
    h = n.lerp(h, z)  # h_t = (1 - z_t) * n_t + z_t * h_{t-1}
    return (h,), {"z": z, "n": n}


def cifg(x, state, p):
    h, c = state
    f, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    f, g, o = f.sigmoid(), g.tanh(), o.sigmoid()
    c = g.lerp(c, f)  # c_t = f_t * c_{t-1} + (1 - f_t) * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"f": f, "g": g, "o": o, "c": c}


def peephole(x, state, p):
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i = (
        i + p["p_i"][..., None, :] * c
    ).sigmoid()  # i_t = sigmoid(W_i x_t + U_i h_{t-1} + p_i * c_{t-1} + b_i)
    f = (
        f + p["p_f"][..., None, :] * c
    ).sigmoid()  # f_t = sigmoid(W_f x_t + U_f h_{t-1} + p_f * c_{t-1} + b_f)
    g = g.tanh()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    o = (
        o + p["p_o"][..., None, :] * c
    ).sigmoid()  # o_t = sigmoid(W_o x_t + U_o h_{t-1} + p_o * c_t + b_o)
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def no_forget(x, state, p):
    h, c = state
    i, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    i, g, o = i.sigmoid(), g.tanh(), o.sigmoid()
    c = c + i * g  # c_t = c_{t-1} + i_t * g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"i": i, "g": g, "o": o, "c": c}


def no_input(x, state, p):
    h, c = state
    f, g, o = (x + h @ p["U"].mT).chunk(3, -1)
    f, g, o = f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + g  # c_t = f_t * c_{t-1} + g_t
    h = o * c.tanh()  # h_t = o_t * tanh(c_t)
    return (h, c), {"f": f, "g": g, "o": o, "c": c}


def no_output(x, state, p):
    h, c = state
    i, f, g = (x + h @ p["U"].mT).chunk(3, -1)
    i, f, g = i.sigmoid(), f.sigmoid(), g.tanh()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = c.tanh()  # h_t = tanh(c_t)
    return (h, c), {"i": i, "f": f, "g": g, "c": c}


def no_output_tanh(x, state, p):
    h, c = state
    i, f, g, o = (x + h @ p["U"].mT).chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g  # c_t = f_t * c_{t-1} + i_t * g_t
    h = o * c  # h_t = o_t * c_t
    return (h, c), {"i": i, "f": f, "g": g, "o": o, "c": c}


def cifg_no_output(x, state, p):
    h, c = state
    f, g = (x + h @ p["U"].mT).chunk(2, -1)
    f, g = f.sigmoid(), g.tanh()
    c = g.lerp(c, f)  # c_t = f_t * c_{t-1} + (1 - f_t) * g_t
    h = c.tanh()  # h_t = tanh(c_t)
    return (h, c), {"f": f, "g": g, "c": c}


def mgu(x, state, p):
    (h,) = state
    H = h.shape[-1]
    f = (x[..., :H] + h @ p["U"][..., :H, :].mT).sigmoid()
    n = (
        x[..., H:] + (f * h) @ p["U"][..., H:, :].mT
    ).tanh()  # n_t = tanh(W_n x_t + U_n (f_t * h_{t-1}) + b_n)
    h = h.lerp(n, f)  # h_t = (1 - f_t) * h_{t-1} + f_t * n_t
    return (h,), {"f": f, "n": n}


@dataclass(frozen=True)
class Cell:
    """What the book needs of a cell. ``gates``: the blocks of ``W``, ``U`` and ``b``, in their order. ``states``: the
    names of the state tensors. ``paper``: the citation's key. ``equations``: one LaTeX line each. ``vectors``: further
    parameters (H,). ``keeps``: the block that keeps the old state when large (sign 1) or small (-1), or None.
    """

    name: str
    step: Callable
    gates: tuple[str, ...]
    states: tuple[str, ...]
    paper: str
    equations: tuple[str, ...]
    vectors: tuple[str, ...] = ()
    keeps: tuple[str, int] | None = None


def _block(s, activation=r"\sigma", peep=None):
    """The LaTeX line of one block, with a peephole to the cell state of time ``peep``."""
    peephole = rf" + p_{s} \odot c_{{{peep}}}" if peep else ""
    return rf"{s}_t = {activation}(W_{s} x_t + U_{s} h_{{t-1}}{peephole} + b_{s})"


_I, _F, _O, _R, _Z = (_block(s) for s in "iforz")
_G, _N = _block("g", r"\tanh"), _block("n", r"\tanh")
_C = r"c_t = f_t \odot c_{t-1} + i_t \odot g_t"
_CG = r"c_t = f_t \odot c_{t-1} + g_t"
_CC = r"c_t = f_t \odot c_{t-1} + (1 - f_t) \odot g_t"
_H, _HN, _HC = r"h_t = o_t \odot \tanh(c_t)", r"h_t = \tanh(c_t)", r"h_t = o_t \odot c_t"
_MIX = r"h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}"
_MIX_F = r"h_t = (1 - f_t) \odot h_{t-1} + f_t \odot n_t"
_AFTER = r"n_t = \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + b_{hn}))"
_BEFORE = r"n_t = \tanh(W_n x_t + U_n (r_t \odot h_{t-1}) + b_n)"
_PEEPHOLES = (_block("i", peep="t-1"), _block("f", peep="t-1"), _G, _C, _block("o", peep="t"), _H)

H, HC = ("h",), ("h", "c")
_CELLS = (
    Cell("rnn", rnn, tuple("n"), H, "elman1990", (r"h_t = \tanh(W x_t + U h_{t-1} + b)",)),
    Cell("lstm", lstm, tuple("ifgo"), HC, "gers2000", (_I, _F, _G, _O, _C, _H), keeps=("f", 1)),
    Cell("gru", gru, tuple("rzn"), H, "cho2014", (_R, _Z, _AFTER, _MIX), ("b_hn",), ("z", 1)),
    Cell(
        "gru_before",
        gru_before,
        tuple("rzn"),
        H,
        "cho2014",
        (_R, _Z, _BEFORE, _MIX),
        keeps=("z", 1),
    ),
    Cell(
        "gru_noreset", gru_noreset, tuple("zn"), H, "ravanelli2018", (_Z, _N, _MIX), keeps=("z", 1)
    ),
    Cell("cifg", cifg, tuple("fgo"), HC, "greff2017", (_F, _G, _O, _CC, _H), keeps=("f", 1)),
    Cell(
        "cifg_no_output",
        cifg_no_output,
        tuple("fg"),
        HC,
        "greff2017",
        (_F, _G, _CC, _HN),
        keeps=("f", 1),
    ),
    Cell(
        "peephole",
        peephole,
        tuple("ifgo"),
        HC,
        "gers2002",
        _PEEPHOLES,
        ("p_i", "p_f", "p_o"),
        ("f", 1),
    ),
    Cell(
        "no_forget",
        no_forget,
        tuple("igo"),
        HC,
        "hochreiter1997",
        (_I, _G, _O, _C.replace(r"f_t \odot ", ""), _H),
    ),
    Cell(
        "no_input", no_input, tuple("fgo"), HC, "greff2017", (_F, _G, _O, _CG, _H), keeps=("f", 1)
    ),
    Cell(
        "no_output", no_output, tuple("ifg"), HC, "greff2017", (_I, _F, _G, _C, _HN), keeps=("f", 1)
    ),
    Cell(
        "no_output_tanh",
        no_output_tanh,
        tuple("ifgo"),
        HC,
        "greff2017",
        (_I, _F, _G, _O, _C, _HC),
        keeps=("f", 1),
    ),
    Cell(
        "mgu",
        mgu,
        tuple("fn"),
        H,
        "zhou2016",
        (_F, _BEFORE.replace("r_t", "f_t"), _MIX_F),
        keeps=("f", -1),
    ),
    Cell(
        "rnn_relu",
        rnn_relu,
        tuple("n"),
        H,
        "weiss2018",
        (r"h_t = \mathrm{relu}(W x_t + U h_{t-1} + b)",),
    ),
)
CELLS = {cell.name: cell for cell in _CELLS}


def get_cell(name):
    """The cell of that name; a ValueError lists the names."""
    if name not in CELLS:
        raise ValueError(f"no cell named {name!r}; the cells are {', '.join(CELLS)}")
    return CELLS[name]
