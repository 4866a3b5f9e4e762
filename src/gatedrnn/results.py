"""The stored results: one CSV file a study in ``results/``, one row a run. Nothing here imports torch."""

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
    """The folder ``results/`` of the repository this package was installed from.

    Raises:
        FileNotFoundError: the package does not stand in its repository.
    """
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / "results").is_dir():
            return parent / "results"
    raise FileNotFoundError(
        f"no folder results/ above {Path(__file__).resolve().parent}: the results are part of the book's repository, "
        "so install the package from there, with `pip install -e .`"
    )


def read(study):
    """The rows of ``results/<study>.csv``, a DataFrame: one row a run. Floats come back to the last bit.

    A line that a running study has not finished yet is left out.

    Raises:
        NoResults: the file is missing or has no rows.
    """
    path = folder() / f"{study}.csv"
    rows = _frame(path.read_bytes()) if path.is_file() else ()
    if not len(rows):
        state = "has no rows" if path.is_file() else "is missing"
        raise NoResults(f"no results of the study {study!r} yet: {path} {state}. Make them with: gatedrnn run {study}")
    return rows


class Store:
    """A CSV file that a killed run cannot spoil: a row is written whole, or it is removed when the file is next opened.

    ``store.append(row)`` adds a dict. ``row in store`` asks, by the key columns alone, whether that run is there, so a
    study that starts again leaves it out. ``store.rows()`` is a DataFrame. All rows have the columns of the first one;
    None, nan and the empty text are all stored as missing, and line ends within a text become ``\\n``.

    Only one process at a time may open a file as a ``Store``, because opening repairs it. To look at the results of a
    study that is running, use ``read``.

    Args:
        path: the file; made with the first row.
        keys: the columns that tell one run from another, such as ``["cell", "seed"]``.

    Raises:
        ValueError: the file lacks a key column, holds a row of another length, or holds one run twice.
    """

    def __init__(self, path, keys):
        if isinstance(keys, str) or not keys:
            raise ValueError(f"keys must list the columns that tell the runs apart, not {keys!r}")
        self.path, self.keys = Path(path), list(keys)
        self._repair()
        records = list(csv.reader(io.StringIO(self._read().decode(), newline="")))
        self.columns = records[0] if records else None  # None until there is a header
        self._seen = set()
        if records:
            self._key(dict.fromkeys(self.columns))  # a file without rows must have the key columns too
        for number, record in enumerate(records[1:], 1):
            self._load(number, record)

    def _load(self, number, record):
        """Check one row of the file and note that its run is there."""
        if len(record) != len(self.columns):
            raise ValueError(f"{self.path}: row {number} has {len(record)} values, the header {len(self.columns)}")
        row = dict(zip(self.columns, record, strict=True))
        if row in self:
            raise ValueError(f"{self.path}: row {number} repeats {self._name(row)}; remove one of the two")
        self._seen.add(self._key(row))

    def append(self, row):
        """Add one run; when this returns, the row is on the disk.

        Raises:
            ValueError: this run is there already, or the row has other columns than the file.
            OSError: the row could not be written; the file is as before.
        """
        columns = self.columns or list(row)
        if set(row) != set(columns):
            raise ValueError(
                f"{self.path}: the row lacks the columns {sorted(set(columns) - set(row))} "
                f"and has the unknown columns {sorted(set(row) - set(columns))}"
            )
        if row in self:
            raise ValueError(f"{self.path} holds {self._name(row)} already; ask `row in store` before a run")
        lines = [] if self.columns else [columns]
        self._write([*lines, [_line_ends(row[name]) for name in columns]])
        self.columns = columns
        self._seen.add(self._key(row))

    def rows(self):
        """All rows, a DataFrame; floats come back to the last bit."""
        return _frame(self._read())

    def __contains__(self, row):
        return self._key(row) in self._seen

    def _key(self, row):
        missing = [name for name in self.keys if name not in row]
        if missing:
            raise ValueError(f"{self.path}: no key column {missing}; the keys are {self.keys}")
        return tuple(_canonical(row[name]) for name in self.keys)

    def _name(self, row):
        return ", ".join(f"{name}={row[name]}" for name in self.keys)

    def _read(self):
        return self.path.read_bytes() if self.path.exists() else b""

    def _write(self, records):
        """Append the records with one write, then wait for the disk."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(records)
        data = text.getvalue().encode()
        with open(self.path, "ab", buffering=0) as file:  # opened with O_APPEND
            size = os.fstat(file.fileno()).st_size
            if file.write(data) != len(data):
                file.truncate(size)
                raise OSError(f"{self.path}: the row was only written in part and is taken back; is the disk full?")
            os.fsync(file.fileno())

    def _repair(self):
        data = self._read()
        end = _end(data)
        if end < len(data):
            warnings.warn(
                f"{self.path}: removed a last line without its end: {data[end:].decode(errors='replace')!r}",
                stacklevel=3,
            )
            os.truncate(self.path, end)


def _end(data):
    """Where the last whole record ends: after a newline that does not stand within quotes."""
    end = len(data)
    while end and (data[end - 1 : end] != b"\n" or data.count(b'"', 0, end) % 2):
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def _frame(data):
    """The whole records as a DataFrame. Only the empty value and nan are missing: "None" or "NA" stay text."""
    data = data[: _end(data)]
    if not data:
        return pd.DataFrame()
    return pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=["", "nan"])


def _line_ends(value):
    """Text with newlines alone: csv does not quote a carriage return, which pandas takes for the end of the row."""
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _canonical(value):
    """One text for what is one value: 1 and 1.0 (pandas turns whole numbers into floats), None and nan."""
    text = "" if value is None else str(_line_ends(value))
    return "" if text == "nan" else re.sub(r"^(-?\d+)\.0$", r"\1", text)
