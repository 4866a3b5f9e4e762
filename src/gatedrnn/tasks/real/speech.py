"""TODO docstring of tasks.real.speech."""

import functools
import math
from dataclasses import dataclass, field

import numpy as np
import torch

from gatedrnn.data.loaders import digits
from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.base import PARTS, RealTask, classify, first_share, split_by_class


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
    return (
        [torch.from_numpy((s - mean) / deviation) for s in sequences],
        keys,
        torch.from_numpy(labels),
        split,
    )


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
    the coefficients' own is 1; a recording always has the same. ``share``: see ``parts.RealTask``.
    """

    shuffled: bool = False
    noise: float = field(default=0.0, kw_only=True)
    input_size, output_size, whole = 13, 10, 92

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")
        if (
            isinstance(self.noise, bool)
            or not isinstance(self.noise, int | float)
            or not 0 <= self.noise < math.inf
        ):
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
            kept = [
                frames[keys[i][:length].argsort()] for i, frames in zip(indices, kept, strict=True)
            ]
        return classify(kept, labels[indices])


@dataclass(frozen=True)
class DigitStrings(SpokenDigits):
    """Which digit was said first? ``count`` recordings one after the other, each with its first ``length`` frames.
    recordings  a a a b b c c c c       the digits are independent: who only knows which were said can but guess
    target      - - a - a - - - a       which was first; the end of each recording is scored
    ``batch`` joins recordings of the training part at random, some more than once, ``part`` gives 600 strings, always
    the same. ``shuffled`` mixes the frames of the whole string. The other fields are those of ``SpokenDigits``.
    """

    count: int = field(default=3, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        whole_number("count", self.count)

    def _draw(self, generator, B, length):
        return self._strings(generator, B, length, self._items("train"))

    def _part(self, name, length):
        return self._strings(
            torch.Generator().manual_seed(PARTS.index(name)), 600, length, self._items(name)
        )

    def _strings(self, generator, B, length, items):
        chosen = items[
            torch.randint(len(items), (B, self.count), generator=generator).numpy()
        ]  # (B, count)
        frames = [[self._frames(i, length) for i in row] for row in chosen]
        strings = [torch.cat(row) for row in frames]
        if self.shuffled:
            strings = [
                string[torch.randperm(len(string), generator=generator)] for string in strings
            ]
        batch = classify(strings, _prepared()[2][chosen[:, 0]])
        ends = torch.tensor([[len(part) for part in row] for row in frames]).cumsum(1) - 1
        return batch._replace(mask=batch.mask.scatter(1, ends, True))
