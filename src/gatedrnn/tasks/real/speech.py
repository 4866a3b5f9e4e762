"""Spoken digits, and strings of them.

In the examples time runs to the right, and - is not scored.
"""

import functools
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.base import (
    PARTS,
    RealTask,
    check_flag,
    classify,
    first_share,
    is_number,
    split_by_class,
)

STRINGS = 600  # of a part


def digits_split(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Split the recordings as the book does.

    Args:
        labels: The digit of each recording, (3000,).

    Returns:
        The indices: of each digit 210 recordings in "train", 30 in "valid" and 60 in "test".
    """
    return split_by_class(labels, 210, 30)


class Prepared(NamedTuple):
    """What ``recordings`` prepares.

    Attributes:
        frames: Of each recording its standardised frames, (T, 13), float64.
        keys: Of each recording a random number for each frame: sorted, they shuffle it.
        labels: The digits, (3000,), int64.
        split: The indices of each part.
    """

    frames: list[torch.Tensor]
    keys: list[torch.Tensor]
    labels: torch.Tensor
    split: dict[str, np.ndarray]


@functools.cache
def recordings() -> Prepared:
    """Prepare the recordings, once a process: standardised as the training part."""
    sequences, labels = loaders.digits()
    split = digits_split(labels)
    train = np.concatenate([sequences[i] for i in split["train"]]).astype(np.float64)
    mean = train.mean(0)
    deviation = train.std(0)
    rng = np.random.default_rng(1)
    frames = [torch.from_numpy((sequence - mean) / deviation) for sequence in sequences]
    keys = [torch.from_numpy(rng.random(len(sequence))) for sequence in sequences]
    return Prepared(frames, keys, torch.from_numpy(labels), split)


@functools.cache
def _disturbance():
    """For each recording a standard normal number for each coefficient of each frame."""
    rng = np.random.default_rng(3)
    return [torch.from_numpy(rng.standard_normal(frames.shape)) for frames in recordings().frames]


@dataclass(frozen=True)
class SpokenDigits(RealTask):
    """Say which digit is spoken.

    2,100 recordings to train on, 300 to validate, 600 to test, each digit equally often::

        input    x x x x x x 0 0 0        13 coefficients, standardised as the training part; zeros
        target   - - - - - 7 - - -        end shorter recordings, after the scored step

    The scored step is the last frame; y holds the digit at every step. ``length`` frames are kept
    from the beginning of each recording; T is at most that. Reference: all digits equally likely.

    Attributes:
        shuffled: The order control: the kept frames in a random order, always the same.
        noise: The standard deviation of normal noise added to every number, where the coefficients'
            own is 1; a recording always has the same noise.
    """

    shuffled: bool = False
    noise: float = field(default=0.0, kw_only=True)
    input_size = 13
    output_size = 10
    whole = 92

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("shuffled", self.shuffled)
        if not is_number(self.noise) or not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be a number of at least 0, not {self.noise!r}")

    def _items(self, name):
        prepared = recordings()
        labels = prepared.labels.numpy()
        return first_share(
            prepared.split[name], labels, self.share if name == "train" else 1, self.subset
        )

    def _frames(self, index, length):
        """The first ``length`` frames of a recording, with their noise."""
        frames = recordings().frames[index][:length]
        if self.noise:
            return frames + self.noise * _disturbance()[index][:length]
        return frames

    def _take(self, indices, length):
        prepared = recordings()
        kept = [self._frames(index, length) for index in indices]
        if self.shuffled:  # after the cut, so that both orders see the same frames
            orders = [prepared.keys[index][:length].argsort() for index in indices]
            kept = [frames[order] for frames, order in zip(kept, orders, strict=True)]
        return classify(kept, prepared.labels[indices])


@dataclass(frozen=True)
class DigitStrings(SpokenDigits):
    """Say which digit was spoken first.

    ``count`` recordings one after the other, each with its first ``length`` frames::

        recordings  a a a b b c c c c       the end of each recording is scored
        target      - - a - a - - - a

    The digits are independent: who only knows which were said can but guess which was first.
    ``batch`` joins recordings of the training part at random, some more than once, ``part`` gives
    600 strings, always the same. ``shuffled`` mixes the frames of the whole string.

    Attributes:
        count: How many recordings make a string.
    """

    count: int = field(default=3, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("count", self.count)

    def _draw(self, generator, B, length):
        return self._strings(generator, B, length, self._items("train"))

    def _part(self, name, length):
        always_the_same = torch.Generator().manual_seed(PARTS.index(name))
        return self._strings(always_the_same, STRINGS, length, self._items(name))

    def _strings(self, generator, B, length, items):
        """Draw B strings of these recordings."""
        drawn = torch.randint(len(items), (B, self.count), generator=generator)
        chosen = items[drawn.numpy()]  # (B, count)
        strings = []
        sizes = []
        for row in chosen:
            frames = [self._frames(index, length) for index in row]
            strings.append(torch.cat(frames))
            sizes.append([len(part) for part in frames])
        if self.shuffled:
            strings = [_shuffled(string, generator) for string in strings]
        batch = classify(strings, recordings().labels[chosen[:, 0]])
        ends = torch.tensor(sizes).cumsum(1) - 1
        return batch._replace(mask=batch.mask.scatter(1, ends, True))


def _shuffled(frames, generator):
    """The frames in a random order."""
    return frames[torch.randperm(len(frames), generator=generator)]
