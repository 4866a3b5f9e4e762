"""What the studies have in common: calls, the tuned learning rate, training and testing, rows.

A study names its *arms*: dicts of the key columns that tell one model and task from another. A
*call* is an arm with a phase, a learning rate and the seeds that are trained together; it gives one
row a seed.

Tuning: each arm is trained at each learning rate on the tuning seeds, which serve for nothing else;
``best_rates`` takes the rate with the best mean. A tuning seed that diverged or failed is
infinitely bad. The GRU is tuned at equal parameters, and the GRU of equal hidden size takes its
rate. The test part is not looked at while tuning.

Testing: each seed is judged with the weights of its lowest validation loss, which is the column
``valid``. ``curve`` holds, for each evaluation, the step, training loss, validation loss and
validation score.

A call that is killed goes on from its last evaluation when the study is run again (``training``),
with the same row.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from gatedrnn import __version__, cost, reproducible, results
from gatedrnn.measure.timing import environment
from gatedrnn.reproduce import onednn
from gatedrnn.settings import SOLVED
from gatedrnn.stats import steps_to
from gatedrnn.tasks.base import Batch, loss, score
from gatedrnn.tasks.memory import Adding, DelayedRecall
from gatedrnn.tasks.real.images import PixelDigits
from gatedrnn.tasks.real.motion import Watch
from gatedrnn.tasks.real.music import Chorales
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import Config, Run, train


class Model(NamedTuple):
    """A cell, and what it has in common with the LSTM it is compared with."""

    cell: str
    matched: str


LSTM = Model("lstm", "reference")
GRU_SAME_SIZE = Model("gru", "hidden size")
GRU_SAME_PARAMETERS = Model("gru", "parameters")
PLAIN_RNN = Model("rnn", "hidden size")
MODELS = (LSTM, GRU_SAME_SIZE, GRU_SAME_PARAMETERS)
TUNED = (LSTM, GRU_SAME_PARAMETERS)  # the models whose rate is tuned; the third takes the GRU's

RATES = (1e-3, 3e-3, 1e-2, 3e-2)
TUNING_SEEDS = [100, 101]
SEEDS = list(range(10))
TUNING_PHASES = ("tuning", "short tuning", "check")  # the test part stays unseen
BIAS = {"default": None, "one": 1.0, "two": 2.0, "chrono": "chrono"}
DTYPE = torch.float32  # of the training, unless a study has its own

MACHINE = ["cpu", "torch", "threads"]
# The columns that ``as_rows`` adds to those of the call.
RUN = [
    "hidden_size",
    "parameters",
    "steps",
    "best_step",
    "valid",
    "curve",
    "diverged_at",
    "cpu_seconds",
    *MACHINE,
]


# Calls


def arm(model: Model, **keys: Any) -> dict:
    """The key columns of a model on a task.

    Args:
        model: the cell, and how its size is matched.
        keys: the other key columns that tell this arm from the others, such as ``task="adding"``.

    Returns:
        The columns, with ``cell`` and ``matched`` among them.
    """
    return {**keys, **model._asdict()}


def make_call(phase: str, arm: dict, learning_rate: float, seeds: Sequence[int]) -> dict:
    """One call: an arm with its phase, learning rate and the seeds that are trained together."""
    return {"phase": phase, **arm, "learning_rate": learning_rate, "seeds": list(seeds)}


def tuning_calls(
    arms: Iterable[dict], rates: Sequence[float] = RATES, phase: str = "tuning"
) -> list[dict]:
    """The tuning grid: each arm at each learning rate, on the tuning seeds."""
    return [make_call(phase, each, rate, TUNING_SEEDS) for each in arms for rate in rates]


def is_tuning(call: dict) -> bool:
    """Whether the call serves to choose a learning rate, so that the test part stays unseen."""
    return call["phase"] in TUNING_PHASES


def best_rates(
    rows: pd.DataFrame,
    by: Sequence[str],
    column: str = "valid",
    highest: bool = False,
    phase: str = "tuning",
) -> dict[tuple, float]:
    """The learning rate with the best mean of the tuning seeds, for each combination of columns.

    A seed that diverged, failed or has no value is infinitely bad, in every study alike: one such
    seed is enough to rule a rate out. Of equally good rates the smallest is taken.

    Args:
        rows: the stored rows of a study.
        by: the columns for each of whose combinations a rate is chosen.
        column: what is compared.
        highest: whether more is better.
        phase: the phase whose rows count.

    Returns:
        The rate for each combination, a tuple of the values in ``by``.

    Raises:
        Stop: at every rate some tuning seed diverged or failed.
    """
    rows = rows[rows.phase == phase]
    badness = rows[column] * (-1 if highest else 1)
    lost = badness.isna()
    for sign in ("diverged_at", "error"):
        if sign in rows:
            lost |= rows[sign].notna()
    badness = badness.mask(lost, np.inf)
    mean = badness.groupby([*(rows[name] for name in by), rows.learning_rate]).mean()
    chosen = {}
    for key, rates in mean.groupby(level=list(range(len(by)))):
        key = key if isinstance(key, tuple) else (key,)
        if np.isinf(rates).all():
            raise results.Stop(
                f"no learning rate of {phase} was survived by every tuning seed of {key}: "
                "add smaller rates to the study"
            )
        chosen[key] = float(rates.idxmin()[-1])
    return chosen


def rate_of_earlier_study(task: str, cell: str, bias: str) -> float:
    """The learning rate that the tuning of ``panel`` chose, or that of ``convergence``.

    Args:
        task: a task of the panel.
        cell: "lstm" or "gru", or "rnn", which was not tuned and takes the smallest rate of the two.
        bias: a key of ``BIAS``; 2 takes the rate of 1. Only adding and recall were tuned with other
            biases.

    Returns:
        The rate.
    """
    if cell == "rnn":
        return min(RATES)
    bias = "one" if bias == "two" else bias
    if task not in ("adding", "recall"):
        bias = "default"
    rows = results.read("panel" if bias == "default" else "convergence")
    same = (rows.phase == "final") & (rows.task == task) & (rows.cell == cell) & (rows.bias == bias)
    return float(rows[same].learning_rate.iloc[0])


def units(cell: str, matched: str, width: int, inputs: int) -> int:
    """The hidden size of a cell that is matched to an LSTM.

    Args:
        cell: a name in ``CELLS``.
        matched: "parameters" for as many in the recurrent layer; anything else for as many units.
        width: the units of the LSTM.
        inputs: the input size of both.

    Returns:
        The number of units.
    """
    if matched != "parameters":
        return width
    return cost.match(cell, cost.parameters("lstm", inputs, width), inputs)


# Training and testing


def checkpoint(call: dict, config: Config) -> Path | None:
    """The file in which a call keeps its progress; None without a folder ``results/``.

    The name depends on everything that the row depends on, so a call never goes on from another
    one's progress. After a change of the code, delete the folder.
    """
    try:
        folder = results.folder() / "checkpoints"
    except FileNotFoundError:
        return None
    folder.mkdir(exist_ok=True)
    text = f"{sorted(call.items())} {config} {torch.__version__} {__version__}"
    return folder / f"{call.get('task', call['cell'])}-{_hash(text)}.pt"


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def training(call: dict, config: Config, dtype: torch.dtype = DTYPE) -> Iterator[Run]:
    """Train the seeds of a call, for a ``with`` block that makes its rows.

    The training writes its progress at each evaluation and goes on from there if it was killed
    before; the row is the same to the last bit. The file goes when the block has ended without an
    error.

    Args:
        call: the key columns and seeds.
        config: what is trained.
        dtype: the precision.

    Yields:
        The finished run; its model holds the last weights, ``run.best`` those of the lowest
        validation loss.
    """
    file = checkpoint(call, config)
    reproducible(dtype=dtype)
    yield train(config, checkpoint=file, progress=False)
    if file is not None:
        file.unlink(missing_ok=True)


def train_and_test(
    call: dict, config: Config, test: Callable[[Run], list[dict]], columns: Sequence[str]
) -> list[dict]:
    """Train the seeds of a call and judge their best weights.

    Args:
        call: the key columns and seeds.
        config: what is trained.
        test: gives for a run, whose model holds the best weights, what is measured of each seed,
            without gradients.
        columns: the columns of the study; those that ``test`` fills are empty in the rows of a
            tuning.

    Returns:
        A row a seed.
    """
    with training(call, config) as run:
        run.model.load_state_dict(run.best)
        if is_tuning(call):
            empty = [name for name in columns if name not in RUN]
            return as_rows(call, run, [dict.fromkeys(empty) for _ in config.seeds])
        with torch.no_grad():
            measured = test(run)
        return as_rows(call, run, measured)


def solved_at(run: Run) -> list[int]:
    """For each seed the first evaluated step with a loss of at most ``until``; -1 if none."""
    limit = -np.inf if run.config.until is None else run.config.until
    found = []
    for seed in run.config.seeds:
        history = run.history[run.history.seed == seed]
        step = steps_to(history.step, history.loss, limit)
        found.append(int(step) if np.isfinite(step) else -1)
    return found


def tested(run: Run, batch: Batch) -> tuple[list[float], list[float]]:
    """The loss and the score of each seed on a batch, two lists."""
    kind, prediction = run.config.task.loss, run.model(batch.x)[0]
    return loss(kind, prediction, batch).tolist(), score(kind, prediction, batch).tolist()


# Rows


def machine(names: Sequence[str] = MACHINE) -> dict:
    """The columns that name the machine and the software."""
    found = environment()
    return {name: found[name] for name in names}


def key_columns(call: dict) -> dict:
    """The columns of a call that all its seeds share."""
    return {name: value for name, value in call.items() if name != "seeds"}


def as_rows(call: dict, run: Run, measured: Sequence[dict]) -> list[dict]:
    """The rows of a finished call.

    Args:
        call: the key columns and seeds.
        run: the training.
        measured: what was measured of each seed, in the order of ``run.config.seeds``.

    Returns:
        A row a seed: the key columns, size and cost of the run, its curve, and what was measured.
    """
    config = run.config
    shared = key_columns(call)
    shared["hidden_size"] = config.hidden_size
    shared["parameters"] = cost.parameters(config.cell, config.task.input_size, config.hidden_size)
    shared["steps"] = config.steps
    shared["cpu_seconds"] = round(run.seconds / len(config.seeds), 2)
    shared |= machine()
    rows = []
    for seed, columns in zip(config.seeds, measured, strict=True):
        history = run.history[run.history.seed == seed]
        row = {"seed": seed, **_best(history), "curve": _curve(history)}
        rows.append(shared | row | {"diverged_at": run.diverged.get(seed)} | columns)
    return rows


def _best(history):
    """Step and value of the lowest validation loss; empty if none was finite."""
    if history.loss.isna().all():
        return {"best_step": None, "valid": None}
    best = history.loc[history.loss.idxmin()]
    return {"best_step": best.step, "valid": best.loss}


def _curve(history):
    """The evaluations of a seed as JSON, with six digits."""
    points = []
    for step, *values in history.drop(columns="seed").values.tolist():
        points.append([int(step), *(rounded(value, 6) for value in values)])
    return json.dumps(points)


def rounded(value: float, digits: int) -> float:
    """The value with so many digits, as it is stored."""
    return float(f"{value:.{digits}g}")


# The studies that measure times


def layer_call(
    layer: torch.nn.Module, x: torch.Tensor, mode: str, fused: bool = True
) -> Callable[[], None]:
    """A function without arguments that runs a layer once.

    Args:
        layer: the layer.
        x: its input.
        mode: "training" for forward and backward; else forward without gradients.
        fused: whether torch may use oneDNN.

    Returns:
        The function.
    """

    def run():
        with onednn(fused), torch.set_grad_enabled(mode == "training"):
            output, _ = layer(x)
            if mode == "training":
                output.sum().backward()

    return run


# The tasks of the panel, which several studies train on


@dataclass(frozen=True)
class Setting:
    """One task of the panel: its class, length, the LSTM's hidden size, training steps."""

    task: type
    length: int
    width: int
    steps: int


