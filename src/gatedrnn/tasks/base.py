"""Synthetic tasks: each brings its data, the loss of the best answer without memory, and a perfect answer.

``input_size`` I, ``output_size`` O, ``loss`` (a kind of ``KINDS``); ``batch(generator, batch_size, length)``, where
torch's default dtype decides the precision of x and not which numbers are drawn; ``baseline(length)``, the loss of the
best *memoryless* answer, a function of the current input and the number of the step and nothing else;
``oracle(x)``, a prediction ``(B, T, O)`` that solves the task. Wrong arguments are ValueErrors. A ``Batch`` is x
``(B, T, I)`` float, y ``(B, T)`` int64 or ``(B, T, O)`` float, and mask ``(B, T)`` bool, True where a step is scored.
In the examples time runs to the right, and - is not scored.
"""

import math
from collections import namedtuple
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F

TOLERANCE = 0.04  # an error below it is right; Hochreiter and Schmidhuber 1997 allow twice that: 0.04 of half the sum


CERTAIN = 100.0  # logits this far apart leave a loss below 1e-40


Batch = namedtuple("Batch", "x y mask")


# A step's loss: cross entropy in nats; mean squared or absolute error; the binary cross entropies of O keys, their sum.
KINDS = ("cross_entropy", "mse", "mae", "bernoulli")


def generator(seed, step, stream="train"):
    """A ``torch.Generator`` that depends on (seed, step, stream) and on nothing drawn before; stream is any name."""
    seed, step = whole_number("seed", seed, 0, 2**32 - 1), whole_number("step", step, 0, 2**32 - 1)
    # SeedSequence keeps neighbouring seeds apart. One word is enough: torch's CPU generator ignores all but 32 bits.
    words = np.random.SeedSequence([seed, step, *stream.encode()]).generate_state(1)
    return torch.Generator().manual_seed(int(words[0]))


def loss(kind, prediction, batch):
    """The mean loss of the scored steps: ``(...)`` for a prediction ``(..., B, T, O)``; the batch may lack the dots.
    The prediction holds logits for "cross_entropy" and "bernoulli".
    """
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        losses = F.cross_entropy(prediction.flatten(0, -2), y.flatten(), reduction="none").view(
            mask.shape
        )
    elif kind == "bernoulli":
        losses = F.binary_cross_entropy_with_logits(prediction, y, reduction="none").sum(-1)
    else:
        error = prediction - y
        losses = (error.square() if kind == "mse" else error.abs()).mean(-1)
    return losses.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def score(kind, prediction, batch):
    """The fraction of scored steps that are right: the largest logit is that of the class, or each error < TOLERANCE.
    For "bernoulli" the fraction of right keys, logit > 0 where y is 1: high for silence alone if most keys are 0.
    """
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        right = prediction.argmax(-1) == y
    elif kind == "bernoulli":
        right = ((prediction > 0) == (y > 0.5)).to(prediction.dtype).mean(-1)
    else:
        right = ((prediction - y).abs() < TOLERANCE).all(-1)
    return right.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def _fit(kind, prediction, batch):
    """Y and mask expanded to the leading axes of the prediction. Unchecked, torch would broadcast in silence."""
    y, mask, steps = batch.y, batch.mask, prediction.shape[:-1]
    dense = kind != "cross_entropy"
    shape = prediction.shape if dense else steps
    fits = kind in KINDS and y.ndim - dense == mask.ndim >= 2
    if not fits or y.shape != shape[-y.ndim :] or mask.shape != steps[-mask.ndim :]:
        given = f"prediction {tuple(prediction.shape)}, y {tuple(y.shape)}, mask {tuple(mask.shape)}, loss {kind!r}"
        raise ValueError(
            f"{given}: not a prediction (..., B, T, O), a batch (B, T) and one of {', '.join(KINDS)}"
        )
    if not mask.flatten(-2).any(-1).all():
        raise ValueError("the batch has no scored step: its mask is False everywhere")
    return y.expand(shape), mask.expand(steps)


def whole_number(name, value, least=1, most=math.inf):
    if (
        not isinstance(value, int | np.integer)
        or isinstance(value, bool)
        or not least <= value <= most
    ):
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


class Task:
    """What the tasks share. Each draws its inputs; the oracle answers them, and the last ``scored`` steps count."""

    loss, shortest, longest, scored = "cross_entropy", 1, math.inf, 1
    _memoryless = lambda self, length: math.log(
        self.output_size
    )  # all classes equally likely, if the input is no help
    baseline = lambda self, length: self._memoryless(self.check_length(length))
    check_length = lambda self, length: whole_number(
        f"length of {type(self).__name__}", length, self.shortest, self.longest
    )

    def __post_init__(self):
        for field in fields(self):
            whole_number(field.name, getattr(self, field.name))

    def batch(self, generator, batch_size, length):
        if not isinstance(generator, torch.Generator):
            raise ValueError(
                f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {generator!r}"
            )
        return self._draw(
            generator, whole_number("batch_size", batch_size), self.check_length(length)
        )

    def _draw(self, generator, B, length):
        x = self._inputs(generator, B, length).to(torch.get_default_dtype())
        mask = (torch.arange(x.shape[1]) >= x.shape[1] - self.scored).repeat(B, 1)
        answer = self.oracle(x)
        return Batch(
            x, answer * mask[..., None] if self.loss == "mse" else answer.argmax(-1) * mask, mask
        )


@dataclass(frozen=True)
class Varied:
    """A task whose training batches each have a length of their own, uniform from its shortest to ``length``; it is
    validated on 256 sequences of the full length.
    """

    task: Task
    input_size, output_size = (
        property(lambda self: self.task.input_size),
        property(lambda self: self.task.output_size),
    )
    loss = property(lambda self: self.task.loss)

    def batch(self, generator, batch_size, length):
        drawn = torch.randint(
            self.task.shortest, self.task.check_length(length) + 1, (1,), generator=generator
        )
        return self.task.batch(generator, batch_size, drawn.item())

    def part(self, name, length):
        """The sequences for "valid", always the same."""
        return self.task.batch(generator(0, 0, name), 256, length)


entropy = lambda p: float(
    -(p * np.log(np.where(p > 0, p, 1))).sum(-1).mean()
)  # of distributions (..., n), their mean


def certain(classes, number):
    """Logits that leave no doubt about the classes."""
    return CERTAIN * F.one_hot(classes, number).to(torch.get_default_dtype())
