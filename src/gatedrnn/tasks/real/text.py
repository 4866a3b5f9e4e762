"""Text, character by character: the annual messages of the presidents of the US.

In the example time runs to the right.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch, torch_generator, whole_number
from gatedrnn.tasks.real.base import PARTS, RealTask, check_flag, count

YEARS = {"train": range(1790, 1834), "valid": range(1834, 1837), "test": range(1837, 1840)}

MARK = "&"  # the next character is to be kept
ASK = "<"  # the kept character comes next
KEPT = "ABCDEFGHIJKLMNOP"
APART = (25, 75)  # characters from a mark to its question, the least and the most

WINDOWS = 200  # the most windows of a part
EVALUATED = (25, 1000)  # windows and characters of the parts of ``CarriedText``


@functools.cache
def texts() -> tuple[dict[str, torch.Tensor], str]:
    """Prepare the texts, once a process.

    Returns:
        For each part its characters, (N,) int64, places in the text of all the symbols; that text,
        87 symbols, sorted.
    """
    messages = loaders.speeches()
    symbols = "".join(sorted(set("\n\n".join(messages.values()))))
    place = {symbol: k for k, symbol in enumerate(symbols)}
    parts = {}
    for name, years in YEARS.items():
        chosen = [text for title, text in messages.items() if int(title[:4]) in years]
        parts[name] = torch.tensor([place[symbol] for symbol in "\n\n".join(chosen)])
    return parts, symbols


def part(name: str) -> torch.Tensor:
    """Give the whole text of a part.

    Args:
        name: "train", "valid" or "test".

    Returns:
        Its characters, (N,) int64, places in ``Characters().symbols``.

    Raises:
        ValueError: There is no such part.
    """
    if name not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {name!r}")
    return texts()[0][name]


@functools.cache
def planted(name: str) -> torch.Tensor:
    """Write far dependencies over the text of a part, always the same.

    Args:
        name: "train", "valid" or "test".

    Returns:
        Its characters, (N,) int64, with a mark and a kept character, 25 to 75 characters later the
        question and the same character again, then the next mark, and so on.
    """
    text = part(name).clone()
    place = {symbol: k for k, symbol in enumerate(texts()[1])}
    rng = np.random.default_rng(PARTS.index(name))
    mark = 0
    while mark + max(APART) + 2 <= len(text):
        ask = mark + rng.integers(min(APART), max(APART) + 1)
        kept = place[rng.choice(list(KEPT))]
        text[mark : mark + 2] = torch.tensor([place[MARK], kept])
        text[ask : ask + 2] = torch.tensor([place[ASK], kept])
        mark = ask + 2
    return text


@dataclass(frozen=True)
class Characters(RealTask):
    """Say which character comes next.

    The messages before 1834 to train on, 1834 to 1836 to validate, 1837 to 1839 to test::

        input    F e l l o w -        87 symbols, one-hot; every step is scored
        target   e l l o w - C        nats a character (divide by ln 2 for bits)

    ``batch`` takes windows of ``length`` from random places, ``part`` consecutive windows that do
    not overlap: 200 of them, evenly spread, where there are more. ``share`` is the beginning of the
    training text, at least two windows. Reference: each character at its own frequency.
    """

    input_size = 87
    output_size = 87
    whole = 100
    longest = 10_000

    @property
    def symbols(self) -> str:
        """The 87 symbols: class k is the k-th of them."""
        return texts()[1]

    def constant(self) -> torch.Tensor:
        """Fit the frequencies of the symbols to all the training text used.

        Returns:
            Their logarithms (87,), each symbol counted once more than it occurs.
        """
        text = self._text("train", self.whole)
        counts = torch.bincount(text, minlength=self.output_size)
        return torch.log_softmax((counts + 1.0).log(), 0)

    def _text(self, name, length):
        """The characters of a part; of "train" the share, at least two windows."""
        text = texts()[0][name]
        if name == "train":
            return text[: max(count(self.share, len(text)), 2 * length + 1)]
        return text

    def _draw(self, generator, B, length):
        text = self._text("train", length)
        starts = torch.randint(0, len(text) - length, (B,), generator=generator)
        return _windows(text, starts, length)

    def _part(self, name, length):
        text = self._text(name, length)
        windows = (len(text) - 1) // length
        chosen = np.linspace(0, windows - 1, min(windows, WINDOWS)).round().astype(int)
        return _windows(text, torch.from_numpy(chosen * length), length)


@dataclass(frozen=True)
class CarriedText(Characters):
    """Read the text of ``Characters`` on and on, and carry the state over.

    B readers start evenly spaced in the training text, at a place that the seed draws, and each
    batch begins where the last one ended::

        reader 0   batch 0: F e l l o   batch 1: w - C i t      after the end of the text a reader
        reader 1   batch 0: n - o f -   batch 1: t h e - S      goes on at its beginning

    Before each batch a reader's state is emptied with the chance ``restart``: a network that never
    met an empty state may be lost when it is used from one. ``part`` gives 25 windows of 1,000
    characters, evenly spread, whatever the length; each begins with an empty state.

    Source: truncated backpropagation through time, Williams and Peng 1990.

    Attributes:
        shuffled: The order control: the characters of each part in a random order.
        restart: From 0 to 1.
        carried: Tells a training to take its batches from ``stream`` and to carry the state.
    """

    shuffled: bool = False
    restart: float = field(default=0.05, kw_only=True)
    carried = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("shuffled", self.shuffled)
        if not isinstance(self.restart, int | float) or not 0 <= self.restart <= 1:
            raise ValueError(f"restart must be a number from 0 to 1, not {self.restart!r}")

    def stream(self, generator: torch.Generator, batch_size: int, length: int, step: int) -> Batch:
        """Give one batch of a stream.

        Args:
            generator: Draws where the readers start; it must be in the same state for each batch.
            batch_size: The number of readers, B.
            length: The steps of a batch, T.
            step: The number of the batch, from 0.

        Returns:
            What the readers see at this step of the training.

        Raises:
            ValueError: An argument is none of these.
        """
        generator = torch_generator(generator)
        batch_size = whole_number("batch_size", batch_size)
        step = whole_number("step", step, 0)
        text = self._text("train", self.check_length(length))
        apart = len(text) // batch_size
        first = torch.randint(len(text), (1,), generator=generator)
        starts = first + torch.arange(batch_size) * apart + step * length
        return _windows(text, starts, length)

    def _in_order(self, name, length):
        """The characters of a part, before they are shuffled."""
        return super()._text(name, length)

    def _text(self, name, length):
        text = self._in_order(name, length)
        if not self.shuffled:
            return text
        return text[torch.randperm(len(text), generator=torch.Generator().manual_seed(0))]

    def _part(self, name, length):
        windows, length = EVALUATED
        text = self._text(name, length)
        apart = (len(text) - length - 1) // (windows - 1)
        return _windows(text, torch.arange(windows) * apart, length)


@dataclass(frozen=True)
class PlantedText(CarriedText):
    """Read on as in ``CarriedText``, in a text whose far dependencies are planted.

    Over the text is written, again and again, a mark with a character to keep, one of 16, and 25 to
    75 characters later a question with the same character::

        input    & K l o w - C i t i ... m e < K
        target   K l o w - C i t i z ... e < K &

    Who remembers the kept character wins ln 16 nats at each question, about 0.05 nats a character
    of the text; who looks back 20 characters wins nothing.

    Source: ours.
    """

    def _in_order(self, name, length):
        return planted(name)[: len(super()._in_order(name, length))]


def _windows(text, starts, length):
    """The ``Batch`` of ``length`` characters from each start on; after the end it begins anew."""
    places = (starts[:, None] + torch.arange(length + 1)) % len(text)
    characters = text[places]
    x = F.one_hot(characters[:, :-1], Characters.input_size).to(torch.get_default_dtype())
    y = characters[:, 1:]
    return Batch(x, y, torch.ones_like(y, dtype=torch.bool))
