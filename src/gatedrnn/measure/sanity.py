"""Probes for programs that run, return the right shapes, and compute the wrong thing.

A probe changes what must not matter and returns by how much the result moved: 0, or rounding, for a right program.
``call(x)`` is any function from one tensor of floats to one tensor; batches are ``(B, T, I)``. What a probe changes
must be able to reach the result, so give it random inputs and random weights.
"""

import torch
import torch.nn.functional as F


def samples_independent(call, x, batch_axis=0):
    """By how much the results of all other samples move when the first sample is replaced. ``batch_axis`` is that of x
    and of the result. A ValueError for a single sample, which has none to disturb.
    """
    if x.shape[batch_axis] < 2:
        raise ValueError(
            f"one sample cannot disturb another: axis {batch_axis} of {tuple(x.shape)} has length 1"
        )
    changed = x.clone()
    changed.select(batch_axis, 0).copy_(_other(x).select(batch_axis, 0))
    others = lambda y: y.narrow(batch_axis, 1, y.shape[batch_axis] - 1)
    return _moved(others(call(x)), others(call(changed)))


def ignores_padding(call, x, lengths):
    """By how much the result, be it a state or a score, moves when the steps of x ``(B, T, I)`` from ``lengths[b]`` on
    are replaced.
    """
    real = torch.arange(x.shape[1]) < torch.as_tensor(lengths)[:, None]  # (B, T)
    return _moved(call(x), call(torch.where(real[..., None], x, _other(x))))


def causal(call, x, step):
    """By how much the outputs ``(B, T, ...)`` before ``step`` move when the inputs from ``step`` on are replaced."""
    changed = torch.cat([x[:, :step], _other(x)[:, step:]], 1)
    return _moved(call(x)[:, :step], call(changed)[:, :step])


def repeats(call, x):
    """By how much two calls with the same x differ."""
    return _moved(call(x), call(x))


def chunked_equals_whole(layer, x, split):
    """By how much the output moves when x ``(B, T, I)`` is read in two parts, the state of the first handed to the
    second. ``layer(x, state)`` returns the output ``(B, T, H)`` and the state, as ``nn.LSTM`` does.
    """
    first, state = layer(x[:, :split], None)
    second, _ = layer(x[:, split:], state)
    return _moved(layer(x, None)[0], torch.cat([first, second], 1))


def unread_steps(call, x):
    """How many of the T steps of x ``(B, T, I)`` get no gradient from the result, in any sample: it has not read them,
    or the graph was cut on the way.
    """
    x = x.detach().clone().requires_grad_()
    result = call(x)
    (gradient,) = torch.autograd.grad(result, x, _other(result.detach()))
    return int((gradient == 0).all(-1).all(0).sum())


def perfect_loss(loss, target, classes):
    """The loss of logits ``(..., classes)`` that are right and certain, for targets ``(...)``: a right loss is 0."""
    return loss(100.0 * F.one_hot(target, classes).to(torch.get_default_dtype()), target).item()


def _other(x):
    """Other numbers than x, of another sign where x is large. Noise alone would not do: with the same seed it is x."""
    return 1 + torch.rand(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0)) - x


def _moved(before, after):
    return (before - after).abs().max().item()
