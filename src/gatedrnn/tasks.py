"""Synthetic tasks: each brings its data, the loss of the best answer without memory, and a perfect answer.

``input_size`` I, ``output_size`` O, ``loss`` ("cross_entropy", in nats, or "mse"); ``batch(generator, batch_size,
length)``, where torch's default dtype decides the precision of x and not which numbers are drawn; ``baseline(length)``,
the loss of the best *memoryless* answer, a function of the current input and the number of the step and nothing else;
``oracle(x)``, a prediction ``(B, T, O)`` that solves the task. In the examples time runs from left to right, and a dash
is a step whose answer is not scored. A ValueError names the argument that is out of range, and the range.
"""

import math
from collections import namedtuple
from dataclasses import dataclass, fields
from itertools import accumulate
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F

# Hochreiter and Schmidhuber 1997 allow an error of 0.04 in *half* the sum of two numbers: ours is twice as strict. The
# square, 0.0016, is 1 % of the loss of the best memoryless answer.
TOLERANCE = 0.04
CERTAIN = 100.0  # logits this far apart leave a loss below 1e-40
# x (B, T, I) float; y (B, T) int64 classes, or (B, T, O) float; mask (B, T) bool: True where a step is scored
Batch = namedtuple("Batch", "x y mask")


def generator(seed, step, stream="train"):
    """A ``torch.Generator`` that depends on (seed, step, stream) and on nothing drawn before.

    ``stream`` is a name: "train" and "test" give unrelated data. ValueError: seed or step outside 0 ... 2**32 - 1.
    """
    _whole("seed", seed, 0, 2**32 - 1)
    _whole("step", step, 0, 2**32 - 1)
    # SeedSequence keeps neighbouring seeds apart. One word is enough: torch's CPU generator ignores all but 32 bits.
    words = np.random.SeedSequence([int(seed), int(step), *stream.encode()]).generate_state(1)
    return torch.Generator().manual_seed(int(words[0]))


def loss(kind, prediction, batch):
    """The mean loss of the scored steps: a prediction ``(..., B, T, O)`` gives a result of shape ``(...)``.

    ``kind`` is "cross_entropy" (of logits; in nats) or "mse". The batch is shared by the leading axes, or has them too.
    ValueError: unknown kind, shapes that do not fit, no scored step.
    """
    y, mask = _fit(kind, prediction, batch)
    if kind == "mse":
        losses = (prediction - y).square().mean(-1)
    else:
        losses = F.cross_entropy(prediction.flatten(0, -2), y.flatten(), reduction="none").view(mask.shape)
    return losses.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def score(kind, prediction, batch):
    """The fraction of scored steps that are right: the largest logit is that of the class, or the error < TOLERANCE."""
    y, mask = _fit(kind, prediction, batch)
    right = ((prediction - y).abs() < TOLERANCE).all(-1) if kind == "mse" else prediction.argmax(-1) == y
    return (right & mask).sum((-2, -1)) / mask.sum((-2, -1))


def _fit(kind, prediction, batch):
    """y and mask expanded to the leading axes of the prediction. Unchecked, torch would broadcast in silence."""
    if kind not in ("cross_entropy", "mse"):
        raise ValueError(f"loss must be 'cross_entropy' or 'mse', not {kind!r}")
    y, mask, steps = batch.y, batch.mask, prediction.shape[:-1]
    shape = prediction.shape if kind == "mse" else steps
    like = y.ndim - (kind == "mse") == mask.ndim >= 2
    if not like or y.shape != shape[-y.ndim :] or mask.shape != steps[-mask.ndim :]:
        given = f"prediction {tuple(prediction.shape)}, y {tuple(y.shape)}, mask {tuple(mask.shape)}"
        raise ValueError(f"{given}: not a prediction (..., B, T, O) and a batch (B, T) for the loss {kind!r}")
    if not mask.flatten(-2).any(-1).all():
        raise ValueError("the batch has no scored step: its mask is False everywhere")
    return y.expand(shape), mask.expand(steps)


def _whole(name, value, least=1, most=math.inf):
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")


def _one_hot(classes, number):
    return F.one_hot(classes, number).to(torch.get_default_dtype())


def _asked_last(x, answer):
    """x ``(B, T, I)``, with the answer ``(B, n)`` or ``(B, n, O)`` as target of the last n steps, which are scored."""
    unscored = x.shape[1] - answer.shape[1]
    y = torch.cat([answer.new_zeros(len(x), unscored, *answer.shape[2:]), answer], 1)
    return Batch(x, y, (torch.arange(x.shape[1]) >= unscored).repeat(len(x), 1))


