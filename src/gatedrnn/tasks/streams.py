"""TODO docstring of tasks.streams."""

import numpy as np
import torch

from gatedrnn.data import loaders

WARM = 200  # the first samples, which set the scale and are not scored
PART = 1000  # samples between two changes of a made-up stream


def switching(seed, samples=4 * PART):
    """An autoregressive series of order 2 whose coefficients change every 1,000 samples, (samples, 1)."""
    rng, x = np.random.default_rng(seed), np.zeros(samples)
    for t in range(2, samples):
        a, b = ((1.6, -0.8), (-0.6, 0.3), (0.2, -0.9), (1.2, -0.4))[t // PART % 4]
        x[t] = a * x[t - 1] + b * x[t - 2] + 0.5 * rng.standard_normal()
    return _scaled(x[:, None])


def mackey_glass(seed, samples=4 * PART):
    """The chaotic delay equation x' = 0.2 x(t - d) / (1 + x(t - d)^10) - 0.1 x, a sample every 3 units of time, whose
    delay d changes every 1,000 samples, (samples, 1); by Euler's method, ten steps a unit. Source: Mackey and Glass
    1977.
    """
    rng, x = np.random.default_rng(seed), []
    past = list(1.2 + 0.1 * rng.standard_normal(400))
    for t in range(samples):
        delay = 10 * (17, 23, 30, 20)[t // PART % 4]
        for _ in range(30):
            old = past[-delay - 1]
            past.append(past[-1] + 0.1 * (0.2 * old / (1 + old**10) - 0.1 * past[-1]))
        x.append(past[-1])
    return _scaled(np.array(x)[:, None])


def arm(seed):
    """The watch of one subject through seven exercises, 600 samples each at 25 Hz, (4200, 6); a recording that is
    shorter (down to 474 samples) begins again. Seeds 0 to 9: subjects 1 to 10; seeds 100 to 109: the same subjects'
    second recordings of the exercises, for tuning. As the first exercise sets the scale, channels that rest in it count
    more later.
    """
    if seed not in (*range(10), *range(100, 110)):
        raise ValueError(f"seed of arm must be from 0 to 9, or from 100 to 109, not {seed!r}")
    sequences, labels, subjects, names = loaders.watch()
    of = lambda exercise: np.flatnonzero((subjects == seed % 100 + 1) & (labels == exercise))[
        seed // 100
    ]
    parts = [np.resize(sequences[of(exercise)][::2], (600, 6)) for exercise in range(len(names))]
    return _scaled(np.concatenate(parts))


STREAMS = {"switching": switching, "mackey-glass": mackey_glass, "arm": arm}


def _scaled(x):
    return torch.tensor((x - x[:WARM].mean(0)) / x[:WARM].std(0))
