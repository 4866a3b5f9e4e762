"""A character model on a whole text: training with the state carried on, bits a character, and simple references.

The text is that of ``realtasks.Characters``; a text here is a 1-D int64 tensor of places in its 87 symbols.
"""

import torch
import torch.nn.functional as F

from gatedrnn.tasks.real.text import Characters


@torch.no_grad()
def nats(model, text, readers=20, chunk=500):
    """The mean loss in nats a character of each model, (S,), on the whole text (but for fewer than ``readers``
    characters at its end): so many readers, each from an empty state, which is carried from chunk to chunk.
    """
    n, state, total = (len(text) - 1) // readers, None, 0
    x, y = (text[shift : shift + n * readers].view(readers, n) for shift in (0, 1))
    for now, following in zip(x.split(chunk, 1), y.split(chunk, 1), strict=True):
        logits, state = model(F.one_hot(now, Characters.input_size).to(model.V.dtype), state)
        total += (
            F.cross_entropy(
                logits.flatten(0, -2),
                following.repeat(len(logits), 1, 1).flatten(),
                reduction="none",
            )
            .view(len(logits), -1)
            .double()
            .sum(1)
        )
    return total / (n * readers)


@torch.no_grad()
def by_context(model, text, lengths, positions=2000, shuffled=False, at_once=250):
    """The mean loss in nats of each model at ``positions`` places of the text, evenly spread, if the state is empty
    before the last k characters: (S, len(lengths)). ``shuffled``: the longest context each time, of which all but the
    last k characters are in a random order (after Khandelwal et al. 2018). ValueError for too short a text.
    """
    longest, rng = max(lengths), torch.Generator().manual_seed(0)
    if len(text) <= longest:
        raise ValueError(
            f"the text must be longer than the longest context, {longest} characters, not {len(text)}"
        )
    places = torch.linspace(longest, len(text) - 1, positions).long()
    windows, found = text[places[:, None] - torch.arange(longest, 0, -1)], []
    order = torch.rand(windows.shape, generator=rng).argsort(1)
    for k in lengths:
        far = windows[:, : longest - k].gather(1, order[:, : longest - k].argsort(1).argsort(1))
        x = (
            torch.cat([far, windows[:, longest - k :]], 1)
            if shuffled
            else windows[:, longest - k :]
        )
        last = [
            model.recurrent(
                F.one_hot(some, Characters.input_size)
                .to(model.V.dtype)[None]
                .expand(len(model.V), -1, -1, -1)
            )[0][:, :, -1]
            for some in x.split(at_once)
        ]
        logits = torch.cat(last, 1) @ model.V.mT + model.a[:, None]
        found.append(
            F.cross_entropy(logits.mT, text[places].expand(len(logits), -1), reduction="none").mean(
                1
            )
        )
    return torch.stack(found, 1)
