"""Models for the tasks: a recurrent layer with a linear readout at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gatedrnn.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from gatedrnn.cells import State


class SequenceModel(nn.Module):
    """A recurrent layer and a readout: ``prediction, state = model(x)``.

    Attributes:
        recurrent: The ``Recurrent`` layer.
        V: ``(S, O, H)``, the readout's matrix; S = 1 for one model.
        a: ``(S, O)``, the readout's bias.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        seeds: int | None = None,
    ):
        super().__init__()
        models = seeds or 1
        self.recurrent = Recurrent(cell, input_size, hidden_size, seeds=seeds)
        self.V = nn.Parameter(torch.empty(models, output_size, hidden_size))
        self.a = nn.Parameter(torch.zeros(models, output_size))
        self.initialise_readout()

    def initialise_readout(self, generators: Sequence[torch.Generator] | None = None) -> None:
        """Draw the readout as ``nn.Linear`` does: from U(-1/sqrt(H), 1/sqrt(H)).

        Args:
            generators: One for each model, as in ``initialise``; by default torch's global one.
        """
        bound = self.V.shape[-1] ** -0.5
        for s, generator in enumerate(generators or [None] * len(self.V)):
            self.V.data[s].uniform_(-bound, bound, generator=generator)
            self.a.data[s].uniform_(-bound, bound, generator=generator)

    def forward(
        self, x: Tensor, state: Tensor | State | None = None, factors: Tensor | None = None
    ) -> tuple[Tensor, Tensor | State]:
        """Run the model over whole sequences.

        Args:
            x: ``(B, T, I)``; with ``seeds=S`` also ``(S, B, T, I)``.
            state: As in ``Recurrent``.
            factors: Multiply the layer's output on its way to the readout, ``(S, B, T, H)``: those
                of dropout. The state goes on without them.

        Returns:
            The predictions ``(B, T, O)``, with seeds ``(S, B, T, O)``, and the last state.
        """
        output, state = self.recurrent(x, state)
        if output.ndim == 3:
            output = output[None]
        if factors is not None:
            output = output * factors
        prediction = output @ self.V.mT[:, None] + self.a[:, None, None]
        if not self.recurrent.seeds:
            prediction = prediction[0]
        return prediction, state
