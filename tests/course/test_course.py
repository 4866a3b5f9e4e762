"""The assignment `cells`: the solution is right, the release hides it, and every mistake gets what it deserves."""

import csv
import html
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import release  # noqa: E402
from nbgrader.nbgraderformat import MetadataValidator  # noqa: E402
from nbgrader.preprocessors import ClearSolutions  # noqa: E402

from course import cells_tests, child, compare, extract, grader, sandbox  # noqa: E402

SOURCE, RELEASE = ROOT / "course/source/cells.ipynb", ROOT / "course/release/cells.ipynb"
PARTS = grader.parts(cells_tests.tests(0))


def sources(path):
    return {
        cell.id: cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    }


def notebook(path, cells):
    """A notebook as a student's editor might leave it: no ids, no metadata."""
    cells = [
        {"cell_type": "code", "source": source, "outputs": [], "metadata": {}} for source in cells
    ]
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
    )
    return path


def solution():
    """{function: its cell in the solution}, and the imports."""
    cells = sources(SOURCE)
    return {
        name: next(s for s in cells.values() if s.startswith(f"def {name}(")) for name in PARTS
    }, cells["imports"]


def mutant(old, new):
    """The one function that holds ``old``, changed: (its name, its source)."""
    [(name, source)] = [(name, source) for name, source in solution()[0].items() if old in source]
    return name, source.replace(old, new)


def here(functions, cases):
    """``sandbox.run`` without a sandbox: for wrong answers, not for hostile ones."""
    return sandbox.decode(child.answers(functions, cases)), "no answer"


def grade(path, seed=0, run=here):
    return grader.grade(path, cells_tests.tests(seed), run)


def points(result):
    return {part: result.points(part) for part in PARTS}


def failed(result):
    return {test.name for test, reason in zip(result.tests, result.reasons, strict=True) if reason}


