"""A task with sums, written digit by digit.

In the examples time runs to the right, and - is not scored.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import Batch, Task, certain, entropy

# The symbols of a problem after the ten digits. Among the answers an end has the place of the plus.
PLUS = 10
EQUALS = 11
BLANK = 12
END = 10


@dataclass(frozen=True)
class Addition(Task):
    """Read two numbers of up to ``length`` digits, then give the digits of their sum, units first.

    length 2::

        input    4 7 + 8 = ? ? ? ?      e is the end
        target   - - - - - 5 5 e -

    Each number of digits is equally likely; blanks (?), not scored, fill up shorter problems.

    Source: after Jozefowicz, Zaremba and Sutskever 2015.
    """

    input_size = 13  # ten digits, + = ?
    output_size = 11  # ten digits and e
    longest = 3

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Read the problem and add."""
        answers = torch.zeros(x.shape[:2], dtype=torch.long)
        for answer, steps in zip(answers, x.argmax(-1).tolist(), strict=True):
            plus = steps.index(PLUS)
            equals = steps.index(EQUALS)
            total = _number(steps[:plus]) + _number(steps[plus + 1 : equals])
            digits = _units(total, len(steps) - equals - 2)
            answer[equals + 1 :] = torch.tensor(digits)
        return certain(answers, self.output_size)

    def _draw(self, generator, B, length):
        sizes = torch.randint(1, length + 1, (2, B), generator=generator).numpy()
        luck = torch.rand(2, B, generator=generator, dtype=torch.float64).numpy()
        lowest = np.where(sizes == 1, 0, 10 ** (sizes - 1))  # no leading zero, but 0 itself
        numbers = (lowest + luck * (10**sizes - lowest)).astype(int).T.tolist()
        inputs = np.full((B, 3 * length + 3), BLANK)
        targets = np.full((B, 3 * length + 3), -1)  # -1: not scored
        for problem, answer, (one, two) in zip(inputs, targets, numbers, strict=True):
            text = [*_digits(one), PLUS, *_digits(two), EQUALS]
            problem[: len(text)] = text
            answer[len(text) : len(text) + length + 1] = _units(one + two, length)
        x = F.one_hot(torch.from_numpy(inputs), self.input_size).to(torch.get_default_dtype())
        y = torch.from_numpy(targets)
        return Batch(x, y.clamp(min=0), y >= 0)

    def _memoryless(self, length):
        """At each step the digits of all sums that may be asked for there."""
        counts = np.zeros((3 * length + 3, self.output_size))
        for one in range(1, length + 1):
            for two in range(1, length + 1):
                chances = np.convolve(_possible(one), _possible(two))
                first = one + two + 2  # the step of the first digit of the answer
                for total, chance in enumerate(chances / chances.sum()):
                    for k, digit in enumerate(_units(total, length)):
                        counts[first + k, digit] += chance
        weights = counts.sum(1)
        shares = counts / np.where(weights, weights, 1)[:, None]
        doubts = [weight * entropy(share) for weight, share in zip(weights, shares, strict=True)]
        return sum(doubts) / weights.sum()


def _possible(size):
    """1 for each number that has so many digits, 0 for those below that have fewer."""
    lowest = 0 if size == 1 else 10 ** (size - 1)
    return (np.arange(10**size) >= lowest).astype(float)


def _digits(number):
    """The digits of a number as it is written."""
    return [int(digit) for digit in str(number)]


def _number(digits):
    """The number that is written so."""
    return int("".join(str(digit) for digit in digits))


def _units(number, length):
    """The digits of the number, units first, and ends to make them ``length`` + 1."""
    digits = _digits(number)[::-1]
    return digits + [END] * (length + 1 - len(digits))
