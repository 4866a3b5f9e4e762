"""A right notebook gets its points, whatever its author's habits; a bad cell costs itself only."""

import pytest
from students import PARTS, RELEASE, grade, notebook, points, solution

# Each rewrites one right function of the solution in another manner: (function, its cells).
COUNT = {
    "imports on one line": [
        "import math, time, os\n"
        "def count_parameters(kind, i, h):\n"
        "    blocks = {'lstm': 4, 'gru': 3}[kind]\n"
        "    return math.prod([blocks, h, i + h + 1]) + h * (kind == 'gru')"
    ],
    "a star import": [
        "from math import *",
        "def count_parameters(kind, i, h):\n"
        "    blocks = {'lstm': 4, 'gru': 3}[kind]\n"
        "    return floor(blocks * h * (i + h + 1)) + h * (kind == 'gru')",
    ],
    "top-level if, for, with, try, +=, d[k] = and :=": [
        "blocks = {}\nif True:\n    blocks['lstm'] = 4\nfor name in ['gru']:\n    blocks[name] = 1",
        "import contextlib\nwith contextlib.suppress(KeyError):\n    blocks['gru'] += 1\n"
        "try:\n    blocks['none']\nexcept KeyError:\n    blocks['gru'] += 1\n(one := 1)",
        "def count_parameters(kind, i, h):\n"
        "    return blocks[kind] * h * (i + h + one) + h * (kind == 'gru')",
    ],
    "a helper under if": [
        "if True:\n    def rows(kind, h):\n        return {'lstm': 4, 'gru': 3}[kind] * h",
        "def count_parameters(kind, i, h):\n"
        "    return rows(kind, h) * (i + h + 1) + h * (kind == 'gru')",
    ],
    "names such as input, vars, open and LSTM": [
        "LSTM, GRU = 4, 3",
        "def count_parameters(kind, input, vars):\n"
        "    open = {'lstm': LSTM, 'gru': GRU}[kind]\n"
        "    return open * vars * (input + vars + 1) + vars * (kind == 'gru')",
    ],
    "magics": [
        "%matplotlib inline\n!ls\nimport math\nmath?\nfiles = !ls",
        "%%time\n"
        "def count_parameters(kind, i, h):\n"
        "    return {'lstm': 4, 'gru': 3}[kind] * h * (i + h + 1) + h * (kind == 'gru')",
        "%time total = count_parameters('lstm', 3, 4)\nassert total == 128",
    ],
    "a closure and a partial": [
        "from functools import partial\n"
        "def any_count(table, kind, i, h):\n"
        "    return table[kind] * h * (i + h + 1) + h * (kind == 'gru')\n"
        "count_parameters = partial(any_count, {'lstm': 4, 'gru': 3})",
    ],
    "cells that fail, print, plot and set another dtype": [
        "def broken(:\n    pass",
        "1 / 0",
        "print('x' * 10_000)",
        "import torch\ntorch.set_default_dtype(torch.float32)",
        "def count_parameters(kind, i, h):\n"
        "    return {'lstm': 4, 'gru': 3}[kind] * h * (i + h + 1) + h * (kind == 'gru')",
    ],
}


@pytest.mark.parametrize("habit", COUNT)
def test_a_right_function_gets_its_points(habit, tmp_path):
    functions, imports = solution()
    del functions["count_parameters"]
    path = notebook(tmp_path / "anna.ipynb", [imports, *COUNT[habit], *functions.values()])
    result = grade(path)
    assert points(result) == PARTS, result.reasons


def test_a_mangled_notebook_is_graded_in_full(tmp_path):
    functions, imports = solution()
    stub = "def lstm_step(x, h, c, W, U, b):\n    '''Doc.'''\n    raise NotImplementedError('no')"
    cells = [
        imports,
        "def lstm_step(x):\n    return x",  # an early try, written again below
        functions["unroll"] + "\n\n" + functions["count_parameters"],
        functions["lstm_step"],
        "torch.allclose = lambda *a: True",
        functions["gru_step"].replace("torch.sigmoid", "squash"),
        stub,  # a copy of the cell as handed out, left behind
        "def broken(:\n    pass",
        "ONE = 1.0",
        "def squash(a, *, scale=ONE):\n    return torch.sigmoid(scale * a)",
        functions["to_update_convention"].replace('"""(W', '"""With \\sigma: (W'),
        functions["forget_bias_for_half_life"].replace("math", "m"),
        "import math as m, torch\nraise RuntimeError('after all is defined')",
    ]
    result = grade(notebook(tmp_path / "anna.ipynb", cells))
    assert result.points() == 20, result.reasons
    assert [remark.split(":")[0] for remark in result.remarks] == [
        "cell 8 failed",
        "cell 13 failed",
    ]


def test_a_later_function_counts_and_a_missing_one_is_named(tmp_path):
    functions, imports = solution()
    wrong = "def lstm_step(*a):\n    return a"
    del functions["gru_step"]
    result = grade(notebook(tmp_path / "a.ipynb", [imports, *functions.values(), wrong]))
    assert points(result) == PARTS | {"lstm_step": 0, "gru_step": 0}
    assert "not found: no code cell that runs defines it" in result.reasons


READY_MADE = {
    "LSTMCell": "from torch.nn import LSTMCell\ncell = LSTMCell",
    "lstm_cell": "import torch\nready = torch.lstm_cell",
    "gatedrnn": "import gatedrnn.cells",
    "eval": "one = eval('1')",
}


@pytest.mark.parametrize("name", READY_MADE)
def test_ready_made_cells_are_reported_and_cost_nothing(name, tmp_path):
    functions, imports = solution()
    path = notebook(tmp_path / "a.ipynb", [imports, *functions.values(), READY_MADE[name]])
    result = grade(path)
    assert result.points() == 20
    assert [remark for remark in result.remarks if f"uses {name}" in remark]


def test_what_was_handed_out_is_not_reported():
    result = grade(RELEASE)
    assert result.remarks == []
    assert result.points() == 0
    assert set(result.reasons) == {f"it raises NotImplementedError: write {name}" for name in PARTS}


def test_a_size_written_into_a_function_shows(tmp_path):
    functions, imports = solution()
    fixed = functions["lstm_step"].replace(
        "i, f, g, o =", "assert h.shape[-1] == 4\n    i, f, g, o ="
    )
    for seed in range(5):
        path = notebook(
            tmp_path / "a.ipynb", [imports, *(functions | {"lstm_step": fixed}).values()]
        )
        assert grade(path, seed).points("lstm_step") < PARTS["lstm_step"]
