"""Probes for programs that run, have the right shapes, and compute the wrong thing.

A probe changes what must not matter and returns by how much the result moved: 0 (or rounding) for a right program.
``call(x)`` is any function from an input to one tensor; batches are (B, T, I) unless ``batch_axis`` says otherwise."""

import torch


def samples_independent(call, x, batch_axis=0):
    """By how much other samples move when the first one is replaced: an output for each sample along
    ``batch_axis`` of the result must depend on that sample alone. Needs two samples or more."""
    if x.shape[batch_axis] < 2:
        raise ValueError(f"one sample cannot disturb another: the batch axis {batch_axis} of {tuple(x.shape)} is 1")
    changed = x.clone()
    changed.select(batch_axis, 0).copy_(_other(x).select(batch_axis, 0))
    before, after = call(x), call(changed)
    rest = lambda y: y.narrow(batch_axis, 1, y.shape[batch_axis] - 1)
    return _moved(rest(before), rest(after))


def ignores_padding(call, x, lengths):
    """By how much the result moves when the steps from ``lengths[b]`` on are replaced, x ``(B, T, I)``."""
    padding = torch.arange(x.shape[1]) >= torch.as_tensor(lengths)[:, None]
    return _moved(call(x), call(torch.where(padding[..., None], _other(x), x)))


def causal(call, x, step):
    """By how much the outputs ``(B, T, ...)`` before ``step`` move when the inputs from ``step`` on are replaced."""
    changed = torch.cat([x[:, :step], _other(x)[:, step:]], 1)
    return _moved(call(x)[:, :step], call(changed)[:, :step])


def repeats(call, x):
    """By how much two calls with the same input differ."""
    return _moved(call(x), call(x))


def chunked_equals_whole(layer, x, split):
    """By how much outputs move when x ``(B, T, I)`` is read in two chunks, the state carried from one to the other;
    ``layer(x, state)`` returns the output ``(B, T, H)`` and the state."""
    first, state = layer(x[:, :split], None)
    second, _ = layer(x[:, split:], state)
    return _moved(layer(x, None)[0], torch.cat([first, second], 1))


def _other(x):
    """Numbers that differ from x everywhere, by 1 to 2: fresh noise alone could be the very draw that made x."""
    return x + 1 + torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x)


def _moved(before, after):
    return (before - after).abs().max().item()
