"""The tools behind `book.py build` and `book.py execute` notice what is wrong and name the file."""

import json

import build
import check_environment
import execute
import nbformat
import notebooks
import pytest

TOC = "format: jb-book\nroot: index\nchapters:\n  - file: chapters/part/page\n"
TEXT = "<html><body><article>" + "A page with words. " * 20 + "</article></body></html>"


@pytest.fixture
def book(tmp_path):
    """A book of two pages: built, and its one notebook run."""
    (tmp_path / "_toc.yml").write_text(TOC)
    for page in ("index", "chapters/part/page"):
        file = tmp_path / "_build" / "html" / f"{page}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEXT)
    output = nbformat.v4.new_output("stream", name="stdout", text="1\n")
    write(tmp_path, [nbformat.v4.new_code_cell("print(1)", execution_count=1, outputs=[output])])
    return tmp_path


def write(root, cells):
    path = root / "chapters" / "part" / "page.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def found(root):
    return [*build.notebook_problems(root), *build.page_problems(root)]


def test_a_whole_book_has_no_problems(book):
    assert found(book) == []


def test_a_notebook_without_outputs_fails_the_build_before_it_starts(book, capsys, monkeypatch):
    write(book, [nbformat.v4.new_code_cell("print(1)")])
    monkeypatch.setattr(
        build.subprocess, "call", lambda *_, **__: pytest.fail("jupyter-book was started")
    )
    assert build.main(book) == 1
    assert (
        "chapters/part/page.ipynb: no stored outputs; run `python book.py execute part/page`"
        in capsys.readouterr().err
    )


def test_one_cell_that_was_not_run_is_enough(book):
    ran = nbformat.v4.new_code_cell(
        "1", execution_count=1, outputs=[nbformat.v4.new_output("stream", text="1")]
    )
    write(book, [ran, nbformat.v4.new_code_cell("2")])
    assert "no stored outputs" in found(book)[0]


def test_a_stored_error_is_noticed(book):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])
    write(book, [nbformat.v4.new_code_cell("1 / 0", execution_count=1, outputs=[error])])
    assert "page.ipynb: a cell ended in an error" in found(book)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "chapters/part/page.html: missing"),
        ("<html><body><article>Short.</article></body></html>", "chapters/part/page.html: empty"),
        (
            "<html><body><nav>" + "menu " * 99 + "</nav></body></html>",
            "chapters/part/page.html: empty",
        ),
        (
            TEXT.replace("words", "Traceback (most recent call last)"),
            "chapters/part/page.html: shows a traceback",
        ),
    ],
    ids=["missing", "short", "only a menu", "traceback"],
)
def test_a_broken_page_fails_the_build(book, monkeypatch, capsys, text, message):
    monkeypatch.setattr(build.subprocess, "call", lambda *_, **__: 0)
    file = book / "_build" / "html" / "chapters" / "part" / "page.html"
    file.unlink() if text is None else file.write_text(text)
    assert build.main(book) == 1
    assert message in capsys.readouterr().err.replace("\\", "/")


@pytest.mark.parametrize("code", [0, 1])
def test_a_warning_of_sphinx_is_the_exit_code(book, monkeypatch, capsys, code):
    monkeypatch.setattr(build.subprocess, "call", lambda *_, **__: code)
    assert build.main(book) == code
    assert ("warnings" in capsys.readouterr().err) == bool(code)
    assert (book / "vendor" / "mathjax" / build.MATHJAX).stat().st_size > 1_000_000


def test_execute_twice_gives_the_same_file(tmp_path):
    cells = ["print('a'); import sys; sys.stdout.flush(); print('b')", "{3, 1, 2}"]
    path = write(tmp_path, [nbformat.v4.new_code_cell(source) for source in cells])
    execute.run(path)
    first = path.read_bytes()
    assert first.endswith(b"}\n")
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.cells[0].outputs[0].text == "a\nb\n"
    assert notebook.metadata == execute.METADATA
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    execute.run(path)
    assert path.read_bytes() == first


def test_execute_names_the_cell_that_failed_and_keeps_the_file(tmp_path, capsys):
    path = write(
        tmp_path, [nbformat.v4.new_code_cell(source) for source in ("x = 1", "x / 0", "x")]
    )
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert f"{path}: cell 1 failed" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_execute_lists_the_chapters_where_it_knows_none_of_that_name(book):
    with pytest.raises(SystemExit, match="^no notebook 'part/other'; the chapters are: part/page$"):
        execute.find("part/other", book)
    assert execute.find("part/page", book) == book / "chapters" / "part" / "page.ipynb"


DAMAGED = {
    "empty": ("", "is empty"),
    "conflict": ('{"cells": [\n<<<<<<< HEAD\n', "merge conflict"),
    "cut": ('{"cells": [', "is not JSON"),
    "list": ("[]", "no notebook of format 4"),
    "format 3": ('{"worksheets": [], "nbformat": 3}', "no notebook of format 4"),
    "strange cell": ('{"cells": [{"cell_type": "code 5"}]}', "unknown type"),
    "latin": ('{"cells": []} \u00fc'.encode("latin-1"), "is not UTF-8"),
}


@pytest.mark.parametrize(("text", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_notebook_is_one_line_and_the_next_one_runs(book, capsys, text, message):
    good = write(book, [nbformat.v4.new_code_cell("print(1)")])
    bad = good.with_name("bad.ipynb")
    bad.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert execute.main([str(bad), str(good)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{bad}: ")
    assert message in error
    assert error.count("\n") == 1
    assert notebooks.read(good)["cells"][0]["outputs"]
    bad.replace(good)
    assert message in found(book)[0]


def test_what_other_editors_leave_out_or_add_is_no_damage(book):
    path = write(book, [])
    cells = [{"cell_type": "code", "source": ["print(", "1)"]}]
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"cells": cells}).encode())
    execute.run(path)
    assert notebooks.read(path)["cells"][0]["outputs"][0]["text"] == ["1\n"]


def test_a_file_in_the_place_of_the_pages_is_one_line(book, capsys):
    (book / "_build").rename(book / "elsewhere")
    (book / "_build").write_text("a file")
    assert build.main(book) == 1
    assert "_build: cannot be written" in capsys.readouterr().err


@pytest.fixture
def installed(tmp_path):
    """A folder with one installed package."""
    info = tmp_path / "one-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one\nVersion: 1.0\n")
    (info / "RECORD").write_text("one.py,,5\none-1.0.dist-info/RECORD,,\n")
    (tmp_path / "one.py").write_text("x = 1")
    return tmp_path


def test_a_whole_package_is_whole(installed):
    assert [*check_environment.half_installed(installed)] == []


def test_a_package_that_was_cut_is_noticed(installed):
    (installed / "one.py").write_text("x")
    assert [*check_environment.half_installed(installed)] == ["one: one.py has 1 bytes, not 5"]
    (installed / "one.py").unlink()
    assert [*check_environment.half_installed(installed)] == ["one: one.py is missing"]
    (installed / "one-1.0.dist-info" / "RECORD").unlink()
    assert [*check_environment.half_installed(installed)] == ["one: no list of its files"]
