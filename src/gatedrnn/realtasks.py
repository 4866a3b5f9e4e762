"""Tasks on the sets of ``datasets``: used like those of ``tasks``, with parts and shares as in ``parts.RealTask``.

In the examples time runs to the right, and - is not scored."""

import functools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from gatedrnn import datasets
from gatedrnn.parts import RealTask, classify, count, first_share, split_by_class
from gatedrnn.tasks import Batch, _whole

WEEK, AHEAD, FIRST = 168, 24, 672  # hours; the first row that four weeks precede
VALID, HOURS = 2000, 17_520  # hours of validation before the first hour of the test; all hours of the traffic
SUBJECTS = {"train": (1, 2, 3, 4, 5, 6), "valid": (7, 8), "test": (9, 10)}
YEARS = {"train": range(1790, 1834), "valid": range(1834, 1837), "test": range(1837, 1840)}


@functools.cache
def _pieces():
    pieces = [torch.tensor(roll) for _, roll in sorted(datasets.chorales().items())]
    return pieces, split_by_class(np.zeros(len(pieces)), 213, 71)


@dataclass(frozen=True)
class Chorales(RealTask):
    """Which keys sound next? 213 pieces to train on, 71 to validate, 71 to test.
    key 48   input  1 1 0 0   target  1 0 0 1        88 keys, a step a quarter note: x holds those that sound at t,
    key 52   input  0 1 1 1   target  1 1 1 1        y those at t + 1. Every step but the padding is scored.
    loss: the sum over the keys, nats a step, mean over all steps (not over pieces). ``batch`` cuts each piece to
    ``length`` steps from a random start, ``part`` to its first ``length``. ``shuffled``, the order control: the steps
    of each piece in a random order, always the same. Reference: each key at its own frequency."""

    shuffled: bool = False
    input_size, output_size, loss, whole = 88, 88, "bernoulli", 192

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")

    def _items(self, name):
        pieces, split = _pieces()
        return first_share(split[name], np.zeros(len(pieces)), self.share if name == "train" else 1)

    def _draw(self, generator, B, length):
        pieces, indices = _pieces()[0], self._pick(generator, B)
        room = torch.tensor([max(len(pieces[i]) - 1 - length, 0) for i in indices])
        starts = torch.rand(B, generator=generator, dtype=torch.float64) * (room + 1)
        return self._take(indices, length, starts.long().tolist())

    def _take(self, indices, length, starts=None):
        starts = starts or [0] * len(indices)
        pieces = [_pieces()[0][i] for i in indices]
        if self.shuffled:
            orders = [
                np.random.default_rng(i).permutation(len(piece)) for i, piece in zip(indices, pieces, strict=True)
            ]
            pieces = [piece[order] for piece, order in zip(pieces, orders, strict=True)]
        kept = [piece[start : start + length + 1] for piece, start in zip(pieces, starts, strict=True)]
        join = lambda rolls: pad_sequence(rolls, batch_first=True).to(torch.get_default_dtype())
        x, y = join([roll[:-1] for roll in kept]), join([roll[1:] for roll in kept])
        return Batch(x, y, torch.arange(x.shape[1]) < torch.tensor([len(roll) - 1 for roll in kept])[:, None])

    def constant(self):
        """The logits of the keys' frequencies (88,), with one step more in which a key sounds and one in which not."""
        train = self.part("train")
        sounds = train.y[train.mask]
        return torch.logit((sounds.sum(0) + 1) / (len(sounds) + 2))


@functools.cache
def _texts():
    """For each part its characters, int64 places in the sorted text of all the symbols; that text."""
    messages = datasets.speeches()
    symbols = "".join(sorted(set("\n\n".join(messages.values()))))
    place = {symbol: k for k, symbol in enumerate(symbols)}
    join = lambda years: "\n\n".join(text for name, text in messages.items() if int(name[:4]) in years)
    return {part: torch.tensor([place[c] for c in join(years)]) for part, years in YEARS.items()}, symbols