# --- the notebooks ---------------------------------------------------------------------------------------------------


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
    one = cells_tests.sigmoid(1)
    by_hand = {
        1: [cells_tests.count_parameters(kind, 3, 2) for kind in ("lstm", "gru")],
        2: [f"{one:.4f}", f"{2 * one:.4f}", f"{0.5 * np.tanh(2 * one):.4f}"],
        3: [f"{one:.4f}", f"{0.8 * one:.4f}"],
        4: [11, 13, 16],
        5: [f"{one:.4f}", f"{1 - one:.4f}"],
        6: [f"{2**-0.1:.4f}", f"{cells_tests.half_life_bias(10):.4f}"],
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
        assert file.name not in ("cells_tests.py", "nbgrader_config.py")
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


# --- the reference and the grades of wrong answers -------------------------------------------------------------------


def test_the_reference_agrees_with_torch():
    rng = np.random.default_rng(0)
    x, h, c = cells_tests.draw(rng, (5, 3), (5, 4), (5, 4))
    for kind, module in (("lstm", torch.nn.LSTMCell(3, 4)), ("gru", torch.nn.GRUCell(3, 4))):
        W, U, b_i, b_h = (p.detach().numpy() for p in module.parameters())
        if kind == "lstm":
            ours = cells_tests.lstm_step(x, h, c, W, U, b_i + b_h)
            theirs = module(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
        else:
            b = b_i + np.append(b_h[:8], np.zeros(4))
            ours = (cells_tests.gru_step(x, h, W, U, b, b_h[8:]),)
            theirs = (module(torch.tensor(x), torch.tensor(h)),)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-12)
        merged = (
            sum(p.numel() for p in module.parameters()) - len(b_h) + (4 if kind == "gru" else 0)
        )
        assert cells_tests.count_parameters(kind, 3, 4) == merged


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
    "writes into c": ("return torch.sigmoid(o)", "c.copy_(c_new); return torch.sigmoid(o)", 4, "whole step"),
    "c and h in the wrong order": ("o) * torch.tanh(c_new), c_new", "o) * c_new, torch.tanh(c_new)", 0, "matrices"),
    "one value for two": ("* torch.tanh(c_new), c_new", "* torch.tanh(c_new)", 0, "whole step"),
    "z swapped": ("(1 - z) * n + z * h", "z * n + (1 - z) * h", 2, "z keeps"),
    "r and z swapped": ("x_r, x_z, x_n =", "x_z, x_r, x_n =", 0, "block order"),
    "reset before": ("x_n + r * (h_n + b_hn)", "x_n + (r * h) @ U[8:].T + b_hn", 2, "reset after the product"),
    "no reset": ("r * (h_n + b_hn)", "(h_n + b_hn)", 2, "reset after the product"),
    "b_hn merged": ("r * (h_n + b_hn)", "b_hn + r * h_n", 3, "b_hn"),
    "gru bias twice": ("(h @ U.T).chunk", "(h @ U.T + b).chunk", 1, "block order"),
    "gru mixes the batch": ("+ z * h", "+ z * h.mean(0, keepdim=True)", 4, "whole step"),
    "starts from zeros": ("outputs = []", "outputs, state = [], tuple(0 * s for s in state)", 1, "two pieces"),
    "batch taken for time": ("x.unbind(1)", "x.unbind(0)", 0, "every step"),
    "stacks along axis 0": ("dim=1), state", "dim=0), state", 0, "every step"),
    "returns h for the state": ("dim=1), state", "dim=1), state[0]", 0, "two pieces"),
    "loses the second tensor": ("state = step(x_t, state)", "state = step(x_t, state)[:1]", 2, "two tensors"),
    "negates r": ("[1.0, -1.0, 1.0]", "[-1.0, 1.0, 1.0]", 0, "matrices"),
    "forgets the bias": ("sign * b\n", "b\n", 1, "bias"),
    "negates in place": ("return sign[:, None] * W,", IN_PLACE, 2, "inputs stay"),
    "half-life with the wrong sign": ("math.log(f / (1 - f))", "-math.log(f / (1 - f))", 0, "short"),
    "half-life by 1 - 1/n": ("f = 2 ** (-1 / n)", "f = 1 - 0.6931 / (n + 0.35)", 0, "long"),
    "half-life as a tensor": ("math.log(f / (1 - f))", "torch.tensor(math.log(f / (1 - f)))", 0, "short"),
    "two biases": ("hidden_size + 1)", "hidden_size + 2)", 0, "LSTM"),
    "b_hn not counted": ("(3, hidden_size)", "(3, 0)", 1, "GRU"),
    "a float count": ("blocks * hidden_size", "float(blocks) * hidden_size", 0, "LSTM"),
}  # fmt: skip


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


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ({"tensor": [[1.0, 2.0]]}, None),
        ({"tensor": [[1.0, 2.0 + 1e-9]]}, None),
        ({"tensor": [[1.0, 2.001]]}, "1 of 2 numbers are wrong"),
        ({"tensor": [[1.0, float("nan")]]}, "1 of 2 numbers are wrong"),
        (
            {"tensor": [[True, 2.0]]},
            "the tensor holds a bool where a floating-point number is asked",
        ),
        ({"tensor": [1.0, 2.0]}, "the shape is [2], not [1, 2]"),
        ([[1.0, 2.0]], "a tensor is asked, not a tuple or list"),
        ({"object": "AlwaysEqual"}, "a tensor is asked, not an object of type AlwaysEqual"),
        (None, "a tensor is asked, not None"),
    ],
)
def test_values_are_compared_by_exact_type_and_number_by_number(got, reason):
    assert compare.difference(np.array([[1.0, 2.0]]), got) == reason


@pytest.mark.parametrize("got", [True, 1.0, "1", None, {"tensor": 1}, [1]])
def test_only_an_int_is_an_int(got):
    assert compare.difference(1, 1) is None
    assert compare.difference(1, got).startswith("an int is asked, not ")


def test_rows_of_different_length_are_no_tensor():
    got = {"tensor": [[1.0, 2.0], [3.0]]}
    assert compare.difference(np.ones((2, 2)), got) == "the tensor's rows differ in length"


# --- notebooks as they come back -------------------------------------------------------------------------------------


