"""What the tasks on real data share: parts, the share of the training part, a simple reference.

A task on real data gives a whole part of its data at a time, ``part("valid")``, beside the batches
that are drawn from the training part. No perfect answer is known: ``reference`` is the loss of the
best answer that ignores the input.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from gatedrnn.tasks.base import Batch, Task, loss

PARTS = ("train", "valid", "test")


def check_flag(name: str, value: object) -> None:
    """Say what is wrong with a value that must be True or False.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r}")


def is_number(value: object) -> bool:
    """Say whether the value is an int or a float; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def split_by_class(labels: np.ndarray, train: int, valid: int) -> dict[str, np.ndarray]:
    """Split items at random, always in the same way, with the same number of each class.

    Args:
        labels: The class of each item, (N,).
        train: How many items of each class go to "train".
        valid: How many go to "valid"; the rest go to "test".

    Returns:
        For each part the indices of its items, sorted.
    """
    rng = np.random.default_rng(0)
    indices = {name: [] for name in PARTS}
    for label in np.unique(labels):
        items = rng.permutation(np.flatnonzero(labels == label))
        for name, some in zip(PARTS, np.split(items, [train, train + valid]), strict=True):
            indices[name].append(some)
    return {name: np.sort(np.concatenate(some)) for name, some in indices.items()}


def count(share: float, n: int) -> int:
    """Compute ceil(share * n), free of the error of floating point.

    Args:
        share: The part that is used: 0.07 of 100 is 7, although 0.07 * 100 is a little more.
        n: How many items there are.

    Returns:
        How many of them are used, at least 1.
    """
    return math.ceil(share * n - 1e-9)


def first_share(
    indices: np.ndarray, labels: np.ndarray, share: float, subset: int = 0
) -> np.ndarray:
    """Keep a share of the items of each class, so that a small share lies in a large one.

    Args:
        indices: The items.
        labels: The classes of all items, by index.
        share: Above 0 and at most 1.
        subset: Which random order of the items is taken.

    Returns:
        The indices kept, sorted: of each class the first in that order, which is fixed.
    """
    if share == 1:
        return indices
    order = np.random.default_rng([2, subset] if subset else 2).permutation(indices)
    kept = []
    for label in np.unique(labels[order]):
        items = order[labels[order] == label]
        kept.append(items[: count(share, len(items))])
    return np.sort(np.concatenate(kept))


def classify(sequences: Sequence[torch.Tensor], labels: torch.Tensor) -> Batch:
    """Make a batch that asks for one class a sequence, at its last step.

    Args:
        sequences: B of them, (T, I) each, with a T of its own.
        labels: Their classes, (B,), int64.

    Returns:
        The sequences, with zeros at the end of shorter ones; y repeats the class at every step.
    """
    x = pad_sequence(sequences, batch_first=True).to(torch.get_default_dtype())
    last = torch.tensor([len(sequence) - 1 for sequence in sequences])[:, None]
    return Batch(x, labels[:, None].repeat(1, x.shape[1]), torch.arange(x.shape[1]) == last)


@dataclass(frozen=True)
class RealTask(Task):
    """A task on real data: ``batch`` draws from the training part, ``part`` gives a whole part.

    Scaling always uses the whole training part, so that losses of different shares compare. A batch
    holds no item twice, unless the share has fewer items than the batch: then it draws with
    replacement.

    A new task derives from this class, in a module of this folder. It has ``whole``; and either
    ``_items(part)``, the indices of its items, with ``_take(indices, length)``, their ``Batch``, or
    ``_draw`` and ``_part`` of its own.

    Attributes:
        share: Above 0 and at most 1, the part of the training data that is used: of each class (or
            of all) the first items of a fixed random order.
        subset: Which of these orders, from 0; for tasks that keep single items.
        whole: The length that ``part`` takes if none is given.
    """

    share: float = field(default=1.0, kw_only=True)
    subset: int = field(default=0, kw_only=True)
    baseline = None  # not known for real data
    oracle = None

    def __post_init__(self) -> None:
        if not is_number(self.share) or not 0 < self.share <= 1:
            raise ValueError(f"share must be a number above 0 and at most 1, not {self.share!r}")

    def part(self, name: str, length: int | None = None) -> Batch:
        """Give a whole part, always the same.

        Args:
            name: "train" (the share that is used), "valid" or "test".
            length: The most steps of a sequence; ``whole`` if None.

        Returns:
            All its sequences.

        Raises:
            ValueError: There is no such part, or no such length.
        """
        if name not in PARTS:
            raise ValueError(f"part must be one of {', '.join(PARTS)}, not {name!r}")
        return self._part(name, self.check_length(self.whole if length is None else length))

    def constant(self) -> torch.Tensor:
        """Fit the best answer that ignores the input to the training data used.

        Returns:
            The prediction of every step, (output_size,): here log frequencies of the classes, each
            counted once more than it occurs, so that none is impossible.
        """
        train = self.part("train")
        counts = torch.bincount(train.y[train.mask], minlength=self.output_size)
        return torch.log_softmax((counts + 1.0).log(), 0)

    def reference(self, name: str = "test", length: int | None = None) -> float:
        """Compute the loss of ``constant``: what a model has to beat to have learned anything.

        Args:
            name: The part it is judged on.
            length: As for ``part``.

        Returns:
            The mean loss of a scored step.
        """
        batch = self.part(name, length)
        prediction = self.constant().expand(*batch.mask.shape, -1)
        return loss(self.loss, prediction, batch).item()

    def _items(self, name):
        """The indices of the items of a part, (N,); of "train" those of the share."""
        raise NotImplementedError

    def _take(self, indices, length):
        """The ``Batch`` of these items, each cut to ``length`` steps."""
        raise NotImplementedError

    def _pick(self, generator, B):
        """Draw B items of the training part."""
        items = self._items("train")
        whole = len(type(self)()._items("train"))
        if whole < B:
            raise ValueError(
                f"batch_size must be at most {whole}, the size of the training part, not {B}"
            )
        if len(items) < B:
            return items[torch.randint(0, len(items), (B,), generator=generator).numpy()]
        return items[torch.randperm(len(items), generator=generator)[:B].numpy()]

    def _draw(self, generator, B, length):
        return self._take(self._pick(generator, B), length)

    def _part(self, name, length):
        return self._take(self._items(name), length)
