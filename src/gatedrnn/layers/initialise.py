"""Initialisations. Each changes a ``Recurrent`` in place and can be crossed with any cell.
``generators``: one ``torch.Generator`` for each of the S models, so that model k starts the same alone or with others.
Without them torch's global generator is used.
"""

import math

import torch
from torch import nn


def per_seed(seeds):
    """One generator for each seed."""
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def _models(layer, generators):
    """Pairs (generator, {parameter name: the slice of one model}), without gradient tracking."""
    generators = generators or [None] * len(layer.b)
    if len(generators) != len(layer.b):
        raise ValueError(
            f"{len(generators)} generators for {len(layer.b)} models; give one for each"
        )
    return [
        (g, {name: p.data[s] for name, p in layer.named_parameters()})
        for s, g in enumerate(generators)
    ]


def uniform(layer, generators=None):
    """Torch's own: every parameter from U(-1/sqrt(H), 1/sqrt(H)). Every gate then starts near 0.5."""
    bound = layer.hidden_size**-0.5
    for generator, model in _models(layer, generators):
        for p in model.values():
            p.uniform_(-bound, bound, generator=generator)


def orthogonal(layer, generators=None):
    """Glorot-uniform ``W``, orthogonal ``U``, zero biases, each block for itself: Keras draws all of an LSTM's or GRU's
    blocks as one matrix, which gives smaller numbers, and sets the LSTM's forget bias to 1.
    """
    for generator, model in _models(layer, generators):
        for name, p in model.items():
            draw = {"W": nn.init.xavier_uniform_, "U": nn.init.orthogonal_}.get(name)
            for block in p.split(layer.hidden_size):
                draw(block, generator=generator) if draw else block.zero_()


def _block(layer, gate):
    """The bias ``(S, H)`` of one gate."""
    return layer.b.data.unflatten(1, (len(layer.cell.gates), -1))[:, layer.cell.gates.index(gate)]


def retention_bias(layer, value=1.0):
    """Set the bias of the gate that keeps the old state: an LSTM's "forget bias" (Jozefowicz et al. 2015). A cell
    without such a gate is left as it is; one whose gate acts the other way round gets ``-value``.
    """
    if layer.cell.keeps:
        gate, sign = layer.cell.keeps
        _block(layer, gate).fill_(sign * value)


def chrono(layer, longest, generators=None):
    """Chrono initialisation: time constants spread up to ``longest`` (at least 3) steps (Tallec and Ollivier 2018).
    The bias of the keeping gate becomes ``log u``, u from U(1, longest - 1), that of an input gate its opposite.
    """
    if longest < 3:
        raise ValueError(
            f"chrono initialisation needs a longest lag of at least 3 steps, not {longest}"
        )
    for s, (generator, model) in enumerate(_models(layer, generators) if layer.cell.keeps else []):
        gate, sign = layer.cell.keeps
        bias = (
            model["b"]
            .new_empty(layer.hidden_size)
            .uniform_(1, longest - 1, generator=generator)
            .log()
        )
        _block(layer, gate)[s] = sign * bias
        if "i" in layer.cell.gates:
            _block(layer, "i")[s] = -bias


def half_life_bias(steps):
    """The bias at which a sigmoid gate keeps one half after that many steps: f = 2^(-1/steps)."""
    return -math.log(2 ** (1 / steps) - 1)
