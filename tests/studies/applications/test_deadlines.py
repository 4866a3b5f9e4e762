"""The study of deadlines: shares and streams counted by hand. No time is asserted."""

import numpy as np
import pytest
import torch
from torch import nn

from gatedrnn.studies.applications import deadlines

ENDS = [np.array([0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0])]  # one step takes 2, the others 1


def test_the_share_of_steps_in_time():
    assert deadlines.share_in_time(ENDS, 1.0) == pytest.approx(6 / 7)
    assert deadlines.share_in_time(ENDS, 2.0) == 1.0
    assert deadlines.share_in_time(ENDS, 0.5) == 0.0


def test_streams_are_the_steps_that_end_in_time_from_the_worst_moment():
    assert deadlines.streams(ENDS, 1.0) == 0  # the long step alone is late
    assert deadlines.streams(ENDS, 2.0) == 1
    assert deadlines.streams(ENDS, 3.0) == 2
    assert deadlines.streams(ENDS, 9.0) == 0  # no moment whose deadline lies within the block
    even = [np.arange(0.0, 50.0)] * 3
    assert deadlines.streams(even, 10.0) == 10


def test_blocks_hold_the_steps_of_each_layer():
    layers = {"lstm": nn.LSTM(13, 4, batch_first=True), "gru": nn.GRU(13, 4, batch_first=True)}
    found = deadlines.blocks({name: each.float() for name, each in layers.items()}, 2, 0.005)
    assert set(found) == {"lstm", "gru"}
    for blocks in found.values():
        assert len(blocks) == 2
        assert all((np.diff(block) > 0).all() and block[-1] - block[0] >= 5 for block in blocks)


@pytest.fixture(autouse=True)
def _single():
    torch.set_default_dtype(torch.float32)
