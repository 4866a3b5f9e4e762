"""Text: windows of the years of a part, shares, and the streams of those who read on."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.text import Characters


def draw(task, size, step=0, length=40):
    return task.batch(tasks.generator(0, step), size, length)


def texts(batch):
    symbols = np.array(list(Characters().symbols))
    return [
        "".join(symbols[[*x.argmax(-1).tolist(), y[-1]]])
        for x, y in zip(batch.x, batch.y, strict=True)
    ]


def part_text(first, last):
    return "\n\n".join(
        text for name, text in loaders.speeches().items() if first <= int(name[:4]) <= last
    )


WHOLE = {
    "train": (1790, 1833, 1_117_339),
    "valid": (1834, 1836, 245_920),
    "test": (1837, 1839, 218_814),
}


@pytest.mark.parametrize("name", PARTS)
def test_characters_of_a_part_are_windows_of_its_years_alone(name):
    first, last, size = WHOLE[name]
    text = part_text(first, last)
    assert len(text) == size
    part = Characters().part(name, 100)
    assert (part.x.sum(-1) == 1).all()
    assert torch.equal(part.x[:, 1:].argmax(-1), part.y[:, :-1])
    assert part.mask.all()
    windows, places = texts(part), range(0, size - 100, 100)
    assert len(windows) == 200
    starts = [next(s for s in places if text[s : s + 101] == window) for window in windows]
    assert starts[0] == 0
    assert starts[-1] > size - 201
    gaps = {b - a for a, b in pairwise(starts)}
    assert max(gaps) - min(gaps) <= 100  # evenly spread, none overlaps
    assert min(gaps) >= 100


def test_a_short_part_gives_all_its_windows():
    windows = texts(Characters(share=0.005).part("train", 100))
    assert (
        "".join(window[:-1] for window in windows) == part_text(1790, 1833)[:5500]
    )  # of 5,587 characters


def test_characters_are_drawn_from_the_share_of_the_training_text():
    text = part_text(1790, 1833)
    assert all(
        window in text for step in range(5) for window in texts(draw(Characters(), 64, step=step))
    )
    beginning = text[:11_174]  # 1 %
    windows = [
        window
        for step in range(20)
        for window in texts(draw(Characters(share=0.01), 64, step=step))
    ]
    assert all(window in beginning for window in windows)
    assert max(beginning.find(window) for window in windows) > 10_900
    tiny = texts(draw(Characters(share=1e-6), 200))
    assert {text[:81].find(window) for window in tiny} == set(
        range(41)
    )  # two windows of 40 and one character
    assert len(Characters().symbols) == 87
    assert "&" in Characters().symbols
