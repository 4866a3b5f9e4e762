"""Learning on a stream: predict the next sample, see it, learn from it, and so on (C23).

A stream is ``(N, I)`` float64, scaled by its first ``WARM`` samples, which are not scored. The
error of a forecast is the mean of its I squares. What a forecast for sample t may know are the
samples
before t.
"""

from collections.abc import Sequence

import numpy as np
import torch

from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.streams import WARM
from gatedrnn.training.train import clip_per_seed

WINDOW = 20  # samples a net looks back


def learn(
    streams: torch.Tensor, cell: str, hidden_size: int, rate: float, seeds: Sequence[int]
) -> torch.Tensor:
    """Let S nets predict each sample of their stream, and learn from it.

    After each forecast a net takes one step of Adam on its error. It sees the last 20 samples from
    an empty state (truncated backpropagation through time) and says by how much the next one
    differs from the last.

    Args:
        streams: a stream for each net, ``(S, N, I)``.
        cell: the name of a cell.
        hidden_size: H, the units.
        rate: the learning rate.
        seeds: S seeds of the initial weights.

    Returns:
        The error of each forecast, ``(S, N - WARM)``.

    Raises:
        ValueError: there are no samples after the first ``WARM``.
    """
    S, N, features = streams.shape
    _need_samples(N)
    model = _model(cell, features, hidden_size, seeds)
    streams = streams.to(model.V.dtype)
    parameters = list(model.parameters())
    optimiser = torch.optim.Adam(parameters, lr=rate)
    errors = []
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


def learn_carried(
    streams: torch.Tensor,
    cell: str,
    hidden_size: int,
    rate: float,
    seeds: Sequence[int],
    bias: float | str | None = None,
) -> torch.Tensor:
    """Let S nets predict each sample of their stream from a state that they carry along.

    A net reads each sample once, with the state that the samples before have left, says by how much
    the next one differs, and takes one step of Adam on the error of that forecast. The gradient
    ends at the carried state (truncated backpropagation through one step), so that nothing is read
    again. The first ``WARM`` samples are read without learning.

    Args:
        streams: a stream for each net, ``(S, N, I)``.
        cell: the name of a cell.
        hidden_size: H, the units.
        rate: the learning rate.
        seeds: S seeds of the initial weights.
        bias: as in ``Config``; "chrono" spreads the time constants up to the 20 samples that the
            linear forecast sees.

    Returns:
        The error of each forecast, ``(S, N - WARM)``.

    Raises:
        ValueError: there are no samples after the first ``WARM``.
    """
    S, N, features = streams.shape
    _need_samples(N)
    model = _model(cell, features, hidden_size, seeds, bias)
    streams = streams.to(model.V.dtype)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    with torch.no_grad():
        _, state = model(streams[:, None, : WARM - 1])
    errors = []
    for t in range(WARM, N):
        last = streams[:, None, t - 1 : t]
        change, after = model(last, state)  # made before sample t is seen
        error = (last[:, 0, 0] + change[:, 0, 0] - streams[:, t]).square().mean(-1)
        optimiser.zero_grad()
        error.sum().backward()
        clip_per_seed(model.parameters(), 1.0)
        optimiser.step()
        state = _detached(after)
        errors.append(error.detach())
    return torch.stack(errors, 1)


def _need_samples(N):
    """ValueError unless there are samples after those that are not scored."""
    if N <= WARM:
        raise ValueError(
            f"streams must have more than {WARM} samples, not {N}: the first {WARM} are not scored"
        )


def _model(cell, features, hidden_size, seeds, bias=None):
    """The nets before they have learned anything."""
    model = SequenceModel(cell, features, hidden_size, features, seeds=len(seeds))
    generators = initialise.per_seed(seeds)
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    if bias == "chrono":
        initialise.chrono(model.recurrent, WINDOW, generators)
    elif bias is not None:
        initialise.retention_bias(model.recurrent, bias)
    return model


def _detached(state):
    """The state without its graph."""
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return state.detach()


def persistence(stream: torch.Tensor) -> torch.Tensor:
    """The errors of the last sample as the forecast.

    Args:
        stream: ``(N, I)``.

    Returns:
        The error of each forecast, ``(N - WARM,)``.
    """
    return (stream[WARM:] - stream[WARM - 1 : -1]).square().mean(-1)


def least_squares(stream: torch.Tensor, forget: float = 0.99) -> torch.Tensor:
    """The errors of a linear forecast from the last 20 samples, learned on the way.

    It is recursive least squares, in which a sample k steps ago counts ``forget``^k. It learns from
    its 21st sample on, the nets from their 201st.

    Args:
        stream: ``(N, I)``.
        forget: the weight that a sample keeps from step to step, above 0 and at most 1.

    Returns:
        The error of each forecast, ``(N - WARM,)``.

    Source: Haykin 2002, Adaptive Filter Theory, chapter 9.
    """
    x = stream.numpy()
    features = x.shape[1]
    size = WINDOW * features + 1
    weights = np.zeros((size, features))
    P = 10.0 * np.eye(size)
    errors = []
    for t in range(WINDOW, len(x)):
        seen = np.append(x[t - WINDOW : t].ravel(), 1.0)
        error = x[t] - seen @ weights
        gain = P @ seen / (forget + seen @ P @ seen)
        weights = weights + np.outer(gain, error)
        P = (P - np.outer(gain, seen @ P)) / forget
        errors.append((error**2).mean())
    return torch.tensor(errors[WARM - WINDOW :])
