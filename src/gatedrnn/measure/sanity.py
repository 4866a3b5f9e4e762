"""Probes for programs that run, return the right shapes, and compute the wrong thing.

A probe changes what must not matter and returns by how much the result moved: 0, or rounding, for a
right program. ``call(x)`` is any function from one tensor of floats to one tensor; batches are
``(B, T, I)``. What a probe changes must be able to reach the result, so give it random inputs and
random weights.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

Call = Callable[[torch.Tensor], torch.Tensor]


def samples_independent(call: Call, x: torch.Tensor, batch_axis: int = 0) -> float:
    """By how much the results of all other samples move when the first sample is replaced.

    Args:
        call: the program.
        x: its input, with at least two samples.
        batch_axis: that of x and of the result.

    Returns:
        The largest movement.

    Raises:
        ValueError: x holds a single sample, which has no other to disturb.
    """
    if x.shape[batch_axis] < 2:
        raise ValueError(
            f"one sample cannot disturb another: axis {batch_axis} of {tuple(x.shape)} has length 1"
        )
    changed = x.clone()
    changed.select(batch_axis, 0).copy_(_other(x).select(batch_axis, 0))
    before = call(x)
    after = call(changed)
    rest = before.shape[batch_axis] - 1
    return _moved(before.narrow(batch_axis, 1, rest), after.narrow(batch_axis, 1, rest))


def ignores_padding(call: Call, x: torch.Tensor, lengths: Sequence[int] | torch.Tensor) -> float:
    """By how much the result, be it a state or a score, moves when the padding is replaced.

    Args:
        call: the program.
        x: its input, ``(B, T, I)``.
        lengths: the real steps of each sequence; the others are padding.

    Returns:
        The largest movement.
    """
    real = torch.arange(x.shape[1]) < torch.as_tensor(lengths)[:, None]  # (B, T)
    return _moved(call(x), call(torch.where(real[..., None], x, _other(x))))


def causal(call: Call, x: torch.Tensor, step: int) -> float:
    """By how much the outputs before a step move when the inputs from there on are replaced.

    Args:
        call: the program; its result is ``(B, T, ...)``.
        x: its input, ``(B, T, I)``.
        step: the first step that is replaced, from 1 to T - 1.

    Returns:
        The largest movement.
    """
    changed = torch.cat([x[:, :step], _other(x)[:, step:]], 1)
    return _moved(call(x)[:, :step], call(changed)[:, :step])


def repeats(call: Call, x: torch.Tensor) -> float:
    """By how much two calls with the same input differ."""
    return _moved(call(x), call(x))


def chunked_equals_whole(layer: Callable[..., Any], x: torch.Tensor, split: int) -> float:
    """By how much the output moves when a sequence is read in two parts.

    Args:
        layer: ``layer(x, state)`` returns the output ``(B, T, H)`` and the state, as ``nn.LSTM``
            does; the state of the first part is handed to the second.
        x: the input, ``(B, T, I)``.
        split: the first step of the second part, from 1 to T - 1.

    Returns:
        The largest movement.
    """
    first, state = layer(x[:, :split], None)
    second, _ = layer(x[:, split:], state)
    return _moved(layer(x, None)[0], torch.cat([first, second], 1))


def unread_steps(call: Call, x: torch.Tensor) -> int:
    """How many steps of the input get no gradient from the result, in any sample.

    The program has not read them, or the graph was cut on the way.

    Args:
        call: the program.
        x: its input, ``(B, T, I)``.

    Returns:
        The number of steps, 0 to T.
    """
    x = x.detach().clone().requires_grad_()
    result = call(x)
    (gradient,) = torch.autograd.grad(result, x, _other(result.detach()))
    return int((gradient == 0).all(-1).all(0).sum())


def perfect_loss(loss: Callable[..., torch.Tensor], target: torch.Tensor, classes: int) -> float:
    """The loss of logits that are right and certain: a right loss is 0.

    Args:
        loss: ``loss(logits, target)`` for logits ``(..., classes)``.
        target: the right classes, ``(...)``.
        classes: how many there are.

    Returns:
        The loss.
    """
    return loss(100.0 * F.one_hot(target, classes).to(torch.get_default_dtype()), target).item()


def _other(x):
    """Other numbers than x, of another sign where x is large.

    Noise alone would not do: with the same seed it is x.
    """
    noise = torch.rand(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    return 1 + noise - x


def _moved(before, after):
    """The largest difference of two results."""
    return (before - after).abs().max().item()
