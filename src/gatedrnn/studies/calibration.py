"""The second protocol: calibrate each cell, then compare.

The first edition compared cells at learning rates from the edge of a grid, from one start, after
trainings that still learned. Here a comparison earns its right to judge:

*Rates end inside their grid.* Each arm is trained at ``FIRST_RATES``. While its best rate is the
lowest or the highest one tried, the next of ``RATES`` is tried, until it is not; a rate at which a
tuning seed diverges counts as infinitely bad, so the grid ends there by itself.

*The start is tuned, too.* The arms of the tuning hold each of ``STARTS``; every cell is judged at
its own best start and rate ("best"), and at its best rate from the start that torch ships
("shipped").

*Long enough.* A tuning trains for the most steps that a task is given. Its curves tell what every
smaller number of steps would have given, so ``enough_steps`` finds the smallest number N such that
2 N steps improve no cell by the margin that matters.

A tuning phase is asked again after each of its rounds, as ``gatedrnn run`` does with every phase:
what it asks for depends on the rows that are stored. What the rows say, without torch, is in
``gatedrnn.settings``.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from gatedrnn.settings import (
    FIRST_RATES,
    RATES,
    TUNING_SEEDS,
    Badness,
    Chosen,
    enough_steps,
    loss_within,
    means,
    rates_to_try,
    regimes,
)
from gatedrnn.studies.protocol import make_call


def tuning_calls(
    rows: pd.DataFrame,
    arms: Iterable[dict],
    badness: Badness,
    first: Sequence[float] = FIRST_RATES,
    phase: str = "tuning",
    seeds: Sequence[int] = tuple(TUNING_SEEDS),
) -> list[dict]:
    """The calls of a tuning, as far as the stored rows tell.

    Args:
        rows: the stored rows of the study.
        arms: the key columns of each arm, all but phase, rate and seed.
        badness: what a row is worth.
        first: the rates of the first round.
        phase: the name of the phase.
        seeds: the tuning seeds.

    Returns:
        A call for each arm and rate. When all of them are stored and another call of this function
        asks for no more, each arm's best rate lies inside its grid.
    """
    arms = list(arms)
    found = {}
    names = [*arms[0], "learning_rate"]
    if not rows.empty:
        complete = _complete(rows[rows.phase == phase], names, seeds)
        found = means(complete, names, badness, phase).to_dict()
    calls = []
    for arm in arms:
        key = tuple(arm.values())
        tried = {rate: found[(*key, rate)] for rate in RATES if (*key, rate) in found}
        calls += [make_call(phase, arm, rate, seeds) for rate in rates_to_try(tried, first)]
    return calls


def _complete(rows, names, seeds):
    """The rows of those settings of which every seed is stored."""
    if rows.empty:
        return rows
    counted = rows.groupby(names).seed.transform("nunique")
    return rows[counted == len(seeds)]


def final_calls(
    settings: dict[tuple, Chosen],
    by: Sequence[str],
    steps: int,
    seeds: Sequence[int],
    phase: str = "final",
    **keys: object,
) -> list[dict]:
    """The judged runs: each model at its chosen setting.

    Args:
        settings: what ``best_settings`` chose.
        by: the names of the columns of its keys.
        steps: of each training.
        seeds: the judged seeds.
        phase: the name of the phase.
        **keys: further key columns.

    Returns:
        One call a model.
    """
    calls = []
    for key, chosen in settings.items():
        arm = dict(zip(by, key, strict=True)) | {"bias": chosen.bias, "steps": steps} | keys
        calls.append(make_call(phase, arm, chosen.learning_rate, seeds))
    return calls


def judged_calls(
    rows: pd.DataFrame,
    by: Sequence[str],
    most: int,
    margin: float,
    seeds: Sequence[int],
    **keys: object,
) -> list[dict]:
    """The judged runs of a task whose loss counts, in both regimes, with enough steps.

    Args:
        rows: the stored rows of the task.
        by: the columns that tell its models apart.
        most: the steps of the tuning.
        margin: the smallest improvement of the loss that matters.
        seeds: the judged seeds.
        **keys: further key columns.

    Returns:
        One call a model and regime; one for both where the best start is torch's.
    """
    steps, _ = enough_steps(rows, by, most, margin)
    calls = []
    for settings in regimes(rows, by, loss_within(steps)).values():
        calls += final_calls(settings, by, steps, seeds, **keys)
    return once(calls)


def once(calls: Iterable[dict]) -> list[dict]:
    """Each call once: a model whose best start is torch's has one setting for both regimes."""
    kept = []
    for call in calls:
        if call not in kept:
            kept.append(call)
    return kept
