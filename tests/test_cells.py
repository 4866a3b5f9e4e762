"""The registry's equations are what the steps compute: the LaTeX is read and evaluated."""

import re
from pathlib import Path

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


def names_of_one_step(cell, W, U, b, x, state, vectors):
    """What an equation of the cell may speak of, by the names that ``in_python`` writes."""
    names = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "x_t": x} | vectors
    for name, value in zip(cell.states, state, strict=True):
        names[f"{name}_before"] = value
    for letter, rows in {"W": W, "U": U, "b": b}.items():
        names[letter] = rows  # the plain RNN's equation has no index
        for gate, block in zip(cell.gates, rows.chunk(len(cell.gates)), strict=True):
            names[f"{letter}_{gate}"] = block
    return names


@pytest.mark.parametrize("cell", CELLS.values(), ids=[*CELLS])
def test_the_equations_are_the_step(cell):
    G = len(cell.gates)
    W = torch.randn(G * H, 4)
    U = torch.randn(G * H, H)
    b = torch.randn(G * H)
    x = torch.randn(B, 4)
    state = tuple(torch.randn(B, H) for _ in cell.states)
    vectors = {name: torch.randn(H) for name in cell.vectors}
    names = names_of_one_step(cell, W, U, b, x, state, vectors)
    for line in cell.equations:
        exec(in_python(line), names)
    new, gates = cell.step(x @ W.T + b, state, {"U": U} | vectors)
    computed = gates | dict(zip(cell.states, new, strict=True))
    if cell.name in ("rnn", "rnn_relu"):
        del computed["n"]  # its equation calls it h
    for name, value in computed.items():
        torch.testing.assert_close(names[f"{name}_t"], value, rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS.values(), ids=[*CELLS])
def test_an_entry_fits_its_step(cell):
    state = tuple(torch.randn(B, H) for _ in cell.states)
    p = {"U": torch.randn(len(cell.gates) * H, H)}
    p |= {name: torch.randn(H) for name in cell.vectors}
    new, gates = cell.step(torch.randn(B, len(cell.gates) * H), state, p)
    assert len(new) == len(cell.states)
    assert set(gates) == set(cell.gates) | ({"c"} & set(cell.states))
    assert cell.states[0] == "h"
    if cell.keeps:
        gate, sign = cell.keeps
        assert gate in cell.gates
        assert sign in (-1, 1)


def test_every_cell_has_a_label_of_its_own():
    assert len({cell.label for cell in CELLS.values()}) == len(CELLS)


def test_an_unknown_cell_is_named():
    with pytest.raises(
        ValueError, match="no cell named 'gruu'; the cells are rnn, lstm, gru, gru_before"
    ):
        get_cell("gruu")


def test_every_cell_cites_a_paper_that_the_bibliography_holds():
    text = (Path(__file__).resolve().parents[1] / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"^@\w+\{([\w-]+),", text, re.MULTILINE))
    assert keys
    assert {cell.paper for cell in CELLS.values()} <= keys
