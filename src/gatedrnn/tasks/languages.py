"""Tasks with formal languages, used like those of ``tasks``.

In the examples time runs to the right, and - is not scored.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import CERTAIN, Batch, Task, certain, entropy


@dataclass(frozen=True)
class Parity(Task):
    """Say at every step whether the ones so far are odd in number. Source: Delétang et al. 2023.
    length 6:   input    1 0 1 1 0 1        They score the end of strings of random length. The beginning of a random
                target   1 1 0 1 1 0        string is one, too: this trains on all lengths up to ours at once.
    """

    input_size, output_size, scored = 1, 2, math.inf
    _memoryless = lambda self, T: (
        (1 - 1 / T) * math.log(2)
    )  # the first bit is its own answer; then it is a coin
    _inputs = lambda self, generator, B, T: torch.randint(0, 2, (B, T, 1), generator=generator)
    oracle = lambda self, x: (
        CERTAIN * (1 - 2 * x).cumprod(1) * x.new_tensor([1, -1])
    )  # every one turns the sign


@dataclass(frozen=True)
class AnBn(Task):
    """Predict the next symbol of a word a^n b^n, n from 1 to ``length``. Source: Weiss, Goldberg and Yahav 2018.
    n = 3:   input    # a a a b b b        scored from the first b on: before it nobody can know,
             target   - - - - b b #        after it everything is determined; # fills up shorter words
    """

    input_size, output_size, letters = 3, 3, 2  # the symbols # a b
    # Input b at step t, counted from 0, fits the words with t/2 <= n < t, all equally likely. If t is odd none of them
    # ends there. If t = 2k, one of m = min(k, N + 1 - k) does, and together they lose m ln m - (m - 1) ln(m - 1).
    # Summed over k this telescopes twice, up to N/2 rounded down and up; N (N + 1) / 2 steps are scored in the N words.
    _memoryless = lambda self, N: (
        2 * sum(m * math.log(max(m, 1)) for m in (N // 2, N - N // 2)) / (N * (N + 1))
    )
    _draw = lambda self, generator, B, N: self.words(
        torch.randint(1, N + 1, (B,), generator=generator)
    )

    def words(self, counts):
        """The words of these n, in their order: a ``Batch`` with T = ``letters`` * max(n) + 1."""
        n = torch.as_tensor(counts)
        if n.ndim != 1 or n.is_floating_point() or not len(n) or n.min() < 1:
            raise ValueError(
                f"counts must be a list of whole numbers of at least 1, not {counts!r}"
            )
        n, t, k = n[:, None], torch.arange(self.letters * n.max() + 2), self.letters
        word = ((t - 1) // n + 1) * ((t > 0) & (t <= k * n))  # (B, T + 1)
        return Batch(
            F.one_hot(word[:, :-1], k + 1).to(torch.get_default_dtype()),
            word[:, 1:],
            word[:, :-1] >= 2,
        )

    def oracle(self, x):
        a, b = x[..., 1].cumsum(1), x[..., 2].cumsum(1)
        return CERTAIN * F.one_hot(torch.where(b == 0, 1, torch.where(b < a, 2, 0)), 3).to(x.dtype)


@dataclass(frozen=True)
class AnBnCn(AnBn):
    """Predict the next symbol of a word a^n b^n c^n, n from 1 to ``length``. Source: Weiss, Goldberg and Yahav 2018.
    n = 2:   input    # a a b b c c        scored from the first b on: before it nobody can know,
             target   - - - b c c #        after it everything is determined; # fills up shorter words
    """

    input_size, output_size, letters = 4, 4, 3  # the symbols # a b c

    def oracle(self, x):
        a, b, c = (x[..., k].cumsum(1) for k in (1, 2, 3))
        return certain(torch.where(b == 0, 1, torch.where(b < a, 2, torch.where(c < a, 3, 0))), 4)

    def _memoryless(self, N):
        """Letter k stands at step t in the words with (k - 1) n < t <= k n, and is the last of its kind if t = k n."""
        total, n = 0.0, np.arange(1, N + 1)
        for k, t in [(run, step) for run in (2, 3) for step in range(run, run * N + 1)]:
            here, last = ((k - 1) * n < t) & (t <= k * n), t == k * n
            p = last.sum() / max(here.sum(), 1)
            total += here.sum() * entropy(np.array([p, 1 - p]))
        return total / (N * (N + 1))


@dataclass(frozen=True)
class Dyck1(Task):
    """Say at every step whether all brackets are closed. Source: after Suzgun et al. 2019, who ask what may come next.
    length 6:   input    ( ( ) ) ( (        at depth 0 a bracket opens, else a fair coin decides
                target   0 0 0 1 0 0
    """

    input_size, output_size, scored = 2, 2, math.inf

    def _inputs(self, generator, B, T):
        steps, depth = torch.randint(0, 2, (B, T), generator=generator).numpy(), np.zeros(B, int)
        for coin in steps.T:  # a view: the strings themselves
            coin[depth == 0] = 0
            depth += 1 - 2 * coin
        return F.one_hot(torch.from_numpy(steps), 2)

    def oracle(self, x):
        return certain(((x[..., 0] - x[..., 1]).cumsum(1) == 0).long(), 2)

    def _memoryless(self, T):
        """Only a closing bracket leaves a doubt: it came from depth 1 or from deeper."""
        depth, total = np.eye(1, T + 2)[0], 0.0  # the probability of each depth before the step
        for _ in range(T):
            closing = depth / 2 * (np.arange(T + 2) > 0)
            if closing.sum() > 0:
                p = closing[1] / closing.sum()
                total += closing.sum() * entropy(np.array([p, 1 - p]))
            opening = depth - closing
            depth = np.append(0, opening[:-1]) + np.append(closing[1:], 0)
        return total / T


@dataclass(frozen=True)
class CycleNavigation(Task):
    """Say at every step where on a cycle of ``modulus`` places one stands. Source: Delétang et al. 2023.
    modulus 5, length 6:   input    + + 0 - + +        one place on, back, or none
                           target   1 2 2 1 2 3
    """

    modulus: int = 5
    input_size, output_size, scored = 3, property(lambda self: self.modulus), math.inf
    _inputs = lambda self, generator, B, T: F.one_hot(
        torch.randint(0, 3, (B, T), generator=generator), 3
    )
    oracle = lambda self, x: certain(
        (x[..., 2] - x[..., 0]).cumsum(1).long() % self.modulus, self.modulus
    )

    def _memoryless(self, T):
        """The doubt about where one stood before the step."""
        place, total = np.eye(1, self.modulus)[0], 0.0
        for _ in range(T):
            total += entropy(place)
            place = (place + np.roll(place, 1) + np.roll(place, -1)) / 3
        return total / T


@dataclass(frozen=True)
class ReverseString(Task):
    """Read ``length`` symbols, then give them back from the last to the first. Source: Delétang et al. 2023.
    symbols 2, length 3:   input    1 0 0 ? ? ?
                           target   - - - 0 0 1
    """

    symbols: int = 2
    input_size, output_size = (
        property(lambda self: self.symbols + 1),
        property(lambda self: self.symbols),
    )

    def _draw(self, generator, B, length):
        x = self._inputs(generator, B, length).to(torch.get_default_dtype())
        mask = (torch.arange(2 * length) >= length).repeat(B, 1)
        return Batch(x, self.oracle(x).argmax(-1) * mask, mask)

    def _inputs(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, length), generator=generator)
        return F.one_hot(F.pad(word, (0, length), value=self.symbols), self.input_size)

    def oracle(self, x):
        word = x[:, : x.shape[1] // 2].argmax(-1)
        return certain(F.pad(self._answer(word), (word.shape[1], 0)), self.symbols)

    _answer = lambda self, word: word.flip(1)


@dataclass(frozen=True)
class BucketSort(ReverseString):
    """Read ``length`` symbols, then give them back in ascending order. Source: Delétang et al. 2023.
    symbols 5, length 4:   input    3 0 4 0 ? ? ? ?
                           target   - - - - 0 0 3 4
    """

    symbols: int = 5
    _answer = lambda self, word: word.sort(1).values

    def _memoryless(self, n):
        """The entropy of the k-th smallest of n uniform symbols, mean over k."""
        from scipy.stats import binom

        below = np.arange(self.symbols + 1) / self.symbols  # P(symbol < v)
        reached = binom.sf(np.arange(n)[:, None], n, below)  # P(at least k + 1 symbols are below v)
        return entropy(np.diff(reached, axis=1))