class Task:
    """What the tasks share: the checks of their arguments, and the usual loss and baseline."""

    loss, shortest, longest = "cross_entropy", 1, math.inf

    def __post_init__(self):
        for field in fields(self):
            _whole(field.name, getattr(self, field.name))

    def batch(self, generator, batch_size, length):
        if not isinstance(generator, torch.Generator):
            raise ValueError(f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {generator!r}")
        _whole("batch_size", batch_size)
        self.check_length(length)
        return self._draw(generator, batch_size, length)

    def check_length(self, length):
        _whole(f"length of {type(self).__name__}", length, self.shortest, self.longest)

    def baseline(self, length):
        self.check_length(length)
        return self._memoryless(length)

    def _memoryless(self, length):
        # Where the input of a scored step says nothing about the answer, all O classes are equally likely.
        return math.log(self.output_size)


@dataclass(frozen=True)
class Adding(Task):
    """Add the two marked numbers.

    length 6:   value   .3 .9 .1 .5 .7 .2        uniform on [0, 1)
                marker   0  1  0  1  0  0        one in each half, never on the last step
                target   -  -  -  -  -  1.4
    Source: Hochreiter and Schmidhuber 1997. Values and halves as in Arjovsky, Shah and Bengio 2016, who may mark the
    last step, too: there the current input would give half of the answer away.
    """

    input_size, output_size, loss, shortest = 2, 1, "mse", 3

    def _draw(self, generator, B, T):
        # In float64 for every dtype: the float32 numbers of a torch.Generator are not its float64 numbers, rounded.
        values = torch.rand(B, T, generator=generator, dtype=torch.float64)
        first = torch.randint(0, T // 2, (B,), generator=generator)
        second = torch.randint(T // 2, T - 1, (B,), generator=generator)
        markers = F.one_hot(first, T) + F.one_hot(second, T)
        x = torch.stack([values, markers], -1).to(torch.get_default_dtype())  # (B, T, 2)
        return _asked_last(x, x.prod(-1).sum(1)[:, None, None])

    def _memoryless(self, length):
        # The last input is not marked, so the best answer is the mean, 1; its error is Var(U1 + U2) = 1/12 + 1/12.
        return 1 / 6

    def oracle(self, x):
        return x.prod(-1, keepdim=True).cumsum(1)


@dataclass(frozen=True)
class Copy(Task):
    """Repeat ``count`` symbols after a wait of ``length`` steps, the last of which is the delimiter >.

    count 3, length 4:   input    3 1 2 . . . > . . .        T = length + 2 * count;
                         target   - - - - - - - 3 1 2        a symbol is kept for count + length steps
    Many papers average over all T steps: multiply by count / T to compare. Source: Arjovsky, Shah and Bengio 2016.
    """

    count: int = 10
    symbols: int = 8
    input_size = property(lambda self: self.symbols + 2)
    output_size = property(lambda self: self.symbols)

    def _draw(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, self.count), generator=generator)
        blanks = torch.full((B, length + self.count), self.symbols)
        blanks[:, length - 1] = self.symbols + 1
        return _asked_last(_one_hot(torch.cat([word, blanks], 1), self.input_size), word)

    def oracle(self, x):
        word = x[:, : self.count, : self.symbols]
        return F.pad(CERTAIN * word, (0, 0, x.shape[1] - self.count, 0))


@dataclass(frozen=True)
class DelayedRecall(Task):
    """Name the first symbol ``length`` steps later.

    length 6:   input    C a d b b a ?        the steps between have an alphabet of their own, so that the task asks
                target   - - - - - - C        to keep a symbol, and not to know which one was the first
    Source: after the latch problem of Bengio, Simard and Frasconi 1994, with more symbols and a question at the end.
    """

    symbols: int = 8
    distractors: int = 4
    input_size = property(lambda self: self.symbols + self.distractors + 1)
    output_size = property(lambda self: self.symbols)

    def _draw(self, generator, B, length):
        first = torch.randint(0, self.symbols, (B, 1), generator=generator)
        between = torch.randint(self.symbols, self.input_size - 1, (B, length - 1), generator=generator)
        steps = F.pad(torch.cat([first, between], 1), (0, 1), value=self.input_size - 1)
        return _asked_last(_one_hot(steps, self.input_size), first)

    def oracle(self, x):
        return CERTAIN * x[:, :1, : self.symbols].repeat(1, x.shape[1], 1)


@dataclass(frozen=True)
class Parity(Task):
    """Say at every step whether the ones so far are odd in number.

    length 6:   input    1 0 1 1 0 1
                target   1 1 0 1 1 0
    Source: Delétang et al. 2023, who score the end of strings of random length. The beginning of a random string is a
    random string: to score every step is to train on all lengths up to ``length`` at once.
    """

    input_size, output_size = 1, 2

    def _draw(self, generator, B, T):
        bits = torch.randint(0, 2, (B, T), generator=generator)
        x = bits[..., None].to(torch.get_default_dtype())
        return Batch(x, bits.cumsum(1) % 2, torch.ones_like(bits, dtype=torch.bool))

    def _memoryless(self, length):
        # The first bit is its own answer; later the earlier bits, unknown, make both answers equally likely.
        return (1 - 1 / length) * math.log(2)

    def oracle(self, x):
        sign = (1 - 2 * x).cumprod(1)  # every one turns the sign
        return CERTAIN * torch.cat([sign, -sign], -1)


@dataclass(frozen=True)
class AnBn(Task):
    """Predict the next symbol of a word a^n b^n between two signs #; n is drawn from 1 to ``length``.

    n = 3:   input    # a a a b b b        scored from the first b on: before it nobody can know,
             target   - - - - b b #        after it everything is determined
    Shorter words are filled up with #, unscored. Source: Weiss, Goldberg and Yahav 2018.
    """

    input_size, output_size = 3, 3  # the symbols # a b

    def _draw(self, generator, B, length):
        return self.words(torch.randint(1, length + 1, (B,), generator=generator))

    def words(self, counts):
        """The words of these n, in their order: a ``Batch`` with T = 2 * max(n) + 1."""
        n = torch.as_tensor(counts)
        if n.ndim != 1 or n.is_floating_point() or not len(n) or n.min() < 1:
            raise ValueError(f"counts must be a list of whole numbers of at least 1, not {counts!r}")
        n, t = n[:, None], torch.arange(2 * n.max() + 2)
        is_a, is_b = (t > 0) & (t <= n), (t > n) & (t <= 2 * n)  # (B, T + 1)
        word = is_a + 2 * is_b
        return Batch(_one_hot(word[:, :-1], 3), word[:, 1:], is_b[:, :-1])

    def _memoryless(self, length):
        # Input b at step t, counted from 0, fits the words with t/2 <= n < t, all equally likely. If t is odd none of
        # them ends there. If t = 2k, one of m = min(k, N + 1 - k) does: they lose m ln m - (m - 1) ln(m - 1) together.
        # Summed over k this telescopes, once up to ceil(N/2) and once up to floor(N/2); N (N + 1) / 2 steps are scored.
        low, high = length // 2, length - length // 2
        return 2 * (high * math.log(high) + low * math.log(max(low, 1))) / (length * (length + 1))

    def oracle(self, x):
        a, b = x[..., 1].cumsum(1), x[..., 2].cumsum(1)
        return CERTAIN * _one_hot(torch.where(b == 0, 1, torch.where(b < a, 2, 0)), 3)


@dataclass(frozen=True)
class FlipFlop(Task):
    """Hold, for each of ``bits`` channels, the sign of its last pulse.

    bits 2:   channel 0   +  .  .  -  .  .  +        a pulse at the first step, later at one step in ``every``
              channel 1   -  .  +  .  .  .  .
              target      1  1  3  2  2  2  3        channel 0 counts 1 where it is +, channel 1 counts 2
    Source: Sussillo and Barak 2013, who regress an output for each channel; we classify the 2^bits memories.
    """

    bits: int = 3
    every: int = 10
    input_size = property(lambda self: self.bits)
    output_size = property(lambda self: 2**self.bits)

    def _draw(self, generator, B, T):
        bit = torch.randint(0, 2, (B, T, self.bits), generator=generator)
        fires = torch.randint(0, self.every, bit.shape, generator=generator) == 0
        fires[:, 0] = True
        latest = torch.arange(T)[:, None].where(fires, 0).cummax(1).values
        y = bit.gather(1, latest) << torch.arange(self.bits)
        x = (2 * bit - 1).where(fires, 0).to(torch.get_default_dtype())
        return Batch(x, y.sum(-1), torch.ones(B, T, dtype=torch.bool))

    def _memoryless(self, length):
        # After the first step a channel is silent with probability 1 - 1/every; then both signs are equally likely.
        return self.bits * (1 - 1 / self.every) * (1 - 1 / length) * math.log(2)

    def oracle(self, x):
        memory = accumulate(x.unbind(1), lambda memory, pulse: torch.where(pulse == 0, memory, pulse))
        classes = torch.arange(self.output_size)[:, None] >> torch.arange(self.bits) & 1  # (2^bits, bits)
        return CERTAIN * torch.stack(list(memory), 1) @ (2 * classes - 1).to(x.dtype).T


@dataclass(frozen=True)
class AssociativeRecall(Task):
    """Read ``length`` pairs of a key and a value, then give the value of one key. No key comes twice.

    length 3:   input    c 9 k 8 j 3 ? k
                target   - - - - - - - 8
    Source: Ba et al. 2016, with one sign ? instead of two.
    """

    keys: int = 26
    values: int = 10
    input_size = property(lambda self: self.keys + self.values + 1)
    output_size = property(lambda self: self.values)
    longest = property(lambda self: self.keys)

    def _draw(self, generator, B, length):
        order = torch.rand(B, self.keys, generator=generator, dtype=torch.float64)
        keys = order.argsort(1)[:, :length]  # (B, length), no key twice
        values = torch.randint(0, self.values, keys.shape, generator=generator)
        asked = torch.randint(0, length, (B, 1), generator=generator)
        pairs = torch.stack([keys, self.keys + values], -1).flatten(1)
        question = F.pad(keys.gather(1, asked), (1, 0), value=self.keys + self.values)
        return _asked_last(_one_hot(torch.cat([pairs, question], 1), self.input_size), values.gather(1, asked))

    def oracle(self, x):
        keys, values = x[:, 0:-2:2, : self.keys], x[:, 1:-2:2, self.keys : -1]
        match = keys @ x[:, -1, : self.keys, None]  # (B, length, 1): 1 at the pair that is asked for
        answer = CERTAIN * (match * values).sum(1, keepdim=True)
        return F.pad(answer, (0, 0, x.shape[1] - 1, 0))
