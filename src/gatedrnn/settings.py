"""Which setting a tuning chose, and how many steps are enough: from stored rows, without torch.

The studies ask it before they train their judged seeds, the rules when they judge them, so that
both mean the same by a cell's best start and rate. ``gatedrnn.studies.calibration`` says why a
comparison begins with this.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from gatedrnn import results

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
FIRST_RATES = (3e-3, 1e-2, 3e-2)
STARTS = ("default", "one", "chrono")  # of the bias of the gate that keeps; keys of BIAS
TUNING_SEEDS = [100, 101, 102]
SOLVED = 0.01  # a task is solved at this share of the loss of the best answer without memory

Badness = Callable[[pd.DataFrame], pd.Series]  # one number a row; smaller is better


class Chosen(NamedTuple):
    """The best setting that a tuning found.

    Attributes:
        bias: the start, a key of ``protocol.BIAS``.
        learning_rate: the rate.
        badness: the mean of the tuning seeds there.
    """

    bias: str
    learning_rate: float
    badness: float


# What a tuning row is worth


@lru_cache(maxsize=100_000)
def lowest_loss(curve: str, steps: float = np.inf) -> float:
    """The lowest validation loss of a run within so many steps.

    Args:
        curve: the text of the column ``curve``.
        steps: later evaluations are left out.

    Returns:
        The loss; inf if none was finite.
    """
    losses = [point[2] for point in json.loads(curve) if point[0] <= steps]
    finite = [value for value in losses if value is not None and np.isfinite(value)]
    return min(finite, default=np.inf)


@lru_cache(maxsize=100_000)
def first_step_below(curve: str, threshold: float, steps: float = np.inf) -> float:
    """The first evaluated step with a validation loss of at most the threshold; inf if none."""
    for step, _, value, *_ in json.loads(curve):
        if step <= steps and value is not None and value <= threshold:
            return float(step)
    return np.inf


def loss_within(steps: float = np.inf) -> Badness:
    """Judge a run by its lowest validation loss within so many steps."""

    def badness(rows: pd.DataFrame) -> pd.Series:
        return rows.curve.map(lambda curve: lowest_loss(curve, steps))

    return badness


def steps_to_solve(nothing: float, limit: float) -> Badness:
    """Judge a run on a task that is solved or not by the share of the steps that it needed.

    Args:
        nothing: the loss of the best answer without memory; 1 % of it is a solved task.
        limit: the steps that count.

    Returns:
        The badness: up to 1 for a run that solved the task; else 1 plus the share of that loss that
        is left.
    """

    def of_run(curve: str) -> float:
        solved = first_step_below(curve, SOLVED * nothing, limit)
        if np.isfinite(solved):
            return solved / limit
        return 1 + lowest_loss(curve, limit) / nothing

    def badness(rows: pd.DataFrame) -> pd.Series:
        return rows.curve.map(of_run)

    return badness


def steps_needed(rows: pd.DataFrame) -> pd.Series:
    """Judge runs by the share of their steps until they solved the task, in the column solved_at.

    Args:
        rows: tuning rows; ``solved_at`` is -1 for a run that never solved the task.

    Returns:
        The badness: up to 1 for a run that solved the task; else 1 plus its lowest validation loss.
    """
    return (rows.solved_at / rows.steps).where(rows.solved_at >= 0, 1 + rows.valid)


def failed(rows: pd.DataFrame) -> pd.Series:
    """Whether each row diverged or ended with an error: then it is infinitely bad."""
    lost = pd.Series(False, index=rows.index)
    for sign in ("diverged_at", "error"):
        if sign in rows:
            lost |= rows[sign].notna()
    return lost


def means(
    rows: pd.DataFrame, by: Sequence[str], badness: Badness, phase: str = "tuning"
) -> pd.Series:
    """The mean badness of the tuning seeds at each setting.

    Args:
        rows: the stored rows of a study.
        by: the columns that tell settings apart.
        badness: what a row is worth.
        phase: the phase whose rows count.

    Returns:
        One number a combination of ``by`` that is stored, indexed by it.
    """
    rows = rows[rows.phase == phase]
    if rows.empty:
        return pd.Series(dtype=float)
    lost = failed(rows)
    values = pd.Series(np.inf, index=rows.index)
    values[~lost] = badness(rows[~lost]).astype(float)
    return values.fillna(np.inf).groupby([rows[name] for name in by]).mean()


# Rates


def rates_to_try(tried: dict[float, float], first: Sequence[float] = FIRST_RATES) -> list[float]:
    """The rates of an arm: those of the first round, and what its results ask for.

    Args:
        tried: {rate: mean badness} of the rates whose tuning seeds are all stored.
        first: the rates of the first round.

    Returns:
        The rates in ascending order. If the best of those tried is the lowest or the highest, the
        next one in that direction is added; nothing is added where the best lies inside, where
        ``RATES`` end, or where every rate failed and there is no smaller one.
    """
    wanted = sorted({*first, *tried})
    if not set(first) <= set(tried):
        return wanted
    alive = {rate: value for rate, value in tried.items() if np.isfinite(value)}
    low, high = wanted[0], wanted[-1]
    best = min(alive, key=alive.get, default=low)
    if best == low and low > RATES[0]:
        wanted.insert(0, RATES[RATES.index(low) - 1])
    elif best == high and high < RATES[-1]:
        wanted.append(RATES[RATES.index(high) + 1])
    return wanted


def at_edge(tried: dict[float, float]) -> bool:
    """Whether the best rate is the lowest or the highest one tried."""
    best = min(tried, key=tried.get)
    return best in (min(tried), max(tried))


# Settings and steps


def best_settings(
    rows: pd.DataFrame,
    by: Sequence[str],
    badness: Badness,
    starts: Sequence[str] = STARTS,
    phase: str = "tuning",
) -> dict[tuple, Chosen]:
    """The best start and rate for each combination of columns.

    Args:
        rows: the stored rows of the study.
        by: the columns for each of whose combinations a setting is chosen.
        badness: what a row is worth.
        starts: the starts to choose from.
        phase: the phase whose rows count.

    Returns:
        The choice for each combination, a tuple of the values in ``by``. Of equally good settings
        the earlier start and the smaller rate are taken.

    Raises:
        Stop: at every setting some tuning seed failed.
    """
    rows = rows[rows.bias.isin(starts)]
    mean = means(rows, [*by, "bias", "learning_rate"], badness, phase)
    chosen = {}
    for (*key, bias, rate), value in mean.items():
        key = tuple(key)
        place = (value, starts.index(bias), rate)
        if key not in chosen or place < chosen[key]:
            chosen[key] = place
    found = {}
    for key, (value, start, rate) in chosen.items():
        if np.isinf(value):
            raise results.Stop(
                f"no start and rate of {phase} was survived by every tuning seed of {key}"
            )
        found[key] = Chosen(starts[start], rate, value)
    return found


def regimes(
    rows: pd.DataFrame, by: Sequence[str], badness: Badness, phase: str = "tuning"
) -> dict[str, dict[tuple, Chosen]]:
    """The settings of both regimes: each cell at its best start, and as torch ships it."""
    return {
        "best": best_settings(rows, by, badness, phase=phase),
        "shipped": best_settings(rows, by, badness, ("default",), phase),
    }


def enough_steps(
    rows: pd.DataFrame,
    by: Sequence[str],
    most: int,
    margin: float,
    within: Callable[[float], Badness] = loss_within,
    phase: str = "tuning",
) -> tuple[int, bool]:
    """The smallest number of steps that twice as many do not improve by the margin.

    Args:
        rows: the stored rows of one task.
        by: the columns that tell its models apart.
        most: the steps of the tuning.
        margin: the smallest improvement that matters, in the unit of the badness.
        within: gives the badness of the runs cut at so many steps.
        phase: the phase whose rows count.

    Returns:
        A quarter or half of ``most`` and True if each model's best setting at that number is within
        the margin of its best setting at twice as many steps; else ``most`` and False: then the
        comparison is one within that many updates.
    """
    for steps in (most // 4, most // 2):
        at_once = best_settings(rows, by, within(steps), phase=phase)
        at_twice = best_settings(rows, by, within(2 * steps), phase=phase)
        gains = [at_once[key].badness - at_twice[key].badness for key in at_once]
        if max(gains) < margin:
            return steps, True
    return most, False


# A task


class Plan(NamedTuple):
    """How the judged seeds of a task are trained.

    Attributes:
        steps: of each training.
        enough: whether twice as many were shown to improve no model by the margin.
        schedule: of the learning rate, "constant" or "cosine".
        regimes: {regime: {model: its setting}}.
    """

    steps: int
    enough: bool
    schedule: str
    regimes: dict[str, dict[tuple, Chosen]]


def plan(
    rows: pd.DataFrame, by: Sequence[str], most: int, margin: float | None, nothing: float | None
) -> Plan:
    """What the tuning of a task chose.

    Args:
        rows: the stored rows of the task, with a column ``schedule``.
        by: the columns that tell its models apart.
        most: the steps of the tuning.
        margin: of the loss, for a task that is judged by its lowest loss: its steps are doubled
            until they are enough, and the schedule with the lower mean of the models is taken, if
            both were tried.
        nothing: the loss of the best answer without memory, for a task that is solved or not: a
            training ends by itself, so it has all the steps and a constant rate.

    Returns:
        The plan.
    """
    constant = rows[rows.schedule == "constant"]
    if nothing is not None:
        return Plan(most, True, "constant", regimes(constant, by, steps_to_solve(nothing, most)))
    steps, enough = enough_steps(constant, by, most, margin)
    found = {"constant": regimes(constant, by, loss_within(steps))}
    cosine = rows[rows.schedule == "cosine"]
    if not cosine.empty:
        found["cosine"] = regimes(cosine, by, loss_within(steps))
    mean = {}
    for schedule, settings in found.items():
        mean[schedule] = np.mean([chosen.badness for chosen in settings["best"].values()])
    schedule = min(mean, key=mean.get)
    return Plan(steps, enough, schedule, found[schedule])
