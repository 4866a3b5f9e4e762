"""TODO docstring of tasks.sources."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import Batch, Task, entropy, whole_number


@cache
def _table(order):
    """P(1 | the last ``order`` symbols, the oldest first in the binary number): 0.9 or 0.1, and no symbol is idle."""
    rng = np.random.default_rng(order)
    while True:
        ones = rng.integers(0, 2, 2**order)
        if all(
            (ones.reshape(-1, 2, 2**k)[:, 0] != ones.reshape(-1, 2, 2**k)[:, 1]).any()
            for k in range(order)
        ):
            return np.where(ones == 1, 0.9, 0.1)


@dataclass(frozen=True)
class Markov(Task):
    """Predict the next symbol of a binary source whose chances, 9 to 1, depend on the last ``order`` symbols. Ours.
    input    0 1 1 0 1        target: the next input. The table is drawn once for each order; the symbols before the
    target   1 1 0 1 1        first are random and not shown. ``floor`` is the loss of the source itself, once it has
    seen ``order`` symbols; no ``oracle`` can be better.
    """

    order: int = 3
    input_size, output_size = 2, 2
    floor = property(lambda self: entropy(np.array([0.9, 0.1])))

    def __post_init__(self):
        whole_number("order", self.order, 1, 8)

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
            context = (
                (context[:, None] * chances).reshape(2, -1).sum(0)
            )  # a symbol is shown, the oldest drops out
            pairs = (
                (context[:, None] * chances).reshape(-1, 2, 2).sum(0)
            )  # (the last symbol, the next)
            total -= (pairs * np.log(pairs / pairs.sum(1, keepdims=True))).sum()
        return float(total / T)


@dataclass(frozen=True)
class RandomWalk(Task):
    """Where is a random walk after its next step? Each step is drawn from the standard normal distribution. Ours.
    input    0.3 1.1 0.7 -0.2        ``y`` is (B, T, 1), the next position; every step is scored. No ``oracle`` can do
    target   1.1 0.7 -0.2 0.9        better than the last position, whose error, ``floor``, is that of a step
    """

    input_size, output_size, loss, floor = 1, 1, "mse", 1.0
    oracle = lambda self, x: x
    _memoryless = lambda self, length: 1.0

    def _draw(self, generator, B, T):
        walk = torch.randn(B, T + 1, 1, generator=generator, dtype=torch.float64).cumsum(1)
        walk = walk.to(torch.get_default_dtype())
        return Batch(walk[:, :-1], walk[:, 1:], torch.ones(B, T, dtype=torch.bool))
