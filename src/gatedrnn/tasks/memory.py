"""Tasks of one memory operation, sums, and sources whose order is known, used like those of ``tasks``.

In the examples time runs to the right, and - is not scored.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.tasks.base import CERTAIN, Task, certain, entropy


@dataclass(frozen=True)
class Adding(Task):
    """Add the two marked numbers. Source: Hochreiter and Schmidhuber 1997, as in Arjovsky, Shah and Bengio 2016.
    length 6:   value   .3 .9 .1 .5 .7 .2        uniform on [0, 1)
                marker   0  1  0  1  0  0        one in each half; not on the last step (there Arjovsky et al. may
                target   -  -  -  -  -  1.4      mark, too), where the input would give half of the answer away
    """

    input_size, output_size, loss, shortest = 2, 1, "mse", 3
    _memoryless = lambda self, length: 1 / 6  # the mean, 1, is wrong by Var(U1 + U2) = 1/12 + 1/12
    oracle = lambda self, x: x.prod(-1, keepdim=True).cumsum(1)

    def _inputs(self, generator, B, T):
        values = torch.rand(
            B, T, generator=generator, dtype=torch.float64
        )  # float32 would draw other numbers
        places = [
            torch.randint(*half, (B,), generator=generator)
            for half in [(0, T // 2), (T // 2, T - 1)]
        ]
        return torch.stack([values, sum(F.one_hot(place, T) for place in places)], -1)


@dataclass(frozen=True)
class Copy(Task):
    """Repeat ``count`` symbols after a wait of ``length`` steps. Source: Arjovsky, Shah and Bengio 2016.
    count 3, length 4:   input    3 1 2 . . . > . . .        > ends the wait; T = length + 2 * count. Where papers
                         target   - - - - - - - 3 1 2        average over all T steps, ours times count / T compares.
    """

    count: int = 10
    symbols: int = 8
    input_size, output_size = (
        property(lambda self: self.symbols + 2),
        property(lambda self: self.symbols),
    )
    scored = property(lambda self: self.count)
    oracle = lambda self, x: F.pad(
        CERTAIN * x[:, : self.count, : self.symbols], (0, 0, x.shape[1] - self.count, 0)
    )

    def _inputs(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, self.count), generator=generator)
        steps = F.pad(word, (0, length + self.count), value=self.symbols)
        steps[:, self.count + length - 1] = self.symbols + 1
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class DelayedRecall(Task):
    """Name the first symbol ``length`` steps later. Source: after the latch problem of Bengio et al. 1994.
    length 6:   input    C a d b b a ?        the steps between have an alphabet of their own, so that the task asks
                target   - - - - - - C        to keep a symbol, and not to know which one was the first
    """

    symbols: int = 8
    distractors: int = 4
    input_size = property(lambda self: self.symbols + self.distractors + 1)
    output_size = property(lambda self: self.symbols)
    oracle = lambda self, x: CERTAIN * x[:, :1, : self.symbols].repeat(1, x.shape[1], 1)

    def _inputs(self, generator, B, length):
        first = torch.randint(0, self.symbols, (B, 1), generator=generator)
        between = torch.randint(
            self.symbols, self.input_size - 1, (B, length - 1), generator=generator
        )
        steps = torch.cat([first, between, torch.full_like(first, self.input_size - 1)], 1)
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class FlipFlop(Task):
    """Hold, for each of ``bits`` channels, the sign of its last pulse. Source: Sussillo and Barak 2013.
    bits 2:   channel 0   +  .  .  -  .  .  +        a pulse at the first step, later at one step in ``every``
              channel 1   -  .  +  .  .  .  .        They regress an output a channel; we classify 2^bits memories:
              target      1  1  3  2  2  2  3        channel 0 counts 1 where it is +, channel 1 counts 2.
    """

    bits: int = 3
    every: int = 10
    input_size, output_size, scored = (
        property(lambda self: self.bits),
        property(lambda self: 2**self.bits),
        math.inf,
    )
    _memoryless = lambda self, T: (
        self.bits * (1 - 1 / self.every) * (1 - 1 / T) * math.log(2)
    )  # a coin where silent

    def _inputs(self, generator, B, T):
        sign = 2 * torch.randint(0, 2, (B, T, self.bits), generator=generator) - 1
        fires = torch.randint(0, self.every, sign.shape, generator=generator) == 0
        fires[:, 0] = True
        return sign * fires

    def oracle(self, x):
        latest = (
            torch.arange(x.shape[1])[:, None].where(x != 0, 0).cummax(1).values
        )  # the step of the last pulse
        classes = (
            torch.arange(self.output_size)[:, None] >> torch.arange(self.bits) & 1
        )  # (2^bits, bits)
        return CERTAIN * x.gather(1, latest) @ (2 * classes - 1).to(x.dtype).T


@dataclass(frozen=True)
class AssociativeRecall(Task):
    """Read ``length`` pairs of a key and a value, then give the value of one key. Source: after Ba et al. 2016.
    length 3:   input    c 9 k 8 j 3 ? k
                target   - - - - - - - 8        no key comes twice
    """

    keys: int = 26
    values: int = 10
    input_size, output_size = (
        property(lambda self: self.keys + self.values + 1),
        property(lambda self: self.values),
    )
    longest = property(lambda self: self.keys)

    def _inputs(self, generator, B, length):
        keys = torch.rand(B, self.keys, generator=generator, dtype=torch.float64).argsort(1)[
            :, :length
        ]  # none twice
        values = torch.randint(0, self.values, keys.shape, generator=generator)
        asked = torch.randint(0, length, (B, 1), generator=generator)
        pairs = torch.stack([keys, self.keys + values], -1).flatten(1)
        question = F.pad(keys.gather(1, asked), (1, 0), value=self.keys + self.values)
        return F.one_hot(torch.cat([pairs, question], 1), self.input_size)

    def oracle(self, x):
        match = (
            x[:, 0:-2:2, : self.keys] @ x[:, -1, : self.keys, None]
        )  # (B, length, 1): 1 at the pair asked for
        answer = (match * x[:, 1:-2:2, self.keys : -1]).sum(1, keepdim=True)
        return F.pad(CERTAIN * answer, (0, 0, x.shape[1] - 1, 0))


@dataclass(frozen=True)
class DelayedXor(Task):
    """Compare the sign at the first step with that at the last, ``length`` steps later. Ours, after the exclusive or.
    length 5:   sign     + - - + - -        the flagged signs are compared, 1 if they differ, and the others distract
                flag     1 0 0 0 0 1
                target   - - - - - 1
    """

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
    clear       -1 1    1/5    1/10    as overwrite, and zero after a clear flag; no step both writes and clears
    """

    kind: str
    input_size, output_size, scored = 3, 3, math.inf
    kinds = ("accumulate", "latch", "overwrite", "clear")

    def __post_init__(self):
        if self.kind not in self.kinds:
            raise ValueError(f"kind must be one of {', '.join(self.kinds)}, not {self.kind!r}")

    def _inputs(self, generator, B, T):
        value, write, clear = (torch.randint(0, n, (B, T), generator=generator) for n in (6, 5, 10))
        if self.kind == "accumulate":
            return torch.stack(
                [value % 3 - 1, torch.zeros_like(value), torch.zeros_like(value)], -1
            )
        writes = (write == 0) & (self.kind != "latch")
        writes[:, 0] = True
        clears = (clear == 0) & ~writes & (self.kind == "clear")
        return torch.stack([2 * (value % 2) - 1, writes.long(), clears.long()], -1)

    def oracle(self, x):
        value, write, clear = x.unbind(-1)
        if self.kind == "accumulate":
            return certain(value.cumsum(1).sign().long() + 1, 3)
        steps = torch.arange(x.shape[1])
        latest = (
            steps.where((write + clear) > 0, 0).cummax(1).values
        )  # the step of the last command
        return certain(((value * write).gather(1, latest) + 1).long(), 3)

    def _memoryless(self, T):
        if self.kind == "accumulate":
            return self._memoryless_sum(T)
        zero, total = 0.0, 0.0  # the probability that the memory is clear before the step
        quiet = {"latch": 1.0, "overwrite": 0.8, "clear": 0.8 * 0.9}[
            self.kind
        ]  # no command at a step
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
