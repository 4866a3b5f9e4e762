"""Interpolated n-grams of characters: a reference that any language model should beat."""

import numpy as np
import torch

from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.text import Characters


def witten_bell(train: torch.Tensor, test: torch.Tensor, longest: int) -> list[float]:
    """Bits a character of a text under interpolated n-grams of another text.

    After a context seen N times, with D different characters after it, a character seen n times has
    the probability (n + D p) / (N + D), p its probability after the context without its first
    character. Before the first step all symbols are equally likely.

    Args:
        train: the text that is counted, whole numbers below 87, ``(N,)``.
        test: the text that is predicted, ``(M,)``; its context begins at the end of ``train``.
        longest: the largest n, at most 9: 87^9 is the largest code in 64 bits.

    Returns:
        The bits a character for n = 1, 2, ... up to ``longest``.

    Raises:
        ValueError: ``longest`` is not from 1 to 9, or is longer than ``train``.

    Source: Witten and Bell 1991, method C, interpolated.
    """
    whole_number("longest", longest, 1, min(9, len(train)))
    symbols = Characters.input_size
    train = train.numpy()
    test = np.concatenate([train[len(train) - longest + 1 :], test.numpy()])
    chance = np.full(len(test) - longest + 1, 1 / symbols)
    bits = []
    for n in range(1, longest + 1):
        grams, counts = np.unique(_codes(train, n), return_counts=True)
        contexts, starts = np.unique(grams // symbols, return_index=True)
        seen = np.add.reduceat(counts, starts)
        different = np.diff(np.append(starts, len(grams)))
        asked = _codes(test, n)[longest - n :]
        N = _look_up(contexts, seen, asked // symbols)
        D = _look_up(contexts, different, asked // symbols)
        after = (_look_up(grams, counts, asked) + D * chance) / np.maximum(N + D, 1)
        chance = np.where(N > 0, after, chance)
        bits.append(float(-np.log2(chance).mean()))
    return bits


def _codes(text, n):
    """A number for each n characters in a row."""
    count = len(text) - n + 1
    return sum(text[k : count + k] * Characters.input_size ** (n - 1 - k) for k in range(n))


def _look_up(keys, values, asked):
    """The values of the keys asked for, 0 where there is no such key."""
    place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
