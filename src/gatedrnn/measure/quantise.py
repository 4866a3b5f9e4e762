"""Weights in eight bits: what they take, and the readable quantiser that rounds them."""

import torch

from gatedrnn.layers.sequence_model import SequenceModel


def matrices(model: SequenceModel) -> list[torch.Tensor]:
    """The weight matrices of the S models, ``(S, rows, columns)`` each."""
    return [model.recurrent.W, model.recurrent.U, model.V]


def bytes_of(model: SequenceModel) -> int:
    """The bytes of one model's weights in 32 bits."""
    return 4 * sum(p[0].numel() for p in model.parameters())


def bytes_int8(model: SequenceModel) -> int:
    """The bytes with a byte a weight, four for each bias and for the scale of each row."""
    weights = sum(p[0].numel() for p in matrices(model))
    scales = sum(p[0].shape[0] for p in matrices(model))
    biases = sum(p[0].numel() for p in model.parameters()) - weights
    return weights + 4 * (biases + scales)


@torch.no_grad()
def quantise(model: SequenceModel) -> None:
    """Round every row of the weight matrices to -127 to 127 times the row's scale, in place."""
    for p in matrices(model):
        scale = p.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
        p.copy_((p / scale).round() * scale)
