"""TODO docstring of tasks.real.traffic."""

import functools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch, whole_number
from gatedrnn.tasks.real.base import RealTask, count

WEEK, AHEAD, FIRST = 168, 24, 672  # hours; the first row that four weeks precede


VALID, HOURS = (
    2000,
    17_520,
)  # hours of validation before the first hour of the test; all hours of the traffic


@functools.cache
def hours(end, plain):
    """Inputs (17520, 7), targets and whether they are observed (17520,), by the hour of the forecast; the scale; the
    forecast that is corrected. Whatever is estimated comes from the training rows, those before ``end``.
    """
    volume, train = loaders.traffic().traffic_volume, slice(FIRST, end)
    median = pd.concat([volume.shift(weeks * WEEK) for weeks in (1, 2, 3, 4)], axis=1).median(
        axis=1
    )  # of those known
    if plain:
        median = median.where(median.isna(), volume.iloc[train].mean())
    deviation = volume - median
    scale, later = (
        deviation.iloc[train].std(ddof=0),
        median.shift(-AHEAD),
    )  # made of hours at least six days before t
    level = (later - median.iloc[train].mean()) / (1 if plain else median.iloc[train].std(ddof=0))
    turns = 2 * np.pi * np.stack([volume.index.hour / 24, volume.index.day_of_week / 7])
    channels = [
        (deviation / scale).fillna(0),
        deviation.notna(),
        level.fillna(0),
        *np.sin(turns),
        *np.cos(turns),
    ]
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
    many hours are tested. ``plain``: no median; the mean of the training part takes its place everywhere.
    """

    plain: bool = field(default=False, kw_only=True)
    origin: int = field(default=14_000, kw_only=True)
    span: int = field(default=3520, kw_only=True)
    input_size, output_size, loss, whole, shortest, longest = 7, 1, "mae", 168, AHEAD + 1, 1000
    scale = property(lambda self: self._data[3].item(), doc="A target of 1 in vehicles per hour.")
    forecast = property(
        lambda self: self._data[4], doc="The forecast that is corrected, for every hour."
    )
    _data = property(lambda self: hours(self.origin - VALID, self.plain))

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.plain, bool):
            raise ValueError(f"plain must be True or False, not {self.plain!r}")
        whole_number("origin", self.origin, 2 * VALID + FIRST, HOURS - AHEAD)
        whole_number("span", self.span, AHEAD, HOURS - self.origin)

    def rows(self, name):
        """The first hour of a part and the hour below which it lies."""
        train, test = self.origin - VALID, self.origin
        return {"train": (FIRST, train), "valid": (train, test), "test": (test, test + self.span)}[
            name
        ]

    def _rows(self, name, length):
        """The first row of a part's windows and the row below which its targets lie."""
        first, end = self.rows(name)
        if name == "train":
            return end - min(max(count(self.share, end - first), 2 * length), end - first), end
        return (
            first - 2 * AHEAD,
            end,
        )  # the first target, 48 rows after, is the first hour of the part

    def _draw(self, generator, B, length):
        first, end = self._rows("train", length)
        return self._windows(
            torch.randint(first, end - AHEAD - length + 1, (B,), generator=generator), length
        )

    def _part(self, name, length):
        first, end = self._rows(name, length)
        last = (
            end - AHEAD - length
        )  # the last window ends with the part: what was scored before is masked
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
