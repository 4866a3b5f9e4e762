"""Hostile submissions in the real process: none gains a point, reaches another, holds us up."""

import json
import re
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from students import PARTS, SOURCE, grade, here, notebook, points, solution

from course.assignments import cells as assignment
from course.grading import grader, sandbox, submissions

pytestmark = pytest.mark.slow

HOSTILE = {
    "exit": "import os\ndef exit(x):\n    os._exit(0)",
    "loop": "def loop(x):\n    while True:\n        pass",
    "patch": "import torch, json, builtins\ndef patch(x):\n"
    "    torch.allclose = torch.equal = lambda *a, **k: True\n"
    "    torch.Tensor.__eq__ = lambda a, b: True\n"
    "    torch.Tensor.tolist = lambda a: [[0.0]]\n"
    "    json.dumps = lambda a: '{}'\n    return x",
    "subclass": "import torch\nclass Same(torch.Tensor):\n    def __eq__(self, other):\n"
    "        return True\ndef subclass(x):\n    return x.as_subclass(Same)",
    "flood": "import sys\ndef flood(x):\n    for k in range(20000):\n        print('y' * 100)\n"
    "        print('y' * 100, file=sys.stderr)\n    return x + 1",
    "memory": "import torch\ndef memory(x):\n    return torch.empty(10 ** 9).shape",
    "large": "def large(x):\n    return x.expand(10 ** 5, 1)",
    "leave": "def leave(x):\n    raise SystemExit(0)",
    "raiser": "class Bad(Exception):\n    def __str__(self):\n        raise self\n"
    "def raiser(x):\n    raise Bad",
    "good": "def good(x):\n    return x + 1",
}


def job(cells, cases):
    """What ``sandbox.run`` takes: the cells, and a call of each function with its arguments."""
    asked = []
    for k, (name, args) in enumerate(cases):
        asked.append({"id": k, "function": name, "args": args})
    return {
        "cells": list(enumerate(cells, 1)),
        "functions": [name for name, _ in cases],
        "cases": asked,
        "steps": {},
        "forbidden": [],
        "known": [],
    }


class Toy:
    """An assignment without steps."""

    __name__ = "toy"
    STEPS, READY_MADE = {}, set()


def test_hostile_functions_get_nothing_and_the_others_are_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 5)
    place = tmp_path / "stolen"
    writer = f"def writer(x):\n    open({str(place)!r}, 'w').write('z' * 1000)\n    return x"
    functions = HOSTILE | {"writer": writer}
    cases = []
    for k, name in enumerate(functions):
        cases.append({"id": k, "function": name, "args": [{"tensor": [[1.0]]}]})
    cells = dict(enumerate(functions.values(), 1))
    answers, out, remarks = grader.ask(cells, cases, Toy, sandbox.run)
    by_name = {name: answers.get(k, {}) for k, name in enumerate(functions)}
    assert out == {"exit": "the process ended before it answered", "loop": "no answer within 5 s"}
    assert remarks == []
    assert by_name["patch"]["value"] == {"tensor": [[1.0]]}  # patched, and still the value
    assert by_name["subclass"]["value"] == {"object": "Same"}
    assert by_name["flood"]["value"] == by_name["good"]["value"] == {"tensor": [[2.0]]}
    assert "error" in by_name["writer"]
    assert not place.exists() or place.stat().st_size == 0
    assert ("error" in by_name["memory"]) == (sys.platform == "linux")
    assert "longer than" in by_name["large"]["error"]
    assert by_name["leave"]["error"] == "SystemExit: 0"
    assert by_name["raiser"]["error"] == "Bad"


AT_THE_TOP = {
    "a cell that ends the process": ("import os\nos._exit(0)", "the process ended"),
    "a cell that cannot be stopped": (
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True:\n    pass",
        "no answer within 5 s",
    ),
}


@pytest.mark.parametrize("kind", AT_THE_TOP)
def test_a_hostile_cell_costs_its_notebook_only(kind, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 5)
    cell, reason = AT_THE_TOP[kind]
    found = sandbox.run(job([cell, HOSTILE["good"]], [("good", [1])]))
    assert found.defined is None
    assert reason in found.reason


def test_a_cell_that_takes_too_long_is_left_behind():
    slow = "while True:\n    pass"
    start = time.monotonic()
    found = sandbox.run(job([slow, HOSTILE["good"]], [("good", [1])]))
    assert found.answers[0]["value"] == 2
    assert "cell 1 failed: CellTimeout" in found.remarks[0]
    assert time.monotonic() - start < 60


