"""What all tasks share: batches, seeded draws, the loss, the score, the class ``Task``.

A task is a frozen dataclass. It has three attributes and three methods:

* ``input_size`` (I), ``output_size`` and ``loss``, one of ``KINDS``;
* ``batch(generator, batch_size, length)``, a ``Batch`` drawn at random;
* ``baseline(length)``, the loss of the best *memoryless* answer, a function of the current input
  and the number of the step and of nothing else: a network that beats it has remembered something;
* ``oracle(x)``, a perfect prediction: a network that reaches its loss has solved the task.

In the examples in the docstrings of tasks time runs to the right, and - is not scored.
"""

import importlib
import math
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

# An error below it is right. Hochreiter and Schmidhuber 1997 allow twice that: 0.04 of half the
# sum.
TOLERANCE = 0.04

CERTAIN = 100.0  # logits this far apart leave a loss below 1e-40

# The loss of a step: cross entropy in nats; mean squared error; mean absolute error; "bernoulli":
# the sum of the binary cross entropies of the outputs, which stand for keys that are on or off.
KINDS = ("cross_entropy", "mse", "mae", "bernoulli")

DENSE = ("mse", "mae", "bernoulli")  # kinds whose target has a number for each output


class Batch(NamedTuple):
    """Sequences, their targets, and which steps are scored.

    Attributes:
        x: The inputs, (B, T, I), of torch's default dtype.
        y: The targets: classes (B, T), int64; or, if the loss is one of ``DENSE``, numbers
            (B, T, output_size) of the dtype of x.
        mask: True where a step is scored, (B, T), bool.
    """

    x: torch.Tensor
    y: torch.Tensor
    mask: torch.Tensor


def whole_number(name: str, value: object, least: float = 1, most: float = math.inf) -> int:
    """Return the value as an int, or say what is wrong with it.

    Args:
        name: What the message calls the value.
        value: An int or a whole number of numpy; True and False are none.
        least: The smallest value allowed.
        most: The largest value allowed.

    Returns:
        The value, an int of Python.

    Raises:
        ValueError: The value is no whole number in the range.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


def torch_generator(value: object) -> torch.Generator:
    """Return the value, or say that it is no ``torch.Generator``.

    Raises:
        ValueError: It is something else, such as a generator of numpy.
    """
    if not isinstance(value, torch.Generator):
        raise ValueError(
            f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {value!r}"
        )
    return value


def generator(seed: int, step: int, stream: str = "train") -> torch.Generator:
    """Make a generator that depends on its arguments and on nothing that was drawn before.

    Args:
        seed: The seed of the run, from 0 to 2^32 - 1.
        step: The number of the training step, from 0 to 2^32 - 1.
        stream: What the numbers are for, any name: numbers of different streams are independent.

    Returns:
        A generator for ``Task.batch``.

    Raises:
        ValueError: ``seed`` or ``step`` is out of range.
    """
    seed = whole_number("seed", seed, 0, 2**32 - 1)
    step = whole_number("step", step, 0, 2**32 - 1)
    # SeedSequence keeps neighbouring seeds apart. One word is enough: torch's CPU generator ignores
    # all but 32 bits.
    words = np.random.SeedSequence([seed, step, *stream.encode()]).generate_state(1)
    return torch.Generator().manual_seed(int(words[0]))


def loss(kind: str, prediction: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Compute the mean loss of the scored steps.

    Args:
        kind: One of ``KINDS``.
        prediction: (..., B, T, output_size): logits for "cross_entropy" and "bernoulli". The axes
            before B, such as one for the seeds, are kept apart.
        batch: The targets, with the same leading axes or with none.

    Returns:
        The losses, (...).

    Raises:
        ValueError: The shapes do not fit, or no step is scored.
    """
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        losses = F.cross_entropy(prediction.flatten(0, -2), y.flatten(), reduction="none")
        losses = losses.view(mask.shape)
    elif kind == "bernoulli":
        losses = F.binary_cross_entropy_with_logits(prediction, y, reduction="none").sum(-1)
    elif kind == "mse":
        losses = (prediction - y).square().mean(-1)
    else:
        losses = (prediction - y).abs().mean(-1)
    return _mean_of_scored(losses, mask)


