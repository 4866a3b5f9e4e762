"""TODO docstring of tasks.real.motion."""

import functools
from dataclasses import dataclass

import numpy as np
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.real.base import RealTask, classify, first_share

SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "valid": (7, 8), "test": (9, 10)}


@functools.cache
def _motions():
    """The windows (N, 50, 6), standardised; the recording of each; the recordings' labels; the recordings' split."""
    sequences, labels, subjects, _ = loaders.watch()
    sequences = [sequence[::2] for sequence in sequences]  # from 50 to 25 Hz
    split = {part: np.flatnonzero(np.isin(subjects, who)) for part, who in SUBJECTS.items()}
    train = np.concatenate([sequences[i] for i in split["train"]])
    windows = [
        torch.tensor((s - train.mean(0)) / train.std(0)).unfold(0, 50, 25).mT for s in sequences
    ]
    recordings = np.repeat(np.arange(len(windows)), [len(part) for part in windows])
    return torch.cat(windows), recordings, torch.tensor(labels), split


@dataclass(frozen=True)
class Watch(RealTask):
    """Which of seven exercises does the arm do? Subjects 1-6 to train on, 7 and 8 to validate, 9 and 10 to test.
    input    x x x ... x x        T = 50: two seconds at 25 Hz of acceleration and angular velocity, 6 channels,
    target   - - - ... - 3        standardised as the training part; a window begins every second
    ``length`` samples are kept from the beginning of each window. ``share`` takes whole recordings, of each exercise
    the same number. Reference: the frequencies of the exercises.
    """

    input_size, output_size, whole, longest = 6, 7, 50, 50

    def _items(self, name):
        _, recordings, labels, split = _motions()
        kept = first_share(split[name], labels.numpy(), self.share if name == "train" else 1)
        return np.flatnonzero(np.isin(recordings, kept))

    def _take(self, indices, length):
        windows, recordings, labels, _ = _motions()
        return classify(list(windows[indices, :length]), labels[recordings[indices]])
