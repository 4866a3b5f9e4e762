"""What the rules judge: the tasks of ``claims.yml`` and the stored rows of a study, or NoResults while one is missing.

A seed that failed (an error, or no score) scores the worst possible: 0 for accuracies and solved tasks, the worst
stored score of the task for losses. Nothing here imports torch.
"""

import json

import numpy as np
import pandas as pd

from gatedrnn import stats
from gatedrnn.claims.register import panel
from gatedrnn.results import NoResults, read


def lacking(study, what):
    return NoResults(f"results/{study}.csv: {what}. Make the rest with: gatedrnn run {study}")


def rows_of(study, **where):
    """The rows of the study with these values; NoResults if it lacks one of the columns."""
    rows = read(study)
    if absent := sorted(set(where) - set(rows)):
        raise lacking(study, f"no column {', '.join(absent)}")
    return rows[np.logical_and.reduce([rows[name] == value for name, value in where.items()])]


def values_at(study, column, levels, **where):
    """The values of a column at every combination of ``levels`` {column: values}, an array; NoResults if one lacks."""
    rows, points = (
        rows_of(study, **where),
        pd.MultiIndex.from_product(levels.values(), names=list(levels)),
    )
    if absent := sorted({*levels, column} - set(rows)):
        raise lacking(study, f"no column {', '.join(absent)}")
    values = pd.Series(
        rows[column].to_numpy(), pd.MultiIndex.from_frame(rows[list(levels)])
    ).dropna()
    if values.index.duplicated().any():
        raise ValueError(
            f"results/{study}.csv: {column} is stored twice at {where}, {list(levels)}"
        )
    if len(absent := points.difference(values.index)):
        raise lacking(
            study, f"{len(absent)} of {len(points)} values of {column} at {where} are missing"
        )
    return values.reindex(points).to_numpy()


def both_cells(study, task, matched, bias="default", share=1.0):
    """The final rows of the LSTM and of the GRU, sorted by seed; NoResults unless both have every seed."""
    arms, seeds = [], panel()[task]["seeds"]
    for cell, how in (("lstm", "reference"), ("gru", matched)):
        where = {"task": task, "cell": cell, "matched": how, "bias": bias, "share": share}
        rows = rows_of(study, phase="final", **where).sort_values("seed", ignore_index=True)
        if len(rows) != seeds or rows.seed.nunique() != seeds:
            raise lacking(
                study,
                f"{len(rows)} rows for {seeds} seeds of " + ", ".join(map(str, where.values())),
            )
        arms.append(rows.assign(failed=rows.error.notna() | rows.score.isna()))
    if list(arms[0].seed) != list(arms[1].seed):
        raise lacking(study, f"the two cells have different seeds on {task}")
    return arms


def final_scores(study, task, matched, share=1.0):
    """The scores of the LSTM and of the GRU, one a seed, the worst possible where a seed failed."""
    spec, arms = panel()[task], both_cells(study, task, matched, share=share)
    worst = (
        0.0 if spec["better"] == "higher" else rows_of(study, phase="final", task=task).score.max()
    )
    lstm, gru = (rows.score.mask(rows.failed, worst).to_numpy(float) for rows in arms)
    if np.isnan([lstm, gru]).any():
        raise lacking(study, f"every run of {task} failed, so there is no worst score")
    if "range" in spec and 0 < max(lstm.max(), gru.max()) <= 1:
        raise ValueError(
            f"results/{study}.csv: the scores of {task} look like fractions; its unit is {spec['unit']}"
        )
    return lstm, gru


def evaluations(row):
    """The evaluations of a run, an array (n, 4): step, training loss, validation loss, validation score."""
    return np.array(json.loads(row.curve), dtype=float).reshape(-1, 4)


def times_to_threshold(source, task, matched, bias, solved):
    """Steps to the threshold, one a seed, inf if never, of the LSTM and the GRU; and the steps of the training. The
    threshold is ``solved`` of the loss of doing nothing, or the LSTM's median best validation loss + loss_margin. If
    half of the LSTM's seeds failed there is no such median, and nobody reaches it.
    """
    spec, arms = panel()[task], both_cells(source, task, matched, bias)
    if len(limits := set(pd.concat(arms).steps.dropna())) != 1:
        raise ValueError(
            f"results/{source}.csv: runs of {task} must have one number of steps, not {sorted(limits)}"
        )
    best = np.median(arms[0].valid.mask(arms[0].failed, np.inf))
    threshold = solved * spec["do_nothing"] if "do_nothing" in spec else best + spec["loss_margin"]
    times = [[_time(row, threshold) for row in rows.itertuples()] for rows in arms]
    return np.array(times[0]), np.array(times[1]), limits.pop()


def _time(row, threshold):
    if row.failed or threshold == np.inf:
        return np.inf
    curve = evaluations(row)
    return stats.steps_to(curve[:, 0], curve[:, 2], threshold)


def losses_over_time(task, matched, kernel):
    """The mean of the best validation loss so far over the common CPU time, one a seed, of the LSTM and of the GRU. A
    step lasts as long as an update of torch's own layer. The common time begins when both cells have been evaluated.
    """
    arms, seconds = both_cells("panel", task, matched), []
    for rows in arms:
        if rows.failed.all():
            raise lacking("panel", f"every run of {rows.cell[0]} failed on {task}")
        where, H = (
            {"task": task, "cell": rows.cell[0], "kernel": kernel},
            int(rows.hidden_size[~rows.failed].iloc[0]),
        )
        seconds += values_at("updates", "seconds", {"hidden_size": [H]}, **where).tolist()
    runs = [
        [None if row.failed else evaluations(row) for row in rows.itertuples()] for rows in arms
    ]
    evaluated = [
        c[[0, -1], 0] * s
        for curves, s in zip(runs, seconds, strict=True)
        for c in curves
        if c is not None
    ]
    start, end = max(first for first, _ in evaluated), min(last for _, last in evaluated)
    if start >= end:
        raise ValueError(f"results/panel.csv: no time at which both cells were evaluated on {task}")
    grid = np.linspace(start, end, 2001)
    means = [
        [_mean_loss(c, s, grid) for c in curves] for curves, s in zip(runs, seconds, strict=True)
    ]
    means = np.nan_to_num(means, nan=np.nanmax(means))
    return means[0], means[1]


def _mean_loss(curve, seconds, grid):
    if curve is None:
        return np.nan
    best = np.fmin.accumulate(curve[:, 2])[
        np.searchsorted(curve[:, 0] * seconds, grid, side="right") - 1
    ]
    return np.trapezoid(best, grid) / (grid[-1] - grid[0])


SEEDS = 10


def arm(study, column, seeds=SEEDS, **where):
    """A column of the rows at these values, sorted by seed, one value a seed; NoResults unless all seeds are there. A
    run that failed is missing here: its study is not finished.
    """
    rows = rows_of(study, **where).dropna(subset=[column]).sort_values("seed")
    if len(rows) != seeds or rows.seed.nunique() != seeds:
        found = ", ".join(map(str, where.values()))
        raise lacking(study, f"{len(rows)} rows for {seeds} seeds of {found}")
    return rows[column].to_numpy()


def pair(study, column, matched, **where):
    """The column of the LSTM and of the GRU, paired by seed."""
    lstm = arm(study, column, cell="lstm", matched="reference", **where)
    return lstm.astype(float), arm(study, column, cell="gru", matched=matched, **where).astype(
        float
    )
