"""Tasks with sources of chance whose order is known: what the best prediction can do is known, too.

In the examples time runs to the right.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import Batch, Task, entropy, whole_number


@cache
def table(order: int) -> np.ndarray:
    """Draw the chances of a ``Markov`` source: always the same for an order.

    Args:
        order: How many symbols the next one depends on.

    Returns:
        P(1 | the last symbols), (2^order,), 0.9 or 0.1 each; the symbols are read as a binary
        number, the oldest first. Each of them decides somewhere.
    """
    rng = np.random.default_rng(order)
    while True:
        ones = rng.integers(0, 2, 2**order)
        if all(_decides(ones, place) for place in range(order)):
            return np.where(ones == 1, 0.9, 0.1)


def _decides(ones, place):
    """Whether the symbol ``place`` steps back changes in some context what is likely."""
    pairs = ones.reshape(-1, 2, 2**place)
    return (pairs[:, 0] != pairs[:, 1]).any()


@dataclass(frozen=True)
class Markov(Task):
    """Predict the next symbol of a binary source that depends on the last ``order`` symbols.

    order 3, length 4::

        input    0 1 1 0        the target is the next input, every step is scored
        target   1 1 0 1

    The chances are 9 to 1, from a table drawn once for each order. The symbols before the first are
    random and not shown.

    Source: ours.

    Attributes:
        order: How many symbols the next one depends on, from 1 to 8.
    """

    order: int = 3
    input_size = 2
    output_size = 2

    def __post_init__(self) -> None:
        whole_number("order", self.order, 1, 8)

    @property
    def floor(self) -> float:
        """The loss of the source itself, once it has seen ``order`` symbols: nobody is better."""
        return entropy(np.array([0.9, 0.1]))

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Give the log-probabilities of the source, even odds while too few symbols are known."""
        chances = torch.from_numpy(table(self.order))
        symbols = x[..., 1].long()
        ones = torch.full(symbols.shape, 0.5, dtype=torch.float64)
        context = torch.zeros(len(x), dtype=torch.long)
        for t, symbol in enumerate(symbols.unbind(1)):
            context = (2 * context + symbol) % 2**self.order
            if t + 1 >= self.order:
                ones[:, t] = chances[context]
        return torch.stack([1 - ones, ones], -1).log().to(x.dtype)

    def _draw(self, generator, B, length):
        chances = table(self.order)
        contexts = 2**self.order
        context = torch.randint(0, contexts, (B,), generator=generator).numpy()
        luck = torch.rand(B, length + 1, generator=generator, dtype=torch.float64).numpy()
        drawn = np.empty((B, length + 1), int)
        for symbol, step in zip(drawn.T, luck.T, strict=True):  # views: a step of all sequences
            symbol[:] = step < chances[context]
            context = (2 * context + symbol) % contexts
        symbols = torch.from_numpy(drawn)
        x = F.one_hot(symbols[:, :-1], 2).to(torch.get_default_dtype())
        return Batch(x, symbols[:, 1:], torch.ones(B, length, dtype=torch.bool))

    def _memoryless(self, T):
        """The doubt about the next symbol if of the context only the last one is known."""
        ones = table(self.order)
        chances = np.stack([1 - ones, ones], 1)  # (contexts, next symbol)
        context = np.full(len(ones), 1 / len(ones))
        total = 0.0
        for _ in range(T):
            # a symbol is shown, and the oldest drops out
            context = (context[:, None] * chances).reshape(2, -1).sum(0)
            # the last symbol is the lowest digit of the context: (last, next)
            pairs = (context[:, None] * chances).reshape(-1, 2, 2).sum(0)
            total -= (pairs * np.log(pairs / pairs.sum(1, keepdims=True))).sum()
        return float(total / T)


@dataclass(frozen=True)
class RandomWalk(Task):
    """Say where a random walk is after its next step, drawn from the standard normal distribution.

    length 4::

        input    0.3  1.1  0.7 -0.2        every step is scored; y is (B, T, 1)
        target   1.1  0.7 -0.2  0.9

    Source: ours.

    Attributes:
        floor: The error of the last position as the answer, the mean square of a step: nobody is
            better.
    """

    input_size = 1
    output_size = 1
    loss = "mse"
    floor = 1.0

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Say the last position."""
        return x

    def _draw(self, generator, B, T):
        walk = torch.randn(B, T + 1, 1, generator=generator, dtype=torch.float64).cumsum(1)
        walk = walk.to(torch.get_default_dtype())
        return Batch(walk[:, :-1], walk[:, 1:], torch.ones(B, T, dtype=torch.bool))

    def _memoryless(self, length):
        """The oracle needs no memory."""
        return self.floor
