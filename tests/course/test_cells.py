"""The assignment `cells`: the solution is right, the release hides it, mistakes lose points."""

import html
import json
import re

import nbformat
import numpy as np
import pytest
import release
import torch
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearSolutions
from students import (
    PARTS,
    RELEASE,
    ROOT,
    SOURCE,
    failed,
    grade,
    mutant,
    notebook,
    points,
    solution,
    sources,
)

from course.assignments import cells as assignment

# The notebooks


def test_the_committed_release_is_what_the_tool_makes(tmp_path):
    release.release(SOURCE, tmp_path / "release" / "cells.ipynb")
    assert (tmp_path / "release" / "cells.ipynb").read_bytes() == RELEASE.read_bytes()
    assert [file.name for file in (tmp_path / "release").iterdir()] == ["cells.ipynb"]


def test_nbgrader_alone_clears_the_solutions_in_the_same_way():
    stub = {"python": "# YOUR CODE HERE"}
    notebook, _ = ClearSolutions(code_stub=stub).preprocess(nbformat.read(SOURCE, as_version=4), {})
    ours = sources(RELEASE)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "HIDDEN TESTS" not in cell.source:
            assert cell.source == ours[cell.id], cell.id


@pytest.mark.parametrize("path", [SOURCE, RELEASE], ids=["source", "release"])
def test_nbgrader_accepts_the_metadata_and_the_points_agree_with_the_grader(path):
    notebook = nbformat.read(path, as_version=4)
    MetadataValidator().validate_nb(notebook)
    marks = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert {mark.schema_version for mark in marks} == {3}
    assert {mark.grade_id for mark in marks if mark.solution} == set(PARTS)
    assert {
        mark.grade_id.removesuffix("_check"): mark.points for mark in marks if mark.grade
    } == PARTS
    assert all(mark.locked for mark in marks if not mark.solution)
    assert sum(PARTS.values()) == 20


def test_the_table_in_the_text_gives_the_points_of_the_grader():
    text = "\n".join(cell.source for cell in nbformat.read(SOURCE, as_version=4).cells)
    assert {
        name: int(n) for name, n in re.findall(r"^\| \d \| `(\w+)` \| (\d) \|", text, re.M)
    } == PARTS
    assert [int(n) for n in re.findall(r"^## \d\. .* \((\d) points\)$", text, re.M)] == list(
        PARTS.values()
    )