def score(kind: str, prediction: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Compute the share of the scored steps that are right.

    A step is right if the largest logit is that of the class, or if each error is below
    ``TOLERANCE``. For "bernoulli" it is the share of right keys, logit > 0 where y is 1; it is high
    for silence alone if most keys are 0.

    Args:
        kind: One of ``KINDS``.
        prediction: (..., B, T, output_size), as for ``loss``.
        batch: The targets, with the same leading axes or with none.

    Returns:
        The shares, (...), from 0 to 1.

    Raises:
        ValueError: The shapes do not fit, or no step is scored.
    """
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        right = prediction.argmax(-1) == y
    elif kind == "bernoulli":
        right = ((prediction > 0) == (y > 0.5)).to(prediction.dtype).mean(-1)
    else:
        right = ((prediction - y).abs() < TOLERANCE).all(-1)
    return _mean_of_scored(right, mask)


def _mean_of_scored(values, mask):
    """The mean of the values (..., B, T) where the mask is True, (...)."""
    return values.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def _fit(kind, prediction, batch):
    """Expand y and mask to the axes of the prediction. Unchecked, torch would broadcast."""
    y, mask = batch.y, batch.mask
    steps = prediction.shape[:-1]
    dense = kind != "cross_entropy"
    shape = prediction.shape if dense else steps
    fits = kind in KINDS and y.ndim - dense == mask.ndim >= 2
    if not fits or y.shape != shape[-y.ndim :] or mask.shape != steps[-mask.ndim :]:
        shapes = (
            f"prediction {tuple(prediction.shape)}, y {tuple(y.shape)}, mask {tuple(mask.shape)}"
        )
        raise ValueError(
            f"{shapes}, loss {kind!r}: not a prediction (..., B, T, O), a batch (B, T) and one of "
            f"{', '.join(KINDS)}"
        )
    if not mask.flatten(-2).any(-1).all():
        raise ValueError("the batch has no scored step: its mask is False everywhere")
    return y.expand(shape), mask.expand(steps)


class Task:
    """What the tasks share: a batch is drawn, the oracle answers it, the last steps are scored.

    A new task is a frozen dataclass that derives from this class, in a module of this folder: the
    registry finds it there. Its fields are sizes, whole numbers of at least 1. It has
    ``input_size`` and ``output_size``, and it writes ``_inputs`` and ``oracle``. It writes
    ``_memoryless`` if the current input makes some classes likelier than others, and ``_draw`` in
    place of ``_inputs`` if its batches have another form.

    Attributes:
        loss: One of ``KINDS``.
        shortest: The smallest ``length``.
        longest: The largest ``length``.
        scored: How many steps at the end of a sequence are scored, inf for all of them.
    """

    loss = "cross_entropy"
    shortest = 1
    longest = math.inf
    scored = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            whole_number(field.name, getattr(self, field.name))

    def check_length(self, length: int) -> int:
        """Return the length as an int.

        Raises:
            ValueError: The task has no sequences of this length.
        """
        name = f"length of {type(self).__name__}"
        return whole_number(name, length, self.shortest, self.longest)

    def batch(self, generator: torch.Generator, batch_size: int, length: int) -> Batch:
        """Draw sequences.

        The default dtype of torch decides the precision of x, and not which numbers are drawn.

        Args:
            generator: The source of all randomness, as from ``generator``.
            batch_size: The number of sequences, B.
            length: The difficulty: what it counts is said by the task; T grows with it.

        Returns:
            The sequences, a function of the arguments alone.

        Raises:
            ValueError: An argument is none of these.
        """
        generator = torch_generator(generator)
        batch_size = whole_number("batch_size", batch_size)
        return self._draw(generator, batch_size, self.check_length(length))

    def baseline(self, length: int) -> float:
        """Compute the loss of the best answer that sees the current input and the step alone.

        Args:
            length: As for ``batch``.

        Returns:
            The mean loss of a scored step, exact.

        Raises:
            ValueError: The task has no sequences of this length.
        """
        return self._memoryless(self.check_length(length))

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Solve the task.

        Args:
            x: The inputs of a batch, (B, T, I).

        Returns:
            A prediction (B, T, output_size) whose scored steps are right.
        """
        raise NotImplementedError

    def _memoryless(self, length):
        """All classes equally likely: right if the current input is no help."""
        return math.log(self.output_size)

    def _inputs(self, generator, B, length):
        """Draw the inputs (B, T, I), of any dtype."""
        raise NotImplementedError

    def _draw(self, generator, B, length):
        """Draw a ``Batch``: inputs, the answers of the oracle, the last steps scored."""
        x = self._inputs(generator, B, length).to(torch.get_default_dtype())
        steps = x.shape[1]
        mask = (torch.arange(steps) >= steps - self.scored).repeat(B, 1)
        answer = self.oracle(x)
        if self.loss == "mse":
            return Batch(x, answer * mask[..., None], mask)
        return Batch(x, answer.argmax(-1) * mask, mask)


@dataclass(frozen=True)
class Varied:
    """A task whose training batches each have a length of their own.

    It is uniform from the shortest of the task to ``length``; validated is on 256 sequences of the
    full length.

    Attributes:
        task: The task that draws the sequences.
    """

    task: Task

    @property
    def input_size(self) -> int:
        """The inputs of a step, I."""
        return self.task.input_size

    @property
    def output_size(self) -> int:
        """The outputs of a step."""
        return self.task.output_size

    @property
    def loss(self) -> str:
        """One of ``KINDS``."""
        return self.task.loss

    def batch(self, generator: torch.Generator, batch_size: int, length: int) -> Batch:
        """Draw a length of at most ``length``, then sequences of it, as ``Task.batch`` does."""
        longest = self.task.check_length(length)
        drawn = torch.randint(self.task.shortest, longest + 1, (1,), generator=generator)
        return self.task.batch(generator, batch_size, drawn.item())

    def part(self, name: str, length: int) -> Batch:
        """Draw 256 sequences of the full length, always the same, and others than for training.

        Args:
            name: The stream they are drawn from, such as "valid".
            length: The length of each.

        Returns:
            The sequences.
        """
        return self.task.batch(generator(0, 0, name), 256, length)


def entropy(p: np.ndarray) -> float:
    """Compute the mean entropy of distributions.

    Args:
        p: (..., n), each row adds up to 1.

    Returns:
        The mean over the rows, in nats.
    """
    return float(-(p * np.log(np.where(p > 0, p, 1))).sum(-1).mean())


def certain(classes: torch.Tensor, number: int) -> torch.Tensor:
    """Turn classes into logits that leave no doubt.

    Args:
        classes: (...), int64, from 0 to ``number`` - 1.
        number: How many classes there are.

    Returns:
        (..., number), of torch's default dtype: ``CERTAIN`` at the class, else 0.
    """
    return CERTAIN * F.one_hot(classes, number).to(torch.get_default_dtype())


def find_tasks(package: str, folder: Iterable[str]) -> dict[str, type[Task]]:
    """Find the tasks of a folder: whoever adds a file with a task adds it to the registry.

    Args:
        package: The name of the package, its ``__name__``.
        folder: Where its modules lie, its ``__path__``.

    Returns:
        The classes by their names. What a module ``base`` holds is no task, nor is a class whose
        name begins with an underscore, nor what lies in a folder further down.
    """
    found = {}
    for module in pkgutil.iter_modules(folder):
        if module.ispkg or module.name == "base":
            continue
        for name, value in vars(importlib.import_module(f"{package}.{module.name}")).items():
            defined_here = getattr(value, "__module__", None) == f"{package}.{module.name}"
            is_task = isinstance(value, type) and issubclass(value, Task)
            if defined_here and is_task and not name.startswith("_"):
                found[name] = value
    return found
