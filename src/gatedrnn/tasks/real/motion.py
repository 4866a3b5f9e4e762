"""Exercises of the arm, seen by a smart watch.

In the example time runs to the right, and - is not scored.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.real.base import RealTask, classify, first_share

SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "valid": (7, 8), "test": (9, 10)}
WINDOW = 50  # samples at 25 Hz: two seconds
HOP = 25  # samples between the beginnings of two windows


class Prepared(NamedTuple):
    """What ``motions`` prepares.

    Attributes:
        windows: All windows, (N, 50, 6), standardised.
        recordings: The recording of each window, (N,).
        labels: The exercise of each recording, (140,), int64.
        split: The recordings of each part.
    """

    windows: torch.Tensor
    recordings: np.ndarray
    labels: torch.Tensor
    split: dict[str, np.ndarray]


@functools.cache
def motions() -> Prepared:
    """Prepare the windows, once a process: 25 Hz, standardised as the training part, cut."""
    recorded, labels, subjects, _ = loaders.watch()
    sequences = [sequence[::2] for sequence in recorded]  # from 50 to 25 Hz
    split = {part: np.flatnonzero(np.isin(subjects, who)) for part, who in SUBJECTS.items()}
    train = np.concatenate([sequences[i] for i in split["train"]])
    mean = train.mean(0)
    deviation = train.std(0)
    windows = []
    for sequence in sequences:
        scaled = torch.tensor((sequence - mean) / deviation)
        windows.append(scaled.unfold(0, WINDOW, HOP).mT)
    recordings = np.repeat(np.arange(len(windows)), [len(part) for part in windows])
    return Prepared(torch.cat(windows), recordings, torch.tensor(labels), split)


@dataclass(frozen=True)
class Watch(RealTask):
    """Say which of seven exercises the arm does.

    Subjects 1 to 6 to train on, 7 and 8 to validate, 9 and 10 to test::

        input    x x x ... x x        T = 50: two seconds at 25 Hz of acceleration and angular
        target   - - - ... - 3        velocity, 6 channels, standardised as the training part

    A window begins every second; ``length`` samples are kept from the beginning of each. ``share``
    takes whole recordings, of each exercise the same number. Reference: the frequencies of the
    exercises.
    """

    input_size = 6
    output_size = 7
    whole = WINDOW
    longest = WINDOW

    def _items(self, name):
        _, recordings, labels, split = motions()
        kept = first_share(
            split[name], labels.numpy(), self.share if name == "train" else 1, self.subset
        )
        return np.flatnonzero(np.isin(recordings, kept))

    def _take(self, indices, length):
        windows, recordings, labels, _ = motions()
        return classify(list(windows[indices, :length]), labels[recordings[indices]])
