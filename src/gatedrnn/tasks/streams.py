"""Streams of samples that change on the way, for learning on the fly: made up, and from a watch.

A stream is (N, I) float64, N samples of I numbers. It is scaled by its first ``WARM`` samples,
which are not scored.
"""

import numpy as np
import torch

from gatedrnn.data import loaders

WARM = 200  # the first samples, which set the scale and are not scored
PART = 1000  # samples between two changes of a made-up stream

COEFFICIENTS = ((1.6, -0.8), (-0.6, 0.3), (0.2, -0.9), (1.2, -0.4))
DELAYS = (17, 23, 30, 20)  # units of time

EULER = 10  # steps of Euler's method in a unit of time
UNITS = 3  # units of time between two samples

SUBJECTS = 10
SECONDS_OF_AN_EXERCISE = 24
RATE = 25  # samples a second, half of what was recorded


def switching(seed: int, samples: int = 4 * PART) -> torch.Tensor:
    """Draw an autoregressive series of order 2 whose coefficients change every 1,000 samples.

    Args:
        seed: Of the noise and nothing else.
        samples: N.

    Returns:
        (N, 1).
    """
    rng = np.random.default_rng(seed)
    x = np.zeros(samples)
    for t in range(2, samples):
        a, b = COEFFICIENTS[t // PART % len(COEFFICIENTS)]
        x[t] = a * x[t - 1] + b * x[t - 2] + 0.5 * rng.standard_normal()
    return _scaled(x[:, None])


def mackey_glass(seed: int, samples: int = 4 * PART) -> torch.Tensor:
    """Follow a chaotic delay equation whose delay changes every 1,000 samples.

    x' = 0.2 x(t - d) / (1 + x(t - d)^10) - 0.1 x, by Euler's method, a sample every 3 units of
    time.

    Args:
        seed: Of the values before the beginning.
        samples: N.

    Returns:
        (N, 1).

    Source: Mackey and Glass 1977.
    """
    rng = np.random.default_rng(seed)
    past = list(1.2 + 0.1 * rng.standard_normal(400))
    x = []
    for t in range(samples):
        delay = EULER * DELAYS[t // PART % len(DELAYS)]
        for _ in range(UNITS * EULER):
            old = past[-delay - 1]
            past.append(past[-1] + 0.1 * (0.2 * old / (1 + old**10) - 0.1 * past[-1]))
        x.append(past[-1])
    return _scaled(np.array(x)[:, None])


def arm(seed: int) -> torch.Tensor:
    """Read the watch of one subject through seven exercises, 24 seconds each.

    A recording that is shorter, down to 474 samples, begins again. As the first exercise sets the
    scale, channels that rest in it count more later.

    Args:
        seed: 0 to 9 are subjects 1 to 10. 100 to 109 are the same subjects' second recordings of
            the exercises, for tuning.

    Returns:
        (4200, 6), 600 samples of each exercise.

    Raises:
        ValueError: There is no such seed.
    """
    if seed not in (*range(SUBJECTS), *range(100, 100 + SUBJECTS)):
        raise ValueError(f"seed of arm must be from 0 to 9, or from 100 to 109, not {seed!r}")
    sequences, labels, subjects, names = loaders.watch()
    recording, subject = divmod(seed, 100)
    parts = []
    for exercise in range(len(names)):
        recordings = np.flatnonzero((subjects == subject + 1) & (labels == exercise))
        samples = sequences[recordings[recording]][::2]  # from 50 to 25 Hz
        parts.append(np.resize(samples, (SECONDS_OF_AN_EXERCISE * RATE, samples.shape[1])))
    return _scaled(np.concatenate(parts))


STREAMS = {"switching": switching, "mackey-glass": mackey_glass, "arm": arm}


def _scaled(x):
    """A tensor of the samples (N, I), of which the first ``WARM`` have mean 0 and deviation 1."""
    return torch.tensor((x - x[:WARM].mean(0)) / x[:WARM].std(0))
