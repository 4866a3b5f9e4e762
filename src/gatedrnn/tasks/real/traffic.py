"""Traffic on a motorway: by how much will the forecast of the median be wrong tomorrow?

In the example time runs to the right, and - is not scored.
"""

import functools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch, whole_number
from gatedrnn.tasks.real.base import RealTask, check_flag, count

WEEK = 168  # hours
AHEAD = 24  # hours from a forecast to what it forecasts
FIRST = 672  # the first hour that four weeks precede
VALID = 2000  # hours of validation before the first hour of the test
HOURS = 17_520  # all hours of the traffic


class Hours(NamedTuple):
    """What ``hours`` prepares: the rows, by the hour at which a forecast is made.

    Attributes:
        inputs: (17520, 7), float64.
        targets: The deviation 24 hours later in units of ``scale``, (17520,), 0 if not observed.
        observed: Whether there is a target, (17520,), bool.
        scale: A target of 1 in vehicles per hour.
        forecast: What is corrected, for every hour, in vehicles per hour, (17520,), NaN at first.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    observed: torch.Tensor
    scale: np.float64
    forecast: np.ndarray


@functools.cache
def hours(end: int, plain: bool) -> Hours:
    """Prepare the traffic, once a process for each pair of arguments.

    Args:
        end: The hour below which the training rows lie: whatever is estimated comes from them.
        plain: No median: the mean of the training rows takes its place everywhere.

    Returns:
        All hours. What stands in the inputs of an hour was known at that hour.
    """
    volume = loaders.traffic().traffic_volume
    train = slice(FIRST, end)
    weeks = pd.concat([volume.shift(week * WEEK) for week in (1, 2, 3, 4)], axis=1)
    median = weeks.median(axis=1)  # of those known
    if plain:
        median = median.where(median.isna(), volume.iloc[train].mean())
    deviation = volume - median
    scale = deviation.iloc[train].std(ddof=0)
    later = median.shift(-AHEAD)  # made of hours at least six days before t
    spread = 1 if plain else median.iloc[train].std(ddof=0)
    level = (later - median.iloc[train].mean()) / spread
    turns = 2 * np.pi * np.stack([volume.index.hour / 24, volume.index.day_of_week / 7])
    channels = [
        (deviation / scale).fillna(0),
        deviation.notna(),
        level.fillna(0),
        *np.sin(turns),
        *np.cos(turns),
    ]
    target = (deviation / scale).shift(-AHEAD)
    return Hours(
        inputs=torch.stack([_tensor(channel) for channel in channels], 1),
        targets=_tensor(target.fillna(0)),
        observed=_tensor(target.notna()).bool(),
        scale=scale,
        forecast=median.to_numpy(),
    )


def _tensor(values):
    return torch.tensor(np.asarray(values, dtype=np.float64))


@dataclass(frozen=True)
class Traffic(RealTask):
    """Say how far the traffic in 24 hours will be from its median forecast.

    The forecast is the median of 1, 2, 3 and 4 weeks before::

        hour     0   1  ...  23   24   25       d: the deviation of an hour from its own forecast
        input    d0  d1      d23  d24  d25      the first 24 steps are context
        target   -   -       -    d48  d49

    The other inputs: whether d is observed (else it is 0); the forecast for hour t + 24,
    standardised; sines of the hour of the day and the day of the week; their cosines. y is
    (B, T, 1). Errors are absolute, in units of ``scale``: times ``scale`` they are vehicles per
    hour. Unobserved targets are not scored.

    ``batch`` takes windows of ``length`` hours of the training rows; ``part`` takes windows that
    score every hour of the part once, with context from before it and none from after it. ``share``
    is the end of the training rows, next to the validation rows, at least two windows. Reference:
    the forecast itself.

    Attributes:
        plain: No median; the mean of the training part takes its place everywhere.
        origin: The first hour of the test; the 2,000 hours before it validate, those before these
            train.
        span: How many hours are tested.
    """

    plain: bool = field(default=False, kw_only=True)
    origin: int = field(default=14_000, kw_only=True)
    span: int = field(default=3520, kw_only=True)
    input_size = 7
    output_size = 1
    loss = "mae"
    whole = 168
    shortest = AHEAD + 1
    longest = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("plain", self.plain)
        whole_number("origin", self.origin, 2 * VALID + FIRST, HOURS - AHEAD)
        whole_number("span", self.span, AHEAD, HOURS - self.origin)

    @property
    def scale(self) -> float:
        """A target of 1 in vehicles per hour."""
        return self._hours.scale.item()

    @property
    def forecast(self) -> np.ndarray:
        """The forecast that is corrected, for every hour, (17520,), in vehicles per hour."""
        return self._hours.forecast

    @property
    def _hours(self):
        return hours(self.origin - VALID, self.plain)

    def rows(self, name: str) -> tuple[int, int]:
        """Give the first hour of a part and the hour below which it lies.

        Args:
            name: "train", "valid" or "test".
        """
        train = self.origin - VALID
        end = self.origin + self.span
        rows = {
            "train": (FIRST, train),
            "valid": (train, self.origin),
            "test": (self.origin, end),
        }
        return rows[name]

    def constant(self) -> torch.Tensor:
        """Give a deviation of 0, (1,): the forecast that is corrected itself."""
        return torch.zeros(1)

    def _rows(self, name, length):
        """The first row of a part's windows and the row below which its targets lie."""
        first, end = self.rows(name)
        if name == "train":
            used = max(count(self.share, end - first), 2 * length)
            return end - min(used, end - first), end
        return first - 2 * AHEAD, end  # the first target, 48 rows later, is the part's first hour

    def _draw(self, generator, B, length):
        first, end = self._rows("train", length)
        last = end - AHEAD - length
        return self._windows(torch.randint(first, last + 1, (B,), generator=generator), length)

    def _part(self, name, length):
        first, end = self._rows(name, length)
        last = end - AHEAD - length  # the last window ends with the part
        starts = [*range(first, last, length - AHEAD), last]
        batch = self._windows(torch.tensor(starts), length)
        if len(starts) > 1:  # what the window before it scored is not scored again
            batch.mask[-1, : length - (starts[-1] - starts[-2])] = False
        return batch

    def _windows(self, starts, length):
        """The ``Batch`` of ``length`` rows from each start on."""
        prepared = self._hours
        dtype = torch.get_default_dtype()
        steps = starts[:, None] + torch.arange(length)
        x = prepared.inputs[steps].to(dtype)
        y = prepared.targets[steps][..., None].to(dtype)
        mask = prepared.observed[steps] & (torch.arange(length) >= AHEAD)
        return Batch(x, y, mask)
