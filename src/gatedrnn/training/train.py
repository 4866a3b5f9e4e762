"""Train many seeds at once: ``train(config) -> Run``.

Model k has its own generator, data (a function of seed and step alone), gradient norm to clip and
Adam moments. So S seeds together give the numbers of each seed alone, and both cells see the same
data under the same seed.
"""

import io
import math
import operator
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.base import Batch, generator, loss, score

POSITIVE = (
    "hidden_size",
    "length",
    "steps",
    "batch_size",
    "learning_rate",
    "clip",
    "evaluate_every",
)


@dataclass(frozen=True)
class Config:
    """Everything a run depends on.

    Numbers of numpy and any sequence of seeds are taken over as plain numbers and a tuple, so that
    the same run has the same config however it was written.

    Attributes:
        task: a task of ``gatedrnn.tasks``.
        cell: the name of a cell.
        hidden_size: H, the units.
        length: T, the steps of a sequence, in the sense of the task.
        seeds: S different whole numbers; model k starts from seed k and is trained on its data.
        steps: of the optimiser; a multiple of ``evaluate_every``.
        batch_size: B, sequences a step.
        learning_rate: of Adam.
        clip: each model's gradient is scaled to a norm of at most this.
        bias: None keeps the initial one, a number is that of the gate that keeps the old state,
            "chrono" spreads its time constants up to ``length``.
        evaluate_every: steps from one evaluation to the next.
        until: stop once each seed has had a validation loss of at most this.
        cosine: let the learning rate fall to 0 along half a cosine over ``steps``.
        dropout: the chance that an output of the layer is withheld from the readout, at each
            step of each sequence anew, while training; evaluations see everything.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    task: Any
    cell: str
    hidden_size: int
    length: int
    seeds: tuple[int, ...]
    steps: int
    batch_size: int = 32
    learning_rate: float = 3e-3
    clip: float = 1.0
    bias: float | str | None = None
    evaluate_every: int = 100
    until: float | None = None
    cosine: bool = False
    dropout: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "seeds", _seeds(self.seeds))
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, one.name, value.item())
        for name in POSITIVE:
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value!r}")
        if self.steps % self.evaluate_every:
            raise ValueError(
                f"steps ({self.steps}) must be a multiple of evaluate_every ({self.evaluate_every})"
            )
        if isinstance(self.bias, str) and self.bias != "chrono":
            raise ValueError(f"bias must be None, a number or 'chrono', not {self.bias!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout!r}")

    def __repr__(self):
        shown = ", ".join(f"{name}={value!r}" for name, value in _told(self).items())
        return f"Config({shown})"


@dataclass
class Run:
    """A finished training.

    Attributes:
        config: what was asked for.
        model: the S models with their last weights.
        best: the weights each seed had at its lowest validation loss, a state dict for ``model``.
        history: a row for each seed and evaluated step, with the columns seed, step, train_loss,
            loss and score.
        diverged: the first step at which a seed's training loss was not finite; its rows stay, NaN
            or not.
        seconds: CPU time of all the seeds together.
    """

    config: Config
    model: SequenceModel
    best: dict[str, torch.Tensor]
    history: pd.DataFrame
    diverged: dict[int, int]
    seconds: float

    def final(self, column: str = "score") -> np.ndarray:
        """The last value of a column for each seed.

        Args:
            column: a column of ``history``.

        Returns:
            The values, ``(S,)``, in the order of ``config.seeds``.
        """
        last = self.history[self.history.step == self.history.step.max()]
        return last.set_index("seed")[column].loc[list(self.config.seeds)].to_numpy()


@dataclass
class _Progress:
    """How far a training has come, apart from the weights and the optimiser."""

    rows: list = field(default_factory=list)  # those of the history
    diverged: dict = field(default_factory=dict)
    step: int = 0  # the next one
    seconds: float = 0.0
    state: Any = None  # carried from batch to batch, for tasks that ask for it


SAVED = ("config", "model", "optimiser", "best", *(one.name for one in fields(_Progress)))


def build(config: Config) -> SequenceModel:
    """The S models of a config as they are before training, each from its own generator.

    Args:
        config: the run.

    Returns:
        The models; torch's global generator is left as it was.
    """
    sizes = (config.task.input_size, config.hidden_size, config.task.output_size)
    with torch.random.fork_rng(devices=[]):
        model = SequenceModel(config.cell, *sizes, seeds=len(config.seeds))
    generators = initialise.per_seed(config.seeds)
    initialise.uniform(model.recurrent, generators)
    model.initialise_readout(generators)
    if config.bias == "chrono":
        initialise.chrono(model.recurrent, config.length, generators)
    elif config.bias is not None:
        initialise.retention_bias(model.recurrent, config.bias)
    return model


def clip_per_seed(parameters: Iterable[torch.Tensor], limit: float) -> torch.Tensor:
    """Scale each model's gradient, over all its parameters, to a norm of at most ``limit``.

    Call it between ``backward()`` and the optimiser's step. Parameters without a gradient, such as
    frozen ones, are left out.

    Args:
        parameters: those of S models, each ``(S, ...)``.
        limit: the largest norm that is left.

    Returns:
        The norms before, ``(S,)``.

    Source: Pascanu, Mikolov and Bengio 2013, section 3.2.
    """
    parameters = list(parameters)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(len(parameters[0]) if parameters else 0)
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    scale = (limit / norms).clamp(max=1.0)  # a norm of 0 gives inf, hence 1
    for gradient in gradients:
        ones = [1] * (gradient.ndim - 1)
        gradient.mul_(scale.reshape(-1, *ones))
    return norms


def training_batch(config: Config, step: int) -> Batch:
    """The batches of one step, stacked over seeds.

    Args:
        config: the run.
        step: the step, from 0.

    Returns:
        A batch with ``x (S, B, T, I)``; shorter sequences are filled up with steps that are not
        scored.

    Raises:
        ValueError: an input is NaN or infinite.
    """
    task = config.task
    sizes = (config.batch_size, config.length)
    if _carried(task):
        draws = [task.stream(generator(seed, 0), *sizes, step) for seed in config.seeds]
    else:
        draws = [task.batch(generator(seed, step), *sizes) for seed in config.seeds]
    longest = max(draw.x.shape[1] for draw in draws)
    filled = [[_filled(part, longest) for part in draw] for draw in draws]
    batch = Batch(*(torch.stack(parts) for parts in zip(*filled, strict=True)))
    finite = torch.isfinite(batch.x).flatten(1).all(1).tolist()
    bad = [seed for seed, good in zip(config.seeds, finite, strict=True) if not good]
    if bad:
        raise ValueError(
            f"the inputs of step {step} hold NaN or infinity (seeds {bad}); "
            "clean or fill the data first"
        )
    return batch


def evaluation_batch(config: Config) -> Batch:
    """The data every seed is judged on.

    Args:
        config: the run.

    Returns:
        The task's validation part, or 256 sequences that no seed trains on.
    """
    if hasattr(config.task, "part"):
        return config.task.part("valid", config.length)
    return config.task.batch(generator(0, 0, "evaluate"), 256, config.length)


def train(
    config: Config,
    checkpoint: str | os.PathLike | None = None,
    progress: bool | None = None,
) -> Run:
    """Train the config's seeds together.

    Args:
        config: the run.
        checkpoint: a file, written at every evaluation. If it exists, training goes on from it, bit
            for bit as in a run that was never stopped.
        progress: whether to show a bar with the time left; None shows it where there is a terminal.

    Returns:
        The run.

    Raises:
        ValueError: the checkpoint is damaged, is none of ours, or belongs to another run or dtype.
    """
    model = build(config)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    best = {name: value.clone() for name, value in model.state_dict().items()}
    done = _resume(checkpoint, config, model, optimiser, best)
    evaluated = {row["step"] for row in done.rows}
    held_out = evaluation_batch(config)
    earlier = done.seconds
    begun = time.process_time()
    hidden = None if progress is None else not progress
    bar = tqdm(total=config.steps, initial=done.step, desc=config.cell, disable=hidden)
    for step in range(done.step, config.steps + 1):
        done.step = step
        batch = training_batch(config, step)
        state = _restarted(done.state, config, step)
        prediction, after = model(batch.x, state, _dropout(config, batch, step))
        losses = loss(config.task.loss, prediction, batch)
        _note_diverged(done.diverged, config.seeds, losses, step)
        if step % config.evaluate_every == 0:
            if step not in evaluated:
                done.rows += _rows(config, model, step, losses, held_out)
                _keep_best(best, model, done.rows, config.seeds)
                median = losses.nanmedian().item()
                bar.set_postfix(median_loss=f"{median:.4f}", diverged=len(done.diverged))
                done.seconds = earlier + time.process_time() - begun
                if checkpoint:
                    _save(checkpoint, config, model, optimiser, best, done)
            if _arrived(done.rows, config):
                break
        if step == config.steps:
            break
        optimiser.zero_grad()
        losses.sum().backward()  # no parameter is shared: each model gets its own loss's gradient
        clip_per_seed(model.parameters(), config.clip)
        if config.cosine:
            optimiser.param_groups[0]["lr"] = _cosine_rate(config, step)
        optimiser.step()
        if _carried(config.task):
            done.state = _detached(after)  # the values go on, the gradient ends here
        bar.update()
    bar.close()
    seconds = earlier + time.process_time() - begun
    return Run(config, model, best, pd.DataFrame(done.rows), done.diverged, seconds)


def _seeds(seeds):
    """The seeds as a tuple of plain numbers, or a ValueError."""
    try:
        plain = tuple(operator.index(seed) for seed in seeds)
    except TypeError:
        raise ValueError(
            f"seeds must be different numbers, whole ones, in a sequence; given: {seeds!r}"
        ) from None
    if not plain or len(set(plain)) < len(plain):
        raise ValueError(f"seeds must be different numbers, at least one; given: {plain}")
    return plain


def _told(config):
    """The fields by name, as a checkpoint and its file's name hold them.

    Without dropout they are those of a time when there was none, so that a run which began then
    goes on.
    """
    values = dict(vars(config))
    if not config.dropout:
        del values["dropout"]
    return values


def _identity(config):
    """What a checkpoint must agree with.

    All but the number of steps, unless the learning rate depends on it.
    """
    values = _told(config)
    if not config.cosine:
        del values["steps"]
    return str(values)


def _carried(task):
    """Whether each batch goes on where the last one ended.

    Such a task has ``stream`` in place of ``batch``.
    """
    return getattr(task, "carried", False)


def _restarted(state, config, step):
    """The carried state, emptied for each reader with the chance ``restart`` of the task.

    It is drawn by seed and step, so that a resumed run draws the same.
    """
    if state is None:
        return None
    draws = []
    for seed in config.seeds:
        draws.append(torch.rand(config.batch_size, generator=generator(seed, step, "restart")))
    keep = (torch.stack(draws) >= config.task.restart)[..., None]  # (S, B, 1)
    if isinstance(state, tuple):
        return tuple(part * keep for part in state)
    return state * keep


def _dropout(config, batch, step):
    """The factors of the layer's outputs in a training step, 0 or 1 / (1 - dropout), or None.

    They are ``(S, B, T, H)`` with a mean of 1, drawn by seed and step, so that a resumed run draws
    the same. Time comes first in the draw: a seed whose sequences are filled up, because another
    seed's are longer, draws the same for its own steps.
    """
    if not config.dropout:
        return None
    sequences, length = batch.mask.shape[1:]
    draws = []
    for seed in config.seeds:
        chances = generator(seed, step, "dropout")
        draws.append(torch.rand(length, sequences, config.hidden_size, generator=chances))
    kept = torch.stack(draws).transpose(1, 2) >= config.dropout
    return kept / (1 - config.dropout)


def _detached(state):
    """The state without its graph."""
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return state.detach()


def _filled(part, length):
    """One part of a batch, ``(B, T, ...)``, filled up to T = ``length`` with zeros."""
    other_axes = (0, 0) * (part.ndim - 2)
    return F.pad(part, (*other_axes, 0, length - part.shape[1]))


def _cosine_rate(config, step):
    """The learning rate of a step: from the full one at step 0 to 0 after the last step."""
    return config.learning_rate * (1 + math.cos(math.pi * step / config.steps)) / 2


def _note_diverged(diverged, seeds, losses, step):
    """Note the step of each seed whose loss is not finite, unless an earlier one is noted."""
    for seed, finite in zip(seeds, losses.isfinite().tolist(), strict=True):
        if not finite:
            diverged.setdefault(seed, step)


@torch.no_grad()
def _rows(config, model, step, train_losses, held_out):
    """A row of the history for each seed."""
    kind = config.task.loss
    prediction = model(held_out.x)[0]
    losses = loss(kind, prediction, held_out).tolist()
    scores = score(kind, prediction, held_out).tolist()
    rows = []
    for s, seed in enumerate(config.seeds):
        row = {"seed": seed, "step": step, "train_loss": train_losses[s].item()}
        rows.append(row | {"loss": losses[s], "score": scores[s]})
    return rows


def _arrived(rows, config):
    """Whether each seed has had a validation loss of at most ``until``."""
    if config.until is None:
        return False
    there = {row["seed"] for row in rows if row["loss"] <= config.until}
    return there == set(config.seeds)


def _keep_best(best, model, rows, seeds):
    """Take over the weights of each seed whose last row has a lower loss than all its rows before.

    A loss that is not finite is never the best.
    """
    for s, seed in enumerate(seeds):
        *earlier, last = (row["loss"] for row in rows if row["seed"] == seed)
        if not math.isfinite(last) or any(value <= last for value in earlier):
            continue
        for name, value in model.state_dict().items():
            best[name][s] = value[s]


def _save(file, config, model, optimiser, best, done):
    """Write beside the file, then rename: a kill leaves the old checkpoint or the new one."""
    saved = {
        "config": _identity(config),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "best": best,
    }
    with open(f"{file}.part", "wb") as part:
        torch.save(saved | vars(done), part)
        part.flush()
        os.fsync(part.fileno())
    os.replace(f"{file}.part", file)


def _resume(file, config, model, optimiser, best):
    """The progress to start from; it puts the file's weights and moments in place."""
    if not file or not Path(file).exists():
        return _Progress()
    saved = _read(file)
    asked = _identity(config)
    advice = "Delete the file or name another one."
    if saved["config"] != asked:
        raise ValueError(
            f"{file} belongs to another run: it holds {saved['config']}; asked for: {asked}. "
            f"{advice}"
        )
    there = saved["model"]["V"].dtype
    if there != model.V.dtype:
        raise ValueError(
            f"{file} belongs to a run in {there}, but the default dtype is {model.V.dtype}: "
            f"call torch.set_default_dtype({there}) to go on. Or: {advice}"
        )
    if saved["step"] > config.steps:
        raise ValueError(
            f"{file} is at step {saved['step']}, beyond the {config.steps} steps asked for"
        )
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    best.update(saved["best"])
    return _Progress(**{one.name: saved[one.name] for one in fields(_Progress)})


def _read(file):
    """What ``_save`` wrote; a ValueError names a file that is damaged or none of ours."""
    content = Path(file).read_bytes()
    try:
        saved = torch.load(io.BytesIO(content))
        whole = isinstance(saved, dict) and set(SAVED) <= set(saved)
    except Exception:  # what a damaged file raises depends on where it is cut
        whole = False
    if not whole:
        raise ValueError(
            f"{file} is no checkpoint of a training, or a part of one: "
            "delete the file to begin anew, or name another one"
        )
    return saved
