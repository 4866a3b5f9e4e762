"""What the rules judge: the stored rows of a study, or NoResults while one of them is missing.

A seed that failed (an error, or no score) scores the worst possible: 0 for accuracies and solved
tasks, the worst stored score of the task for losses. No torch.
"""

import json
from typing import Any

import numpy as np
import pandas as pd

from gatedrnn import stats
from gatedrnn.claims.register import panel
from gatedrnn.results import NoResults, read

SEEDS = 10  # of most studies
TIMES = 2001  # points on the common time of two cells


def lacking(study: str, what: str) -> NoResults:
    """The error that says which rows of a study are missing, and how to make them.

    Args:
        study: The study's name.
        what: What is missing.

    Returns:
        The error, to be raised.
    """
    return NoResults(f"results/{study}.csv: {what}. Make the rest with: gatedrnn run {study}")


def rows_of(study: str, **where: Any) -> pd.DataFrame:
    """The rows of a study with the given values.

    Args:
        study: The study's name.
        **where: A value a column.

    Returns:
        The rows; there may be none.

    Raises:
        NoResults: The study has no rows, or lacks one of the columns.
    """
    rows = read(study)
    _need_columns(study, rows, where)
    chosen = np.logical_and.reduce([rows[name] == value for name, value in where.items()])
    return rows[chosen]


def _need_columns(study, rows, names):
    absent = sorted(set(names) - set(rows))
    if absent:
        raise lacking(study, f"no column {', '.join(absent)}")


def values_at(study: str, column: str, levels: dict[str, list], **where: Any) -> np.ndarray:
    """The values of a column at every combination of levels.

    Args:
        study: The study's name.
        column: The column.
        levels: ``{another column: its values}``; the last one runs fastest.
        **where: A value a column, the same for all.

    Returns:
        One value a combination.

    Raises:
        NoResults: A value or a column is missing.
        ValueError: A combination is stored twice.
    """
    rows = rows_of(study, **where)
    points = pd.MultiIndex.from_product(levels.values(), names=list(levels))
    _need_columns(study, rows, [*levels, column])
    places = pd.MultiIndex.from_frame(rows[list(levels)])
    values = pd.Series(rows[column].to_numpy(), places).dropna()
    if values.index.duplicated().any():
        raise ValueError(
            f"results/{study}.csv: {column} is stored twice at {where}, {list(levels)}"
        )
    absent = points.difference(values.index)
    if len(absent):
        missing = f"{len(absent)} of {len(points)} values of {column} at {where} are missing"
        raise lacking(study, missing)
    return values.reindex(points).to_numpy()


