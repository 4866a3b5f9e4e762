"""Initialisations: each changes a ``Recurrent`` in place and can be crossed with any cell.

``generators`` are one ``torch.Generator`` for each of the S models, so that model k starts the same
alone or with others. Without them torch's global generator is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from gatedrnn.layers.recurrent import Recurrent


def per_seed(seeds: Iterable[int]) -> list[torch.Generator]:
    """One generator for each seed."""
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def uniform(layer: Recurrent, generators: Sequence[torch.Generator] | None = None) -> None:
    """Torch's own: every parameter from U(-1/sqrt(H), 1/sqrt(H)); every gate starts near 0.5."""
    bound = layer.hidden_size**-0.5
    for generator, model in _models(layer, generators):
        for p in model.values():
            p.uniform_(-bound, bound, generator=generator)


def orthogonal(layer: Recurrent, generators: Sequence[torch.Generator] | None = None) -> None:
    """Glorot-uniform ``W``, orthogonal ``U``, zero biases, each block for itself.

    Keras draws all of an LSTM's or GRU's blocks as one matrix, which gives smaller numbers, and
    sets the LSTM's forget bias to 1.
    """
    draws = {"W": nn.init.xavier_uniform_, "U": nn.init.orthogonal_}
    for generator, model in _models(layer, generators):
        for name, p in model.items():
            for block in p.split(layer.hidden_size):
                if name in draws:
                    draws[name](block, generator=generator)
                else:
                    block.zero_()


def retention_bias(layer: Recurrent, value: float = 1.0) -> None:
    """Set the bias of the gate that keeps the old state: an LSTM's "forget bias".

    A cell without such a gate is left as it is; one whose gate acts the other way round gets
    ``-value``. Source: Jozefowicz et al. 2015.
    """
    if layer.cell.keeps:
        gate, sign = layer.cell.keeps
        _bias(layer, gate).fill_(sign * value)


def chrono(
    layer: Recurrent, longest: int, generators: Sequence[torch.Generator] | None = None
) -> None:
    """Chrono initialisation: time constants spread up to the longest lag.

    The bias of the keeping gate becomes ``log u``, u from U(1, longest - 1), that of an input gate
    its opposite. Source: Tallec and Ollivier 2018.

    Args:
        layer: Changed in place; a cell without a keeping gate is left as it is.
        longest: The longest lag, in steps, at least 3.
        generators: One for each model.

    Raises:
        ValueError: The lag is too short, or there are too few or too many generators.
    """
    if longest < 3:
        raise ValueError(
            f"chrono initialisation needs a longest lag of at least 3 steps, not {longest}"
        )
    if not layer.cell.keeps:
        return
    gate, sign = layer.cell.keeps
    for s, (generator, model) in enumerate(_models(layer, generators)):
        u = model["b"].new_empty(layer.hidden_size)
        u.uniform_(1, longest - 1, generator=generator)
        bias = u.log()
        _bias(layer, gate)[s] = sign * bias
        if "i" in layer.cell.gates:
            _bias(layer, "i")[s] = -bias


def half_life_bias(steps: float) -> float:
    """The bias at which a sigmoid gate keeps one half after so many steps: f = 2^(-1/steps)."""
    return -math.log(2 ** (1 / steps) - 1)


def _models(
    layer: Recurrent, generators: Sequence[torch.Generator] | None
) -> list[tuple[torch.Generator | None, dict[str, Tensor]]]:
    """Pairs (generator, {parameter name: the slice of one model}), without gradient tracking."""
    generators = generators or [None] * len(layer.b)
    if len(generators) != len(layer.b):
        raise ValueError(
            f"{len(generators)} generators for {len(layer.b)} models; give one for each"
        )
    models = []
    for s, generator in enumerate(generators):
        models.append((generator, {name: p.data[s] for name, p in layer.named_parameters()}))
    return models


def _bias(layer: Recurrent, gate: str) -> Tensor:
    """The bias ``(S, H)`` of one gate, to be changed in place."""
    # get_parameter refuses a bias that pruning or a parametrization would compute anew.
    b = layer.get_parameter("b").data
    return b.unflatten(1, (len(layer.cell.gates), -1))[:, layer.cell.gates.index(gate)]
