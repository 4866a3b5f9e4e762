"""The judged runs of the calibrated studies, at the settings that their tuning chose.

The rules read ``benchmark``, ``characters`` and ``learning_curves`` here: each model at its own
best start and rate, or at its best rate from the start that torch ships, as ``gatedrnn.settings``
finds them in the tuning rows. A seed that failed scores the worst possible, as in ``claims.rows``.
No torch.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gatedrnn import settings
from gatedrnn.claims.register import benchmark
from gatedrnn.claims.rows import evaluations, lacking, rows_of, values_at

LANGUAGE = "language"  # the ninth task: the study ``characters`` at 64 units of the LSTM
WIDTH = 64
MODEL = ("cell", "matched")
_PLANS = {}  # {a task, its entry and its tuning rows, as text: its plan}


class Arm(NamedTuple):
    """The runs of one model on a task.

    Attributes:
        final: its judged runs, one row a seed, sorted; ``score``, and ``failed`` without one.
        tuning: its tuning runs at the same setting.
        steps: of a judged training.
    """

    final: pd.DataFrame
    tuning: pd.DataFrame
    steps: int


def arms(task: str, start: str, matched: str) -> tuple[Arm, Arm]:
    """The LSTM and the GRU on a task.

    Args:
        task: A task of the benchmark.
        start: ``best``, each at its own best start, or ``shipped``, as torch ships them.
        matched: How the GRU's size was chosen.

    Returns:
        Both, with the same seeds.

    Raises:
        NoResults: A run is missing.
    """
    rows = _task_rows(task)
    plan = _plan(task, rows)
    lstm = _arm(task, rows, plan, start, ("lstm", "reference"))
    gru = _arm(task, rows, plan, start, ("gru", matched))
    return lstm, gru


def study_of(task: str) -> str:
    """The study that trains on a task of the benchmark."""
    return "characters" if task == LANGUAGE else "benchmark"


def _task_rows(task):
    """The stored rows of a task; NoResults before its last phase."""
    if task == LANGUAGE:
        rows = rows_of("characters", width=WIDTH)
        rows = rows.assign(score=rows.nats)
    else:
        rows = rows_of("benchmark", task=task)
    if not (rows.phase == "final").any():
        raise lacking(study_of(task), f"no judged run on {task}")
    return rows


def _plan(task, rows):
    """Steps, schedule and settings, as the study chose them; kept, as the rules ask often."""
    tuning = rows[rows.phase == "tuning"]
    entry = benchmark()[task]
    place = f"{task} {entry} {tuning.to_csv()}"
    if place not in _PLANS:
        _PLANS[place] = _planned(task, entry, tuning)
    return _PLANS[place]


def _planned(task, entry, tuning):
    if task == LANGUAGE:
        cosine = tuning[tuning.schedule == "cosine"]
        found = settings.regimes(cosine, MODEL, settings.loss_within())
        return settings.Plan(int(cosine.steps.max()), True, "cosine", found)
    most = int(tuning[tuning.schedule == "constant"].steps.max())
    return settings.plan(tuning, MODEL, most, entry.get("loss_margin"), entry.get("do_nothing"))


def _chosen_rows(rows, plan, start, model, task, study, phase="final"):
    """The rows of a model at its setting, those of the judged runs if no phase is given."""
    if model not in plan.regimes[start]:
        raise lacking(study, f"no tuning of {' '.join(model)} on {task}")
    chosen = plan.regimes[start][model]
    where = {"phase": phase, "cell": model[0], "matched": model[1], "schedule": plan.schedule}
    where |= {"bias": chosen.bias, "learning_rate": chosen.learning_rate}
    if phase == "final":
        where["steps"] = plan.steps
    return rows[np.logical_and.reduce([rows[name] == value for name, value in where.items()])]


def _arm(task, rows, plan, start, model):
    """The runs of a model at its setting."""
    study = study_of(task)
    tuning = _chosen_rows(rows, plan, start, model, task, study, "tuning")
    final = _chosen_rows(rows, plan, start, model, task, study)
    final = final.sort_values("seed", ignore_index=True)
    seeds = benchmark()[task]["seeds"]
    if list(final.seed) != list(range(seeds)):
        found = f"{len(final)} of {seeds} judged runs of {' '.join(model)} on {task}, {start} start"
        raise lacking(study, found)
    return Arm(final.assign(failed=final.error.notna() | final.score.isna()), tuning, plan.steps)


def scores(task: str, pair: tuple[Arm, Arm]) -> tuple[np.ndarray, np.ndarray]:
    """The scores of two arms, the worst possible where a seed failed.

    Args:
        task: A task of the benchmark.
        pair: Two arms on it.

    Returns:
        Two arrays, one score a seed.

    Raises:
        NoResults: Every run failed, so that there is no worst score.
        ValueError: The scores look like fractions where the task's unit is a percentage.
    """
    worst = 0.0
    entry = benchmark()[task]
    if entry["better"] == "lower":
        worst = max(arm.final.score.max() for arm in pair)
    found = [arm.final.score.mask(arm.final.failed, worst).to_numpy(float) for arm in pair]
    if np.isnan(found).any():
        raise lacking(study_of(task), f"every run on {task} failed, so there is no worst score")
    if "range" in entry and 0 < np.max(found) <= 1:
        raise ValueError(
            f"results/{study_of(task)}.csv: the scores of {task} look like fractions; "
            f"its unit is {entry['unit']}"
        )
    return found[0], found[1]


def has_room(task: str, pair: tuple[Arm, Arm]) -> bool:
    """Whether a task leaves two arms room to differ.

    Args:
        task: A task of the benchmark.
        pair: Two arms on it.

    Returns:
        False if both accuracies on the tuning seeds lie above the task's range, or both below; for
        a task that is solved or not, if every judged seed of both arms solved it, or none did. A
        loss has no ceiling that is known.
    """
    entry = benchmark()[task]
    if "do_nothing" in entry:
        solved = np.concatenate(scores(task, pair))
        return 0 < solved.mean() < 1
    if "range" not in entry:
        return True
    lowest, highest = entry["range"]
    accuracies = [_tuning_accuracy(arm) for arm in pair]
    return not (min(accuracies) > highest or max(accuracies) < lowest)


def _tuning_accuracy(arm):
    """The validation accuracy in % at the lowest loss, mean over the tuning seeds."""
    found = []
    for curve in arm.tuning.curve:
        points = evaluations(curve)
        points = points[points.step <= arm.steps]
        finite = points[np.isfinite(points.loss)]
        found.append(100 * finite.score[finite.loss.idxmin()] if len(finite) else 0.0)
    return np.mean(found)


def times(task: str, pair: tuple[Arm, Arm], mark: str) -> tuple[np.ndarray, np.ndarray]:
    """How many steps each seed of two arms needed.

    Args:
        task: A task of the benchmark.
        pair: Two arms on it.
        mark: ``common`` for the steps to one loss, that which is within the task's ``loss_margin``
            of the worse of the two median ends, so that both cells get there; ``own`` for the steps
            to within it of the cell's own median end. An end is the lowest validation loss of a
            run. A task that is solved or not has one mark: that of a solved task.

    Returns:
        The steps of each arm, one a seed, inf for never.
    """
    entry = benchmark()[task]
    if "do_nothing" in entry:
        marks = [settings.SOLVED * entry["do_nothing"]] * 2
    else:
        marks = [_end(arm) + entry["loss_margin"] for arm in pair]
    if mark == "common":
        marks = [max(marks)] * 2
    lstm, gru = (_times(arm, level) for arm, level in zip(pair, marks, strict=True))
    return lstm, gru


def _end(arm):
    """The median over seeds of the lowest validation loss, inf for one that failed."""
    ends = []
    for row in arm.final.itertuples():
        ends.append(np.inf if row.failed else settings.lowest_loss(row.curve))
    return np.median(ends)


def _times(arm, level):
    """The steps to a loss, one a seed."""
    found = []
    for row in arm.final.itertuples():
        reached = np.inf
        if not row.failed and np.isfinite(level):
            reached = settings.first_step_below(row.curve, level)
        found.append(reached)
    return np.array(found)


def first_evaluation(arm: Arm) -> float:
    """The step of the first evaluation: no run can be seen to be faster than that."""
    return evaluations(arm.final.curve.dropna().iloc[0]).step.min()


def on_share(
    task: str, share: float, start: str, matched: str, subsets: int, seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the LSTM and of the GRU on a share of the data, from ``learning_curves``.

    Args:
        task: A task of that study.
        share: The share of the training data.
        start: ``best`` or ``shipped``, as in ``arms``.
        matched: How the GRU's size was chosen.
        subsets: How many subsets of the data there must be, counted from 1,
        seeds: and how many seeds on each.

    Returns:
        Two arrays, (subsets, seeds); the worst possible score where a run failed.

    Raises:
        NoResults: A run is missing.
    """
    rows = rows_of("learning_curves", task=task, share=share)
    if not (rows.phase == "final").any():
        raise lacking("learning_curves", f"no judged run on {task}, share {share}")
    plan = _plan(task, rows)
    found = []
    for model in (("lstm", "reference"), ("gru", matched)):
        final = _chosen_rows(rows, plan, start, model, task, "learning_curves")
        table = final.pivot_table(
            index="subset", columns="seed", values="score", dropna=False, aggfunc="sum", min_count=1
        )
        if table.shape != (subsets, seeds) or len(final) != subsets * seeds:
            raise lacking("learning_curves", f"{len(final)} runs of {model[0]} on {task}, {share}")
        found.append(table.to_numpy(float))
    worst = np.nanmax(found) if benchmark()[task]["better"] == "lower" else 0.0
    lstm, gru = np.nan_to_num(found, nan=worst)
    return lstm, gru


