"""book.py starts on a bare Python, explains itself, and installs when it must and only then."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book.py"
COMMANDS = ["build", "test", "lab", "execute", "release", "grade", "bench"]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """book.py as a module, in a folder of its own; installations are noted in .started, not done."""
    spec = importlib.util.spec_from_file_location("book", BOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in {name for names in module.STAMPED.values() for name in names}:
        (tmp_path / name).write_text("first")
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    module.started = []
    monkeypatch.setattr(
        module, "step", lambda title, *command, **options: module.started.append(title) or True
    )
    return module


def test_needs_only_the_standard_library():
    tree = ast.parse(BOOK.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_old_python_is_refused_with_one_sentence():
    ast.parse(
        BOOK.read_text(encoding="utf-8"), feature_version=(3, 8)
    )  # else an old Python says SyntaxError instead
    start = "import runpy, sys; sys.version_info = (3, 10, 0); "
    start += f"runpy.run_path({str(BOOK)!r}, run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stdout == ""
    assert re.fullmatch(
        r"This book needs Python 3\.11 or newer; this is Python \S+ \(.+\)\.\n", run.stderr
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    run = subprocess.run([sys.executable, BOOK, command, "--help"], capture_output=True, text=True)
    assert run.returncode == 0
    assert f"usage: book.py {command}" in run.stdout


def test_overview_and_readme_name_every_command():
    run = subprocess.run([sys.executable, BOOK, "--help"], capture_output=True, text=True)
    for command in COMMANDS:
        assert re.search(rf"^ +{command} ", run.stdout, re.MULTILINE)
        assert f"python book.py {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("group", ["book", "test"])
def test_same_stamp_starts_no_installer(book, group):
    book.setup(group)
    assert book.started
    book.started.clear()
    book.setup(group)
    assert book.started == []


@pytest.mark.parametrize("group", ["book", "test"])
def test_a_changed_file_installs_again(book, group):
    for name in book.STAMPED[group]:
        book.setup(group)
        book.started.clear()
        (book.ROOT / name).write_text(f"changed {name}")
        book.setup(group)
        assert book.started, f"{name} changed and nothing was installed"


@pytest.mark.parametrize("group", ["book", "test"])
def test_whatever_is_installed_from_is_stamped(book, monkeypatch, group):
    read = []

    def step(title, *command, **options):
        read.extend(file for flag, file in zip(command, command[1:], strict=False) if flag == "-r")
        return True

    monkeypatch.setattr(book, "step", step)
    book.setup(group)
    assert read
    assert set(read) <= set(book.STAMPED[group])


def kill(book, monkeypatch, at):
    def step(title, *command, **options):
        if at in title:
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(book, "step", step)


@pytest.mark.parametrize(
    "at", ["locked packages", "torch", "data packages", "check, and compile the layers"]
)
def test_a_killed_setup_leaves_no_stamp(book, monkeypatch, at):
    kill(book, monkeypatch, at)
    with pytest.raises(KeyboardInterrupt):
        book.setup("book")
    assert list(book.VENV.glob("installed-*")) == []


def test_a_killed_change_does_not_count_as_the_old_state(book, monkeypatch):
    """Change the lock, stop half-way, change it back: neither the old nor the new is installed."""
    book.setup("book")
    (book.ROOT / "requirements.lock").write_text("second")
    with monkeypatch.context() as patch:
        kill(book, patch, "torch")
        with pytest.raises(KeyboardInterrupt):
            book.setup("book")
    (book.ROOT / "requirements.lock").write_text("first")
    book.started.clear()
    book.setup("book")
    assert book.started


def test_a_failed_step_says_what_failed_and_what_to_try(monkeypatch):
    spec = importlib.util.spec_from_file_location("book", BOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(module.Failure) as failure:
        module.step("a step", sys.executable, "-c", "print('the last line'); raise SystemExit(3)")
    for part in ("a step", "exit code 3", "the last line", sys.executable, "again"):
        assert part in str(failure.value)
    assert not module.step("a step", sys.executable, "-c", "raise SystemExit(3)", may_fail=True)


def test_pip_takes_over_where_uv_fails(book, monkeypatch):
    asked = []

    def step(title, *command, may_fail=False):
        asked.append(command)
        return "uv" not in command

    monkeypatch.setattr(book, "step", step)
    book.install("packages", "-r", "some.lock")
    assert [("uv" in command, "pip" in command) for command in asked] == [
        (True, True),
        (False, True),
    ]
    assert all(command[-2:] == ("-r", "some.lock") for command in asked)


@pytest.mark.parametrize("variable", ["UV_FIND_LINKS", "PIP_FIND_LINKS"])
def test_a_folder_of_wheels_is_used_and_no_index_added(book, monkeypatch, variable):
    monkeypatch.setenv(variable, "some/wheels")
    asked = []
    monkeypatch.setattr(
        book,
        "step",
        lambda title, *command, **options: asked.append(list(map(str, command))) or True,
    )
    book.install_torch(gpu=False)
    assert all("some/wheels" in command for command in asked)
    assert not any("--torch-backend" in command or "--index-url" in command for command in asked)