def test_mangled_notebook_is_graded_in_full(tmp_path):
    functions, imports = solution()
    stub = 'def lstm_step(x, h, c, W, U, b):\n    """Doc."""\n    # YOUR CODE HERE\n    raise NotImplementedError("no")'
    helper = "def squash(a, *, scale=ONE):\n    return torch.sigmoid(scale * a)"
    gru = functions["gru_step"].replace("torch.sigmoid", "squash")
    cells = [
        "def lstm_step(x):\n    return x",  # an early try, written again below
        functions["unroll"] + "\n\n" + functions["count_parameters"],
        "%%time\n" + functions["lstm_step"],
        "%matplotlib inline\n!ls\ntorch.lstm?\nx = torch.ones(3); x[0] = 2\ntorch.allclose = lambda *a: True",
        gru,
        stub,  # a copy of the cell as handed out, left behind
        "def broken(:\n    pass",
        helper,
        "ONE = 1.0",
        functions["to_update_convention"].replace('"""(W', '"""With \\sigma: (W'),
        "b, h, z = 'names', 'that the functions', 'use as their own'\nraise RuntimeError('never run')",
        functions["forget_bias_for_half_life"].replace("math", "m"),
        "import math as m, torch",
        imports,
    ]
    result = grade(notebook(tmp_path / "anna.ipynb", cells))
    # ONE is defined below the function whose default it is: run from top to bottom, that cell fails.
    assert points(result) == PARTS | {"gru_step": 0}
    assert "name 'squash' is not defined" in result.reasons[7]
    cells[7], cells[8] = cells[8], cells[7]
    result = grade(notebook(tmp_path / "anna.ipynb", cells))
    assert result.points() == 20, result.reasons
    [remark] = result.remarks
    assert remark.startswith("cell 7 was left out")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not a notebook"),
        ("[]", "not a notebook"),
        ('{"cells": [{"cell_type": "code"}]}', "not a notebook"),
        ('{"cells": []}', "not found: no code cell defines it"),
    ],
)
def test_unreadable_or_empty_notebook_gets_nothing_and_the_reason(content, reason, tmp_path):
    path = tmp_path / "anna.ipynb"
    path.write_text(content)
    result = grade(path)
    assert result.points() == 0
    assert all(reason in text for text in result.reasons)


def test_the_release_as_handed_out_gets_nothing_and_says_why():
    result = grade(RELEASE)
    assert result.points() == 0
    assert {f"it raises NotImplementedError: write {name}" for name in PARTS} == set(result.reasons)


FORBIDDEN = {
    "nn.LSTMCell": "from torch import nn\n{}return nn.LSTMCell(3, 4)(x, (h, c))",
    "LSTMCell": "from torch.nn import LSTMCell\n{}return LSTMCell(3, 4)(x, (h, c))",
    "torch.lstm": "{}return torch.lstm(x)",
    "eval": "{}return eval('1')",
    "__import__": "{}return __import__('os')",
    "open": "{}return open('x')",
    "os": "import os\n{}os._exit(0)",
    "sys": "{}import sys",
    "subprocess": "import subprocess as s\n{}s.run('ls')",
    "gatedrnn.cells": "import gatedrnn.cells\n{}return gatedrnn.cells.lstm",
    "torch.os": "{}return torch.os",
    "torch.Tensor.__eq__": "{}torch.Tensor.__eq__ = None",
    ".": "from . import grader\n{}return grader",
}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_forbidden_name_costs_its_function_and_is_named(word, tmp_path):
    source = FORBIDDEN[word].format("def helper(x, h, c):\n    ")
    functions, imports = solution()
    call = "def lstm_step(x, h, c, W, U, b):\n    return helper(x, h, c)"
    cells = [imports, *(functions | {"lstm_step": call}).values(), source, "import os\nos.getcwd()"]
    result = grade(notebook(tmp_path / "anna.ipynb", cells))
    assert points(result) == PARTS | {"lstm_step": 0}
    assert f"not run: it uses {word}, which this assignment does not allow" in result.reasons


def test_only_what_a_function_needs_comes_along(tmp_path):
    source = "import torch\nfrom math import log\nA = 1\nB = A\n"
    source += "def f(x, A=B):\n    y = [A for A in x]\n    return log(y)\nC = 2\ny = 1 / 0"
    found, remarks = extract.definitions({1: source})
    assert remarks == []
    assert [s.lineno for s in extract.pieces("f", found)] == [2, 3, 4, 5]


# --- hostile submissions: the real process ---------------------------------------------------------------------------

