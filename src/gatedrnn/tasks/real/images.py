"""Handwritten digits, read two pixels at a time.

In the example time runs to the right, and - is not scored.
"""

import functools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.data import loaders
from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.base import RealTask, classify, first_share, split_by_class

SIDE = 14  # pixels of an image, after averaging
STEPS = SIDE * SIDE // 2


class Prepared(NamedTuple):
    """What ``images`` prepares.

    Attributes:
        steps: The images, (5000, 98, 2), from 0 to 1: a step holds two neighbouring pixels.
        labels: Their digits, (5000,), int64.
        split: The indices of each part.
    """

    steps: torch.Tensor
    labels: torch.Tensor
    split: dict[str, np.ndarray]


@functools.cache
def images() -> Prepared:
    """Prepare the images, once a process: averaged 2 x 2, read row by row, split."""
    pixels, labels = loaders.mnist()
    pooled = pixels.reshape(-1, SIDE, 2, SIDE, 2).mean((2, 4)) / 255
    steps = torch.tensor(pooled.reshape(-1, STEPS, 2))
    return Prepared(steps, torch.tensor(labels), split_by_class(labels, 350, 50))


@dataclass(frozen=True)
class PixelDigits(RealTask):
    """Say which digit is drawn.

    3,500 images to train on, 500 to validate, 1,000 to test, each digit equally often::

        input    p1 p3 p5 ... p195        28 x 28 pixels, averaged 2 x 2 to 14 x 14, from 0 (paper)
                 p2 p4 p6 ... p196        to 1 (ink), are read two at a step, left to right and top
        target   -  -  -  ... 7           to bottom: T = 98, 7 steps a row

    Of the ``length`` steps the last ``tail`` are blank; those before them are the beginning of the
    image. Reference: all digits equally likely.

    Attributes:
        tail: How long the answer is waited for after the image.
    """

    tail: int = field(default=0, kw_only=True)
    input_size = 2
    output_size = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        whole_number("tail", self.tail, 0)

    @property
    def shortest(self) -> int:
        """One step of the image and the tail."""
        return self.tail + 1

    @property
    def longest(self) -> int:
        """The image and the tail."""
        return STEPS + self.tail

    @property
    def whole(self) -> int:
        """The image and the tail."""
        return self.longest

    def _items(self, name):
        _, labels, split = images()
        return first_share(
            split[name], labels.numpy(), self.share if name == "train" else 1, self.subset
        )

    def _take(self, indices, length):
        steps, labels, _ = images()
        beginning = steps[indices, : length - self.tail]
        return classify(list(F.pad(beginning, (0, 0, 0, self.tail))), labels[indices])
