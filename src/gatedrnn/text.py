"""A character model on a whole text: training with the state carried on, bits a character, and simple references.

The text is that of ``realtasks.Characters``; a text here is a 1-D int64 tensor of places in its 87 symbols."""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.parts import PARTS
from gatedrnn.realtasks import Characters, _texts
from gatedrnn.tasks import Batch, _whole

EVALUATED = (25, 1000)  # windows and characters of the validation


def part(name):
    """The text of a part, "train", "valid" or "test"."""
    if name not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {name!r}")
    return _texts()[0][name]


@dataclass(frozen=True)
class CarriedText(Characters):
    """``Characters`` read on: B readers start evenly spaced in the training text, at a place that the seed draws, and
    each batch begins where the last one ended, so that ``train`` can carry the state over (truncated backpropagation
    through time; Williams and Peng 1990). Before each batch a reader's state is emptied with the chance ``restart``: a
    network that never met an empty state may be lost when it is used from one. After the end of the text a reader goes
    on at its beginning. ``part`` gives 25 windows of 1,000 characters, evenly spread, whatever the length; each begins
    with an empty state. ``shuffled``, the order control: the characters of each part in a random order."""

    shuffled: bool = False
    restart: float = field(default=0.05, kw_only=True)
    carried = True

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.shuffled, bool):
            raise ValueError(f"shuffled must be True or False, not {self.shuffled!r}")
        if not isinstance(self.restart, int | float) or not 0 <= self.restart <= 1:
            raise ValueError(f"restart must be a number from 0 to 1, not {self.restart!r}")

    def _text(self, name, length):
        text = super()._text(name, length)
        return text[torch.randperm(len(text), generator=torch.Generator().manual_seed(0))] if self.shuffled else text

    def stream(self, generator, B, length, step):
        """The batch number ``step`` of a stream: ``generator`` must be the same for all of them."""
        if not isinstance(generator, torch.Generator):
            raise ValueError(f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {generator!r}")
        B, step = _whole("batch_size", B), _whole("step", step, 0)
        text = self._text("train", self.check_length(length))
        first = torch.randint(len(text), (1,), generator=generator) + torch.arange(B) * (len(text) // B)
        places = (first[:, None] + step * length + torch.arange(length + 1)) % len(text)
        return _batch(text[places])

    def _part(self, name, length):
        windows, length = EVALUATED
        text = self._text(name, length)
        starts = torch.arange(windows) * ((len(text) - length - 1) // (windows - 1))
        return _batch(text[starts[:, None] + torch.arange(length + 1)])


def _batch(steps):
    x = F.one_hot(steps[:, :-1], Characters.input_size).to(torch.get_default_dtype())
    return Batch(x, steps[:, 1:], torch.ones_like(steps[:, 1:], dtype=torch.bool))


@torch.no_grad()
def nats(model, text, readers=20, chunk=500):
    """The mean loss in nats a character of each model, (S,), on the whole text (but for fewer than ``readers``
    characters at its end): so many readers, each from an empty state, which is carried from chunk to chunk."""
    n, state, total = (len(text) - 1) // readers, None, 0
    x, y = (text[shift : shift + n * readers].view(readers, n) for shift in (0, 1))
    for now, following in zip(x.split(chunk, 1), y.split(chunk, 1), strict=True):
        logits, state = model(F.one_hot(now, Characters.input_size).to(model.V.dtype), state)
        total += (
            F.cross_entropy(logits.flatten(0, -2), following.repeat(len(logits), 1, 1).flatten(), reduction="none")
            .view(len(logits), -1)
            .double()
            .sum(1)
        )
    return total / (n * readers)


@torch.no_grad()
def by_context(model, text, lengths, positions=2000, shuffled=False, at_once=250):
    """The mean loss in nats of each model at ``positions`` places of the text, evenly spread, if the state is empty
    before the last k characters: (S, len(lengths)). ``shuffled``: the longest context each time, of which all but the
    last k characters are in a random order (after Khandelwal et al. 2018). ValueError for too short a text."""
    longest, rng = max(lengths), torch.Generator().manual_seed(0)
    if len(text) <= longest:
        raise ValueError(f"the text must be longer than the longest context, {longest} characters, not {len(text)}")
    places = torch.linspace(longest, len(text) - 1, positions).long()
    windows, found = text[places[:, None] - torch.arange(longest, 0, -1)], []
    order = torch.rand(windows.shape, generator=rng).argsort(1)
    for k in lengths:
        far = windows[:, : longest - k].gather(1, order[:, : longest - k].argsort(1).argsort(1))
        x = torch.cat([far, windows[:, longest - k :]], 1) if shuffled else windows[:, longest - k :]
        last = [
            model.recurrent(
                F.one_hot(some, Characters.input_size).to(model.V.dtype)[None].expand(len(model.V), -1, -1, -1)
            )[0][:, :, -1]
            for some in x.split(at_once)
        ]
        logits = torch.cat(last, 1) @ model.V.mT + model.a[:, None]
        found.append(F.cross_entropy(logits.mT, text[places].expand(len(logits), -1), reduction="none").mean(1))
    return torch.stack(found, 1)


def witten_bell(train, test, longest):
    """Bits a character of the test text under interpolated n-grams of the training text, a list for n = 1, 2, ... up to
    ``longest``. After a context seen N times, with D different characters after it, a character seen n times has the
    probability (n + D p) / (N + D), p its probability after the context without its first character; before the first
    step all symbols are equally likely. Source: Witten and Bell 1991, method C, interpolated."""
    _whole("longest", longest, 1, min(9, len(train)))  # 87^9 is the largest code in 64 bits
    V, train = Characters.input_size, train.numpy()
    test, found = np.concatenate([train[len(train) - longest + 1 :], test.numpy()]), []
    chance = np.full(len(test) - longest + 1, 1 / V)
    for n in range(1, longest + 1):
        codes = [_codes(text, n) for text in (train, test)]
        grams, counts = np.unique(codes[0], return_counts=True)
        contexts, starts = np.unique(grams // V, return_index=True)
        seen, different = np.add.reduceat(counts, starts), np.diff(np.append(starts, len(grams)))
        gram = codes[1][longest - n :]
        N, D = (_look_up(contexts, values, gram // V) for values in (seen, different))
        chance = np.where(N > 0, (_look_up(grams, counts, gram) + D * chance) / np.maximum(N + D, 1), chance)
        found.append(float(-np.log2(chance).mean()))
    return found


def _codes(text, n):
    """A number for each n characters in a row."""
    return sum(text[k : len(text) - n + 1 + k] * Characters.input_size ** (n - 1 - k) for k in range(n))


def _look_up(keys, values, asked):
    """The values of the keys asked for, 0 where there is no such key."""
    place = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
