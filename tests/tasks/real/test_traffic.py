"""Traffic: inputs and targets, parts that score every hour once, no look into the future."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.real import traffic
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.traffic import Hours, Traffic, hours


def test_traffic_inputs_and_targets_are_those_of_the_docstring():
    frame = loaders.traffic()
    volume, x, y, observed, scale, forecast = frame.traffic_volume.to_numpy(), *hours(12_000, False)
    median = np.array(
        [
            np.nan if t < 672 else safe_median(volume[[t - 168, t - 336, t - 504, t - 672]])
            for t in range(17_520)
        ]
    )
    deviation = volume - median
    np.testing.assert_array_equal(forecast[672:], median[672:])
    train = slice(672, 12_000)
    assert scale == pytest.approx(np.nanstd(deviation[train]))
    level = (median - np.nanmean(median[train])) / np.nanstd(median[train])
    for t in [*range(700, 17_496, 37), *np.flatnonzero(np.isnan(volume))]:
        if not 672 <= t < 17_496:
            continue
        stamp = frame.index[t]
        missing = math.isnan(deviation[t])
        angles = 2 * math.pi * stamp.hour / 24, 2 * math.pi * stamp.weekday() / 7
        wanted = [0 if missing else deviation[t] / scale, not missing, np.nan_to_num(level[t + 24])]
        wanted += [
            math.sin(angles[0]),
            math.sin(angles[1]),
            math.cos(angles[0]),
            math.cos(angles[1]),
        ]
        np.testing.assert_allclose(x[t], wanted, atol=1e-12)
        assert observed[t] == (not math.isnan(deviation[t + 24]))
        assert y[t] == pytest.approx(np.nan_to_num(deviation[t + 24] / scale), abs=1e-12)
    assert Traffic().scale == scale


def draw(task, size, step=0, length=72):
    return task.batch(tasks.generator(0, step), size, length)


def safe_median(values):
    known = values[~np.isnan(values)]
    return np.median(known) if len(known) else np.nan


def hours_as_inputs(monkeypatch):
    """Traffic whose input is the number of the hour, all observed."""
    hour = torch.arange(17_520.0)
    made_up = Hours(hour[:, None].repeat(1, 7), hour + 24, hour > -1, np.float64(1), hour.numpy())
    monkeypatch.setattr(traffic, "hours", lambda end, plain: made_up)


@pytest.mark.parametrize("length", [25, 72, 168, 1000])
@pytest.mark.parametrize(
    ("name", "first", "end"),
    [("train", 720, 12_000), ("valid", 12_000, 14_000), ("test", 14_000, 17_520)],
)
def test_every_hour_of_a_part_is_scored_once_and_nothing_later_is_seen(
    name, first, end, length, monkeypatch
):
    hours_as_inputs(monkeypatch)
    x, y, mask = Traffic().part(name, length)
    assert y[mask][:, 0].tolist() == list(range(first, end))
    assert (y == x[..., :1] + 24).all()
    assert x.min() >= 672
    assert y.max() < end
    assert not mask[:, :24].any()
    assert (x[:, 1:] - x[:, :-1] == 1).all()


@pytest.mark.parametrize(
    ("share", "first"), [(1, 672), (0.1, 12_000 - 1133), (0.001, 12_000 - 144)]
)
def test_traffic_is_drawn_from_the_share_of_the_training_rows(share, first, monkeypatch):
    hours_as_inputs(monkeypatch)
    drawn = [draw(Traffic(share=share), 500, step=step) for step in range(40)]
    seen = torch.cat([batch.x[..., 0] for batch in drawn])
    assert first <= seen.min() < first + 10
    assert 12_000 - 24 - 10 < seen.max() < 12_000 - 24
    assert max(batch.y.max() for batch in drawn) < 12_000
    part = Traffic(share=share).part("train", 72)
    assert (part.x.min(), part.y.max()) == (first, 11_999)


@pytest.mark.parametrize("row", [12_000, 13_100, 14_000, 15_003])
def test_no_input_and_no_earlier_target_knows_the_future(row, monkeypatch, fresh):
    x, y, observed, scale, _ = hours(12_000, False)
    frame = loaders.traffic()
    frame.iloc[row:, frame.columns.get_loc("traffic_volume")] += (
        np.arange(17_520 - row) % 1000 + 500.0
    )
    monkeypatch.setattr(loaders, "traffic", lambda: frame)
    hours.cache_clear()
    x2, y2, observed2, scale2, _ = hours(12_000, False)
    assert scale == scale2
    assert torch.equal(x[:row], x2[:row])
    assert torch.equal(y[: row - 24], y2[: row - 24])
    assert torch.equal(observed, observed2)
    known = observed[row - 24 : row]
    assert (y[row - 24 : row] != y2[row - 24 : row])[known].all()
    assert x[row, 0] != x2[row, 0]


def test_the_reference_of_the_traffic_is_the_error_of_the_median_forecast():
    volume = loaders.traffic().traffic_volume
    median = pd.concat([volume.shift(hours) for hours in (168, 336, 504, 672)], axis=1).median(
        axis=1
    )
    error = (volume - median).abs().iloc[14_000:].mean()
    for length in (25, 168, 500):
        assert Traffic().scale * Traffic().reference("test", length) == pytest.approx(error)


@pytest.mark.parametrize(("origin", "span"), [(8000, 2000), (12_000, 2000), (14_000, 3520)])
def test_an_origin_moves_all_parts_and_the_scale(origin, span, monkeypatch):
    task, volume = Traffic(origin=origin, span=span), loaders.traffic().traffic_volume.to_numpy()
    assert [task.rows(part) for part in PARTS] == [
        (672, origin - 2000),
        (origin - 2000, origin),
        (origin, origin + span),
    ]
    assert task.scale == pytest.approx(np.nanstd((volume - task.forecast)[672 : origin - 2000]))
    hours_as_inputs(monkeypatch)
    for part in PARTS:
        _, y, mask = task.part(part, 120)
        first, end = task.rows(part)
        assert y[mask][:, 0].tolist() == list(range(first + 48 * (part == "train"), end))


def test_plain_traffic_knows_no_median():
    task, volume = Traffic(plain=True), loaders.traffic().traffic_volume.to_numpy()
    mean, deviation = np.nanmean(volume[672:12_000]), np.nanstd(volume[672:12_000])
    assert task.forecast[700:] == pytest.approx(mean)
    assert task.scale == pytest.approx(deviation)
    x, y, observed, *_ = hours(12_000, True)
    known = observed[:-24].numpy() & (np.arange(17_496) >= 672)
    np.testing.assert_allclose(
        y[:-24].numpy()[known], ((volume[24:] - mean) / deviation)[known], atol=1e-12
    )
    assert x[700:, 2].abs().max() < 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plain": 1}, "plain must be True or False"),
        ({"origin": 4000}, "origin must be a whole number from 4672"),
        ({"origin": 17_000}, "span must be a whole number from 24 to 520, not 3520"),
        ({"span": 23}, "span must be a whole number from 24"),
    ],
)
def test_wrong_origins_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Traffic(**options)