PANEL = {
    "speech": Setting(SpokenDigits, 50, 8, 1000),
    "pixels": Setting(PixelDigits, 98, 16, 1500),
    "watch": Setting(Watch, 50, 8, 600),
    "chorales": Setting(Chorales, 64, 36, 1000),
    "language": Setting(Characters, 64, 64, 1200),
    "traffic": Setting(Traffic, 120, 16, 800),
    "adding": Setting(Adding, 200, 32, 3000),
    "recall": Setting(DelayedRecall, 100, 32, 2000),
}
PANEL_KEYS = ["phase", "task", "cell", "matched", "bias", "learning_rate", "share", "seed"]
PANEL_COLUMNS = [*RUN, "score"]
EVALUATIONS = 20  # of each training


def hidden_size(task: str, cell: str, matched: str) -> int:
    """The units of a cell on a task of the panel, matched to the LSTM's as in ``units``."""
    setting = PANEL[task]
    return units(cell, matched, setting.width, setting.task().input_size)


def panel_arms(
    tasks: Iterable[str],
    models: Sequence[Model],
    biases: Sequence[str] = ("default",),
    shares: Sequence[float] = (1.0,),
) -> list[dict]:
    """Each model on each task of the panel, with each initial bias, on each share of the data."""
    return [
        arm(model, task=task, bias=bias, share=share)
        for task in tasks
        for bias in biases
        for model in models
        for share in shares
    ]


