"""The registry's equations are what the steps compute: the LaTeX is read and evaluated."""

import re

import pytest
import torch

from gatedrnn.cells import CELLS, get_cell

B, H = 2, 3
SYMBOLS = {
    r"\sigma": "sigmoid",
    r"\mathrm{relu}": "relu",
    r"\tanh": "tanh",
    r"\odot": "*",
    "{t-1}": "before",
    "{t}": "t",
    "{hn}": "hn",
}


def in_python(line):
    """One LaTeX equation as a Python assignment."""
    for latex, python in SYMBOLS.items():
        line = line.replace(latex, python)
    line = re.sub(r"\b(W\w*) x_t", r"x_t @ \1.T", line)
    return re.sub(r"\b(U\w*) (h_before|\([^()]*\))", r"(\2) @ \1.T", line)


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: cell.name)
def test_the_equations_are_the_step(cell):
    G = len(cell.gates)
    W, U, b = torch.randn(G * H, 4), torch.randn(G * H, H), torch.randn(G * H)
    x, state = torch.randn(B, 4), tuple(torch.randn(B, H) for _ in cell.states)
    vectors = {name: torch.randn(H) for name in cell.vectors}
    names = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "x_t": x} | vectors
    names |= {f"{name}_before": value for name, value in zip(cell.states, state, strict=True)}
    for letter, rows in {"W": W, "U": U, "b": b}.items():
        names |= {
            f"{letter}_{gate}": block for gate, block in zip(cell.gates, rows.chunk(G), strict=True)
        }
        names[letter] = rows  # the plain RNN's equation has no index
    for line in cell.equations:
        exec(in_python(line), names)
    new, gates = cell.step(x @ W.T + b, state, {"U": U} | vectors)
    for name, value in zip(cell.states, new, strict=True):
        torch.testing.assert_close(names[f"{name}_t"], value, rtol=0, atol=1e-14)
    for name in set(gates) - {"n"} if cell.name in ("rnn", "rnn_relu") else set(gates):
        torch.testing.assert_close(names[f"{name}_t"], gates[name], rtol=0, atol=1e-14)


def test_an_unknown_cell_is_named():
    with pytest.raises(
        ValueError, match="no cell named 'gruu'; the cells are rnn, lstm, gru, gru_before"
    ):
        get_cell("gruu")
