"""Tasks of one memory operation each: keep, add up, hold, compare, accumulate, clear.

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
    """Add the two marked numbers.

    length 6::

        value   .3 .9 .1 .5 .7 .2        uniform on [0, 1)
        marker   0  1  0  1  0  0        one in each half, none on the last step
        target   -  -  -  -  -  1.4

    A mark on the last step, which Arjovsky et al. allow, would give half of the answer away to whom
    sees the current input alone.

    Source: Hochreiter and Schmidhuber 1997, as in Arjovsky, Shah and Bengio 2016.
    """

    input_size = 2
    output_size = 1
    loss = "mse"
    shortest = 3

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Add up what is marked: at the last step it is the sum of both."""
        return x.prod(-1, keepdim=True).cumsum(1)

    def _inputs(self, generator, B, T):
        # in float64 whatever the default: float32 would draw other numbers
        values = torch.rand(B, T, generator=generator, dtype=torch.float64)
        first = torch.randint(0, T // 2, (B,), generator=generator)
        second = torch.randint(T // 2, T - 1, (B,), generator=generator)
        return torch.stack([values, F.one_hot(first, T) + F.one_hot(second, T)], -1)

    def _memoryless(self, length):
        """The mean, 1, is wrong by Var(U1 + U2) = 1/12 + 1/12."""
        return 1 / 6


@dataclass(frozen=True)
class Copy(Task):
    """Repeat ``count`` symbols after a wait of ``length`` steps.

    count 3, length 4::

        input    3 1 2 . . . > . . .        > ends the wait; T = length + 2 * count
        target   - - - - - - - 3 1 2

    Where papers average the loss over all T steps, ours times count / T compares.

    Source: Arjovsky, Shah and Bengio 2016.

    Attributes:
        count: How many symbols are to be repeated.
        symbols: How many different ones there are.
    """

    count: int = 10
    symbols: int = 8

    @property
    def input_size(self) -> int:
        """The symbols, the blank and the sign that ends the wait."""
        return self.symbols + 2

    @property
    def output_size(self) -> int:
        """The symbols."""
        return self.symbols

    @property
    def scored(self) -> int:
        """The last ``count`` steps."""
        return self.count

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Move the first ``count`` symbols to the end."""
        word = CERTAIN * x[:, : self.count, : self.symbols]
        return F.pad(word, (0, 0, x.shape[1] - self.count, 0))

    def _inputs(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, self.count), generator=generator)
        steps = F.pad(word, (0, length + self.count), value=self.symbols)
        steps[:, self.count + length - 1] = self.symbols + 1
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class DelayedRecall(Task):
    """Name the first symbol ``length`` steps later.

    length 6::

        input    C a d b b a ?
        target   - - - - - - C

    The steps between have an alphabet of their own, so that the task asks to keep a symbol, and
    not to know which one was the first.

    Source: after the latch problem of Bengio, Simard and Frasconi 1994.

    Attributes:
        symbols: How many symbols there are to be kept.
        distractors: How many there are in between.
    """

    symbols: int = 8
    distractors: int = 4

    @property
    def input_size(self) -> int:
        """Both alphabets and the question."""
        return self.symbols + self.distractors + 1

    @property
    def output_size(self) -> int:
        """The symbols."""
        return self.symbols

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Say the first symbol at every step."""
        return CERTAIN * x[:, :1, : self.symbols].repeat(1, x.shape[1], 1)

    def _inputs(self, generator, B, length):
        question = self.input_size - 1
        first = torch.randint(0, self.symbols, (B, 1), generator=generator)
        between = torch.randint(self.symbols, question, (B, length - 1), generator=generator)
        steps = torch.cat([first, between, torch.full_like(first, question)], 1)
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class FlipFlop(Task):
    """Hold, for each of ``bits`` channels, the sign of its last pulse.

    bits 2::

        channel 0   +  .  .  -  .  .  +     a pulse at the first step, later at one in ``every``
        channel 1   -  .  +  .  .  .  .
        target      1  1  3  2  2  2  3     channel 0 counts 1 where it is +, channel 1 counts 2

    The source regresses an output a channel; we classify 2^bits memories.

    Source: Sussillo and Barak 2013.

    Attributes:
        bits: How many channels there are.
        every: After the first step a channel has a pulse at one step in so many.
    """

    bits: int = 3
    every: int = 10
    scored = math.inf

    @property
    def input_size(self) -> int:
        """The channels."""
        return self.bits

    @property
    def output_size(self) -> int:
        """The memories."""
        return 2**self.bits

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Give each memory a logit for each channel that agrees with it."""
        step = torch.arange(x.shape[1])[:, None]
        latest = (
            step.where(x != 0, 0).cummax(1).values
        )  # of each channel, the step of its last pulse
        memories = torch.arange(self.output_size)[:, None] >> torch.arange(self.bits) & 1
        signs = (2 * memories - 1).to(x.dtype)  # (2^bits, bits)
        return CERTAIN * x.gather(1, latest) @ signs.T

    def _inputs(self, generator, B, T):
        sign = 2 * torch.randint(0, 2, (B, T, self.bits), generator=generator) - 1
        fires = torch.randint(0, self.every, sign.shape, generator=generator) == 0
        fires[:, 0] = True
        return sign * fires

    def _memoryless(self, T):
        """A coin for each channel that is silent; none is at the first step."""
        return self.bits * (1 - 1 / self.every) * (1 - 1 / T) * math.log(2)


@dataclass(frozen=True)
class DelayedXor(Task):
    """Compare the sign at the first step with that at the last, ``length`` steps later.

    length 5::

        sign     + - - + - -        the flagged signs are compared, the others distract
        flag     1 0 0 0 0 1
        target   - - - - - 1        1 if they differ

    Source: ours, after the exclusive or.
    """

    input_size = 2
    output_size = 2

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Compare each sign with the first."""
        sign = x[..., 0]
        return certain((sign[:, :1] != sign).long(), 2)

    def _inputs(self, generator, B, length):
        sign = 2 * torch.randint(0, 2, (B, length + 1), generator=generator) - 1
        flag = torch.zeros_like(sign)
        flag[:, [0, -1]] = 1
        return torch.stack([sign, flag], -1)


@dataclass(frozen=True)
class Control(Task):
    """One memory operation, a corner of the (f, i) square.

    At every step the sign of the memory is asked for: 0 negative, 1 zero, 2 positive::

        kind        value   write   clear   the memory is
        accumulate  -1 0 1  never   never   the sum so far
        latch       -1 1    first   never   the first value
        overwrite   -1 1    1/5     never   the last value that was written; the first step writes
        clear       -1 1    1/5     1/10    as overwrite, and zero after a clear flag

        overwrite, value    + - - + + -     clear, value     + - - + -
                   write    1 0 1 0 1 0            write     1 0 0 0 1
                   target   2 2 0 0 2 2            clear     0 0 1 0 0
                                                   target    2 2 1 1 0

    No step both writes and clears.

    Source: ours.

    Attributes:
        kind: Which operation, one of ``kinds``.
    """

    kind: str
    input_size = 3
    output_size = 3
    scored = math.inf
    kinds = ("accumulate", "latch", "overwrite", "clear")

    def __post_init__(self) -> None:
        if self.kind not in self.kinds:
            raise ValueError(f"kind must be one of {', '.join(self.kinds)}, not {self.kind!r}")

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """Follow the commands."""
        value, write, clear = x.unbind(-1)
        if self.kind == "accumulate":
            return certain(value.cumsum(1).sign().long() + 1, 3)
        commanded = (write + clear) > 0
        latest = torch.arange(x.shape[1]).where(commanded, 0).cummax(1).values
        memory = (value * write).gather(1, latest)  # 0 if the last command was to clear
        return certain((memory + 1).long(), 3)

    def _inputs(self, generator, B, T):
        value = torch.randint(0, 6, (B, T), generator=generator)
        write = torch.randint(0, 5, (B, T), generator=generator)
        clear = torch.randint(0, 10, (B, T), generator=generator)
        if self.kind == "accumulate":
            never = torch.zeros_like(value)
            return torch.stack([value % 3 - 1, never, never], -1)
        writes = (write == 0) & (self.kind != "latch")
        writes[:, 0] = True
        clears = (clear == 0) & ~writes & (self.kind == "clear")
        return torch.stack([2 * (value % 2) - 1, writes.long(), clears.long()], -1)

    def _memoryless(self, T):
        if self.kind == "accumulate":
            return self._memoryless_sum(T)
        return self._memoryless_commands(T)

    def _memoryless_commands(self, T):
        """A step without a command leaves the memory what it was: clear, or a fair coin."""
        no_command = {"latch": 1.0, "overwrite": 0.8, "clear": 0.8 * 0.9}[self.kind]
        cleared = 0.8 * 0.1 if self.kind == "clear" else 0
        empty = 0.0  # the chance that the memory is clear before the step
        total = 0.0
        for _ in range(1, T):  # the first step always writes
            total += no_command * entropy(np.array([empty, (1 - empty) / 2, (1 - empty) / 2]))
            empty = no_command * empty + cleared
        return total / T

    def _memoryless_sum(self, T):
        """Of each sum before the step its chance; then the sides that the value may lead to."""
        places = np.arange(-T - 1, T + 2)
        chances = (places == 0).astype(float)
        total = 0.0
        for _ in range(T):
            moved = [np.roll(chances, value) for value in (-1, 0, 1)]
            total += entropy(np.array([_sides(places, after) for after in moved]))
            chances = sum(moved) / 3
        return total / T


def _sides(places, chances):
    """The chances that a place is negative, zero, positive."""
    return [chances[places < 0].sum(), chances[places == 0].sum(), chances[places > 0].sum()]
