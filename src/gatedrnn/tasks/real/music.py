"""Chorales: which keys of the piano sound next?

In the example time runs to the right.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch
from gatedrnn.tasks.real.base import RealTask, check_flag, first_share, split_by_class


@functools.cache
def pieces() -> tuple[list[torch.Tensor], dict[str, np.ndarray]]:
    """Prepare the chorales, once a process.

    Returns:
        The rolls (T, 88) in the order of their names, and the indices of each part.
    """
    rolls = [torch.tensor(roll) for _, roll in sorted(loaders.chorales().items())]
    return rolls, split_by_class(np.zeros(len(rolls)), 213, 71)


@dataclass(frozen=True)
class Chorales(RealTask):
    """Say which keys sound next.

    213 pieces to train on, 71 to validate, 71 to test::

        key 48   input  1 1 0 0   target  1 0 0 1        88 keys, a step is a quarter note: x holds
        key 52   input  0 1 1 1   target  1 1 1 1        those that sound at t, y those at t + 1

    Every step but the padding is scored. The loss is the sum over the keys in nats, the mean over
    all steps (not over pieces). ``batch`` cuts each piece to ``length`` steps from a random start,
    ``part`` to its first ``length``. Reference: each key at its own frequency.

    Attributes:
        shuffled: The order control: the steps of each piece in a random order, always the same.
    """

    shuffled: bool = False
    input_size = 88
    output_size = 88
    loss = "bernoulli"
    whole = 192

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("shuffled", self.shuffled)

    def constant(self) -> torch.Tensor:
        """Fit the frequencies of the keys to the training data used.

        Returns:
            Their logits (88,), with one step more in which a key sounds and one in which not.
        """
        train = self.part("train")
        sounds = train.y[train.mask]
        return torch.logit((sounds.sum(0) + 1) / (len(sounds) + 2))

    def _items(self, name):
        rolls, split = pieces()
        return first_share(
            split[name], np.zeros(len(rolls)), self.share if name == "train" else 1, self.subset
        )

    def _draw(self, generator, B, length):
        rolls, _ = pieces()
        indices = self._pick(generator, B)
        room = torch.tensor([max(len(rolls[i]) - 1 - length, 0) for i in indices])
        starts = torch.rand(B, generator=generator, dtype=torch.float64) * (room + 1)
        return self._cuts(indices, length, starts.long().tolist())

    def _take(self, indices, length):
        return self._cuts(indices, length, [0] * len(indices))

    def _cuts(self, indices, length, starts):
        """The ``Batch`` of ``length`` steps of each piece from its start on, and one to ask for."""
        cuts = [
            self._roll(index)[start : start + length + 1]
            for index, start in zip(indices, starts, strict=True)
        ]
        x = _padded([cut[:-1] for cut in cuts])
        y = _padded([cut[1:] for cut in cuts])
        sizes = torch.tensor([len(cut) - 1 for cut in cuts])
        return Batch(x, y, torch.arange(x.shape[1]) < sizes[:, None])

    def _roll(self, index):
        """The steps of a piece, in their order or in the order of the control."""
        roll = pieces()[0][index]
        if not self.shuffled:
            return roll
        return roll[np.random.default_rng(index).permutation(len(roll))]


def _padded(rolls):
    return pad_sequence(rolls, batch_first=True).to(torch.get_default_dtype())
