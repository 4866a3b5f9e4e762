"""Synthetic tasks: each brings its data, the loss of the best answer without memory, and a perfect answer.

``input_size`` I, ``output_size`` O, ``loss`` (a kind of ``KINDS``); ``batch(generator, batch_size, length)``, where
torch's default dtype decides the precision of x and not which numbers are drawn; ``baseline(length)``, the loss of the
best *memoryless* answer, a function of the current input and the number of the step and nothing else;
``oracle(x)``, a prediction ``(B, T, O)`` that solves the task. Wrong arguments are ValueErrors. A ``Batch`` is x
``(B, T, I)`` float, y ``(B, T)`` int64 or ``(B, T, O)`` float, and mask ``(B, T)`` bool, True where a step is scored.
In the examples time runs to the right, and - is not scored."""

import math
from collections import namedtuple
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F

TOLERANCE = 0.04  # an error below it is right; Hochreiter and Schmidhuber 1997 allow twice that: 0.04 of half the sum
CERTAIN = 100.0  # logits this far apart leave a loss below 1e-40
Batch = namedtuple("Batch", "x y mask")
# A step's loss: cross entropy in nats; mean squared or absolute error; the binary cross entropies of O keys, their sum.
KINDS = ("cross_entropy", "mse", "mae", "bernoulli")


def generator(seed, step, stream="train"):
    """A ``torch.Generator`` that depends on (seed, step, stream) and on nothing drawn before; stream is any name."""
    seed, step = _whole("seed", seed, 0, 2**32 - 1), _whole("step", step, 0, 2**32 - 1)
    # SeedSequence keeps neighbouring seeds apart. One word is enough: torch's CPU generator ignores all but 32 bits.
    words = np.random.SeedSequence([seed, step, *stream.encode()]).generate_state(1)
    return torch.Generator().manual_seed(int(words[0]))


def loss(kind, prediction, batch):
    """The mean loss of the scored steps: ``(...)`` for a prediction ``(..., B, T, O)``; the batch may lack the dots.
    The prediction holds logits for "cross_entropy" and "bernoulli"."""
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        losses = F.cross_entropy(prediction.flatten(0, -2), y.flatten(), reduction="none").view(mask.shape)
    elif kind == "bernoulli":
        losses = F.binary_cross_entropy_with_logits(prediction, y, reduction="none").sum(-1)
    else:
        error = prediction - y
        losses = (error.square() if kind == "mse" else error.abs()).mean(-1)
    return losses.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def score(kind, prediction, batch):
    """The fraction of scored steps that are right: the largest logit is that of the class, or each error < TOLERANCE.
    For "bernoulli" the fraction of right keys, logit > 0 where y is 1: high for silence alone if most keys are 0."""
    y, mask = _fit(kind, prediction, batch)
    if kind == "cross_entropy":
        right = prediction.argmax(-1) == y
    elif kind == "bernoulli":
        right = ((prediction > 0) == (y > 0.5)).to(prediction.dtype).mean(-1)
    else:
        right = ((prediction - y).abs() < TOLERANCE).all(-1)
    return right.where(mask, 0).sum((-2, -1)) / mask.sum((-2, -1))


def _fit(kind, prediction, batch):
    """y and mask expanded to the leading axes of the prediction. Unchecked, torch would broadcast in silence."""
    y, mask, steps = batch.y, batch.mask, prediction.shape[:-1]
    dense = kind != "cross_entropy"
    shape = prediction.shape if dense else steps
    fits = kind in KINDS and y.ndim - dense == mask.ndim >= 2
    if not fits or y.shape != shape[-y.ndim :] or mask.shape != steps[-mask.ndim :]:
        given = f"prediction {tuple(prediction.shape)}, y {tuple(y.shape)}, mask {tuple(mask.shape)}, loss {kind!r}"
        raise ValueError(f"{given}: not a prediction (..., B, T, O), a batch (B, T) and one of {', '.join(KINDS)}")
    if not mask.flatten(-2).any(-1).all():
        raise ValueError("the batch has no scored step: its mask is False everywhere")
    return y.expand(shape), mask.expand(steps)


def _whole(name, value, least=1, most=math.inf):
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(value)


