"""Streams, and learning on them: predict the next sample, see it, learn from it, and so on. (C23)

A stream is ``(N, I)`` float64, scaled by its first ``WARM`` samples, which are not scored; the error of a forecast is
the mean of its I squares. What a forecast for sample t may know are the samples before t."""

import numpy as np
import torch

from gatedrnn import datasets, initialise
from gatedrnn.models import SequenceModel
from gatedrnn.train import clip_per_seed

WINDOW, WARM, PART = 20, 200, 1000  # samples a net looks back; of the scaling; between two changes of a made-up stream


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
    1977."""
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
    more later."""
    if seed not in (*range(10), *range(100, 110)):
        raise ValueError(f"seed of arm must be from 0 to 9, or from 100 to 109, not {seed!r}")
    sequences, labels, subjects, names = datasets.watch()
    of = lambda exercise: np.flatnonzero((subjects == seed % 100 + 1) & (labels == exercise))[seed // 100]
    parts = [np.resize(sequences[of(exercise)][::2], (600, 6)) for exercise in range(len(names))]
    return _scaled(np.concatenate(parts))


STREAMS = {"switching": switching, "mackey-glass": mackey_glass, "arm": arm}


def _scaled(x):
    return torch.tensor((x - x[:WARM].mean(0)) / x[:WARM].std(0))


def learn(streams, cell, hidden_size, rate, seeds):
    """Errors (S, N - WARM) of nets that predict each sample of their stream, (S, N, I), and then take one step of Adam
    on that error. A net sees the last 20 samples from an empty state (truncated backpropagation through time) and says
    by how much the next one differs from the last. A ValueError unless there are more than ``WARM`` samples."""
    S, N, I = streams.shape
    if N <= WARM:
        raise ValueError(f"streams must have more than {WARM} samples, not {N}: the first {WARM} are not scored")
    model = SequenceModel(cell, I, hidden_size, I, seeds=S)
    generators = initialise.per_seed(seeds)
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    streams, parameters = streams.to(model.V.dtype), list(model.parameters())
    optimiser, errors = torch.optim.Adam(parameters, lr=rate), []
    for t in range(WARM, N):
        seen = streams[:, None, t - WINDOW : t]
        forecast = seen[:, 0, -1] + model(seen)[0][:, 0, -1]  # made before sample t is seen
        error = (forecast - streams[:, t]).square().mean(-1)
        optimiser.zero_grad()
        error.sum().backward()
        clip_per_seed(parameters, 1.0)
        optimiser.step()
        errors.append(error.detach())
    return torch.stack(errors, 1)


def persistence(stream):
    """The errors of the last sample as the forecast, (N - WARM,)."""
    return (stream[WARM:] - stream[WARM - 1 : -1]).square().mean(-1)


def least_squares(stream, forget=0.99):
    """The errors of a linear forecast from the last 20 samples, learned on the way by recursive least squares in which
    a sample k steps ago counts ``forget``^k; (N - WARM,). It learns from its 21st sample on, the nets from
    their 201st."""
    x = stream.numpy()
    size, errors = WINDOW * x.shape[1] + 1, []
    weights, P = np.zeros((size, x.shape[1])), 10.0 * np.eye(size)
    for t in range(WINDOW, len(x)):
        seen = np.append(x[t - WINDOW : t].ravel(), 1.0)
        error = x[t] - seen @ weights
        gain = P @ seen / (forget + seen @ P @ seen)
        weights, P = weights + np.outer(gain, error), (P - np.outer(gain, seen @ P)) / forget
        errors.append((error**2).mean())
    return torch.tensor(errors[WARM - WINDOW :])
