"""What the rules judge: the tasks of ``claims.yml`` and the stored rows of a study, or NoResults while one is missing.

A seed that failed (an error, or no score) scores the worst possible: 0 for accuracies and solved tasks, the worst
stored score of the task for losses. Nothing here imports torch."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from gatedrnn.results import NoResults, read

FILE = Path(__file__).resolve().parents[2] / "claims.yml"


def register():
    """All of ``claims.yml``, {"panel": ..., "claims": ...}."""
    return _parsed(FILE.read_text(encoding="utf-8"))


_parsed = cache(yaml.safe_load)  # parsing takes longer than most rules, and each rule asks for several tasks


def panel():
    """The tasks of the panel, {name: its entry in ``claims.yml``}; a ValueError names a task that is wrong."""
    tasks = register()["panel"]
    for name, task in tasks.items():
        needed = {"unit", "better", "margin", "seeds", "do_nothing" if "do_nothing" in task else "loss_margin"}
        if set(task) - {"range"} != needed or task["better"] not in ("higher", "lower"):
            raise ValueError(f"panel, {name}: give {sorted(needed)}, perhaps range; better is higher or lower: {task}")
        if min(task["margin"], task.get("loss_margin", 1), task.get("do_nothing", 1)) <= 0 or task["seeds"] < 2:
            raise ValueError(f"panel, {name}: margins and losses must be above 0, the seeds at least 2: {task}")
    return tasks


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
    rows, points = rows_of(study, **where), pd.MultiIndex.from_product(levels.values(), names=list(levels))
    if absent := sorted({*levels, column} - set(rows)):
        raise lacking(study, f"no column {', '.join(absent)}")
    values = pd.Series(rows[column].to_numpy(), pd.MultiIndex.from_frame(rows[list(levels)])).dropna()
    if values.index.duplicated().any():
        raise ValueError(f"results/{study}.csv: {column} is stored twice at {where}, {list(levels)}")
    if len(absent := points.difference(values.index)):
        raise lacking(study, f"{len(absent)} of {len(points)} values of {column} at {where} are missing")
    return values.reindex(points).to_numpy()


def both_cells(study, task, matched, bias="default", share=1.0):
    """The final rows of the LSTM and of the GRU, sorted by seed; NoResults unless both have every seed."""
    arms, seeds = [], panel()[task]["seeds"]
    for cell, how in (("lstm", "reference"), ("gru", matched)):
        where = {"task": task, "cell": cell, "matched": how, "bias": bias, "share": share}
        rows = rows_of(study, phase="final", **where).sort_values("seed", ignore_index=True)
        if len(rows) != seeds or rows.seed.nunique() != seeds:
            raise lacking(study, f"{len(rows)} rows for {seeds} seeds of " + ", ".join(map(str, where.values())))
        arms.append(rows.assign(failed=rows.error.notna() | rows.score.isna()))
    if list(arms[0].seed) != list(arms[1].seed):
        raise lacking(study, f"the two cells have different seeds on {task}")
    return arms


def final_scores(study, task, matched, share=1.0):
    """The scores of the LSTM and of the GRU, one a seed, the worst possible where a seed failed."""
    spec, arms = panel()[task], both_cells(study, task, matched, share=share)
    worst = 0.0 if spec["better"] == "higher" else rows_of(study, phase="final", task=task).score.max()
    lstm, gru = (rows.score.mask(rows.failed, worst).to_numpy(float) for rows in arms)
    if np.isnan([lstm, gru]).any():
        raise lacking(study, f"every run of {task} failed, so there is no worst score")
    if "range" in spec and 0 < max(lstm.max(), gru.max()) <= 1:
        raise ValueError(f"results/{study}.csv: the scores of {task} look like fractions; its unit is {spec['unit']}")
    return lstm, gru


def evaluations(row):
    """The evaluations of a run, an array (n, 4): step, training loss, validation loss, validation score."""
    return np.array(json.loads(row.curve), dtype=float).reshape(-1, 4)
