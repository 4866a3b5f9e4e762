"""The stored results: one CSV file a study in ``results/``, one line a run. Nothing here imports torch."""

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
    path = Path(__file__).resolve().parents[2] / "results"
    if not path.is_dir():
        raise FileNotFoundError(f"no folder {path}: install the package from the book's repository, `pip install -e .`")
    return path


def read(study):
    """The rows of ``results/<study>.csv``, a DataFrame; NoResults if there are none. A running study may add to it."""
    path = folder() / f"{study}.csv"
    if (rows := _frame(path)).empty:
        state = "has no rows" if path.exists() else "is missing"
        raise NoResults(f"no results of the study {study!r} yet: {path} {state}. Make them with: gatedrnn run {study}")
    return rows


class Store:
    """The CSV file ``path`` of a study; the columns ``keys`` tell one run from another.
    A line is written whole, or removed when the file is next opened, so a killed run spoils nothing. Let one process at
    a time open a Store; to look at a study that is running, use ``read``. None, nan and the empty text are all stored
    as missing, a line end within a text as the two characters ``\\n``. A file that lacks a key column or holds a run
    twice is a ValueError."""

    def __init__(self, path, keys):
        if isinstance(keys, str) or not keys:
            raise ValueError(f"keys must list the columns that tell the runs apart, not {keys!r}")
        self.path, self.keys, self._seen = Path(path), list(keys), set()
        whole, rest = _split(self.path)
        if rest:
            os.truncate(path, len(whole))
            text = rest.decode(errors="replace")
            warnings.warn(f"{path}: removed a last line without its end: {text!r}", stacklevel=2)
        rows = _frame(self.path, dtype=str)
        self.columns = list(rows)
        for row in rows.to_dict("records"):
            self._seen.add(self._new_key(row))

    def append(self, row):
        """Add one run, a dict; when this returns, the line is on the disk. A ValueError if the run is there already or
        has other columns than the file."""
        columns = self.columns or list(row)
        lacking, unknown = sorted(set(columns) - set(row)), sorted(set(row) - set(columns))
        if lacking or unknown:
            raise ValueError(f"{self.path}: the row lacks the columns {lacking} and has the unknown columns {unknown}")
        key = self._new_key(row)
        line = pd.DataFrame([[_text(row[name]) for name in columns]], columns=columns)
        data = line.to_csv(index=False, header=not self.columns, lineterminator="\n").encode()
        with open(self.path, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.columns = columns
        self._seen.add(key)

    def rows(self):
        """All rows, a DataFrame; floats come back to the last bit."""
        return _frame(self.path)

    def __contains__(self, row):
        return self._key(row) in self._seen

    def _key(self, row):
        if missing := [name for name in self.keys if name not in row]:
            raise ValueError(f"{self.path}: no key column {missing}; the keys are {self.keys}")
        # without the .0 that pandas gives the whole numbers of a column that has missing values
        return tuple(re.sub(r"^(-?\d+)\.0$", r"\1", _text(row[name])) for name in self.keys)

    def _new_key(self, row):
        if (key := self._key(row)) in self._seen:
            run = ", ".join(f"{name}={row[name]}" for name in self.keys)
            raise ValueError(f"{self.path} holds {run} already; ask `row in store` before a run")
        return key


def _text(value):
    """The value as it is stored, on one line."""
    text = "" if value is None else re.sub(r"\r\n?|\n", r"\\n", str(value))
    return "" if text == "nan" else text


def _split(path):
    """The whole lines of the file, and the beginning of one that is not finished."""
    whole, newline, rest = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
    return whole + newline, rest


def _frame(path, dtype=None):
    """The whole lines, a DataFrame. Only the empty value and nan are missing: "None" and "NA" stay text."""
    if not (whole := _split(path)[0]):
        return pd.DataFrame()
    return pd.read_csv(io.BytesIO(whole), keep_default_na=False, na_values=["", "nan"], dtype=dtype)
