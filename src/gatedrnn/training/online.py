"""Streams, and learning on them: predict the next sample, see it, learn from it, and so on. (C23)

A stream is ``(N, I)`` float64, scaled by its first ``WARM`` samples, which are not scored; the error of a forecast is
the mean of its I squares. What a forecast for sample t may know are the samples before t.
"""

import numpy as np
import torch

from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.streams import WARM
from gatedrnn.training.train import clip_per_seed

WINDOW = 20  # samples a net looks back


def learn(streams, cell, hidden_size, rate, seeds):
    """Errors (S, N - WARM) of nets that predict each sample of their stream, (S, N, I), and then take one step of Adam
    on that error. A net sees the last 20 samples from an empty state (truncated backpropagation through time) and says
    by how much the next one differs from the last. A ValueError unless there are more than ``WARM`` samples.
    """
    S, N, I = streams.shape
    if N <= WARM:
        raise ValueError(
            f"streams must have more than {WARM} samples, not {N}: the first {WARM} are not scored"
        )
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
    their 201st.
    """
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
