"""The command over a folder: a table, a page a student, and one line for whatever is wrong."""

import csv
import io
import os
import re
import sys

import numpy as np
import pytest
from students import PARTS, RELEASE, SOURCE, here, mutant, notebook, solution

from course.assignments import cells as assignment
from course.grading import grader, sandbox, submissions


@pytest.fixture
def without_sandbox(monkeypatch):
    """Submissions run in this process: for folders of harmless notebooks."""
    monkeypatch.setattr(sandbox, "run", here)


def rows_of(out):
    """The rows of grades.csv."""
    with open(out / "grades.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(folder, out, *more):
    """Grade a folder, allowed to do without a sandbox."""
    return grader.main(["cells", str(folder), "--out", str(out), "--unsafe", "--seed", "7", *more])


def test_a_table_and_a_page_for_each_student(tmp_path, capsys, without_sandbox):
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
    assert run(folder, out) == 0
    rows = rows_of(out)
    assert [(row["student"], row["total"], row["out_of"]) for row in rows] == [
        ("anna", "20", "20"),
        ("ben", "0", "20"),
        ("Łucja, O", "15", "20"),
    ]
    assert list(rows[0]) == ["student", *PARTS, "total", "out_of", "to look at"]
    for row in rows:
        assert int(row["total"]) == sum(int(row[part]) for part in PARTS)
    pages = sorted(file.name for file in out.iterdir())
    assert pages == ["anna.md", "ben.md", "grades.csv", "Łucja, O.md"]
    page = (out / "Łucja, O.md").read_text(encoding="utf-8")
    assert "**15 of 20 points**" in page
    assert "failed, 0 of 1: **z keeps**" in page
    assert re.search(r"What happened: (\d+) of \1 numbers are wrong", page)
    assert r"ValueError: \<b\>\*\_\`x\` \# title" in page
    assert "seed 7" in page
    assert sandbox.protection() in page
    assert "the file is not a notebook" in (out / "ben.md").read_text()
    printed = capsys.readouterr().out
    assert "not graded: notes.txt (no notebook)" in printed
    assert "3 notebooks, seed 7" in printed
    assert "[2 of 3] ben: 0 of 20 (the file is not a notebook" in printed


HONEST_MISTAKES = {
    "a repeated parameter": "def lstm_step(x, h, W, U, b, b):\n    return x",
    "a misplaced global": "def lstm_step(x, *a):\n    x = 1\n    global x",
    "half an emoji": "def lstm_step(*a):\n    raise ValueError('\\ud83d')",
    "a literal of 5,000 digits": "BIG = " + "1" * 5000,
    "a sum of 1,500 terms": "TOTAL = " + " + ".join(["1"] * 1500),
    "a null byte": "x = '\0'",
    "490 magics": "%time 1\n" * 490,
}


@pytest.mark.parametrize("kind", HONEST_MISTAKES)
def test_one_submission_never_ends_the_run(kind, tmp_path, without_sandbox):
    functions, imports = solution()
    cells = [imports, *functions.values()]
    notebook(tmp_path / "a.ipynb", [*cells, HONEST_MISTAKES[kind]])
    notebook(tmp_path / "b.ipynb", cells)
    assert run(tmp_path, tmp_path / "out", "--jobs", "1") == 0
    first, second = rows_of(tmp_path / "out")
    assert second["total"] == "20"
    assert int(first["total"]) >= 15


@pytest.mark.skipif(sys.platform != "linux", reason="file names of bytes")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_names_that_are_no_text_or_that_the_console_lacks(encoding, tmp_path, monkeypatch):
    for name in (os.fsdecode(b"m\xfc"), "\u0141", "=1+1", "\u202eabc", "王"):
        (tmp_path / f"{name}.ipynb").write_text('{"cells": 1}')
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    assert run(tmp_path, tmp_path / "out") == 0
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 5
    assert "'=1+1" in [row["student"] for row in rows]
    assert len([*(tmp_path / "out").glob("*.md")]) == 5


def test_two_names_that_make_one_file_name_get_two_pages():
    assert grader.page_names(["a/b", "a:b", "A:B"]) == {
        "a/b": "a_b",
        "a:b": "a_b-2",
        "A:B": "A_B-3",
    }


def test_an_interrupted_run_keeps_what_was_graded(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.ipynb").write_text('{"cells": []}')
    graded = grader.grade

    def stopped(submission, *rest):
        if submission.student == "c":
            raise KeyboardInterrupt
        return graded(submission, *rest)

    monkeypatch.setattr(sandbox, "run", here)
    monkeypatch.setattr(grader, "grade", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tmp_path / "out", "--jobs", "1")
    assert [row["student"] for row in rows_of(tmp_path / "out")] == ["a", "b"]


def test_without_a_sandbox_the_grader_refuses(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.ipynb").write_text('{"cells": []}')
    monkeypatch.setattr(sandbox, "bubblewrap", tuple)
    monkeypatch.setattr(sandbox, "container", tuple)
    assert grader.main(["cells", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("course.grading: no sandbox here")
    assert "--unsafe" in error
    assert not (tmp_path / "out").exists()


def test_feedback_gives_no_expected_value_and_no_input_away():
    tests = assignment.tests(1)
    result = grader.grade(submissions.read("a", RELEASE), assignment, tests, here)
    page = grader.feedback(result, "cells", 1)
    assert len(re.findall("- Hint: ", page)) == len(tests)
    for test in tests:
        assert test.says in page
        assert test.name in page
        for case in test.cases:
            for part in case.expected if isinstance(case.expected, tuple) else [case.expected]:
                values = np.ravel(part) if not isinstance(part, tuple) else np.ravel(part[0])
                assert not [value for value in values.tolist() if f"{value:.4f}" in page]


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
    assert grader.main([*arguments, "--unsafe"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"course.grading: {message}")
    assert error.count("\n") == 1


def test_results_that_cannot_be_written_are_an_error_in_one_line(tmp_path, capsys):
    (tmp_path / "anna.ipynb").write_text("{")
    (tmp_path / "out").write_text("a file")
    assert run(tmp_path, tmp_path / "out") == 2
    start = f"course.grading: cannot write to {tmp_path / 'out'}: "
    assert capsys.readouterr().err.startswith(start)


def test_help_says_what_the_command_wants(capsys):
    with pytest.raises(SystemExit) as stop:
        grader.main(["--help"])
    assert stop.value.code == 0
    assert "one notebook a student" in capsys.readouterr().out


def test_the_grader_knows_no_assignment():
    for file in (SOURCE.parents[1] / "grading").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "assignments.cells" not in text
        assert "lstm_step" not in text
