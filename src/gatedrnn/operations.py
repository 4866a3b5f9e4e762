"""Tasks of one memory operation, sums, and sources whose order is known, used like those of ``tasks``.

In the examples time runs to the right, and - is not scored."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.formal import certain, entropy
from gatedrnn.tasks import Batch, Task, _whole


@dataclass(frozen=True)
class DelayedXor(Task):
    """Compare the sign at the first step with that at the last, ``length`` steps later. Ours, after the exclusive or.
    length 5:   sign     + - - + - -        the flagged signs are compared, 1 if they differ, and the others distract
                flag     1 0 0 0 0 1
                target   - - - - - 1"""

    input_size, output_size = 2, 2
    oracle = lambda self, x: certain((x[:, :1, 0] != x[..., 0]).long(), 2)

    def _inputs(self, generator, B, length):
        sign = 2 * torch.randint(0, 2, (B, length + 1), generator=generator) - 1
        flag = torch.zeros_like(sign)
        flag[:, [0, -1]] = 1
        return torch.stack([sign, flag], -1)


@dataclass(frozen=True)
class Control(Task):
    """One memory operation, a corner of the (f, i) square: ``kind`` is accumulate, latch, overwrite or clear. Ours.
                value   write  clear   the sign that is asked for at every step: 0 negative, 1 zero, 2 positive
    accumulate  -1 0 1  never  never   of the sum so far
    latch       -1 1    first  never   of the first value
    overwrite   -1 1    1/5    never   of the last value that was written; the first step always writes
    clear       -1 1    1/5    1/10    as overwrite, and zero after a clear flag; no step both writes and clears"""

    kind: str
    input_size, output_size, scored = 3, 3, math.inf
    kinds = ("accumulate", "latch", "overwrite", "clear")

    def __post_init__(self):
        if self.kind not in self.kinds:
            raise ValueError(f"kind must be one of {', '.join(self.kinds)}, not {self.kind!r}")

    def _inputs(self, generator, B, T):
        value, write, clear = (torch.randint(0, n, (B, T), generator=generator) for n in (6, 5, 10))
        if self.kind == "accumulate":
            return torch.stack([value % 3 - 1, torch.zeros_like(value), torch.zeros_like(value)], -1)
        writes = (write == 0) & (self.kind != "latch")
        writes[:, 0] = True
        clears = (clear == 0) & ~writes & (self.kind == "clear")
        return torch.stack([2 * (value % 2) - 1, writes.long(), clears.long()], -1)

    def oracle(self, x):
        value, write, clear = x.unbind(-1)
        if self.kind == "accumulate":
            return certain(value.cumsum(1).sign().long() + 1, 3)
        steps = torch.arange(x.shape[1])
        latest = steps.where((write + clear) > 0, 0).cummax(1).values  # the step of the last command
        return certain(((value * write).gather(1, latest) + 1).long(), 3)

    def _memoryless(self, T):
        if self.kind == "accumulate":
            return self._memoryless_sum(T)
        zero, total = 0.0, 0.0  # the probability that the memory is clear before the step
        quiet = {"latch": 1.0, "overwrite": 0.8, "clear": 0.8 * 0.9}[self.kind]  # no command at a step
        for step in range(T):
            if step:  # without a command the memory is what it was: clear, or a fair coin
                total += quiet * entropy(np.array([zero, (1 - zero) / 2, (1 - zero) / 2]))
                zero = quiet * zero + (0.8 * 0.1 if self.kind == "clear" else 0)
        return total / T

    def _memoryless_sum(self, T):
        places = np.arange(-T - 1, T + 2)
        sides = (places < 0, places == 0, places > 0)
        p, total = (places == 0).astype(float), 0.0  # of each sum before the step
        for _ in range(T):
            moved = [np.roll(p, v) for v in (-1, 0, 1)]
            total += entropy(np.array([[m[side].sum() for side in sides] for m in moved]))
            p = sum(moved) / 3
        return total / T


@dataclass(frozen=True)
class Addition(Task):
    """Read two numbers of up to ``length`` digits, then give the digits of their sum, units first, and an end (e).
    length 2:   input    4 7 + 8 = ? ? ?        Source: after Jozefowicz et al. 2015. Each number of digits is equally
                target   - - - - - 5 5 e        likely; blanks (?), not scored, fill up shorter problems"""

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
        x, y = F.one_hot(torch.from_numpy(steps), 13).to(torch.get_default_dtype()), torch.from_numpy(target)
        return Batch(x, y.clamp(min=0), y >= 0)

    def oracle(self, x):
        """Reads the problem and adds."""
        answers = torch.zeros(x.shape[:2], dtype=torch.long)
        for answer, steps in zip(answers, x.argmax(-1).tolist(), strict=True):
            plus, equals = steps.index(10), steps.index(11)
            one, two = (int("".join(map(str, part))) for part in (steps[:plus], steps[plus + 1 : equals]))
            answer[equals + 1 :] = torch.tensor(_units(one + two, len(steps) - equals - 2))
        return certain(answers, 11)

    def _memoryless(self, length):
        """At each step the digits of all sums that may be asked for there."""
        counts, sizes = np.zeros((3 * length + 3, 11)), range(1, length + 1)
        share = lambda size: (np.arange(10**size) >= (0 if size == 1 else 10 ** (size - 1))).astype(float)
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


@cache
def _table(order):
    """P(1 | the last ``order`` symbols, the oldest first in the binary number): 0.9 or 0.1, and no symbol is idle."""
    rng = np.random.default_rng(order)
    while True:
        ones = rng.integers(0, 2, 2**order)
        if all((ones.reshape(-1, 2, 2**k)[:, 0] != ones.reshape(-1, 2, 2**k)[:, 1]).any() for k in range(order)):
            return np.where(ones == 1, 0.9, 0.1)


@dataclass(frozen=True)
class Markov(Task):
    """Predict the next symbol of a binary source whose chances, 9 to 1, depend on the last ``order`` symbols. Ours.
    input    0 1 1 0 1        target: the next input. The table is drawn once for each order; the symbols before the
    target   1 1 0 1 1        first are random and not shown. ``floor`` is the loss of the source itself, once it has
    seen ``order`` symbols; no ``oracle`` can be better."""

    order: int = 3
    input_size, output_size = 2, 2
    floor = property(lambda self: entropy(np.array([0.9, 0.1])))

    def __post_init__(self):
        _whole("order", self.order, 1, 8)

    def _draw(self, generator, B, length):
        table, places = _table(self.order), 2**self.order
        context = torch.randint(0, places, (B,), generator=generator).numpy()
        luck = torch.rand(B, length + 1, generator=generator, dtype=torch.float64).numpy()
        symbols = np.empty((B, length + 1), int)
        for symbol, step in zip(symbols.T, luck.T, strict=True):
            symbol[:] = step < table[context]
            context = (2 * context + symbol) % places
        symbols = torch.from_numpy(symbols)
        x = F.one_hot(symbols[:, :-1], 2).to(torch.get_default_dtype())
        return Batch(x, symbols[:, 1:], torch.ones(B, length, dtype=torch.bool))

    def oracle(self, x):
        """The log-probabilities of the source; even odds while fewer than ``order`` symbols are known."""
        table, symbols = torch.from_numpy(_table(self.order)), x[..., 1].long()
        ones = torch.full(symbols.shape, 0.5, dtype=torch.float64)
        context = torch.zeros(len(x), dtype=torch.long)
        for t, symbol in enumerate(symbols.unbind(1)):
            context = (2 * context + symbol) % 2**self.order
            if t + 1 >= self.order:
                ones[:, t] = table[context]
        return torch.stack([1 - ones, ones], -1).log().to(x.dtype)

    def _memoryless(self, T):
        """The doubt about the next symbol if of all the context only the last one, its lowest digit, is known."""
        ones, total = _table(self.order), 0.0
        chances, context = np.stack([1 - ones, ones], 1), np.full(len(ones), 1 / len(ones))
        for _ in range(T):
            context = (context[:, None] * chances).reshape(2, -1).sum(0)  # a symbol is shown, the oldest drops out
            pairs = (context[:, None] * chances).reshape(-1, 2, 2).sum(0)  # (the last symbol, the next)
            total -= (pairs * np.log(pairs / pairs.sum(1, keepdims=True))).sum()
        return float(total / T)


@dataclass(frozen=True)
class RandomWalk(Task):
    """Where is a random walk after its next step? Each step is drawn from the standard normal distribution. Ours.
    input    0.3 1.1 0.7 -0.2        ``y`` is (B, T, 1), the next position; every step is scored. No ``oracle`` can do
    target   1.1 0.7 -0.2 0.9        better than the last position, whose error, ``floor``, is that of a step"""

    input_size, output_size, loss, floor = 1, 1, "mse", 1.0
    oracle = lambda self, x: x
    _memoryless = lambda self, length: 1.0

    def _draw(self, generator, B, T):
        walk = torch.randn(B, T + 1, 1, generator=generator, dtype=torch.float64).cumsum(1)
        walk = walk.to(torch.get_default_dtype())
        return Batch(walk[:, :-1], walk[:, 1:], torch.ones(B, T, dtype=torch.bool))
