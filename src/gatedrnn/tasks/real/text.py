"""Tasks on the sets of ``datasets``: used like those of ``tasks``, with parts and shares as in ``parts.RealTask``.

In the examples time runs to the right, and - is not scored.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch, whole_number
from gatedrnn.tasks.real.base import PARTS, RealTask, count

YEARS = {"train": range(1790, 1834), "valid": range(1834, 1837), "test": range(1837, 1840)}


@functools.cache
def texts():
    """For each part its characters, int64 places in the sorted text of all the symbols; that text."""
    messages = loaders.speeches()
    symbols = "".join(sorted(set("\n\n".join(messages.values()))))
    place = {symbol: k for k, symbol in enumerate(symbols)}
    join = lambda years: "\n\n".join(
        text for name, text in messages.items() if int(name[:4]) in years
    )
    return {
        part: torch.tensor([place[c] for c in join(years)]) for part, years in YEARS.items()
    }, symbols


@dataclass(frozen=True)
class Characters(RealTask):
    """Which character comes next? The messages before 1834 to train on, 1834-36 to validate, 1837-39 to test.
    input    F e l l o w -        87 symbols, one-hot; every step is scored, nats a character (divide by ln 2 for bits)
    target   e l l o w - C
    ``batch`` takes windows of ``length`` from random places, ``part`` consecutive windows that do not overlap: 200 of
    them, evenly spread, where there are more. ``share`` is the beginning of the training text, at least two windows.
    Reference: each character at its own frequency.
    """

    input_size, output_size, whole, longest = 87, 87, 100, 10_000
    symbols = property(lambda self: texts()[1])

    def _text(self, name, length):
        text = texts()[0][name]
        return (
            text[: max(count(self.share, len(text)), 2 * length + 1)] if name == "train" else text
        )

    def _draw(self, generator, B, length):
        text = self._text("train", length)
        return self._windows(
            text, torch.randint(0, len(text) - length, (B,), generator=generator), length
        )

    def _part(self, name, length):
        text = self._text(name, length)
        windows = (len(text) - 1) // length
        chosen = np.linspace(0, windows - 1, min(windows, 200)).round().astype(int)
        return self._windows(text, torch.from_numpy(chosen * length), length)

    def _windows(self, text, starts, length):
        steps = text[starts[:, None] + torch.arange(length + 1)]
        x = F.one_hot(steps[:, :-1], self.input_size).to(torch.get_default_dtype())
        return Batch(x, steps[:, 1:], torch.ones_like(steps[:, 1:], dtype=torch.bool))

    def constant(self):
        """The log frequencies of the symbols (87,) in all the training text used, each counted once more than it is."""
        text = self._text("train", self.whole)
        return torch.log_softmax((torch.bincount(text, minlength=self.output_size) + 1.0).log(), 0)


EVALUATED = (25, 1000)  # windows and characters of the validation


def part(name):
    """The text of a part, "train", "valid" or "test"."""
    if name not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {name!r}")
    return texts()[0][name]


@dataclass(frozen=True)
class CarriedText(Characters):
    """``Characters`` read on: B readers start evenly spaced in the training text, at a place that the seed draws, and
    each batch begins where the last one ended, so that ``train`` can carry the state over (truncated backpropagation
    through time; Williams and Peng 1990). Before each batch a reader's state is emptied with the chance ``restart``: a
    network that never met an empty state may be lost when it is used from one. After the end of the text a reader goes
    on at its beginning. ``part`` gives 25 windows of 1,000 characters, evenly spread, whatever the length; each begins
    with an empty state. ``shuffled``, the order control: the characters of each part in a random order.
    """

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
        return (
            text[torch.randperm(len(text), generator=torch.Generator().manual_seed(0))]
            if self.shuffled
            else text
        )

    def stream(self, generator, B, length, step):
        """The batch number ``step`` of a stream: ``generator`` must be the same for all of them."""
        if not isinstance(generator, torch.Generator):
            raise ValueError(
                f"generator must be a torch.Generator, as from tasks.generator(0, 0), not {generator!r}"
            )
        B, step = whole_number("batch_size", B), whole_number("step", step, 0)
        text = self._text("train", self.check_length(length))
        first = torch.randint(len(text), (1,), generator=generator) + torch.arange(B) * (
            len(text) // B
        )
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
