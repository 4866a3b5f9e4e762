"""A character model on a whole text: the state carried on, and what a longer context is worth.

The text is that of ``Characters``; a text here is a 1-D int64 tensor of places in its 87 symbols.
"""

import json
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.real.text import Characters


@torch.no_grad()
def nats(
    model: SequenceModel, text: torch.Tensor, readers: int = 20, chunk: int = 500
) -> torch.Tensor:
    """The mean loss on a whole text, read by several readers.

    Each reader begins its part with an empty state, which is carried from chunk to chunk. Fewer
    than ``readers`` characters at the end of the text are left out.

    Args:
        model: S models.
        text: the characters, ``(N,)``.
        readers: how many read at the same time.
        chunk: characters a call; it changes no number.

    Returns:
        Nats a character of each model, ``(S,)``.
    """
    n = (len(text) - 1) // readers
    x = text[: n * readers].view(readers, n)
    y = text[1 : 1 + n * readers].view(readers, n)
    state = None
    total = 0
    for now, following in zip(x.split(chunk, 1), y.split(chunk, 1), strict=True):
        logits, state = model(_one_hot(now, model), state)
        targets = following.repeat(len(logits), 1, 1).flatten()
        losses = F.cross_entropy(logits.flatten(0, -2), targets, reduction="none")
        total += losses.view(len(logits), -1).double().sum(1)
    return total / (n * readers)


@torch.no_grad()
def by_context(
    model: SequenceModel,
    text: torch.Tensor,
    lengths: Sequence[int],
    positions: int = 2000,
    shuffled: bool = False,
    at_once: int = 250,
) -> torch.Tensor:
    """The mean loss if the state is empty before the last k characters.

    Args:
        model: S models.
        text: the characters, ``(N,)``.
        lengths: the lengths k of the context.
        positions: how many places of the text are predicted; they are evenly spread.
        shuffled: read the longest context each time, with all but its last k characters in a random
            order (after Khandelwal et al. 2018).
        at_once: places a call; it changes no number.

    Returns:
        Nats a character of each model and length, ``(S, len(lengths))``.

    Raises:
        ValueError: the text is not longer than the longest context.
    """
    longest = max(lengths)
    if len(text) <= longest:
        raise ValueError(
            f"the text must be longer than the longest context, {longest} characters, "
            f"not {len(text)}"
        )
    places = torch.linspace(longest, len(text) - 1, positions).long()
    targets = text[places].expand(len(model.V), -1)
    windows = text[places[:, None] - torch.arange(longest, 0, -1)]
    order = torch.rand(windows.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
    found = []
    for k in lengths:
        context = windows[:, longest - k :]
        if shuffled:
            mixed = order[:, : longest - k].argsort(1).argsort(1)
            far = windows[:, : longest - k].gather(1, mixed)
            context = torch.cat([far, context], 1)
        logits = _last_logits(model, context, at_once)
        found.append(F.cross_entropy(logits.mT, targets, reduction="none").mean(1))
    return torch.stack(found, 1)


def as_pairs(lengths: Sequence[int], losses: Sequence[float]) -> str:
    """The pairs (characters, loss) as JSON, as they are stored."""
    return json.dumps([[k, round(loss, 5)] for k, loss in zip(lengths, losses, strict=True)])


def _last_logits(model, context, at_once):
    """The logits after the last character of each context ``(P, k)``: ``(S, P, 87)``."""
    last = []
    for some in context.split(at_once):
        x = _one_hot(some, model)[None].expand(len(model.V), -1, -1, -1)
        last.append(model.recurrent(x)[0][:, :, -1])
    return torch.cat(last, 1) @ model.V.mT + model.a[:, None]


def _one_hot(characters, model):
    """The inputs of a model, in its dtype, with a last axis of 87."""
    return F.one_hot(characters, Characters.input_size).to(model.V.dtype)
