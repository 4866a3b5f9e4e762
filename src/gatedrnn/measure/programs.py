"""LSTM, CIFG and GRU as plain torch programs: one product for all gates, or a product a gate.

Is it the number of gates that costs time? The programs differ in that number, in the number of
products, and in whether a GRU resets before or after its product; none has a fused kernel.
"""

from collections.abc import Callable, Sequence

import torch

from gatedrnn.cells import CELLS

LENGTH = 20
INPUTS = 64
# Cell, products, reset.
VARIANTS = [
    ("lstm", "one", "-"),
    ("lstm", "per gate", "-"),
    ("cifg", "one", "-"),
    ("cifg", "per gate", "-"),
    ("gru", "one", "after"),
    ("gru", "one", "before"),
    ("gru", "per gate", "after"),
    ("gru", "per gate", "before"),
]


def lstm(x: Sequence, state: tuple, U: Sequence) -> tuple:
    """One step of the LSTM with a product for each gate.

    Args:
        x: the projected input of each gate, ``(B, H)`` each, in the order of the registry.
        state: h and c, ``(B, H)`` each.
        U: the recurrent matrix of each gate, ``(H, H)`` each.

    Returns:
        The new state.
    """
    h, c = state
    i, f, g, o = (part + h @ u.mT for part, u in zip(x, U, strict=True))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def cifg(x: Sequence, state: tuple, U: Sequence) -> tuple:
    """One step of the LSTM with coupled gates, as ``lstm``."""
    h, c = state
    f, g, o = (part + h @ u.mT for part, u in zip(x, U, strict=True))
    c = g.tanh().lerp(c, f.sigmoid())
    return o.sigmoid() * c.tanh(), c


def gru_after(x: Sequence, state: tuple, U: Sequence) -> tuple:
    """One step of the GRU that resets after the product, as ``lstm``."""
    (h,) = state
    r = (x[0] + h @ U[0].mT).sigmoid()
    z = (x[1] + h @ U[1].mT).sigmoid()
    return (x[2].addcmul(r, h @ U[2].mT).tanh().lerp(h, z),)


def gru_before(x: Sequence, state: tuple, U: Sequence) -> tuple:
    """One step of the GRU that resets before the product, as ``lstm``."""
    (h,) = state
    r = (x[0] + h @ U[0].mT).sigmoid()
    z = (x[1] + h @ U[1].mT).sigmoid()
    return ((x[2] + (r * h) @ U[2].mT).tanh().lerp(h, z),)


PER_GATE = {"lstm": lstm, "cifg": cifg, "gru": gru_after, "gru_before": gru_before}


def registered(cell: str, reset: str) -> str:
    """The name of a variant's cell in the registry."""
    return "gru_before" if reset == "before" else cell


def variant(
    cell: str, products: str, reset: str, hidden_size: int, batch_size: int
) -> tuple[Callable[[], None], int]:
    """A variant, ready to run.

    Args:
        cell: "lstm", "cifg" or "gru".
        products: "one" for all gates, or "per gate".
        reset: of the GRU, "after" or "before" the product; "-" for the others.
        hidden_size: H.
        batch_size: B.

    Returns:
        A function without arguments that runs 20 steps forward and backward, and the number of gate
        blocks. The input is projected outside the loop in all of them: one product, or one a gate.
    """
    name = registered(cell, reset)
    step = CELLS[name].step
    step_per_gate = PER_GATE[name]
    G, H = len(CELLS[name].gates), hidden_size
    W, U = (torch.randn(G * H, n).div(H**0.5).requires_grad_() for n in (INPUTS, H))
    vectors = {v: torch.zeros(H, requires_grad=True) for v in CELLS[name].vectors}
    x = torch.randn(LENGTH, batch_size, INPUTS)
    start = [torch.zeros(batch_size, H) for _ in CELLS[name].states]

    def run_one():
        state = tuple(start)
        for x_t in (x @ W.mT).unbind():
            state, _ = step(x_t, state, {"U": U} | vectors)
        state[0].sum().backward()

    def run_per_gate():
        state = tuple(start)
        blocks = U.split(H)
        projected = [(x @ w.mT).unbind() for w in W.split(H)]
        for parts in zip(*projected, strict=True):
            state = step_per_gate(parts, state, blocks)
        state[0].sum().backward()

    return (run_one if products == "one" else run_per_gate), G