HOSTILE = {
    "exit": "import os\ndef exit(x):\n    os._exit(0)",
    "loop": "def loop(x):\n    while True:\n        pass",
    "patch": "import torch, json, builtins\ndef patch(x):\n    torch.allclose = torch.equal = lambda *a, **k: True\n"
    "    torch.Tensor.__eq__ = lambda a, b: True\n    torch.Tensor.tolist = lambda a: [[0.0]]\n"
    "    json.dumps = lambda a: '{}'\n    return x",
    "subclass": "import torch\nclass Same(torch.Tensor):\n    def __eq__(self, other):\n        return True\n"
    "def subclass(x):\n    return x.as_subclass(Same)",
    "flood": "import sys\ndef flood(x):\n    for k in range(20000):\n        print('y' * 100)\n"
    "        print('y' * 100, file=sys.stderr)\n    return x + 1",
    "writer": "def writer(x):\n    with open(PLACE, 'w') as file:\n        file.write('z' * 1000)\n    return x",
    "memory": "import torch\ndef memory(x):\n    return torch.empty(10 ** 9).shape",
    "large": "def large(x):\n    return x.expand(10 ** 5, 1)",
    "leave": "def leave(x):\n    raise SystemExit(0)",
    "raiser": "class Bad(Exception):\n    def __str__(self):\n        raise self\ndef raiser(x):\n    raise Bad",
    "loaded": "raise KeyboardInterrupt\ndef loaded(x):\n    return x",
    "good": "def good(x):\n    return x + 1",
}


def test_hostile_functions_get_nothing_and_the_others_are_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 4)
    place = tmp_path / "stolen"
    functions = {name: [f"PLACE = {str(place)!r}", source] for name, source in HOSTILE.items()}
    cases = [
        {"id": k, "function": name, "args": [{"tensor": [[1.0]]}]} for k, name in enumerate(HOSTILE)
    ]
    answers, out = grader.ask(functions, cases, sandbox.run)
    by_name = {name: answers.get(k, {}) for k, name in enumerate(HOSTILE)}
    assert out == {"exit": "the process ended before it answered", "loop": "no answer within 4 s"}
    assert by_name["patch"]["value"] == {
        "tensor": [[1.0]]
    }  # patched, and the value is still the value
    assert by_name["subclass"]["value"] == {"object": "Same"}
    assert by_name["flood"]["value"] == by_name["good"]["value"] == {"tensor": [[2.0]]}
    assert "error" in by_name["writer"]
    assert not place.exists() or place.stat().st_size == 0
    assert ("error" in by_name["memory"]) == (sys.platform == "linux")
    assert "longer than" in by_name["large"]["error"]
    assert by_name["leave"]["error"] == "SystemExit: 0"
    assert by_name["raiser"]["error"] == "Bad"
    assert by_name["loaded"]["error"].startswith("KeyboardInterrupt")


def test_raw_output_is_capped_and_forged_lines_are_dropped(monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_BYTES", 10_000)
    shout = "import os\ndef shout(x):\n    for k in range(3, 20):\n        try:\n            os.write(k, b'z' * 60000)\n"
    shout += "        except OSError:\n            pass"
    case = {"id": 0, "function": "shout", "args": [1]}
    assert sandbox.run({"shout": [shout]}, [case]) == ({}, "more than 10,000 bytes came back")
    lines = [
        b'{"case": 1, "value": 2}',
        b'{"case": 1, "value": 3}',
        b'{"case": true}',
        b"[1]",
        b"{",
        b"[" * 100_000,
        b"\xff",
    ]
    assert sandbox.decode(lines) == {1: {"case": 1, "value": 2}}


def test_endless_loop_costs_its_function_only(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 4)
    functions, imports = solution()
    loop = functions["lstm_step"].replace(
        "i, f, g, o =", "while len(x) == 5:\n        pass\n    i, f, g, o ="
    )
    path = notebook(tmp_path / "anna.ipynb", [imports, *(functions | {"lstm_step": loop}).values()])
    result = grade(path, run=sandbox.run)
    assert points(result) == PARTS | {
        "lstm_step": 4
    }  # four tests were answered before the batch of five
    assert result.reasons[6] == "no answer within 4 s"


def test_expected_values_never_enter_the_sandbox():
    seen = []
    tests = cells_tests.tests(3)
    grader.grade(SOURCE, tests, lambda *job: seen.append(json.dumps(job)) or here(*job))
    [job] = seen
    for test in tests:
        for case in test.cases:
            values = np.concatenate([np.ravel(part) for part in leaves(case.expected)])
            given = np.concatenate([np.ravel(part) for part in leaves(case.args)])
            for value in set(values.tolist()) - set(given.tolist()):
                assert not re.search(rf"[\[ ]{re.escape(repr(value))}[,\]]", job), test.name


def leaves(value):
    """The numbers and arrays in nested tuples."""
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value] if isinstance(value, int | float | np.ndarray) else [[]]


