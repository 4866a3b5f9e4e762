"""TODO docstring of tasks.real.images."""

import functools
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from gatedrnn.data import loaders
from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.base import RealTask, classify, first_share, split_by_class


@functools.cache
def _images():
    """The images (5000, 98, 2) from 0 to 1, a step two neighbouring pixels; labels; split."""
    pixels, labels = loaders.mnist()
    pooled = pixels.reshape(-1, 14, 2, 14, 2).mean((2, 4)) / 255
    return (
        torch.tensor(pooled.reshape(-1, 98, 2)),
        torch.tensor(labels),
        split_by_class(labels, 350, 50),
    )


@dataclass(frozen=True)
class PixelDigits(RealTask):
    """Which digit is drawn? 3,500 images to train on, 500 to validate, 1,000 to test, each digit equally often.
    input    p1 p3 p5 ... p195        28 x 28 pixels, averaged 2 x 2 to 14 x 14, from 0 (paper) to 1 (ink), are read
             p2 p4 p6 ... p196        two at a step, left to right and top to bottom: T = 98, 7 steps a row
    target   -  -  -  ... 7
    The last ``tail`` of the ``length`` steps are blank; those before them are the beginning of the image. Reference:
    all digits equally likely.
    """

    tail: int = field(default=0, kw_only=True)
    input_size, output_size, shortest = 2, 10, property(lambda self: self.tail + 1)
    whole = longest = property(lambda self: 98 + self.tail)

    def __post_init__(self):
        super().__post_init__()
        whole_number("tail", self.tail, 0)

    def _items(self, name):
        _, labels, split = _images()
        return first_share(split[name], labels.numpy(), self.share if name == "train" else 1)

    def _take(self, indices, length):
        images, labels, _ = _images()
        return classify(
            list(F.pad(images[indices, : length - self.tail], (0, 0, 0, self.tail))),
            labels[indices],
        )
