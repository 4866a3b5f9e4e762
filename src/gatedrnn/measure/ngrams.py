"""TODO docstring of measure.ngrams."""

import numpy as np

from gatedrnn.tasks.base import whole_number
from gatedrnn.tasks.real.text import Characters


def witten_bell(train, test, longest):
    """Bits a character of the test text under interpolated n-grams of the training text, a list for n = 1, 2, ... up to
    ``longest``. After a context seen N times, with D different characters after it, a character seen n times has the
    probability (n + D p) / (N + D), p its probability after the context without its first character; before the first
    step all symbols are equally likely. Source: Witten and Bell 1991, method C, interpolated.
    """
    whole_number("longest", longest, 1, min(9, len(train)))  # 87^9 is the largest code in 64 bits
    V, train = Characters.input_size, train.numpy()
    test, found = np.concatenate([train[len(train) - longest + 1 :], test.numpy()]), []
    chance = np.full(len(test) - longest + 1, 1 / V)
    for n in range(1, longest + 1):
        codes = [_codes(text, n) for text in (train, test)]
        grams, counts = np.unique(codes[0], return_counts=True)
        contexts, starts = np.unique(grams // V, return_index=True)
        seen, different = np.add.reduceat(counts, starts), np.diff(np.append(starts, len(grams)))
        gram = codes[1][longest - n :]
        N, D = (_look_up(contexts, values, gram // V) for values in (seen, different))
        chance = np.where(
            N > 0, (_look_up(grams, counts, gram) + D * chance) / np.maximum(N + D, 1), chance
        )
        found.append(float(-np.log2(chance).mean()))
    return found


def _codes(text, n):
    """A number for each n characters in a row."""
    return sum(
        text[k : len(text) - n + 1 + k] * Characters.input_size ** (n - 1 - k) for k in range(n)
    )


def _look_up(keys, values, asked):
    """The values of the keys asked for, 0 where there is no such key."""
    place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