@dataclass(frozen=True)
class Characters(RealTask):
    """Which character comes next? The messages before 1834 to train on, 1834-36 to validate, 1837-39 to test.
    input    F e l l o w -        87 symbols, one-hot; every step is scored, nats a character (divide by ln 2 for bits)
    target   e l l o w - C
    ``batch`` takes windows of ``length`` from random places, ``part`` consecutive windows that do not overlap: 200 of
    them, evenly spread, where there are more. ``share`` is the beginning of the training text, at least two windows.
    Reference: each character at its own frequency."""

    input_size, output_size, whole, longest = 87, 87, 100, 10_000
    symbols = property(lambda self: _texts()[1])

    def _text(self, name, length):
        text = _texts()[0][name]
        return text[: max(count(self.share, len(text)), 2 * length + 1)] if name == "train" else text

    def _draw(self, generator, B, length):
        text = self._text("train", length)
        return self._windows(text, torch.randint(0, len(text) - length, (B,), generator=generator), length)

    def _part(self, name, length):
        text = self._text(name, length)
        windows = (len(text) - 1) // length
        chosen = np.linspace(0, windows - 1, min(windows, 200)).round().astype(int)
        return self._windows(text, torch.from_numpy(chosen * length), length)

    def _windows(self, text, starts, length):
        steps = text[starts[:, None] + torch.arange(length + 1)]
        x = F.one_hot(steps[:, :-1], self.input_size).to(torch.get_default_dtype())
        return Batch(x, steps[:, 1:], torch.ones_like(steps[:, 1:], dtype=torch.bool))

    def constant(self):
        """The log frequencies of the symbols (87,) in all the training text used, each counted once more than it is."""
        text = self._text("train", self.whole)
        return torch.log_softmax((torch.bincount(text, minlength=self.output_size) + 1.0).log(), 0)


@functools.cache
def _hours(end, plain):
    """Inputs (17520, 7), targets and whether they are observed (17520,), by the hour of the forecast; the scale; the
    forecast that is corrected. Whatever is estimated comes from the training rows, those before ``end``."""
    volume, train = datasets.traffic().traffic_volume, slice(FIRST, end)
    median = pd.concat([volume.shift(weeks * WEEK) for weeks in (1, 2, 3, 4)], axis=1).median(axis=1)  # of those known
    if plain:
        median = median.where(median.isna(), volume.iloc[train].mean())
    deviation = volume - median
    scale, later = deviation.iloc[train].std(ddof=0), median.shift(-AHEAD)  # made of hours at least six days before t
    level = (later - median.iloc[train].mean()) / (1 if plain else median.iloc[train].std(ddof=0))
    turns = 2 * np.pi * np.stack([volume.index.hour / 24, volume.index.day_of_week / 7])
    channels = [(deviation / scale).fillna(0), deviation.notna(), level.fillna(0), *np.sin(turns), *np.cos(turns)]
    target = (deviation / scale).shift(-AHEAD)
    to_torch = lambda array: torch.tensor(np.asarray(array, dtype=np.float64))
    x = torch.stack([to_torch(channel) for channel in channels], 1)
    return x, to_torch(target.fillna(0)), to_torch(target.notna()).bool(), scale, median.to_numpy()


@dataclass(frozen=True)
class Traffic(RealTask):
    """How far will the traffic in 24 hours be from its median forecast, the median of 1, 2, 3 and 4 weeks before?
    hour     0   1  ...  23   24   25       input: the deviation of hour t from its own forecast, whether it is observed
    input    d0  d1      d23  d24  d25      (else 0), the forecast for hour t + 24, standardised, sines of hour of the
    target   -   -       -    d48  d49      day and day of the week, cosines. The first 24 steps are context.
    y is (B, T, 1); errors are absolute, in units of ``scale``: times ``scale`` they are vehicles per hour. Unobserved
    targets are not scored. ``batch`` takes windows of ``length`` hours of the training rows; ``part`` takes windows
    that score every hour of the part once, with context from before it and none from after it. ``share`` is the end of
    the training rows, next to the validation rows, at least two windows. Reference: the forecast itself.
    ``origin``: the first hour of the test; the 2,000 hours before it validate, those before these train; ``span``: how
    many hours are tested. ``plain``: no median; the mean of the training part takes its place everywhere."""

    plain: bool = field(default=False, kw_only=True)
    origin: int = field(default=14_000, kw_only=True)
    span: int = field(default=3520, kw_only=True)
    input_size, output_size, loss, whole, shortest, longest = 7, 1, "mae", 168, AHEAD + 1, 1000
    scale = property(lambda self: self._data[3].item(), doc="A target of 1 in vehicles per hour.")
    forecast = property(lambda self: self._data[4], doc="The forecast that is corrected, for every hour.")
    _data = property(lambda self: _hours(self.origin - VALID, self.plain))

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.plain, bool):
            raise ValueError(f"plain must be True or False, not {self.plain!r}")
        _whole("origin", self.origin, 2 * VALID + FIRST, HOURS - AHEAD)
        _whole("span", self.span, AHEAD, HOURS - self.origin)

    def rows(self, name):
        """The first hour of a part and the hour below which it lies."""
        train, test = self.origin - VALID, self.origin
        return {"train": (FIRST, train), "valid": (train, test), "test": (test, test + self.span)}[name]

    def _rows(self, name, length):
        """The first row of a part's windows and the row below which its targets lie."""
        first, end = self.rows(name)
        if name == "train":
            return end - min(max(count(self.share, end - first), 2 * length), end - first), end
        return first - 2 * AHEAD, end  # the first target, 48 rows after, is the first hour of the part

    def _draw(self, generator, B, length):
        first, end = self._rows("train", length)
        return self._windows(torch.randint(first, end - AHEAD - length + 1, (B,), generator=generator), length)

    def _part(self, name, length):
        first, end = self._rows(name, length)
        last = end - AHEAD - length  # the last window ends with the part: what was scored before is masked
        starts = [*range(first, last, length - AHEAD), last]
        batch = self._windows(torch.tensor(starts), length)
        if len(starts) > 1:
            batch.mask[-1, : length - (starts[-1] - starts[-2])] = False
        return batch

    def _windows(self, starts, length):
        x, y, observed, *_ = self._data
        steps, dtype = starts[:, None] + torch.arange(length), torch.get_default_dtype()
        mask = observed[steps] & (torch.arange(length) >= AHEAD)
        return Batch(x[steps].to(dtype), y[steps][..., None].to(dtype), mask)

    def constant(self):
        """A deviation of 0, (1,): the forecast that is corrected itself."""
        return torch.zeros(1)


