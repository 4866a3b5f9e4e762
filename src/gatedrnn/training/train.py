"""Train many seeds at once: ``train(config) -> Run``.
Model k has its own generator, data (a function of seed and step alone), gradient norm to clip and Adam moments. So S
seeds together give the numbers of each seed alone, and both cells see the same data under the same seed.
"""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks.base import Batch, generator, loss, score

INITS = {"uniform": initialise.uniform, "orthogonal": initialise.orthogonal}
# What a checkpoint must agree with: all but the number of steps, unless the learning rate depends on it.
_identity = lambda config: str(
    {k: v for k, v in vars(config).items() if k != "steps" or config.cosine}
)


@dataclass(frozen=True)
class Config:
    """Everything a run depends on; a ValueError names a value out of range. ``clip`` bounds each model's gradient norm.
    ``bias``: None keeps the initial one, a number is that of the gate that keeps the old state, "chrono" spreads its
    time constants up to ``length``. ``until``: stop once each seed has had a validation loss of at most this. With
    ``cosine`` the learning rate falls to 0 along half a cosine over ``steps``.
    """

    task: object
    cell: str
    hidden_size: int
    length: int
    seeds: tuple[int, ...]
    steps: int
    batch_size: int = 32
    learning_rate: float = 3e-3
    clip: float = 1.0
    init: str = "uniform"
    bias: float | str | None = None
    evaluate_every: int = 100
    until: float | None = None
    cosine: bool = False

    def __post_init__(self):
        for name in (
            "hidden_size",
            "length",
            "steps",
            "batch_size",
            "learning_rate",
            "clip",
            "evaluate_every",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.steps % self.evaluate_every:
            raise ValueError(
                f"steps ({self.steps}) must be a multiple of evaluate_every ({self.evaluate_every})"
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different numbers, at least one; given: {self.seeds}")
        if self.init not in INITS:
            raise ValueError(f"init must be one of {', '.join(INITS)}, not {self.init!r}")
        if isinstance(self.bias, str) and self.bias != "chrono":
            raise ValueError(f"bias must be None, a number or 'chrono', not {self.bias!r}")


@dataclass
class Run:
    """A finished training: a row of ``history`` for each seed and evaluated step, CPU ``seconds`` of all the seeds.
    ``best``: the weights each seed had at its lowest validation loss, a state dict for ``model``. ``diverged``: the
    first step at which a seed's training loss was not finite; its rows stay, NaN or not.
    """

    config: Config
    model: SequenceModel
    best: dict[str, torch.Tensor]
    history: pd.DataFrame
    diverged: dict[int, int]
    seconds: float

    def final(self, column="score"):
        """The last value of a column for each seed, in the order of ``config.seeds``."""
        last = self.history[self.history.step == self.history.step.max()]
        return last.set_index("seed")[column].loc[list(self.config.seeds)].to_numpy()


def build(config):
    """The S models of a config, each from its own generator; torch's global generator is left as it was."""
    sizes = (config.task.input_size, config.hidden_size, config.task.output_size)
    with torch.random.fork_rng(devices=[]):
        model = SequenceModel(config.cell, *sizes, seeds=len(config.seeds))
    generators = initialise.per_seed(config.seeds)
    INITS[config.init](model.recurrent, generators)
    model.initialise_readout(generators)
    if config.bias == "chrono":
        initialise.chrono(model.recurrent, config.length, generators)
    elif config.bias is not None:
        initialise.retention_bias(model.recurrent, config.bias)
    return model


def clip_per_seed(parameters, limit):
    """Scale each model's gradient, over all its parameters, to a norm of at most ``limit``; the norms before, ``(S,)``.
    Call it between ``backward()`` and the optimiser's step. Source: Pascanu, Mikolov and Bengio 2013, section 3.2.
    """
    gradients = [p.grad for p in parameters]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
    scale = (limit / norms).clamp(max=1.0)  # a norm of 0 gives inf, hence 1
    for g in gradients:
        g.mul_(scale.reshape(-1, *[1] * (g.ndim - 1)))
    return norms


# Whether each batch goes on where the last one ended: such a task has ``stream`` in place of ``batch``.
_carried = lambda task: getattr(task, "carried", False)


def _restarted(state, config, step):
    """The carried state, emptied for each reader with the chance ``restart`` of the task, drawn by seed and step."""
    if state is None:
        return None
    draws = [
        torch.rand(config.batch_size, generator=generator(seed, step, "restart"))
        for seed in config.seeds
    ]
    keep = (torch.stack(draws) >= config.task.restart)[..., None]  # (S, B, 1)
    return tuple(part * keep for part in state) if isinstance(state, tuple) else state * keep


def training_batch(config, step):
    """The batches of one step, stacked over seeds: ``x (S, B, T, I)``. Shorter ones are filled up, unscored."""
    task, sizes = config.task, (config.batch_size, config.length)
    if _carried(task):
        draws = [task.stream(generator(seed, 0), *sizes, step) for seed in config.seeds]
    else:
        draws = [task.batch(generator(seed, step), *sizes) for seed in config.seeds]
    longest = max(draw.x.shape[1] for draw in draws)
    fill = lambda part: F.pad(part, (0, 0) * (part.ndim - 2) + (0, longest - part.shape[1]))
    batch = Batch(
        *(torch.stack([fill(part) for part in parts]) for parts in zip(*draws, strict=True))
    )
    if bad := [
        s for s, x in zip(config.seeds, batch.x, strict=True) if not torch.isfinite(x).all()
    ]:
        raise ValueError(
            f"the inputs of step {step} hold NaN or infinity (seeds {bad}); clean or fill the data first"
        )
    return batch


def evaluation_batch(config):
    """The data every seed is judged on: the task's validation part, or 256 sequences that no seed trains on."""
    if hasattr(config.task, "part"):
        return config.task.part("valid", config.length)
    return config.task.batch(generator(0, 0, "evaluate"), 256, config.length)


def train(config, checkpoint=None, progress=None):
    """Train the config's seeds together. ``checkpoint``: a file, written at every evaluation; if it exists, training
    goes on from it, bit for bit as in a run that was never stopped. One of another config is a ValueError.
    ``progress``: True or False; None shows a bar with the time left where there is a terminal.
    """
    model = build(config)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    best = {name: value.clone() for name, value in model.state_dict().items()}
    rows, diverged, start, before, state = _resume(checkpoint, config, model, optimiser, best)
    evaluated, clock, held_out = (
        {row["step"] for row in rows},
        time.process_time(),
        evaluation_batch(config),
    )
    bar = tqdm(
        total=config.steps,
        initial=start,
        desc=config.cell,
        disable=None if progress is None else not progress,
    )
    for step in range(start, config.steps + 1):
        batch = training_batch(config, step)
        prediction, after = model(batch.x, _restarted(state, config, step))
        losses = loss(config.task.loss, prediction, batch)
        for seed in (
            s for s, value in zip(config.seeds, losses, strict=True) if not value.isfinite()
        ):
            diverged.setdefault(seed, step)
        if step % config.evaluate_every == 0 and step not in evaluated:
            rows += _rows(config, model, step, losses, held_out)
            _keep_best(best, model, rows, config.seeds)
            bar.set_postfix(median_loss=f"{losses.nanmedian().item():.4f}", diverged=len(diverged))
            if checkpoint:
                spent = before + time.process_time() - clock
                _save(
                    checkpoint, config, model, optimiser, best, rows, diverged, step, spent, state
                )
        if step % config.evaluate_every == 0 and _arrived(rows, config):
            break
        if step < config.steps:
            optimiser.zero_grad()
            losses.sum().backward()  # the models share no parameter: each gets the gradient of its own loss
            clip_per_seed(list(model.parameters()), config.clip)
            if config.cosine:
                optimiser.param_groups[0]["lr"] = (
                    config.learning_rate * (1 + math.cos(math.pi * step / config.steps)) / 2
                )
            optimiser.step()
            if _carried(config.task):  # the values go on, the gradient ends here
                state = (
                    tuple(part.detach() for part in after)
                    if isinstance(after, tuple)
                    else after.detach()
                )
            bar.update()
    bar.close()
    return Run(
        config, model, best, pd.DataFrame(rows), diverged, before + time.process_time() - clock
    )


@torch.no_grad()
def _rows(config, model, step, train_losses, held_out):
    kind, prediction = config.task.loss, model(held_out.x)[0]
    parts = (train_losses, loss(kind, prediction, held_out), score(kind, prediction, held_out))
    columns = zip(config.seeds, *(part.tolist() for part in parts), strict=True)
    return [
        {"seed": s, "step": step, "train_loss": t, "loss": l, "score": a} for s, t, l, a in columns
    ]


def _arrived(rows, config):
    """Whether each seed has had a validation loss of at most ``until``."""
    there = {
        row["seed"] for row in rows if config.until is not None and row["loss"] <= config.until
    }
    return there == set(config.seeds)


def _keep_best(best, model, rows, seeds):
    """Take over the weights of each seed whose last row has a lower loss than all its rows before."""
    for s, seed in enumerate(seeds):
        *earlier, last = (row["loss"] for row in rows if row["seed"] == seed)
        if math.isfinite(last) and all(not loss <= last for loss in earlier):
            for name, value in model.state_dict().items():
                best[name][s] = value[s]


def _save(file, config, model, optimiser, best, rows, diverged, step, seconds, state):
    """Write beside the file, then rename: a killed run leaves the old checkpoint, never half of a new one."""
    saved = {
        "config": _identity(config),
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    saved |= {
        "best": best,
        "rows": rows,
        "diverged": diverged,
        "step": step,
        "seconds": seconds,
        "state": state,
    }
    torch.save(saved, f"{file}.part")
    os.replace(f"{file}.part", file)


def _resume(file, config, model, optimiser, best):
    """Rows, diverged seeds, step, seconds and carried state to start from; the file's weights and moments."""
    if not file or not Path(file).exists():
        return [], {}, 0, 0.0, None
    saved = torch.load(file)
    if saved["config"] != (asked := _identity(config)):
        runs = f"it holds {saved['config']}; asked for: {asked}"
        raise ValueError(
            f"{file} belongs to another run: {runs}. Delete the file or name another one."
        )
    if saved["step"] > config.steps:
        raise ValueError(
            f"{file} is at step {saved['step']}, beyond the {config.steps} steps asked for"
        )
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    best.update(saved["best"])
    return [saved[name] for name in ("rows", "diverged", "step", "seconds", "state")]
