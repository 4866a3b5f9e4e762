"""Models for the tasks: a recurrent layer with a linear readout at every step."""

import torch
from torch import nn

from gatedrnn.layers.recurrent import Recurrent


class SequenceModel(nn.Module):
    """``prediction, state = model(x)``: x ``([S,] B, T, I)``, prediction ``([S,] B, T, O)``; state as in ``Recurrent``.
    The readout's parameters carry the leading axis S too: ``V (S, O, H)`` and ``a (S, O)``.
    """

    def __init__(self, cell, input_size, hidden_size, output_size, seeds=None):
        super().__init__()
        self.recurrent = Recurrent(cell, input_size, hidden_size, seeds)
        self.V = nn.Parameter(torch.empty(seeds or 1, output_size, hidden_size))
        self.a = nn.Parameter(torch.zeros(seeds or 1, output_size))
        self.initialise_readout()

    def initialise_readout(self, generators=None):
        """Torch's own choice for ``nn.Linear``: U(-1/sqrt(H), 1/sqrt(H))."""
        bound = self.V.shape[-1] ** -0.5
        for s, generator in enumerate(generators or [None] * len(self.V)):
            for p in (self.V, self.a):
                p.data[s].uniform_(-bound, bound, generator=generator)

    def forward(self, x, state=None):
        output, state = self.recurrent(x, state)
        prediction = (output if output.ndim == 4 else output[None]) @ self.V.mT[:, None] + self.a[
            :, None, None
        ]
        return (prediction if self.recurrent.seeds else prediction[0]), state