def test_bubblewrap_that_is_there_but_forbidden_is_not_used(tmp_path, monkeypatch):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    sandbox.bubblewrap.cache_clear()
    try:
        assert sandbox.shutil.which("bwrap") == str(program)
        assert sandbox.bubblewrap() == []
        assert sandbox.protection().startswith(
            "no bubblewrap here: a submission could read this computer's files"
        )
        program.write_text("#!/bin/sh\nexit 0\n")
        sandbox.bubblewrap.cache_clear()
        assert sandbox.bubblewrap()[:2] == [str(program), "--unshare-all"]
        assert sandbox.protection().startswith("bubblewrap (no network")
    finally:
        sandbox.bubblewrap.cache_clear()


def test_a_sandbox_that_does_not_start_is_nobodys_fault(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "CHILD", tmp_path / "missing.py")
    (tmp_path / "anna.ipynb").write_bytes(SOURCE.read_bytes())
    assert grader.main(["cells", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "the grader's own process did not start: " in capsys.readouterr().err
    assert not (tmp_path / "out" / "grades.csv").exists()


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_folder_is_graded_with_a_table_and_a_page_for_each_student(tmp_path, capsys):
    folder, out = tmp_path / "submissions", tmp_path / "out"
    folder.mkdir()
    (folder / "anna.ipynb").write_bytes(SOURCE.read_bytes())
    (folder / "ben.ipynb").write_text("no notebook")
    (folder / "notes.txt").write_text("not a submission")
    functions, imports = solution()
    wrong = mutant("(1 - z) * n + z * h", "z * n + (1 - z) * h")[1]
    loud = 'def count_parameters(*a):\n    raise ValueError("<b>*_`x`\\n# title")'
    cells = functions | {"gru_step": wrong, "count_parameters": loud}
    notebook(folder / "Łucja, O.ipynb", [imports, *cells.values()])
    assert grader.main(["cells", str(folder), "--out", str(out), "--seed", "7"]) == 0
    with open(out / "grades.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], row["total"], row["out_of"]) for row in rows] == [
        ("anna", "20", "20"),
        ("ben", "0", "20"),
        ("Łucja, O", "15", "20"),
    ]
    assert list(rows[0]) == ["student", *PARTS, "total", "out_of"]
    assert all(int(row["total"]) == sum(int(row[part]) for part in PARTS) for row in rows)
    assert sorted(file.name for file in out.iterdir()) == [
        "anna.md",
        "ben.md",
        "grades.csv",
        "Łucja, O.md",
    ]
    page = (out / "Łucja, O.md").read_text(encoding="utf-8")
    assert "**15 of 20 points**" in page
    assert "failed, 0 of 1: **z keeps**" in page
    assert "What happened: 4 of 4 numbers are wrong" in page
    assert r"ValueError: \<b\>\*\_\`x\` \# title" in page
    assert "seed 7" in page
    assert sandbox.protection() in page
    assert "the file is not a notebook" in (out / "ben.md").read_text()
    printed = capsys.readouterr().out
    assert "3 notebooks, seed 7" in printed
    assert "ben: 0 of 20  (the file is not a notebook" in printed


def test_feedback_gives_no_expected_value_and_no_input_away():
    tests = cells_tests.tests(1)
    result = grader.grade(RELEASE, tests, here)
    page = grader.feedback(result, "cells", 1)
    assert len(re.findall("- Hint: ", page)) == len(tests)
    assert all(test.says in page and test.name in page for test in tests)
    numbers = {
        n
        for test in tests
        for case in test.cases
        for part in leaves(case.expected)
        for n in np.ravel(part)
    }
    assert not [n for n in numbers if f"{n:.4f}" in page]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cells", "missing"], "no such folder: missing"),
        (["cells", "."], "no notebook (*.ipynb) in ."),
        (["cels", "."], "no assignment named 'cels'; there are: cells"),
        (["cells", ".", "--seed", "-1"], "the seed must be 0 or more, not -1"),
    ],
)
def test_a_wrong_call_says_in_one_line_what_to_do(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert grader.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"course.grader: {message}")
    assert error.count("\n") == 1


def test_results_that_cannot_be_written_are_an_error_in_one_line(tmp_path, capsys):
    (tmp_path / "anna.ipynb").write_text("{")
    (tmp_path / "out").write_text("a file")
    assert grader.main(["cells", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(
        f"course.grader: cannot write to {tmp_path / 'out'}: "
    )


def test_help_says_what_the_command_wants(capsys):
    with pytest.raises(SystemExit) as stop:
        grader.main(["--help"])
    assert stop.value.code == 0
    assert "one notebook a student" in capsys.readouterr().out
