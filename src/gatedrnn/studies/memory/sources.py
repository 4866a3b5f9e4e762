"""Sources that neither cell masters: does the LSTM's lead grow with what there is to keep?

For the claim C10. Two families over four symbols, at length 64, and narrow networks: 8 units in the
LSTM, as many parameters in the GRU. ``lags``: each of the last 6 to 12 symbols moves the odds of
the next one. ``phrases``: one string of growing Lempel-Ziv complexity, repeated and entered
anywhere, after Cahuantzi, Chen and Güttel 2021; two strings of each complexity. Start, rate and
steps are calibrated as ``studies.calibration`` describes, by the validation loss.

``gained``: of what there is to gain, the loss of always saying how frequent the symbols are minus
that of the source's own chances, the percentage that the best weights gain on new sequences.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F

from gatedrnn.results import Store
from gatedrnn.settings import STARTS, loss_within
from gatedrnn.studies import calibration
from gatedrnn.studies.protocol import BIAS, RUN, SEEDS, TUNED, arm, tested, train_and_test, units
from gatedrnn.tasks.base import CERTAIN, Batch, Task, generator, loss
from gatedrnn.training.train import Config, Run

KEYS = ["phase", "family", "complexity", "source", "cell", "matched", "bias", "learning_rate"]
KEYS += ["steps", "seed"]
COLUMNS = [*(name for name in RUN if name != "steps"), "gained"]
MODEL = ("cell", "matched")
SYMBOLS = 4
LENGTH = 64
WIDTH = 8
MOST = 2400
MARGIN = 0.01  # nats a symbol: what twice the steps must gain to be worth taking
TESTED = 1000  # sequences
STRENGTH = 2.0  # standard deviation of the logits of a source with lags
LEVELS = {"lags": (6, 8, 10, 12), "phrases": (12, 24, 48, 96)}
SOURCES = (0, 1)


@cache
def weights(order: int, source: int) -> np.ndarray:
    """How much each symbol at each lag adds to the logit of each next one, (order, 4, 4)."""
    rng = np.random.default_rng([order, source])
    return rng.normal(0.0, STRENGTH / np.sqrt(order), (order, SYMBOLS, SYMBOLS))


@cache
def string(phrases: int, source: int) -> np.ndarray:
    """A random string of so many phrases, each the shortest that has not been one before.

    Source: Ziv and Lempel 1978.
    """
    rng = np.random.default_rng([phrases, source])
    drawn, seen, phrase = [], set(), ()
    while len(seen) < phrases:
        drawn.append(int(rng.integers(SYMBOLS)))
        phrase = (*phrase, drawn[-1])
        if phrase not in seen:
            seen.add(phrase)
            phrase = ()
    return np.array(drawn)


def _batch(symbols):
    """Predict each next symbol of (B, T + 1)."""
    symbols = torch.from_numpy(symbols)
    x = F.one_hot(symbols[:, :-1], SYMBOLS).to(torch.get_default_dtype())
    return Batch(x, symbols[:, 1:], torch.ones(symbols[:, 1:].shape, dtype=torch.bool))


@dataclass(frozen=True)
class Lags(Task):
    """Predict a source in which each of the last ``order`` symbols moves the next one's odds.

    The symbols before the first are random and not shown.

    Attributes:
        order: how many symbols count.
        source: which source of that order, from 0.
    """

    order: int
    source: int
    input_size = SYMBOLS
    output_size = SYMBOLS

    def __post_init__(self) -> None:
        """Sources are numbered from 0."""

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """The logits of the source; a symbol that was not shown adds its mean."""
        effects = torch.from_numpy(weights(self.order, self.source)).to(x.dtype)
        shown = F.pad(x - 1 / SYMBOLS, (0, 0, self.order - 1, 0))
        windows = shown.unfold(1, self.order, 1).flip(-1)  # (B, T, 4, order), the last one first
        mean = effects.mean(1).sum(0)
        return torch.einsum("btsk,ksn->btn", windows, effects) + mean

    def _draw(self, generator, B, length):
        of_symbol = weights(self.order, self.source).swapaxes(0, 1)  # (symbol, lag, next)
        past = torch.randint(0, SYMBOLS, (B, self.order), generator=generator).numpy()
        steps = self.order + length + 1
        luck = torch.rand(B, steps, SYMBOLS, generator=generator, dtype=torch.float64).numpy()
        # the largest of logit + Gumbel noise is a draw with the chances of the logits
        logits = np.zeros((B, steps + self.order, SYMBOLS))
        logits[:, :steps] = -np.log(-np.log(luck))
        drawn = np.empty((B, steps), np.int64)
        drawn[:, : self.order] = past
        for t in range(steps):
            if t >= self.order:
                drawn[:, t] = logits[:, t].argmax(1)
            logits[:, t + 1 : t + 1 + self.order] += of_symbol[drawn[:, t]]
        drawn = drawn[:, self.order :]
        return _batch(drawn)


@dataclass(frozen=True)
class Repeated(Task):
    """Predict a string that is repeated, and entered anywhere.

    Attributes:
        phrases: the complexity of the string.
        source: which string of that complexity, from 0.
    """

    phrases: int
    source: int
    input_size = SYMBOLS
    output_size = SYMBOLS

    def __post_init__(self) -> None:
        """Strings are numbered from 0."""

    def oracle(self, x: torch.Tensor) -> torch.Tensor:
        """The log-chances, every place that fits what was shown being equally likely."""
        text = torch.from_numpy(string(self.phrases, self.source))
        period, steps = len(text), x.shape[1]
        places = torch.arange(period)[:, None] + torch.arange(steps + 1)
        runs = text[places % period]  # (period, T + 1)
        shown = x.argmax(-1)
        fits = (shown[:, None] == runs[:, :-1]).cumprod(-1).to(x.dtype)  # (B, period, T)
        following = F.one_hot(runs[:, 1:], SYMBOLS).to(x.dtype)
        chances = torch.einsum("bpt,ptn->btn", fits, following) / fits.sum(1)[..., None]
        return chances.clamp(min=np.exp(-CERTAIN / 2)).log()

    def _draw(self, generator, B, length):
        text = string(self.phrases, self.source)
        first = torch.randint(0, len(text), (B, 1), generator=generator).numpy()
        return _batch(text[(first + np.arange(length + 1)) % len(text)])


FAMILIES = {"lags": Lags, "phrases": Repeated}


def _places():
    """Family, complexity and source of every task."""
    for family, levels in LEVELS.items():
        for complexity in levels:
            for source in SOURCES:
                yield {"family": family, "complexity": complexity, "source": source}


def _at(rows, place):
    """The rows of a source."""
    here = np.logical_and.reduce([rows[name] == value for name, value in place.items()])
    return rows[here]


def tuning(store: Store) -> list[dict]:
    """Every start and, for each, rates until the best one lies inside."""
    rows = store.rows()
    calls = []
    for place in _places():
        arms = [arm(model, **place, bias=bias, steps=MOST) for bias in STARTS for model in TUNED]
        calls += calibration.tuning_calls(rows, arms, loss_within())
    return calls


def final(store: Store) -> list[dict]:
    """The judged seeds of both cells in both regimes."""
    rows = store.rows()
    calls = []
    for place in _places():
        mine = _at(rows, place)
        calls += calibration.judged_calls(mine, MODEL, MOST, MARGIN, SEEDS, **place)
    return calls


PHASES = [tuning, final]  # about an hour and a half of one core


def config(call: dict) -> Config:
    """The ``Config`` of a call."""
    task = FAMILIES[call["family"]](call["complexity"], call["source"])
    return Config(
        task,
        call["cell"],
        units(call["cell"], call["matched"], WIDTH, task.input_size),
        LENGTH,
        tuple(call["seeds"]),
        call["steps"],
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
    )


def measure(call: dict) -> list[dict]:
    """Train the seeds of a call; the final ones are tested; a row a seed."""
    return train_and_test(call, config(call), gained, COLUMNS)


@torch.no_grad()
def gained(run: Run) -> list[dict]:
    """Of what there is to gain over the frequencies, the percentage that each seed gains."""
    task = run.config.task
    test = task.batch(generator(0, 0, "test"), TESTED, LENGTH)
    frequencies = torch.bincount(test.y.flatten(), minlength=SYMBOLS) / test.y.numel()
    nothing = -(frequencies * frequencies.log()).sum().item()
    floor = loss(task.loss, task.oracle(test.x), test).item()
    losses, _ = tested(run, test)
    return [{"gained": 100 * (nothing - value) / (nothing - floor)} for value in losses]
