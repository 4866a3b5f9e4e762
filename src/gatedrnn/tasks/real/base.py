"""What the tasks on real data share: the split, the share of the training part that is used, a simple reference."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from gatedrnn.tasks.base import Batch, Task, loss

PARTS = ("train", "valid", "test")


def split_by_class(labels, train, valid):
    """The indices of a fixed split: of each class ``train`` items, ``valid`` items, and the rest, which is "test"."""
    rng, of = np.random.default_rng(0), lambda label: np.flatnonzero(labels == label)
    orders = [
        np.split(rng.permutation(of(label)), [train, train + valid]) for label in np.unique(labels)
    ]
    parts = (np.sort(np.concatenate(part)) for part in zip(*orders, strict=True))
    return dict(zip(PARTS, parts, strict=True))


def count(share, n):
    """ceil(share * n), where a share such as 0.07 of 100 is 7 although floating point makes it a little more."""
    return math.ceil(share * n - 1e-9)


def first_share(indices, labels, share):
    """Of each class the first part of ``indices`` in one fixed random order, sorted: a small share lies in a large."""
    if share == 1:
        return indices
    order = np.random.default_rng(2).permutation(indices)
    classes = [order[labels[order] == label] for label in np.unique(labels[order])]
    return np.sort(np.concatenate([items[: count(share, len(items))] for items in classes]))


def classify(sequences, labels):
    """The ``Batch`` of a list of (T, I): zeros end shorter ones, y repeats the label, the last step is scored."""
    x = pad_sequence(sequences, batch_first=True).to(torch.get_default_dtype())
    last = torch.tensor([len(sequence) - 1 for sequence in sequences])[:, None]
    return Batch(x, labels[:, None].repeat(1, x.shape[1]), torch.arange(x.shape[1]) == last)


@dataclass(frozen=True)
class RealTask(Task):
    """A task on real data: ``batch`` draws from the training part, ``part`` gives a whole part as one ``Batch``.
    ``share``, above 0 and at most 1, is the part of the training data that is used: of each class (or of all) the first
    items of one fixed random order. Scaling always uses the whole training part, so that losses compare. A batch holds
    no item twice, unless the share has fewer items than the batch: then it draws with replacement.

    A subclass has ``whole``, the length ``part`` takes if none is given; and either ``_items(part)``, the indices of
    its items, with ``_take(indices, length)``, their ``Batch``, or ``_draw`` and ``_part`` of its own.
    """

    share: float = field(default=1.0, kw_only=True)
    baseline = oracle = None  # not known for real data

    def __post_init__(self):
        if (
            not isinstance(self.share, int | float)
            or isinstance(self.share, bool)
            or not 0 < self.share <= 1
        ):
            raise ValueError(f"share must be a number above 0 and at most 1, not {self.share!r}")

    def part(self, name, length=None):
        """A whole part, "train" (the share that is used), "valid" or "test"; at most ``length`` steps a sequence."""
        if name not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, not {name!r}")
        return self._part(name, self.check_length(self.whole if length is None else length))

    def constant(self):
        """The best answer that ignores the input, (O,): here log frequencies of the classes in the training data used,
        each counted once more than it occurs, so that none is impossible.
        """
        train = self.part("train")
        return torch.log_softmax(
            (torch.bincount(train.y[train.mask], minlength=self.output_size) + 1.0).log(), 0
        )

    def reference(self, name="test", length=None):
        """The loss of ``constant`` on a part, a float: what a model has to beat to have learned anything."""
        batch = self.part(name, length)
        return loss(self.loss, self.constant().expand(*batch.mask.shape, -1), batch).item()

    def _pick(self, generator, B):
        items, limit = self._items("train"), len(type(self)()._items("train"))
        if limit < B:
            raise ValueError(
                f"batch_size must be at most {limit}, the size of the training part, not {B}"
            )
        if len(items) < B:
            return items[torch.randint(0, len(items), (B,), generator=generator).numpy()]
        return items[torch.randperm(len(items), generator=generator)[:B].numpy()]

    def _draw(self, generator, B, length):
        return self._take(self._pick(generator, B), length)

    def _part(self, name, length):
        return self._take(self._items(name), length)
