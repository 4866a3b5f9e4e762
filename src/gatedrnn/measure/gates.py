"""What goes on inside a layer: how far a gradient reaches back, how long a unit keeps, where its gates stand."""

import torch

from gatedrnn.cells import get_cell


def gradient_by_lag(layer, x):
    """The norm of dL/dx_{T-k} for k = 0 .. T-1 and each model, ``(S, T)``, for x ``(B, T, I)`` and a ``Recurrent`` with
    seeds. L is a fixed random projection of the last hidden state, summed over the B sequences; the norm is taken over
    sequences and features. Divide by its value at lag 0 to compare cells.
    """
    x = x.expand(layer.seeds, *x.shape).clone().requires_grad_()  # each model its own leaf
    p = torch.randn(layer.hidden_size, generator=torch.Generator().manual_seed(1)).to(x)
    loss = (layer(x)[0][:, :, -1] @ p).sum()
    return torch.autograd.grad(loss, x)[0].norm(dim=(1, 3)).flip(1)


def _per_model(layer, x):
    """The gates over x, each ``(S, B, T, H)``, with S = 1 for a layer without seeds."""
    gates = layer(x, trace=True)[2]
    return gates if layer.seeds else {name: gate[None] for name, gate in gates.items()}


@torch.no_grad()
def retention(layer, x):
    """How much each unit keeps of its state, the mean over the sequences and steps of x of the gate that keeps:
    ``(S, H)``, or None for a cell without such a gate. The time constant is ``1 / (1 - kept)`` steps. A layer without
    seeds counts as one model: S is 1.
    """
    if not (keeps := get_cell(layer.cell.name).keeps):
        return None
    gate, sign = keeps
    kept = _per_model(layer, x)[gate].mean((1, 2))
    return kept if sign > 0 else 1 - kept


@torch.no_grad()
def plane(layer, x, bins=10):
    """How often the units of an LSTM stand at each place of the (f, i) square, over the sequences and steps of x: the
    share in each of ``bins`` x ``bins`` squares, ``(S, bins, bins)``, the first axis f, the second i. A layer without
    seeds counts as one model: S is 1.
    """
    gates = _per_model(layer, x)
    places = (torch.stack([gates["f"], gates["i"]]) * bins).long().clamp(max=bins - 1)
    cells = (places[0] * bins + places[1]).flatten(1)  # (S, B*T*H)
    return (
        torch.stack([torch.bincount(row, minlength=bins**2) for row in cells]).view(-1, bins, bins)
        / cells.shape[1]
    )


def saliency(model, x, step, output):
    """By how much each earlier input moves one number of a prediction: the norm over the features of
    d prediction[..., step, output] / d x_t, for each model and sequence, ``(S, B, step + 1)``, x ``(B, T, I)``.
    """
    x = x[:, : step + 1].expand(model.recurrent.seeds, -1, -1, -1).clone().requires_grad_()
    chosen = model(x)[0][:, :, step, output].sum()
    return torch.autograd.grad(chosen, x)[0].norm(dim=-1)
