"""The stored results: one CSV file a study in ``results/``, one line a run. Nothing here imports torch, and a ``Store``
does without pandas, whose import takes longer than the start of a study.
"""

import csv
import io
import os
import re
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 characters


class NoResults(Exception):
    """The study has not run; the message names the command that runs it."""


class Stop(RuntimeError):
    """Ends a sweep: nothing that follows can work. The message is one line that says why, and what to do."""


def folder():
    """The folder ``results/`` of the repository; FileNotFoundError if the package was not installed from there."""
    path = Path(__file__).resolve().parents[2] / "results"
    if not path.is_dir():
        raise FileNotFoundError(
            f"no folder {path}: install the package from the book's repository, `pip install -e .`"
        )
    return path


def read(study):
    """The rows of ``results/<study>.csv``, a DataFrame; NoResults if there are none. A running study may add to it."""
    path = folder() / f"{study}.csv"
    if (rows := _frame(path)).empty:
        state = "has no rows" if path.exists() else "is missing"
        raise NoResults(
            f"no results of the study {study!r} yet: {path} {state}. Make them with: gatedrnn run {study}"
        )
    return rows


@contextmanager
def lock(path):
    """Keep other processes out of the file ``path`` inside a ``with`` block; Stop if one of them is in. The system
    lifts the lock on ``<path>.lock`` when the process ends, however it ends; the empty lock file stays.
    """
    with open(f"{path}.lock", "ab") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise Stop(
                f"{path} is in use: another process runs this study; wait for its end or stop it"
            ) from None
        yield


class Store:
    """The CSV file ``path`` of a study; the columns ``keys`` tell one run from another, ``columns`` lists the others
    (None: those of the file, or of the first row).
    A line is written whole, or removed when the file is next opened, so a killed run spoils nothing. Let one process at
    a time open a Store; to look at a study that is running, use ``read``. None, nan and the empty text are all stored
    as missing, a line end within a text as the two characters ``\\n``. A file that lacks a key column, has other
    columns or holds a run twice is a ValueError.
    """

    def __init__(self, path, keys, columns=None):
        if isinstance(keys, str) or not keys:
            raise ValueError(f"keys must list the columns that tell the runs apart, not {keys!r}")
        self.path, self.keys, self._seen = Path(path), list(keys), set()
        whole, rest = _split(self.path)
        if rest:
            os.truncate(path, len(whole))
            text = rest.decode(errors="replace")
            warnings.warn(f"{path}: removed a last line without its end: {text!r}", stacklevel=2)
        header, rows = _table(self.path)
        self._has_header, asked = bool(header), None if columns is None else [*keys, *columns]
        self.columns = header or asked
        if asked and set(self.columns) != set(asked):
            raise ValueError(
                f"{path} has the columns {header}, not {asked}: move it away to begin anew"
            )
        for row in rows:
            self._seen.add(self._new_key(row))

    def append(self, row):
        """Add one run, a dict: ``extend`` with a single row."""
        self.extend([row])

    def extend(self, rows):
        """Add the runs of one call, a list of dicts, in one write; when this returns, the lines are on the disk. A
        ValueError, and nothing is written, if a run is there already or has other columns than the file.
        """
        if not rows:
            return
        columns, added = self.columns or list(rows[0]), set()
        for row in rows:
            lacking, unknown = sorted(set(columns) - set(row)), sorted(set(row) - set(columns))
            if lacking or unknown:
                text = f"the row lacks the columns {lacking} and has the unknown columns {unknown}"
                raise ValueError(f"{self.path}: {text}")
            added.add(self._new_key(row, added))
        lines = [[_text(row[name]) for name in columns] for row in rows]
        data = _encoded(lines if self._has_header else [columns, *lines])
        with open(self.path, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.columns, self._has_header = columns, True
        self._seen |= added

    def failed(self):
        """The number of runs that ended with an error: those with a text in the column ``error``."""
        return sum(bool(row.get("error")) for row in _table(self.path)[1])

    def drop_failed(self):
        """Remove the runs that ended with an error, so that they are lacking again. The file is written anew and then
        takes the place of the old one: a kill leaves one or the other.
        """
        header, rows = _table(self.path)
        kept, new = (
            [row for row in rows if not row.get("error")],
            self.path.with_name(f"{self.path.name}.new"),
        )
        if len(kept) == len(rows):
            return
        with open(new, "wb") as file:
            file.write(_encoded([header, *(row.values() for row in kept)]))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        self._seen = {self.key(row) for row in kept}

    def rows(self):
        """All rows, a DataFrame; floats come back to the last bit."""
        return _frame(self.path)

    def __contains__(self, row):
        return self.key(row) in self._seen

    def key(self, row):
        """What tells the run of this row from the others: a tuple of text, one a key column."""
        if missing := [name for name in self.keys if name not in row]:
            raise ValueError(f"{self.path}: no key column {missing}; the keys are {self.keys}")
        # without the .0 that pandas gives the whole numbers of a column that has missing values
        return tuple(re.sub(r"^(-?\d+)\.0$", r"\1", _text(row[name])) for name in self.keys)

    def _new_key(self, row, added=()):
        if (key := self.key(row)) in self._seen or key in added:
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


def _table(path):
    """The names of the columns and the whole rows: a list of text, and a list of dicts of text."""
    header, *lines = [
        line for line in csv.reader(io.StringIO(_split(path)[0].decode(), newline="")) if line
    ] or [[]]
    if odd := [line for line in lines if len(line) != len(header)]:
        raise ValueError(
            f"{path}: a line has {len(odd[0])} values for {len(header)} columns: {odd[0]}"
        )
    return header, [dict(zip(header, line, strict=True)) for line in lines]


def _encoded(lines):
    """The lines as the bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _frame(path):
    """The whole lines, a DataFrame. Only the empty value and nan are missing: "None" and "NA" stay text."""
    import pandas as pd

    if not (whole := _split(path)[0]):
        return pd.DataFrame()
    return pd.read_csv(io.BytesIO(whole), keep_default_na=False, na_values=["", "nan"])
