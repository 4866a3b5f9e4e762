"""The stored results: one CSV file a study in ``results/``, one line a run. Nothing here imports torch."""

import csv
import io
import os
import re
import warnings
from pathlib import Path

import pandas as pd


class NoResults(Exception):
    """The study has not run; the message names the command that runs it."""


def folder():
    """The folder ``results/`` of the repository; FileNotFoundError if the package was not installed from there."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / "results").is_dir():
            return parent / "results"
    raise FileNotFoundError(
        f"no folder results/ above {Path(__file__).resolve().parent}: the results are part of the book's repository, "
        "so install the package from there, with `pip install -e .`"
    )


def read(study):
    """The rows of ``results/<study>.csv``, a DataFrame, without a line that a running study has not finished yet.

    Raises NoResults if the file is missing or has no rows.
    """
    path = folder() / f"{study}.csv"
    rows = _frame(path)
    if rows.empty:
        state = "has no rows" if path.is_file() else "is missing"
        raise NoResults(f"no results of the study {study!r} yet: {path} {state}. Make them with: gatedrnn run {study}")
    return rows


class Store:
    """The CSV file ``path`` of a study, one line a run; ``keys`` are the columns that tell one run from another.

    A line is written whole, or removed when the file is next opened, so a killed run spoils nothing: let one process at
    a time open a Store, and look at a study that is running with ``read``. None, nan and the empty text are all stored
    as missing, and a line end within a text as the two characters ``\\n``.

    Raises ValueError for a file that lacks a key column, or has a line of another length or a run twice.
    """

    def __init__(self, path, keys):
        if isinstance(keys, str) or not keys:
            raise ValueError(f"keys must list the columns that tell the runs apart, not {keys!r}")
        self.path, self.keys, self._seen = Path(path), list(keys), set()
        whole, rest = _split(self.path)
        if rest:
            text = rest.decode(errors="replace")
            warnings.warn(f"{self.path}: removed a last line without its end: {text!r}", stacklevel=2)
            os.truncate(self.path, len(whole))
        self.columns, *records = csv.reader(whole.decode().split("\n")[:-1] or [""])  # no columns yet: []
        for number, record in enumerate(records, 1):
            key = self._key(dict(zip(self.columns, record, strict=False)))
            if len(record) != len(self.columns) or key in self._seen:
                problem = f"repeats {self._name(key)}" if key in self._seen else f"has {len(record)} values, "
                raise ValueError(f"{self.path}: row {number} {problem}")
            self._seen.add(key)
