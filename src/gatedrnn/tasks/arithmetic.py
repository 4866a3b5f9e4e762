"""TODO docstring of tasks.arithmetic."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import Batch, Task, certain, entropy


@dataclass(frozen=True)
class Addition(Task):
    """Read two numbers of up to ``length`` digits, then give the digits of their sum, units first, and an end (e).
    length 2:   input    4 7 + 8 = ? ? ?        Source: after Jozefowicz et al. 2015. Each number of digits is equally
                target   - - - - - 5 5 e        likely; blanks (?), not scored, fill up shorter problems
    """

    input_size, output_size, longest = 13, 11, 3  # ten digits, + = ?; ten digits and e

    def _draw(self, generator, B, length):
        sizes = torch.randint(1, length + 1, (2, B), generator=generator).numpy()
        luck = torch.rand(2, B, generator=generator, dtype=torch.float64).numpy()
        low = np.where(sizes == 1, 0, 10 ** (sizes - 1))  # no leading zero, but 0 itself
        numbers = (low + luck * (10**sizes - low)).astype(int).T.tolist()
        steps, target = np.full((B, 3 * length + 3), 12), np.full((B, 3 * length + 3), -1)
        for problem, answer, (one, two) in zip(steps, target, numbers, strict=True):
            text = [*map(int, str(one)), 10, *map(int, str(two)), 11]
            problem[: len(text)] = text
            answer[len(text) : len(text) + length + 1] = _units(one + two, length)
        x, y = (
            F.one_hot(torch.from_numpy(steps), 13).to(torch.get_default_dtype()),
            torch.from_numpy(target),
        )
        return Batch(x, y.clamp(min=0), y >= 0)

    def oracle(self, x):
        """Reads the problem and adds."""
        answers = torch.zeros(x.shape[:2], dtype=torch.long)
        for answer, steps in zip(answers, x.argmax(-1).tolist(), strict=True):
            plus, equals = steps.index(10), steps.index(11)
            one, two = (
                int("".join(map(str, part))) for part in (steps[:plus], steps[plus + 1 : equals])
            )
            answer[equals + 1 :] = torch.tensor(_units(one + two, len(steps) - equals - 2))
        return certain(answers, 11)

    def _memoryless(self, length):
        """At each step the digits of all sums that may be asked for there."""
        counts, sizes = np.zeros((3 * length + 3, 11)), range(1, length + 1)
        share = lambda size: (np.arange(10**size) >= (0 if size == 1 else 10 ** (size - 1))).astype(
            float
        )
        for one, two in ((one, two) for one in sizes for two in sizes):
            chances = np.convolve(share(one), share(two))
            for total, p in enumerate(chances / chances.sum()):
                for k, digit in enumerate(_units(total, length)):
                    counts[one + two + 2 + k, digit] += p
        weight = counts.sum(1)
        p = counts / np.where(weight, weight, 1)[:, None]
        return sum(w * entropy(row) for w, row in zip(weight, p, strict=True)) / weight.sum()


def _units(number, length):
    """The digits of the number, units first, and ends, 10, to make them ``length`` + 1."""
    digits = [*map(int, reversed(str(number)))]
    return digits + [10] * (length + 1 - len(digits))