def panel_final_calls(tuned: pd.DataFrame, arms: Iterable[dict]) -> list[dict]:
    """The ten seeds of each arm at the rate that these rows chose for its task, cell and bias."""
    best = best_rates(tuned, by=("task", "cell", "bias"))
    return [
        make_call("final", each, best[each["task"], each["cell"], each["bias"]], SEEDS)
        for each in arms
    ]


def panel_config(call: dict, steps: int | None = None) -> Config:
    """The ``Config`` of a call on a task of the panel; ``steps`` in place of the task's own."""
    setting = PANEL[call["task"]]
    steps = steps or setting.steps
    task = setting.task() if call["share"] == 1 else setting.task(share=call["share"])
    return Config(
        task,
        call["cell"],
        hidden_size(call["task"], call["cell"], call["matched"]),
        setting.length,
        tuple(call["seeds"]),
        steps,
        learning_rate=call["learning_rate"],
        bias=BIAS[call["bias"]],
        evaluate_every=steps // EVALUATIONS,
    )


def panel_measure(call: dict, steps: int | None = None) -> list[dict]:
    """Train the seeds of a call on a task of the panel; the final ones are judged; a row a seed."""

    def test(run):
        return [{"score": value} for value in judge(call["task"], run)]

    return train_and_test(call, panel_config(call, steps), test, PANEL_COLUMNS)


