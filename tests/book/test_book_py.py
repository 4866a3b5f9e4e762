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
    """book.py as a module in a folder of its own; .started notes installations, none is done."""
    spec = importlib.util.spec_from_file_location("book", BOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in {name for names in module.STAMPED.values() for name in names}:
        (tmp_path / name).write_text("first")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "made-in").write_text(str(tmp_path))
    (tmp_path / "torch-requirements.txt").write_text("torch==2.13.0")
    monkeypatch.setattr(module, "environment_is_whole", lambda: True)
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
        (book.ROOT / name).write_text(f"torch==1 # changed {name}")
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


def noted_commands(book, monkeypatch):
    """A list that fills with the words of each command that a step would have started."""
    asked = []

    def step(title, *command, **options):
        asked.append([str(word) for word in command])
        return True

    monkeypatch.setattr(book, "step", step)
    return asked


@pytest.mark.parametrize("variable", ["UV_FIND_LINKS", "PIP_FIND_LINKS"])
def test_a_folder_of_wheels_is_used_and_no_index_added(book, monkeypatch, variable):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.setenv(variable, "some/wheels")
    asked = noted_commands(book, monkeypatch)
    book.install_torch(gpu=False)
    assert asked
    for command in asked:
        assert str(Path("some/wheels").absolute()) in command
        assert "--index-url" not in command


def test_several_folders_of_wheels_and_names_with_spaces(book, monkeypatch, tmp_path):
    spaced = tmp_path / "my wheels"
    spaced.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", f"{spaced},/second, https://here/wheels")
    assert book.offered_folders() == [str(spaced), "/second", "https://here/wheels"]
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.setenv("PIP_FIND_LINKS", str(spaced))
    assert book.offered_folders() == [str(spaced)]
    monkeypatch.setenv("PIP_FIND_LINKS", "/first /second")
    assert book.offered_folders() == ["/first", "/second"]
    asked = noted_commands(book, monkeypatch)
    book.install("packages", "-r", "some.lock")
    assert [word for word in asked[0] if word in ("/first", "/second")] == ["/first", "/second"]


def test_everything_that_is_downloaded_has_a_hash(book, monkeypatch):
    monkeypatch.setenv("UV_FIND_LINKS", "/wheels")
    asked = noted_commands(book, monkeypatch)
    book.install_group("book", gpu=False)
    book.install_group("test", gpu=False)
    downloads = [command for command in asked if "install" in command and "-e" not in command]
    assert len(downloads) == 5
    for command in downloads:
        assert "--require-hashes" in command


def fresh_book(tmp_path):
    """book.py as a module in a folder of its own, nothing patched."""
    spec = importlib.util.spec_from_file_location("book", BOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    return module


@pytest.mark.slow
def test_an_environment_that_was_not_made_to_its_end_is_made_afresh(tmp_path):
    module = fresh_book(tmp_path)
    assert not module.environment_is_whole()
    module.VENV.mkdir()
    (module.VENV / "half").write_text("left by a call that was killed")
    assert not module.environment_is_whole()
    module.make_environment()
    assert module.environment_is_whole()
    assert not (module.VENV / "half").exists()
    assert [*tmp_path.glob(".venv.old*")] == []
    module.ROOT = tmp_path / "renamed"
    assert not module.environment_is_whole()


def test_what_does_not_fit_is_made_afresh_once(book, monkeypatch):
    made, tries = [], []

    def install_group(group, gpu):
        tries.append(group)
        if not made:
            raise book.Failure("a package is cut")

    monkeypatch.setattr(book, "make_environment", lambda: made.append(1))
    monkeypatch.setattr(book, "install_group", install_group)
    book.setup("book")
    assert (tries, made) == (["book", "book"], [1])
    assert (book.VENV / "installed-book").exists()


def test_a_fresh_environment_that_fails_is_a_failure(book, monkeypatch):
    def install_group(group, gpu):
        raise book.Failure("no network")

    monkeypatch.setattr(book, "environment_is_whole", lambda: False)
    monkeypatch.setattr(book, "make_environment", lambda: None)
    monkeypatch.setattr(book, "install_group", install_group)
    with pytest.raises(book.Failure, match="no network"):
        book.setup("book")


HOLD = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("book", sys.argv[1])
book = importlib.util.module_from_spec(spec)
spec.loader.exec_module(book)
book.ROOT = pathlib.Path(sys.argv[2])
with book.alone("setup"):
    print("inside", flush=True)
    sys.stdin.readline()
"""


def test_a_second_call_says_that_it_waits_and_then_goes_on(tmp_path):
    call = [sys.executable, "-u", "-c", HOLD, str(BOOK), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    first = subprocess.Popen(call, **pipes)
    assert first.stdout.readline() == "inside\n"
    second = subprocess.Popen(call, **pipes)
    assert second.stdout.readline().startswith("Another call of book.py is at the setup")
    first.communicate("go\n")
    assert second.communicate("go\n")[0] == "inside\n"
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    module = fresh_book(tmp_path / "missing")
    with (
        pytest.raises(module.Failure, match=r"^cannot write to .*copy the book"),
        module.alone("x"),
    ):
        pass
