"""What is in the folder is graded, or named with the reason why not."""

import json
import os
import sys

import pytest
from students import SOURCE, notebook

from course.grading import submissions
from course.grading.text import encodable, file_name, markdown, printable, table_cell


def test_every_file_is_graded_or_named(tmp_path):
    for name in ("a.ipynb", "B.IPYNB", "c.ipynb.txt", "._a.ipynb", ".hidden", "notes.txt"):
        (tmp_path / name).write_text('{"cells": []}')
    (tmp_path / "student_17").mkdir()
    (tmp_path / "student_17" / "any name.ipynb").write_text('{"cells": []}')
    (tmp_path / "two").mkdir()
    for name in ("x.ipynb", "y.ipynb"):
        (tmp_path / "two" / name).write_text('{"cells": []}')
    (tmp_path / "link.ipynb").symlink_to(SOURCE)
    (tmp_path / "dead.ipynb").symlink_to(tmp_path / "nowhere")
    graded, left_out = submissions.find(tmp_path)
    assert [student for student, _ in graded] == ["B", "a", "student_17"]
    reasons = dict(left_out)
    assert reasons.keys() == {
        "c.ipynb.txt", "._a.ipynb", ".hidden", "notes.txt", "two", "link.ipynb", "dead.ipynb",
    }  # fmt: skip
    assert reasons["c.ipynb.txt"] == "its name does not end in .ipynb; rename it"
    assert "macOS" in reasons["._a.ipynb"]
    assert reasons["two"] == "a folder with 2 notebooks; one is expected"
    assert "a link" in reasons["link.ipynb"]


def test_a_link_in_a_students_folder_is_not_followed(tmp_path):
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "mine.ipynb").symlink_to(SOURCE)
    graded, left_out = submissions.find(tmp_path)
    assert graded == []
    assert left_out == [("ben", "a folder with 0 notebooks; one is expected")]


CELL = {"cell_type": "code", "source": "x = 1"}
READABLE = {
    "a byte-order mark": b"\xef\xbb\xbf" + json.dumps({"cells": [CELL]}).encode(),
    "a list of lines": json.dumps({"cells": [CELL | {"source": ["x ", "= 1"]}]}).encode(),
    "format 3": json.dumps(
        {"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}]}
    ).encode(),
    "strange cells beside it": json.dumps({"cells": [CELL, 7, {"cell_type": 1}, {}]}).encode(),
}


@pytest.mark.parametrize("kind", READABLE)
def test_readable(kind, tmp_path):
    (tmp_path / "a.ipynb").write_bytes(READABLE[kind])
    assert submissions.code_cells(tmp_path / "a.ipynb") == {1: "x = 1"}


UNREADABLE = {
    "cut": b"{",
    "a list": b"[]",
    "no cells": b"{}",
    "latin 1": '{"cells": "\u00fc"}'.encode("latin-1"),
    "deep": b"[" * 200_000,
    "a number of 5,000 digits": b'{"cells": [' + b"1" * 5000 + b"]}",
    "empty": b"",
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_is_a_problem_of_its_own(kind, tmp_path):
    (tmp_path / "a.ipynb").write_bytes(UNREADABLE[kind])
    notebook(tmp_path / "b.ipynb", ["x = 1"])
    (a, b), left_out = submissions.read_all(tmp_path)
    assert left_out == []
    assert a.problem.startswith("the file is not a notebook")
    assert (b.problem, b.cells) == (None, {1: "x = 1"})


@pytest.mark.skipif(sys.platform != "linux", reason="a file that is larger than memory")
def test_a_file_larger_than_memory_is_not_read(tmp_path):
    with open(tmp_path / "a.ipynb", "wb") as file:
        file.truncate(2**40)
    assert "larger than" in submissions.read("a", tmp_path / "a.ipynb").problem


def test_equal_files_are_remarked_on(tmp_path):
    for name in ("anna", "ben"):
        notebook(tmp_path / f"{name}.ipynb", ["x = 1"])
    notebook(tmp_path / "cleo.ipynb", ["x = 2"])
    found, _ = submissions.read_all(tmp_path)
    assert [submission.remarks for submission in found] == [[], ["the same code as anna"], []]


def test_texts_are_made_fit_for_page_table_and_console():
    assert printable("a\nb\x1b[31m\ud83d") == "a b\\x1b[31m\\ud83d"
    assert printable("x" * 1000) == "x" * 297 + "..."
    assert markdown("<b>*_`x`\n# t") == r"\<b\>\*\_\`x\` \# t"
    assert [table_cell(value) for value in ("=1+1", "@x", "-3", "anna", 5)] == [
        "'=1+1", "'@x", "'-3", "anna", 5,
    ]  # fmt: skip
    assert file_name("../x/y\u202e") == "_._x_y_u202e"
    assert file_name(os.fsdecode(b"m\xfc")) == "m_udcfc"
    assert encodable("\u0141", "ascii") == "\\u0141"


class Unspeakable(Exception):
    def __str__(self):
        raise self


def test_an_error_without_text_is_printable():
    assert printable(Unspeakable()) == "(Unspeakable while reading it)"