def both_cells(
    study: str, task: str, matched: str, bias: str = "default", share: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The final rows of the LSTM and of the GRU on a task of the panel.

    Args:
        study: The study's name.
        task: A task of the panel, which says how many seeds there must be.
        matched: How the GRU's size was chosen, ``parameters`` or ``hidden size``.
        bias: The bias at the start.
        share: The share of the training data.

    Returns:
        Two tables with one row a seed, sorted by seed and with the same seeds; the column
        ``failed`` says whether the run has no score.

    Raises:
        NoResults: A seed is missing, or the cells have different seeds.
    """
    lstm = _final(study, task, "lstm", "reference", bias, share)
    gru = _final(study, task, "gru", matched, bias, share)
    _need_same_seeds(study, lstm, gru, task)
    return lstm, gru


def _need_same_seeds(study, lstm, gru, place):
    """NoResults unless the rows of the two cells, in their order, are of the same seeds."""
    if list(lstm.seed) != list(gru.seed):
        raise lacking(study, f"the two cells have different seeds on {place}")


def _final(study, task, cell, matched, bias, share):
    """The final rows of one cell, sorted by seed."""
    where = {"task": task, "cell": cell, "matched": matched, "bias": bias, "share": share}
    rows = rows_of(study, phase="final", **where).sort_values("seed", ignore_index=True)
    _need_seeds(study, rows, panel()[task]["seeds"], where)
    return rows.assign(failed=rows.error.notna() | rows.score.isna())


def _need_seeds(study, rows, seeds, where):
    """NoResults unless there is one row for each of so many seeds."""
    if len(rows) != seeds or rows.seed.nunique() != seeds:
        found = ", ".join(map(str, where.values()))
        raise lacking(study, f"{len(rows)} rows for {seeds} seeds of {found}")


def final_scores(
    study: str, task: str, matched: str, share: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The scores of the LSTM and of the GRU, the worst possible where a seed failed.

    Args:
        study: The study's name.
        task: A task of the panel.
        matched: How the GRU's size was chosen.
        share: The share of the training data.

    Returns:
        Two arrays, one score a seed, paired by seed.

    Raises:
        NoResults: A seed is missing, or every run of the task failed.
        ValueError: The scores look like fractions where the task's unit is a percentage.
    """
    task_entry = panel()[task]
    lstm_rows, gru_rows = both_cells(study, task, matched, share=share)
    worst = 0.0
    if task_entry["better"] == "lower":
        worst = rows_of(study, phase="final", task=task).score.max()
    lstm = lstm_rows.score.mask(lstm_rows.failed, worst).to_numpy(float)
    gru = gru_rows.score.mask(gru_rows.failed, worst).to_numpy(float)
    if np.isnan([lstm, gru]).any():
        raise lacking(study, f"every run of {task} failed, so there is no worst score")
    if "range" in task_entry and 0 < max(lstm.max(), gru.max()) <= 1:
        raise ValueError(
            f"results/{study}.csv: the scores of {task} look like fractions; "
            f"its unit is {task_entry['unit']}"
        )
    return lstm, gru


def evaluations(curve: str) -> pd.DataFrame:
    """The evaluations of a run.

    Args:
        curve: The text in the column ``curve`` of its row.

    Returns:
        One row an evaluation: step, train_loss, loss and score on the validation data.
    """
    points = np.array(json.loads(curve), dtype=float).reshape(-1, 4)
    return pd.DataFrame(points, columns=["step", "train_loss", "loss", "score"])


def times_to_threshold(
    source: str, task: str, matched: str, bias: str, solved: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """How many steps the LSTM and the GRU needed to a threshold.

    The threshold is a share of the loss of doing nothing, or the LSTM's median best validation
    loss + ``loss_margin``. If half of the LSTM's seeds failed there is no such median, and nobody
    reaches it.

    Args:
        source: The study's name.
        task: A task of the panel.
        matched: How the GRU's size was chosen.
        bias: The bias at the start.
        solved: The share of the loss of doing nothing at which a task is solved.

    Returns:
        The steps of the LSTM and of the GRU, one a seed, inf if it never got there; and the steps
        of the training.

    Raises:
        NoResults: A seed is missing.
        ValueError: The runs differ in their number of steps.
    """
    lstm, gru = both_cells(source, task, matched, bias)
    limits = set(pd.concat([lstm, gru]).steps.dropna())
    if len(limits) != 1:
        raise ValueError(
            f"results/{source}.csv: runs of {task} must have one number of steps, "
            f"not {sorted(limits)}"
        )
    task_entry = panel()[task]
    if "do_nothing" in task_entry:
        threshold = solved * task_entry["do_nothing"]
    else:
        best = np.median(lstm.valid.mask(lstm.failed, np.inf))
        threshold = best + task_entry["loss_margin"]
    return _times(lstm, threshold), _times(gru, threshold), limits.pop()


def _times(rows, threshold):
    """The steps to the threshold, one a row."""
    return np.array([_time(row, threshold) for row in rows.itertuples()])


def _time(row, threshold):
    if row.failed or threshold == np.inf:
        return np.inf
    points = evaluations(row.curve)
    return stats.steps_to(points.step, points.loss, threshold)


def losses_over_time(task: str, matched: str, kernel: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the best validation loss so far over the CPU time that both cells have.

    A step lasts as long as an update of torch's own layer. The common time begins when both cells
    have been evaluated. A failed seed gets the worst mean of the two cells.

    Args:
        task: A task of the panel.
        matched: How the GRU's size was chosen.
        kernel: The kernel whose updates are timed.

    Returns:
        The means of the LSTM and of the GRU, one a seed.

    Raises:
        NoResults: A row of ``panel`` or ``updates`` is missing, or every run of a cell failed.
        ValueError: There is no time at which both cells were evaluated.
    """
    cells = [_timed_curves(rows, task, kernel) for rows in both_cells("panel", task, matched)]
    start, end = _common_time(cells, task)
    grid = np.linspace(start, end, TIMES)
    means = []
    for curves in cells:
        means.append([_mean_loss(curve, grid) for curve in curves])
    lstm, gru = np.nan_to_num(means, nan=np.nanmax(means))
    return lstm, gru


def _timed_curves(rows, task, kernel):
    """The evaluations of a cell, a table a seed with the column ``seconds``; None if it failed."""
    cell = rows.cell.iloc[0]
    if rows.failed.all():
        raise lacking("panel", f"every run of {cell} failed on {task}")
    size = int(rows.hidden_size[~rows.failed].iloc[0])
    where = {"task": task, "cell": cell, "kernel": kernel}
    second = values_at("updates", "seconds", {"hidden_size": [size]}, **where).item()
    curves = []
    for row in rows.itertuples():
        points = None
        if not row.failed:
            points = evaluations(row.curve)
            points["seconds"] = points.step * second
        curves.append(points)
    return curves


def _common_time(cells, task):
    """From the last first evaluation of a run to the first last one, in seconds."""
    finished = [curve for curves in cells for curve in curves if curve is not None]
    start = max(curve.seconds.iloc[0] for curve in finished)
    end = min(curve.seconds.iloc[-1] for curve in finished)
    if start >= end:
        raise ValueError(f"results/panel.csv: no time at which both cells were evaluated on {task}")
    return start, end


def _mean_loss(curve, grid):
    """The mean of the best loss so far over the times of the grid; nan for a failed run."""
    if curve is None:
        return np.nan
    best = np.fmin.accumulate(curve.loss.to_numpy())
    latest = np.searchsorted(curve.seconds, grid, side="right") - 1
    return np.trapezoid(best[latest], grid) / (grid[-1] - grid[0])


def arm(study: str, column: str, seeds: int = SEEDS, **where: Any) -> np.ndarray:
    """A column of the rows with the given values, sorted by seed.

    Args:
        study: The study's name.
        column: The column.
        seeds: How many there must be.
        **where: A value a column.

    Returns:
        One value a seed.

    Raises:
        NoResults: Not all seeds are there. A run that failed is missing here: its study is not
            finished.
    """
    rows = _arm_rows(study, column, seeds, where)
    return rows[column].to_numpy()


def _arm_rows(study, column, seeds, where):
    """The rows that have a value in the column, one a seed."""
    rows = rows_of(study, **where).dropna(subset=[column]).sort_values("seed")
    _need_seeds(study, rows, seeds, where)
    return rows


def pair(
    study: str, column: str, matched: str, seeds: int = SEEDS, **where: Any
) -> tuple[np.ndarray, np.ndarray]:
    """A column of the LSTM and of the GRU, paired by seed.

    Args:
        study: The study's name.
        column: The column.
        matched: How the GRU's size was chosen.
        seeds: How many there must be.
        **where: A value a column.

    Returns:
        Two arrays of numbers, one a seed.

    Raises:
        NoResults: Not all seeds are there, or the cells have different seeds.
    """
    lstm = _arm_rows(study, column, seeds, {"cell": "lstm", "matched": "reference", **where})
    gru = _arm_rows(study, column, seeds, {"cell": "gru", "matched": matched, **where})
    _need_same_seeds(study, lstm, gru, ", ".join(map(str, where.values())))
    return lstm[column].to_numpy(float), gru[column].to_numpy(float)