@functools.cache
def _motions():
    """The windows (N, 50, 6), standardised; the recording of each; the recordings' labels; the recordings' split."""
    sequences, labels, subjects, _ = datasets.watch()
    sequences = [sequence[::2] for sequence in sequences]  # from 50 to 25 Hz
    split = {part: np.flatnonzero(np.isin(subjects, who)) for part, who in SUBJECTS.items()}
    train = np.concatenate([sequences[i] for i in split["train"]])
    windows = [torch.tensor((s - train.mean(0)) / train.std(0)).unfold(0, 50, 25).mT for s in sequences]
    recordings = np.repeat(np.arange(len(windows)), [len(part) for part in windows])
    return torch.cat(windows), recordings, torch.tensor(labels), split


@dataclass(frozen=True)
class Watch(RealTask):
    """Which of seven exercises does the arm do? Subjects 1-6 to train on, 7 and 8 to validate, 9 and 10 to test.
    input    x x x ... x x        T = 50: two seconds at 25 Hz of acceleration and angular velocity, 6 channels,
    target   - - - ... - 3        standardised as the training part; a window begins every second
    ``length`` samples are kept from the beginning of each window. ``share`` takes whole recordings, of each exercise
    the same number. Reference: the frequencies of the exercises."""

    input_size, output_size, whole, longest = 6, 7, 50, 50

    def _items(self, name):
        _, recordings, labels, split = _motions()
        kept = first_share(split[name], labels.numpy(), self.share if name == "train" else 1)
        return np.flatnonzero(np.isin(recordings, kept))

    def _take(self, indices, length):
        windows, recordings, labels, _ = _motions()
        return classify(list(windows[indices, :length]), labels[recordings[indices]])


@functools.cache
def _images():
    """The images (5000, 98, 2) from 0 to 1, a step two neighbouring pixels; labels; split."""
    pixels, labels = datasets.mnist()
    pooled = pixels.reshape(-1, 14, 2, 14, 2).mean((2, 4)) / 255
    return torch.tensor(pooled.reshape(-1, 98, 2)), torch.tensor(labels), split_by_class(labels, 350, 50)


@dataclass(frozen=True)
class PixelDigits(RealTask):
    """Which digit is drawn? 3,500 images to train on, 500 to validate, 1,000 to test, each digit equally often.
    input    p1 p3 p5 ... p195        28 x 28 pixels, averaged 2 x 2 to 14 x 14, from 0 (paper) to 1 (ink), are read
             p2 p4 p6 ... p196        two at a step, left to right and top to bottom: T = 98, 7 steps a row
    target   -  -  -  ... 7
    The last ``tail`` of the ``length`` steps are blank; those before them are the beginning of the image. Reference:
    all digits equally likely."""

    tail: int = field(default=0, kw_only=True)
    input_size, output_size, shortest = 2, 10, property(lambda self: self.tail + 1)
    whole = longest = property(lambda self: 98 + self.tail)

    def __post_init__(self):
        super().__post_init__()
        _whole("tail", self.tail, 0)

    def _items(self, name):
        _, labels, split = _images()
        return first_share(split[name], labels.numpy(), self.share if name == "train" else 1)

    def _take(self, indices, length):
        images, labels, _ = _images()
        return classify(list(F.pad(images[indices, : length - self.tail], (0, 0, 0, self.tail))), labels[indices])
