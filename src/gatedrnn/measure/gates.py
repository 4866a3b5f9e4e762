"""What goes on inside a layer: how far a gradient reaches back, how long a unit keeps its state."""

import torch

from gatedrnn.cells import get_cell
from gatedrnn.layers.recurrent import Recurrent
from gatedrnn.layers.sequence_model import SequenceModel


def gradient_by_lag(layer: Recurrent, x: torch.Tensor) -> torch.Tensor:
    """The norm of dL/dx_{T-k} for k = 0 .. T-1.

    L is a fixed random projection of the last hidden state, summed over the B sequences; the norm
    is taken over sequences and features. Divide by the value at lag 0 to compare cells.

    Args:
        layer: S models, a layer with seeds.
        x: the inputs, ``(B, T, I)``; every model gets the same.

    Returns:
        The norm at each lag, ``(S, T)``.
    """
    x = x.expand(layer.seeds, *x.shape).clone().requires_grad_()  # each model its own leaf
    projection = torch.randn(layer.hidden_size, generator=torch.Generator().manual_seed(1)).to(x)
    last = layer(x)[0][:, :, -1]
    (gradient,) = torch.autograd.grad((last @ projection).sum(), x)
    return gradient.norm(dim=(1, 3)).flip(1)


@torch.no_grad()
def retention(layer: Recurrent, x: torch.Tensor) -> torch.Tensor | None:
    """How much each unit keeps of its state: the mean of the gate that keeps.

    The time constant of a unit is ``1 / (1 - kept)`` steps.

    Args:
        layer: S models; a layer without seeds counts as one.
        x: the inputs, ``(B, T, I)``.

    Returns:
        The mean over sequences and steps, ``(S, H)``; None for a cell without such a gate.
    """
    keeps = get_cell(layer.cell.name).keeps
    if not keeps:
        return None
    gate, sign = keeps
    kept = _per_model(layer, x)[gate].mean((1, 2))
    return kept if sign > 0 else 1 - kept


@torch.no_grad()
def plane(layer: Recurrent, x: torch.Tensor, bins: int = 10) -> torch.Tensor:
    """How often the units of an LSTM stand at each place of the (f, i) square.

    Args:
        layer: S models; a layer without seeds counts as one.
        x: the inputs, ``(B, T, I)``.
        bins: the squares along each side.

    Returns:
        The share of units, sequences and steps in each square, ``(S, bins, bins)``: the first axis
        is that of f, the second that of i.
    """
    gates = _per_model(layer, x)
    places = (torch.stack([gates["f"], gates["i"]]) * bins).long().clamp(max=bins - 1)
    squares = (places[0] * bins + places[1]).flatten(1)  # (S, B*T*H)
    counts = [torch.bincount(row, minlength=bins**2) for row in squares]
    return torch.stack(counts).view(-1, bins, bins) / squares.shape[1]


def saliency(model: SequenceModel, x: torch.Tensor, step: int, output: int) -> torch.Tensor:
    """By how much each earlier input moves one number of a prediction.

    Args:
        model: S models, with seeds.
        x: the inputs, ``(B, T, I)``; every model gets the same.
        step: the step of the prediction, from 0.
        output: which of the predicted numbers.

    Returns:
        The norm over the features of d prediction[..., step, output] / d x_t, for each model and
        sequence, ``(S, B, step + 1)``.
    """
    x = x[:, : step + 1].expand(model.recurrent.seeds, -1, -1, -1).clone().requires_grad_()
    chosen = model(x)[0][:, :, step, output].sum()
    return torch.autograd.grad(chosen, x)[0].norm(dim=-1)


def _per_model(layer, x):
    """The gates over x, each ``(S, B, T, H)``, with S = 1 for a layer without seeds."""
    gates = layer(x, trace=True)[2]
    if layer.seeds:
        return gates
    return {name: gate[None] for name, gate in gates.items()}
