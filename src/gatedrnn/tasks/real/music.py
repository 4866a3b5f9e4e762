"""TODO docstring of tasks.real.music."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch
from gatedrnn.tasks.real.base import RealTask, first_share, split_by_class


@functools.cache
def _pieces():
    pieces = [torch.tensor(roll) for _, roll in sorted(loaders.chorales().items())]
    return pieces, split_by_class(np.zeros(len(pieces)), 213, 71)


@dataclass(frozen=True)
class Chorales(RealTask):
    """Which keys sound next? 213 pieces to train on, 71 to validate, 71 to test.
    key 48   input  1 1 0 0   target  1 0 0 1        88 keys, a step a quarter note: x holds those that sound at t,
    key 52   input  0 1 1 1   target  1 1 1 1        y those at t + 1. Every step but the padding is scored.
    loss: the sum over the keys, nats a step, mean over all steps (not over pieces). ``batch`` cuts each piece to
    ``length`` steps from a random start, ``part`` to its first ``length``. ``shuffled``, the order control: the steps
    of each piece in a random order, always the same. Reference: each key at its own frequency.
    """

    shuffled: bool = False
    input_size, output_size, loss, whole = 88, 88, "bernoulli", 192

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")

    def _items(self, name):
        pieces, split = _pieces()
        return first_share(split[name], np.zeros(len(pieces)), self.share if name == "train" else 1)

    def _draw(self, generator, B, length):
        pieces, indices = _pieces()[0], self._pick(generator, B)
        room = torch.tensor([max(len(pieces[i]) - 1 - length, 0) for i in indices])
        starts = torch.rand(B, generator=generator, dtype=torch.float64) * (room + 1)
        return self._take(indices, length, starts.long().tolist())

    def _take(self, indices, length, starts=None):
        starts = starts or [0] * len(indices)
        pieces = [_pieces()[0][i] for i in indices]
        if self.shuffled:
            orders = [
                np.random.default_rng(i).permutation(len(piece))
                for i, piece in zip(indices, pieces, strict=True)
            ]
            pieces = [piece[order] for piece, order in zip(pieces, orders, strict=True)]
        kept = [
            piece[start : start + length + 1] for piece, start in zip(pieces, starts, strict=True)
        ]
        join = lambda rolls: pad_sequence(rolls, batch_first=True).to(torch.get_default_dtype())
        x, y = join([roll[:-1] for roll in kept]), join([roll[1:] for roll in kept])
        return Batch(
            x, y, torch.arange(x.shape[1]) < torch.tensor([len(roll) - 1 for roll in kept])[:, None]
        )

    def constant(self):
        """The logits of the keys' frequencies (88,), with one step more in which a key sounds and one in which not."""
        train = self.part("train")
        sounds = train.y[train.mask]
        return torch.logit((sounds.sum(0) + 1) / (len(sounds) + 2))