@cache
def _test_part(task, length):
    """The test part of a task on real data, and the loss of its simplest answer there."""
    return task.part("test", length), task.reference("test", length)


@torch.no_grad()
def judge(task: str, run: Run) -> list[float]:
    """The score of each seed's best weights, in the unit of the task.

    Args:
        task: a name in ``PANEL``.
        run: a training on it; its model gets the best weights.

    Returns:
        The percentage of right answers (speech, pixels, watch), nats a step or a character
        (chorales, language), the error as a percentage of the median forecast's (traffic), or 1 if
        the task was solved, that is, if the lowest validation loss is at most 1 % of that of the
        best answer without memory (adding, recall), else 0.
    """
    length = run.config.length
    if task in ("adding", "recall"):
        lowest = run.history.groupby("seed").loss.min()
        limit = SOLVED * run.config.task.baseline(length)
        return [float(lowest[seed] <= limit) for seed in run.config.seeds]
    run.model.load_state_dict(run.best)
    batch, simplest = _test_part(PANEL[task].task(), length)
    kind, prediction = run.config.task.loss, run.model(batch.x)[0]
    if task in ("speech", "pixels", "watch"):
        return (100 * score(kind, prediction, batch)).tolist()
    factor = 100 / simplest if task == "traffic" else 1
    return (loss(kind, prediction, batch) * factor).tolist()
