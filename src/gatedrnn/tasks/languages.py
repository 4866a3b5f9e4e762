"""Tasks with formal languages: parity, counting, brackets, cycles, reversing and sorting.

In the examples time runs to the right, and - is not scored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import binom

from gatedrnn.tasks.base import CERTAIN, Batch, Task, certain, entropy


@dataclass(frozen=True)
class Parity(Task):
    """Say at every step whether the ones so far are odd in number.

    length 6::

        input    1 0 1 1 0 1
        target   1 1 0 1 1 0

    The source scores the end of strings of random length. The beginning of a random string is one,
    too: this trains on all lengths up to ours at once.

    Source: Delétang et al. 2023.
    """

    input_size = 1
    output_size = 2
    scored = math.inf

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Turn a sign at every one."""
        return CERTAIN * (1 - 2 * x).cumprod(1) * x.new_tensor([1, -1])

    def _inputs(self, generator, B, T):
        return torch.randint(0, 2, (B, T, 1), generator=generator)

    def _memoryless(self, T):
        """The first bit is its own answer; then it is a coin."""
        return (1 - 1 / T) * math.log(2)


@dataclass(frozen=True)
class AnBn(Task):
    """Predict the next symbol of a word a^n b^n, n from 1 to ``length``.

    n = 3::

        input    # a a a b b b        scored from the first b on: before it nobody can know,
        target   - - - - b b #        after it everything is determined; # fills up shorter words

    Source: Weiss, Goldberg and Yahav 2018.

    Attributes:
        letters: How many different letters a word has.
    """

    input_size = 3  # the symbols # a b
    output_size = 3
    letters = 2

    def words(self, counts: Sequence[int]) -> Batch:
        """Write given words.

        Args:
            counts: The n of each word, at least 1.

        Returns:
            The words in the order of ``counts``, T = ``letters`` * max(n) + 1.

        Raises:
            ValueError: ``counts`` is empty or holds something else.
        """
        n = torch.as_tensor(counts)
        if n.ndim != 1 or n.is_floating_point() or not len(n) or n.min() < 1:
            raise ValueError(
                f"counts must be a list of whole numbers of at least 1, not {counts!r}"
            )
        n = n[:, None]
        step = torch.arange(self.letters * n.max() + 2)
        inside = (step > 0) & (step <= self.letters * n)
        word = ((step - 1) // n + 1) * inside  # (B, T + 1): the places of the letters, # is 0
        x = F.one_hot(word[:, :-1], self.letters + 1).to(torch.get_default_dtype())
        return Batch(x, word[:, 1:], word[:, :-1] >= 2)

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Count up with a and down with b."""
        a = x[..., 1].cumsum(1)
        b = x[..., 2].cumsum(1)
        after_b = torch.where(b < a, 2, 0)
        return certain(torch.where(b == 0, 1, after_b), 3).to(x.dtype)

    def _draw(self, generator, B, longest):
        return self.words(torch.randint(1, longest + 1, (B,), generator=generator))

    def _memoryless(self, longest):
        """The doubt at each b, which may be the last.

        Input b at step t, counted from 0, fits the words with t/2 <= n < t, all equally likely. If
        t is odd none ends there. If t = 2k, one of m = min(k, N + 1 - k) does, where N is the
        longest n, and together they lose m ln m - (m - 1) ln(m - 1). Summed over k this telescopes
        twice, up to N/2 rounded down and up; N (N + 1) / 2 steps are scored in the N words.
        """
        lower = longest // 2
        upper = longest - lower
        lost = lower * math.log(max(lower, 1)) + upper * math.log(max(upper, 1))
        return 2 * lost / (longest * (longest + 1))


@dataclass(frozen=True)
class AnBnCn(AnBn):
    """Predict the next symbol of a word a^n b^n c^n, n from 1 to ``length``.

    n = 2::

        input    # a a b b c c        scored from the first b on: before it nobody can know,
        target   - - - b c c #        after it everything is determined; # fills up shorter words

    Source: Weiss, Goldberg and Yahav 2018.
    """

    input_size = 4  # the symbols # a b c
    output_size = 4
    letters = 3

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Count each letter."""
        a = x[..., 1].cumsum(1)
        b = x[..., 2].cumsum(1)
        c = x[..., 3].cumsum(1)
        after_c = torch.where(c < a, 3, 0)
        after_b = torch.where(b < a, 2, after_c)
        return certain(torch.where(b == 0, 1, after_b), 4)

    def _memoryless(self, longest):
        """The doubt at each b and c, which may be the last.

        Letter k stands at step t in the words with (k - 1) n < t <= k n, and is the last of its
        kind if t = k n.
        """
        n = np.arange(1, longest + 1)
        total = 0.0
        for k in (2, 3):
            for t in range(k, k * longest + 1):
                here = ((k - 1) * n < t) & (t <= k * n)
                last = (t == k * n).sum() / max(here.sum(), 1)
                total += here.sum() * entropy(np.array([last, 1 - last]))
        return total / (longest * (longest + 1))


@dataclass(frozen=True)
class Dyck1(Task):
    """Say at every step whether all brackets are closed.

    length 6::

        input    ( ( ) ) ( (        at depth 0 a bracket opens, else a fair coin decides
        target   0 0 0 1 0 0

    Source: after Suzgun et al. 2019, who ask what may come next.
    """

    input_size = 2
    output_size = 2
    scored = math.inf

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Count the depth."""
        depth = (x[..., 0] - x[..., 1]).cumsum(1)
        return certain((depth == 0).long(), 2)

    def _inputs(self, generator, B, T):
        steps = torch.randint(0, 2, (B, T), generator=generator).numpy()
        depth = np.zeros(B, int)
        for coin in steps.T:  # a view: the strings themselves
            coin[depth == 0] = 0
            depth += 1 - 2 * coin
        return F.one_hot(torch.from_numpy(steps), 2)

    def _memoryless(self, T):
        """Only a closing bracket leaves a doubt: it came from depth 1 or from deeper."""
        depth = np.eye(1, T + 2)[0]  # the chance of each depth before the step
        total = 0.0
        for _ in range(T):
            closing = depth / 2 * (np.arange(T + 2) > 0)
            if closing.sum() > 0:
                last = closing[1] / closing.sum()
                total += closing.sum() * entropy(np.array([last, 1 - last]))
            opening = depth - closing
            depth = np.append(0, opening[:-1]) + np.append(closing[1:], 0)
        return total / T


@dataclass(frozen=True)
class CycleNavigation(Task):
    """Say at every step where on a cycle of ``modulus`` places one stands.

    modulus 5, length 6::

        input    + + 0 - + +        one place on, back, or none
        target   1 2 2 1 2 3

    Source: Delétang et al. 2023.

    Attributes:
        modulus: How many places the cycle has.
    """

    modulus: int = 5
    input_size = 3  # - 0 +
    scored = math.inf

    @property
    def output_size(self) -> int:
        """The places."""
        return self.modulus

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Add up the moves."""
        place = (x[..., 2] - x[..., 0]).cumsum(1).long() % self.modulus
        return certain(place, self.modulus)

    def _inputs(self, generator, B, T):
        return F.one_hot(torch.randint(0, 3, (B, T), generator=generator), 3)

    def _memoryless(self, T):
        """The doubt about where one stood before the step."""
        place = np.eye(1, self.modulus)[0]
        total = 0.0
        for _ in range(T):
            total += entropy(place)
            place = (place + np.roll(place, 1) + np.roll(place, -1)) / 3
        return total / T


@dataclass(frozen=True)
class ReverseString(Task):
    """Read ``length`` symbols, then give them back from the last to the first.

    symbols 2, length 3::

        input    1 0 0 ? ? ?
        target   - - - 0 0 1

    Source: Delétang et al. 2023.

    Attributes:
        symbols: How many different ones there are.
    """

    symbols: int = 2

    @property
    def input_size(self) -> int:
        """The symbols and the question."""
        return self.symbols + 1

    @property
    def output_size(self) -> int:
        """The symbols."""
        return self.symbols

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Read the first half and answer in the second."""
        word = x[:, : x.shape[1] // 2].argmax(-1)
        answer = F.pad(self._answer(word), (word.shape[1], 0))
        return certain(answer, self.symbols)

    def _inputs(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, length), generator=generator)
        return F.one_hot(F.pad(word, (0, length), value=self.symbols), self.input_size)

    def _draw(self, generator, B, length):
        x = self._inputs(generator, B, length).to(torch.get_default_dtype())
        mask = (torch.arange(2 * length) >= length).repeat(B, 1)
        return Batch(x, self.oracle(x).argmax(-1) * mask, mask)

    def _answer(self, word):
        """What is to be said, (B, length), of the words (B, length)."""
        return word.flip(1)


@dataclass(frozen=True)
class BucketSort(ReverseString):
    """Read ``length`` symbols, then give them back in ascending order.

    symbols 5, length 4::

        input    3 0 4 0 ? ? ? ?
        target   - - - - 0 0 3 4

    Source: Delétang et al. 2023.
    """

    symbols: int = 5

    def _answer(self, word):
        return word.sort(1).values

    def _memoryless(self, length):
        """The entropy of the k-th smallest of so many uniform symbols, mean over k."""
        below = np.arange(self.symbols + 1) / self.symbols  # P(symbol < v)
        k = np.arange(length)[:, None]
        reached = binom.sf(k, length, below)  # P(at least k + 1 symbols are below v)
        return entropy(np.diff(reached, axis=1))