def losses_after(
    task: str, pair: tuple[Arm, Arm], kernel: str, part: float, processes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest validation loss of each seed of two arms after a part of their common time.

    Args:
        task: A task of the benchmark.
        pair: Two arms on it.
        kernel: The kernel whose updates are timed.
        part: The part of the time that both trainings have.
        processes: How many processes ``update_times`` must have.

    Returns:
        The losses of each arm; the worst of both where a seed failed or was not evaluated yet.

    Raises:
        NoResults: The time of an update is missing, or no run has a loss.
    """
    seconds = [_update_seconds(task, arm, kernel, processes) for arm in pair]
    end = part * min(arm.steps * second for arm, second in zip(pair, seconds, strict=True))
    found = []
    for arm, second in zip(pair, seconds, strict=True):
        losses = []
        for row in arm.final.itertuples():
            lost = row.failed or not isinstance(row.curve, str)
            losses.append(np.inf if lost else settings.lowest_loss(row.curve, end / second))
        found.append(losses)
    found = np.array(found)
    if not np.isfinite(found).any():
        raise lacking(study_of(task), f"no loss of any run on {task}")
    found[np.isinf(found)] = found[np.isfinite(found)].max()
    return found[0], found[1]


def _update_seconds(task, arm, kernel, processes):
    """The median over processes of the time of an update."""
    row = arm.final.iloc[0]
    where = {"task": task, "cell": row.cell, "matched": row.matched, "kernel": kernel}
    levels = {"process": list(range(processes))}
    return np.median(values_at("update_times", "seconds", levels, **where))