def test_raw_output_is_capped_and_forged_lines_are_dropped(monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_BYTES", 10_000)
    shout = "import os\ndef shout(x):\n    for k in range(3, 20):\n        try:\n"
    shout += "            os.write(k, b'z' * 60000)\n        except OSError:\n            pass"
    found = sandbox.run(job([shout], [("shout", [1])]))
    assert (found.answers, found.reason) == ({}, "more than 10,000 bytes came back")
    reader = sandbox.Reader(None)
    lines = [b'{"case": 1, "value": 2}', b'{"case": 1, "value": 3}', b'{"case": true}', b"[1]"]
    reader.take(b"\n".join([*lines, b"{", b"[" * 100_000, b"\xff", b""]))
    assert reader.outcome.answers == {1: {"case": 1, "value": 2}}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
def test_many_processes_and_shared_memory_pass_no_limit(monkeypatch):
    monkeypatch.setattr(sandbox, "MOST_MEMORY", 2**30)
    monkeypatch.setattr(sandbox, "MOST_PROCESSES", 20)
    forks = "import os, time\ndef forks(x):\n    for k in range(60):\n        if os.fork() == 0:\n"
    forks += "            time.sleep(60)\n    time.sleep(60)"
    found = sandbox.run(job([forks], [("forks", [1])]))
    assert found.reason == "it started more than 20 processes"
    shared = "import mmap, time\ndef shared(x):\n    parts = []\n    for k in range(30):\n"
    shared += "        parts.append(mmap.mmap(-1, 2**27))\n        parts[-1].write(b'x' * 2**27)\n"
    found = sandbox.run(job([shared + "    time.sleep(60)"], [("shared", [1])]))
    assert found.reason == "it used more than 1 GB of memory"


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes as Linux does")
def test_a_daemon_neither_holds_the_run_up_nor_lives_on(monkeypatch):
    daemon = "import os, time\ndef daemon(x):\n    if os.fork() == 0:\n        os.setsid()\n"
    daemon += "        if os.fork() == 0:\n            time.sleep(50.25)\n        os._exit(0)\n"
    daemon += "    time.sleep(1)\n    return x"
    before = {process.pid for process in psutil.process_iter()}
    start = time.monotonic()
    found = sandbox.run(job([daemon], [("daemon", [1])]))
    assert found.answers[0]["value"] == 1
    assert time.monotonic() - start < 40
    left = [p for p in psutil.process_iter() if p.pid not in before and is_child_of_ours(p)]
    assert left == []


def is_child_of_ours(process):
    """Whether the process runs the grader's child."""
    try:
        return str(sandbox.CHILD) in process.cmdline() and process.status() != "zombie"
    except psutil.Error:
        return False


def test_endless_loop_costs_its_function_only(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 10)
    functions, imports = solution()
    loop = "while len(x) == 5:\n        pass\n    i, f, g, o ="
    changed = {"lstm_step": functions["lstm_step"].replace("i, f, g, o =", loop)}
    path = notebook(tmp_path / "anna.ipynb", [imports, *(functions | changed).values()])
    result = grade(path, run=sandbox.run)
    # Four tests were answered before the batch of five.
    assert points(result) == PARTS | {"lstm_step": 4}
    assert result.reasons[6] == "no answer within 10 s"


def test_expected_values_never_enter_the_sandbox():
    seen = []

    def run(job):
        seen.append(json.dumps(job["cases"]))
        return here(job)

    tests = assignment.tests(3)
    grader.grade(submissions.read("a", SOURCE), assignment, tests, run)
    (cases,) = seen
    for test in tests:
        for case in test.cases:
            expected = {*numbers(case.expected)} - {*numbers(case.args)}
            for value in expected:
                assert not re.search(rf"[\[ ]{re.escape(repr(value))}[,\]]", cases), test.name


def numbers(value):
    """The numbers in nested tuples and arrays."""
    if isinstance(value, tuple):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float | np.ndarray):
        yield from np.ravel(value).tolist()


@pytest.mark.skipif(not sandbox.bubblewrap(), reason="bubblewrap is not installed here")
def test_bubblewrap_shows_nothing_of_the_course_and_lets_nothing_out(tmp_path):
    """Also where the checkout lies under the temporary folder, and for root."""
    secret = tmp_path / "secret"
    secret.write_text("the hidden tests")
    look = (
        "import os, socket, subprocess\n"
        "def look(course, secret):\n"
        "    seen = [os.path.exists(course), os.path.exists(secret)]\n"
        "    try:\n"
        "        socket.create_connection(('127.0.0.1', 1), 1)\n"
        "    except OSError as error:\n"
        "        seen.append(type(error).__name__)\n"
        "    status = open('/proc/self/status').read()\n"
        "    seen.append([line for line in status.splitlines() if line.startswith('CapEff')][0])\n"
        "    return str(seen)"
    )
    paths = [str(SOURCE.parents[1] / "assignments" / "cells.py"), str(secret)]
    answer = sandbox.run(job([look], [("look", paths)])).answers[0]["value"]
    assert answer.startswith("[False, False, ")
    assert answer.endswith("'CapEff:\\t0000000000000000']")
    words = sandbox.bubblewrap()
    assert words.index("/tmp") < words.index("/usr")  # an empty /tmp, then what is shown in it


def test_bubblewrap_that_is_there_but_forbidden_is_not_used(tmp_path, monkeypatch):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(sandbox, "container", tuple)
    sandbox.bubblewrap.cache_clear()
    try:
        assert sandbox.bubblewrap() == ()
        assert not sandbox.is_safe()
        assert sandbox.protection().startswith("none: a submission can read and change")
        program.write_text("#!/bin/sh\nexit 0\n")
        sandbox.bubblewrap.cache_clear()
        assert sandbox.bubblewrap()[:2] == (str(program), "--unshare-all")
        assert sandbox.protection().startswith("bubblewrap (no network")
    finally:
        sandbox.bubblewrap.cache_clear()


def test_one_child_that_does_not_start_does_not_end_the_run(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "CHILD", tmp_path / "missing.py")
    monkeypatch.setattr(sandbox, "bubblewrap", tuple)
    monkeypatch.setattr(sandbox, "container", tuple)
    result = grade(SOURCE, run=sandbox.run)
    assert result.points() == 0
    assert result.reasons[0].startswith("not graded, run the grader again: ")


def test_the_child_needs_no_file_of_the_course():
    code = "import ast, sys; tree = ast.parse(open(sys.argv[1]).read()); print([n.module for n in "
    code += "ast.walk(tree) if isinstance(n, ast.ImportFrom)])"
    run = subprocess.run(
        [sys.executable, "-c", code, sandbox.CHILD], capture_output=True, text=True
    )
    assert run.stdout.strip() == "['IPython.core.inputtransformer2']"
