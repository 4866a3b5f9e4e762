"""Streams: their scale, their equations, the recordings they are made of."""

import numpy as np
import pytest
import torch

from gatedrnn.data import loaders
from gatedrnn.tasks import streams
from gatedrnn.tasks.streams import PART, STREAMS, WARM

SHAPES = {"switching": (4000, 1), "mackey-glass": (4000, 1), "arm": (4200, 6)}


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_scaled_by_its_beginning_and_is_always_the_same(name):
    stream = STREAMS[name](1)
    assert stream.shape == SHAPES[name]
    assert stream.dtype == torch.float64
    assert stream.isfinite().all()
    beginning = stream[:WARM].numpy()
    np.testing.assert_allclose(beginning.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(beginning.std(0), 1)
    assert torch.equal(stream, STREAMS[name](1))
    assert not torch.equal(stream, STREAMS[name](2))


@pytest.mark.parametrize("make", [streams.switching, streams.mackey_glass])
def test_a_shorter_stream_is_the_beginning_of_a_longer_one(make):
    assert make(0, 500).shape == (500, 1)
    assert torch.equal(make(0, 500), make(0, 1500)[:500])


def test_the_switching_series_obeys_the_coefficients_of_its_part():
    x = streams.switching(0, 5 * PART)[:, 0].numpy()
    wanted = ((1.6, -0.8), (-0.6, 0.3), (0.2, -0.9), (1.2, -0.4), (1.6, -0.8))
    for k, coefficients in enumerate(wanted):
        t = np.arange(k * PART + 3, (k + 1) * PART)
        lags = np.stack([x[t - 1], x[t - 2], np.ones(len(t))], 1)
        found = np.linalg.lstsq(lags, x[t])[0]
        assert found[:2] == pytest.approx(coefficients, abs=0.08)


@pytest.mark.parametrize("subject", [1, 4, 10])
@pytest.mark.parametrize("recording", [0, 1])
def test_the_arm_is_one_recording_of_each_exercise_of_the_subject(subject, recording):
    stream = streams.arm(subject - 1 + 100 * recording).numpy()
    watch = loaders.watch()
    for exercise in range(7):
        found = np.flatnonzero((watch.subjects == subject) & (watch.labels == exercise))
        wanted = np.resize(watch.sequences[found[recording]][::2], (600, 6))
        part = stream[600 * exercise : 600 * (exercise + 1)]
        for channel in range(6):  # only scaled and shifted
            assert correlation(part[:, channel], wanted[:, channel]) == pytest.approx(1)


@pytest.mark.parametrize("seed", [-1, 10, 99, 110])
def test_a_seed_without_a_subject_is_refused(seed):
    with pytest.raises(ValueError, match=f"from 0 to 9, or from 100 to 109, not {seed}"):
        streams.arm(seed)


def test_mackey_glass_is_its_equation():
    """Euler's method with ten steps a unit of time; a sample every three units."""
    n = 400
    x = np.zeros(n + 30 * 2 * PART)
    x[:n] = 1.2 + 0.1 * np.random.default_rng(5).standard_normal(n)
    for k in range(n, len(x)):
        delay = 10 * (17, 23)[(k - n) // 30 // PART]
        old = x[k - 1 - delay]
        x[k] = x[k - 1] + 0.1 * (0.2 * old / (1 + old**10) - 0.1 * x[k - 1])
    samples = x[n + 29 :: 30]
    wanted = (samples - samples[:WARM].mean()) / samples[:WARM].std()
    np.testing.assert_allclose(streams.mackey_glass(5, 2 * PART)[:, 0], wanted, atol=1e-9)
