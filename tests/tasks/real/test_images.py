"""Handwritten digits, two pixels at a time."""

import numpy as np
import pytest
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.images import PixelDigits


def test_pixels_are_read_in_pairs_from_left_to_right_and_top_to_bottom():
    pixels, labels = loaders.mnist()
    by_image = {}
    for image, label in zip(pixels[::250].astype(float), labels[::250], strict=True):
        pooled = [
            [image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() / 255 for c in range(14)]
            for r in range(14)
        ]
        steps = np.array(
            [[pooled[t // 7][2 * (t % 7)], pooled[t // 7][2 * (t % 7) + 1]] for t in range(98)]
        )
        by_image[steps.round(9).tobytes()] = label
    found = 0
    for name, each in zip(PARTS, (350, 50, 100), strict=True):
        part = PixelDigits().part(name)
        assert torch.bincount(part.y[:, 0]).tolist() == [each] * 10
        assert part.x.shape == (10 * each, 98, 2)
        assert 0 <= part.x.min() <= part.x.max() <= 1
        assert part.mask.nonzero()[:, 1].unique().tolist() == [97]
        for x, y in zip(part.x, part.y, strict=True):
            label = by_image.get(x.numpy().round(9).tobytes())
            found += label is not None
            assert label in (None, y[0])
    assert found == len(by_image) == 20
    parts = [PixelDigits().part(name).x for name in PARTS]
    assert len(torch.cat(parts).flatten(1).unique(dim=0)) == 5000


def test_a_tail_is_blank_and_the_answer_is_asked_for_at_its_end():
    plain, waiting = PixelDigits().part("valid"), PixelDigits(tail=5).part("valid")
    assert waiting.x.shape[1] == plain.x.shape[1] + 5
    assert torch.equal(waiting.x[:, :98], plain.x)
    assert not waiting.x[:, 98:].any()
    assert waiting.mask.nonzero()[:, 1].unique().tolist() == [102]
    cut = PixelDigits(tail=5).part("valid", 45)  # the last 5 of the 45 steps are blank
    assert torch.equal(cut.x[:, :40], plain.x[:, :40])
    assert not cut.x[:, 40:].any()
    with pytest.raises(ValueError, match="tail must be a whole number from 0"):
        PixelDigits(tail=-1)
    with pytest.raises(
        ValueError, match="length of PixelDigits must be a whole number from 6 to 103"
    ):
        PixelDigits(tail=5).part("valid", 5)