def test_the_numbers_by_hand_in_the_text_are_right():
    text = "\n".join(
        cell.source
        for cell in nbformat.read(SOURCE, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    one = assignment.sigmoid(1)
    by_hand = {
        1: [assignment.count_parameters(kind, 3, 2) for kind in ("lstm", "gru")],
        2: [f"{one:.4f}", f"{2 * one:.4f}", f"{0.5 * np.tanh(2 * one):.4f}"],
        3: [f"{one:.4f}", f"{0.8 * one:.4f}"],
        4: [11, 13, 16],
        5: [f"{one:.4f}", f"{1 - one:.4f}"],
        6: [f"{2**-0.1:.4f}", f"{assignment.half_life_bias(10):.4f}"],
    }
    for part, paragraph in enumerate(re.findall(r"^\*\*By hand:\*\* (.*)$", text, re.M), 1):
        assert all(re.search(rf"\b{number}\b", paragraph) for number in by_hand.pop(part)), (
            paragraph
        )
    assert by_hand == {}


def secrets():
    """Every line inside a solution or a hidden test, and each whole region; without spaces."""
    lines, regions = set(), set()
    for source in sources(SOURCE).values():
        for region in re.findall(
            r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", source, re.S
        ):
            regions.add(squeeze(region))
            lines |= {squeeze(line) for line in region.splitlines() if line.strip()}
    return lines, regions


def squeeze(text):
    return re.sub(r"\s", "", text)


def test_the_release_holds_no_line_of_a_solution():
    lines, _ = secrets()
    assert len(lines) > 15
    for name, source in sources(RELEASE).items():
        assert not lines & {squeeze(line) for line in source.splitlines()}, name
    assert not re.search("BEGIN SOLUTION|HIDDEN TESTS", RELEASE.read_text())


READERS = {
    ".html": lambda text: html.unescape(re.sub("<[^>]+>", "", text)),
    ".ipynb": lambda text: "".join("".join(cell["source"]) for cell in json.loads(text)["cells"]),
    ".js": lambda text: text.replace("\\n", "").replace('\\"', '"'),
    ".md": str,
    ".txt": str,
}


def test_the_built_book_holds_no_solution_and_no_hidden_test():
    book = ROOT / "_build" / "html"
    assert (book / "course/release/cells.html").exists(), (
        "build the book first: python book.py build"
    )
    _, regions = secrets()
    regions = {region for region in regions if len(region) > len("assertpassed")}
    assert len(regions) == len(PARTS) + 1
    for file in book.rglob("*"):
        assert file.name not in ("assignment.py", "nbgrader_config.py")
        assert "course/source" not in file.as_posix()
        if file.suffix in READERS:
            text = squeeze(READERS[file.suffix](file.read_text(encoding="utf-8")))
            assert not [region for region in regions if region in text], file


def public_check(name, source, seed=1):
    """What the public check of the release says of a function: True, or False."""
    cells, space = sources(RELEASE), {}
    for code in (cells["imports"], cells["checks"].replace("SEED = 1", f"SEED = {seed}"), source):
        exec(code, space)
    return space["check"](name, space[name])


@pytest.mark.parametrize("name", PARTS)
def test_public_checks_pass_for_the_solution_and_say_not_yet_for_the_stub(name, capsys):
    assert all(public_check(name, solution()[0][name], seed) for seed in range(5))
    capsys.readouterr()
    stub = next(source for source in sources(RELEASE).values() if source.startswith(f"def {name}("))
    assert not public_check(name, stub)
    assert capsys.readouterr().out == f"not yet: {name} raises NotImplementedError: write {name}\n"


# The reference, and the grades of wrong answers


def test_the_reference_agrees_with_torch():
    rng = np.random.default_rng(0)
    x, h, c = assignment.draw(rng, (5, 3), (5, 4), (5, 4))
    for kind, module in (("lstm", torch.nn.LSTMCell(3, 4)), ("gru", torch.nn.GRUCell(3, 4))):
        W, U, b_i, b_h = (p.detach().numpy() for p in module.parameters())
        if kind == "lstm":
            ours = assignment.lstm_step(x, h, c, W, U, b_i + b_h)
            theirs = module(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
        else:
            b = b_i + np.append(b_h[:8], np.zeros(4))
            ours = (assignment.gru_step(x, h, W, U, b, b_h[8:]),)
            theirs = (module(torch.tensor(x), torch.tensor(h)),)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-12)
        merged = (
            sum(p.numel() for p in module.parameters()) - len(b_h) + (4 if kind == "gru" else 0)
        )
        assert assignment.count_parameters(kind, 3, 4) == merged


@pytest.mark.parametrize("seed", range(25))
def test_the_solution_gets_all_points(seed):
    result = grade(SOURCE, seed)
    assert result.points() == 20, result.reasons


IN_PLACE = "for a in (W.T, U.T, b):\n        a *= sign\n    return W, U, b  #"
# Each mistake, the points that its function still deserves, and a test that names it.
MISTAKES = {
    "i and f swapped": ("i, f, g, o =", "f, i, g, o =", 0, "gate order"),
    "g and o swapped": ("i, f, g, o =", "i, f, o, g =", 1, "gate order"),
    "lstm bias twice": ("+ h @ U.T + b)", "+ b + h @ U.T + b)", 1, "gate order"),
    "lstm mixes the batch": ("(f) * c +", "(f) * c.mean(0, keepdim=True) +", 4, "batch"),
    "h from the old c": ("torch.tanh(c_new), c_new", "torch.tanh(c), c_new", 0, "forget gate"),
    "writes into c": (
        "return torch.sigmoid(o)",
        "c.copy_(c_new); return torch.sigmoid(o)",
        4,
        "whole step",
    ),
    "c and h in the wrong order": (
        "o) * torch.tanh(c_new), c_new",
        "o) * c_new, torch.tanh(c_new)",
        0,
        "matrices",
    ),
    "one value for two": ("* torch.tanh(c_new), c_new", "* torch.tanh(c_new)", 0, "whole step"),
    "z swapped": ("(1 - z) * n + z * h", "z * n + (1 - z) * h", 2, "z keeps"),
    "r and z swapped": ("x_r, x_z, x_n =", "x_z, x_r, x_n =", 0, "block order"),
    "reset before": (
        "x_n + r * (h_n + b_hn)",
        "x_n + (r * h) @ U[-h.shape[1] :].T + b_hn",
        2,
        "reset after the product",
    ),
    "no reset": ("r * (h_n + b_hn)", "(h_n + b_hn)", 2, "reset after the product"),
    "b_hn merged": ("r * (h_n + b_hn)", "b_hn + r * h_n", 3, "b_hn"),
    "gru bias twice": ("(h @ U.T).chunk", "(h @ U.T + b).chunk", 1, "block order"),
    "gru mixes the batch": ("+ z * h", "+ z * h.mean(0, keepdim=True)", 4, "whole step"),
    "starts from zeros": (
        "outputs = []",
        "outputs, state = [], tuple(0 * s for s in state)",
        1,
        "two pieces",
    ),
    "batch taken for time": ("x.unbind(1)", "x.unbind(0)", 0, "every step"),
    "stacks along axis 0": ("dim=1), state", "dim=0), state", 0, "every step"),
    "returns h for the state": ("dim=1), state", "dim=1), state[0]", 0, "two pieces"),
    "loses the second tensor": (
        "state = step(x_t, state)",
        "state = step(x_t, state)[:1]",
        2,
        "two tensors",
    ),
    "negates r": ("[1.0, -1.0, 1.0]", "[-1.0, 1.0, 1.0]", 0, "matrices"),
    "forgets the bias": ("sign * b\n", "b\n", 1, "bias"),
    "negates in place": ("return sign[:, None] * W,", IN_PLACE, 2, "inputs stay"),
    "half-life with the wrong sign": (
        "math.log(f / (1 - f))",
        "-math.log(f / (1 - f))",
        0,
        "short",
    ),
    "half-life by 1 - 1/n": ("f = 2 ** (-1 / n)", "f = 1 - 0.6931 / (n + 0.35)", 0, "long"),
    "half-life as a tensor": (
        "math.log(f / (1 - f))",
        "torch.tensor(math.log(f / (1 - f)))",
        0,
        "short",
    ),
    "two biases": ("hidden_size + 1)", "hidden_size + 2)", 0, "LSTM"),
    "b_hn not counted": ("(3, hidden_size)", "(3, 0)", 1, "GRU"),
    "a float count": ("blocks * hidden_size", "float(blocks) * hidden_size", 0, "LSTM"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_what_it_deserves_and_the_public_check_sees_it(mistake, tmp_path, capsys):
    old, new, deserved, named = MISTAKES[mistake]
    name, source = mutant(old, new)
    functions, imports = solution()
    path = notebook(tmp_path / "anna.ipynb", [imports, *(functions | {name: source}).values()])
    for seed in range(10):
        result = grade(path, seed)
        assert points(result) == PARTS | {name: deserved}
        assert named in failed(result)
    assert not public_check(name, source)
    assert "failed: " in capsys.readouterr().out


@pytest.mark.parametrize("mistake", ["writes into c", "negates in place"])
def test_the_public_check_says_that_an_argument_was_changed(mistake, capsys):
    public_check(*mutant(*MISTAKES[mistake][:2]))
    assert "it changes its arguments; return new tensors instead" in capsys.readouterr().out


def test_the_table_for_instructors_says_what_these_mistakes_get():
    page = (ROOT / "course/index.md").read_text(encoding="utf-8")
    said = {0: ["i and f swapped"], 1: ["g and o swapped", "lstm bias twice"], 3: ["b_hn merged"]}
    said |= {
        2: ["z swapped", "reset before", "no reset"],
        4: ["lstm mixes the batch", "gru mixes the batch", "writes into c"],
    }
    table = {
        int(points): row for row, points in re.findall(r"^\| (.*) \| (\d) of 5 \|$", page, re.M)
    }
    assert table.keys() == said.keys()
    for deserved, mistakes in said.items():
        assert {MISTAKES[mistake][2] for mistake in mistakes} == {deserved}