class Task:
    """What the tasks share. Each draws its inputs; the oracle answers them, and the last ``scored`` steps count."""

    loss, shortest, longest, scored = "cross_entropy", 1, math.inf, 1
    _memoryless = lambda self, length: math.log(self.output_size)  # all classes equally likely, if the input is no help
    baseline = lambda self, length: self._memoryless(self.check_length(length))
    check_length = lambda self, length: _whole(f"length of {type(self).__name__}", length, self.shortest, self.longest)

    def __post_init__(self):
        for field in fields(self):
            _whole(field.name, getattr(self, field.name))

    def batch(self, generator, batch_size, length):
        if not isinstance(generator, torch.Generator):
            raise ValueError(f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {generator!r}")
        return self._draw(generator, _whole("batch_size", batch_size), self.check_length(length))

    def _draw(self, generator, B, length):
        x = self._inputs(generator, B, length).to(torch.get_default_dtype())
        mask = (torch.arange(x.shape[1]) >= x.shape[1] - self.scored).repeat(B, 1)
        answer = self.oracle(x)
        return Batch(x, answer * mask[..., None] if self.loss == "mse" else answer.argmax(-1) * mask, mask)


@dataclass(frozen=True)
class Adding(Task):
    """Add the two marked numbers. Source: Hochreiter and Schmidhuber 1997, as in Arjovsky, Shah and Bengio 2016.
    length 6:   value   .3 .9 .1 .5 .7 .2        uniform on [0, 1)
                marker   0  1  0  1  0  0        one in each half; not on the last step (there Arjovsky et al. may
                target   -  -  -  -  -  1.4      mark, too), where the input would give half of the answer away"""

    input_size, output_size, loss, shortest = 2, 1, "mse", 3
    _memoryless = lambda self, length: 1 / 6  # the mean, 1, is wrong by Var(U1 + U2) = 1/12 + 1/12
    oracle = lambda self, x: x.prod(-1, keepdim=True).cumsum(1)

    def _inputs(self, generator, B, T):
        values = torch.rand(B, T, generator=generator, dtype=torch.float64)  # float32 would draw other numbers
        places = [torch.randint(*half, (B,), generator=generator) for half in [(0, T // 2), (T // 2, T - 1)]]
        return torch.stack([values, sum(F.one_hot(place, T) for place in places)], -1)


@dataclass(frozen=True)
class Copy(Task):
    """Repeat ``count`` symbols after a wait of ``length`` steps. Source: Arjovsky, Shah and Bengio 2016.
    count 3, length 4:   input    3 1 2 . . . > . . .        > ends the wait; T = length + 2 * count. Where papers
                         target   - - - - - - - 3 1 2        average over all T steps, ours times count / T compares."""

    count: int = 10
    symbols: int = 8
    input_size, output_size = property(lambda self: self.symbols + 2), property(lambda self: self.symbols)
    scored = property(lambda self: self.count)
    oracle = lambda self, x: F.pad(CERTAIN * x[:, : self.count, : self.symbols], (0, 0, x.shape[1] - self.count, 0))

    def _inputs(self, generator, B, length):
        word = torch.randint(0, self.symbols, (B, self.count), generator=generator)
        steps = F.pad(word, (0, length + self.count), value=self.symbols)
        steps[:, self.count + length - 1] = self.symbols + 1
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class DelayedRecall(Task):
    """Name the first symbol ``length`` steps later. Source: after the latch problem of Bengio et al. 1994.
    length 6:   input    C a d b b a ?        the steps between have an alphabet of their own, so that the task asks
                target   - - - - - - C        to keep a symbol, and not to know which one was the first"""

    symbols: int = 8
    distractors: int = 4
    input_size = property(lambda self: self.symbols + self.distractors + 1)
    output_size = property(lambda self: self.symbols)
    oracle = lambda self, x: CERTAIN * x[:, :1, : self.symbols].repeat(1, x.shape[1], 1)

    def _inputs(self, generator, B, length):
        first = torch.randint(0, self.symbols, (B, 1), generator=generator)
        between = torch.randint(self.symbols, self.input_size - 1, (B, length - 1), generator=generator)
        steps = torch.cat([first, between, torch.full_like(first, self.input_size - 1)], 1)
        return F.one_hot(steps, self.input_size)


@dataclass(frozen=True)
class Parity(Task):
    """Say at every step whether the ones so far are odd in number. Source: Delétang et al. 2023.
    length 6:   input    1 0 1 1 0 1        They score the end of strings of random length. The beginning of a random
                target   1 1 0 1 1 0        string is one, too: this trains on all lengths up to ours at once."""

    input_size, output_size, scored = 1, 2, math.inf
    _memoryless = lambda self, T: (1 - 1 / T) * math.log(2)  # the first bit is its own answer; then it is a coin
    _inputs = lambda self, generator, B, T: torch.randint(0, 2, (B, T, 1), generator=generator)
    oracle = lambda self, x: CERTAIN * (1 - 2 * x).cumprod(1) * x.new_tensor([1, -1])  # every one turns the sign


@dataclass(frozen=True)
class AnBn(Task):
    """Predict the next symbol of a word a^n b^n, n from 1 to ``length``. Source: Weiss, Goldberg and Yahav 2018.
    n = 3:   input    # a a a b b b        scored from the first b on: before it nobody can know,
             target   - - - - b b #        after it everything is determined; # fills up shorter words"""

    input_size, output_size, letters = 3, 3, 2  # the symbols # a b
    # Input b at step t, counted from 0, fits the words with t/2 <= n < t, all equally likely. If t is odd none of them
    # ends there. If t = 2k, one of m = min(k, N + 1 - k) does, and together they lose m ln m - (m - 1) ln(m - 1).
    # Summed over k this telescopes twice, up to N/2 rounded down and up; N (N + 1) / 2 steps are scored in the N words.
    _memoryless = lambda self, N: 2 * sum(m * math.log(max(m, 1)) for m in (N // 2, N - N // 2)) / (N * (N + 1))
    _draw = lambda self, generator, B, N: self.words(torch.randint(1, N + 1, (B,), generator=generator))

    def words(self, counts):
        """The words of these n, in their order: a ``Batch`` with T = ``letters`` * max(n) + 1."""
        n = torch.as_tensor(counts)
        if n.ndim != 1 or n.is_floating_point() or not len(n) or n.min() < 1:
            raise ValueError(f"counts must be a list of whole numbers of at least 1, not {counts!r}")
        n, t, k = n[:, None], torch.arange(self.letters * n.max() + 2), self.letters
        word = ((t - 1) // n + 1) * ((t > 0) & (t <= k * n))  # (B, T + 1)
        return Batch(F.one_hot(word[:, :-1], k + 1).to(torch.get_default_dtype()), word[:, 1:], word[:, :-1] >= 2)

    def oracle(self, x):
        a, b = x[..., 1].cumsum(1), x[..., 2].cumsum(1)
        return CERTAIN * F.one_hot(torch.where(b == 0, 1, torch.where(b < a, 2, 0)), 3).to(x.dtype)


@dataclass(frozen=True)
class FlipFlop(Task):
    """Hold, for each of ``bits`` channels, the sign of its last pulse. Source: Sussillo and Barak 2013.
    bits 2:   channel 0   +  .  .  -  .  .  +        a pulse at the first step, later at one step in ``every``
              channel 1   -  .  +  .  .  .  .        They regress an output a channel; we classify 2^bits memories:
              target      1  1  3  2  2  2  3        channel 0 counts 1 where it is +, channel 1 counts 2."""

    bits: int = 3
    every: int = 10
    input_size, output_size, scored = property(lambda self: self.bits), property(lambda self: 2**self.bits), math.inf
    _memoryless = lambda self, T: self.bits * (1 - 1 / self.every) * (1 - 1 / T) * math.log(2)  # a coin where silent

    def _inputs(self, generator, B, T):
        sign = 2 * torch.randint(0, 2, (B, T, self.bits), generator=generator) - 1
        fires = torch.randint(0, self.every, sign.shape, generator=generator) == 0
        fires[:, 0] = True
        return sign * fires

    def oracle(self, x):
        latest = torch.arange(x.shape[1])[:, None].where(x != 0, 0).cummax(1).values  # the step of the last pulse
        classes = torch.arange(self.output_size)[:, None] >> torch.arange(self.bits) & 1  # (2^bits, bits)
        return CERTAIN * x.gather(1, latest) @ (2 * classes - 1).to(x.dtype).T


@dataclass(frozen=True)
class AssociativeRecall(Task):
    """Read ``length`` pairs of a key and a value, then give the value of one key. Source: after Ba et al. 2016.
    length 3:   input    c 9 k 8 j 3 ? k
                target   - - - - - - - 8        no key comes twice"""

    keys: int = 26
    values: int = 10
    input_size, output_size = property(lambda self: self.keys + self.values + 1), property(lambda self: self.values)
    longest = property(lambda self: self.keys)

    def _inputs(self, generator, B, length):
        keys = torch.rand(B, self.keys, generator=generator, dtype=torch.float64).argsort(1)[:, :length]  # none twice
        values = torch.randint(0, self.values, keys.shape, generator=generator)
        asked = torch.randint(0, length, (B, 1), generator=generator)
        pairs = torch.stack([keys, self.keys + values], -1).flatten(1)
        question = F.pad(keys.gather(1, asked), (1, 0), value=self.keys + self.values)
        return F.one_hot(torch.cat([pairs, question], 1), self.input_size)

    def oracle(self, x):
        match = x[:, 0:-2:2, : self.keys] @ x[:, -1, : self.keys, None]  # (B, length, 1): 1 at the pair asked for
        answer = (match * x[:, 1:-2:2, self.keys : -1]).sum(1, keepdim=True)
        return F.pad(CERTAIN * answer, (0, 0, x.shape[1] - 1, 0))


@dataclass(frozen=True)
class Varied:
    """A task whose training batches each have a length of their own, uniform from its shortest to ``length``; it is
    validated on 256 sequences of the full length."""

    task: Task
    input_size, output_size = property(lambda self: self.task.input_size), property(lambda self: self.task.output_size)
    loss = property(lambda self: self.task.loss)

    def batch(self, generator, batch_size, length):
        drawn = torch.randint(self.task.shortest, self.task.check_length(length) + 1, (1,), generator=generator)
        return self.task.batch(generator, batch_size, drawn.item())

    def part(self, name, length):
        """The sequences for "valid", always the same."""
        return self.task.batch(generator(0, 0, name), 256, length)
