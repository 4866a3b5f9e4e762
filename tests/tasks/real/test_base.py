"""Shares, splits and references; what the class of all tasks on real data refuses."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from gatedrnn.tasks.real.base import PARTS, classify, count, first_share, split_by_class
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters
from gatedrnn.tasks.real.traffic import Traffic


def test_count_rounds_up_and_ignores_the_error_of_floating_point():
    assert 0.07 * 100 > 7
    assert [
        count(0.07, 100),
        count(0.1, 210),
        count(0.101, 210),
        count(1e-6, 5),
        count(1.0, 5),
    ] == [7, 21, 22, 1, 5]


def test_shares_are_nested_and_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    before = set()
    for share, sizes in [
        (0.01, [1, 1, 1]),
        (0.1, [5, 3, 2]),
        (0.35, [18, 11, 7]),
        (1.0, [50, 30, 20]),
    ]:
        kept = first_share(np.arange(100), labels, share)
        assert np.bincount(labels[kept]).tolist() == sizes
        assert before < set(kept)
        assert kept.tolist() == sorted(kept)
        before = set(kept)
    assert first_share(np.arange(100), labels, 0.1).tolist() != [
        *range(5),
        50,
        51,
        52,
        80,
        81,
    ]  # a random order


def test_shares_keep_the_classes_equal():
    for task, sizes in [(PixelDigits(share=0.01), [4] * 10), (SpokenDigits(share=0.1), [21] * 10)]:
        assert torch.bincount(task.part("train").y[:, 0]).tolist() == sizes


def test_tasks_are_compared_by_value():
    assert Traffic() == Traffic(share=1.0) != Traffic(share=0.5)
    assert SpokenDigits(True).shuffled
    with pytest.raises(dataclasses.FrozenInstanceError):
        Watch().share = 0.5


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan, True, "1", None], ids=repr)
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ValueError, match="share must be a number above 0 and at most 1, not"):
        Watch(share=share)


def test_a_split_takes_so_many_of_each_class_and_each_item_once():
    labels = np.repeat([3, 1, 2], [10, 8, 9])
    split = split_by_class(labels, 4, 2)
    assert list(split) == list(PARTS)
    for part, sizes in [("train", [4, 4, 4]), ("valid", [2, 2, 2]), ("test", [2, 3, 4])]:
        assert np.bincount(labels[split[part]])[1:].tolist() == sizes
        assert (np.diff(split[part]) > 0).all()
    assert sorted(np.concatenate(list(split.values()))) == list(range(27))
    assert split["train"].tolist() != [*range(4), *range(10, 14), *range(18, 22)]  # at random


def test_sequences_are_padded_and_their_last_step_asks_for_the_class():
    x, y, mask = classify([torch.ones(2, 1), torch.ones(3, 1)], torch.tensor([7, 5]))
    assert x[..., 0].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert y.tolist() == [[7, 7, 7], [5, 5, 5]]
    assert mask.tolist() == [[False, True, False], [False, False, True]]


def test_references_are_those_that_were_measured():
    assert Chorales().reference() == pytest.approx(10.7118, abs=1e-4)
    assert Characters().reference("test", 1000) / math.log(2) == pytest.approx(4.2856, abs=1e-4)
    traffic = Traffic()
    assert [round(traffic.scale * traffic.reference(name), 1) for name in ("valid", "test")] == [
        285.2,
        196.5,
    ]
    assert Watch().reference() == pytest.approx(1.9331, abs=1e-4)
    assert PixelDigits().reference() == pytest.approx(math.log(10))
    assert SpokenDigits().reference() == pytest.approx(math.log(10))
