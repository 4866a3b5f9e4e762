"""The stored results: one CSV file a study in ``results/``, one line a run. No torch.

A ``Store`` does without pandas, whose import takes longer than the start of a study.
"""

import csv
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 characters


class NoResults(Exception):
    """The study has not run; the message names the command that runs it."""


class Stop(RuntimeError):
    """Ends a sweep: nothing that follows can work. One line says why, and what to do."""


# Reading


def folder() -> Path:
    """The folder ``results/`` of the repository.

    Raises:
        FileNotFoundError: the package was not installed from the repository.
    """
    path = Path(__file__).resolve().parents[2] / "results"
    if not path.is_dir():
        advice = "install the package from the book's repository, `pip install -e .`"
        raise FileNotFoundError(f"no folder {path}: {advice}")
    return path


def read(study: str) -> "pd.DataFrame":
    """The rows of ``results/<study>.csv``. A running study may add to it.

    Raises:
        NoResults: there are none.
        ValueError: the file is damaged; the message names the line.
    """
    path = folder() / f"{study}.csv"
    rows = _frame(path)
    if rows.empty:
        state = "has no rows" if path.exists() else "is missing"
        raise NoResults(
            f"no results of the study {study!r} yet: {path} {state}. "
            f"Make them with: gatedrnn run {study}"
        )
    return rows


def arms(study: str, **where: Any) -> "pd.DataFrame":
    """The final rows of a study at these values, sorted by seed.

    Args:
        study: its name.
        where: {column: value} that a row must have.

    Raises:
        NoResults: the study has no rows, or none at these values.
    """
    rows = read(study)
    if "phase" in rows and "phase" not in where:
        where = {"phase": "final"} | where
    for column, value in where.items():
        rows = rows[rows[column] == value]
    if rows.empty:
        found = ", ".join(f"{column}={value}" for column, value in where.items())
        raise NoResults(f"results/{study}.csv has no rows at {found}")
    return rows.sort_values("seed")


def curves(rows: "pd.DataFrame", keys: Iterable[str] = ()) -> "pd.DataFrame":
    """The learning curves of stored rows, one line an evaluation.

    Args:
        rows: rows with the columns ``seed`` and ``curve``.
        keys: further columns to keep.

    Returns:
        The columns of ``keys``, then seed, step, train_loss, loss and score.
    """
    import pandas as pd

    names = ["step", "train_loss", "loss", "score"]
    parts = []
    for _, row in rows.iterrows():
        part = pd.DataFrame(json.loads(row.curve), columns=names)
        part.insert(0, "seed", row.seed)
        for key in reversed([*keys]):
            part.insert(0, key, row[key])
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


# One writer at a time

_HELD = {}  # {path of a file that this process has locked: the inode of its lock file}


@contextmanager
def lock(path: str | Path) -> Iterator[None]:
    """Keep other processes out of a file inside a ``with`` block.

    The system lifts the lock on ``<path>.lock`` when the process ends, however it ends; the empty
    lock file stays. If it is removed meanwhile, the next append stops: another process could be in.

    Raises:
        Stop: another process is in.
    """
    name = f"{path}.lock"
    with open(name, "ab") as file:
        try:
            _take(file)
        except (BlockingIOError, PermissionError):
            raise Stop(
                f"{path} is in use: another process runs this study; wait for its end or stop it"
            ) from None
        _HELD[str(path)] = os.fstat(file.fileno()).st_ino
        try:
            _check_lock(path)
            yield
        finally:
            del _HELD[str(path)]


def _take(file):
    """Lock an open file; an error if another process has it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _check_lock(path):
    """Stop if the lock file that this process holds is gone or another one."""
    if str(path) not in _HELD:
        return
    try:
        same = os.stat(f"{path}.lock").st_ino == _HELD[str(path)]
    except FileNotFoundError:
        same = False
    if not same:
        raise Stop(f"{path}.lock was removed while this process used it: run the study again")


class Store:
    r"""The CSV file of a study.

    A line is written whole, or removed when the file is next opened, so a killed run spoils
    nothing; a write that fails is taken back. The header is looked at before anything is cut or
    written, and again at each append. Let one process at a time open a Store; to look at a study
    that is running, use ``read``. None, nan and the empty text are all stored as missing, a line
    end within a text as the two characters ``\\n``.

    Attributes:
        path: the file.
        keys: the columns that tell one run from another.
        columns: all columns, in the order of the file.
    """

    def __init__(
        self, path: str | Path, keys: list[str], columns: Iterable[str] | None = None
    ) -> None:
        """Open the file, which need not exist.

        Args:
            path: the file.
            keys: the columns that tell one run from another.
            columns: the others; None: those of the file, or of the first row.

        Raises:
            ValueError: the file lacks a key column, has other columns, is damaged, or holds a run
                twice.
        """
        if isinstance(keys, str) or not keys:
            raise ValueError(f"keys must list the columns that tell the runs apart, not {keys!r}")
        self.path, self.keys = Path(path), list(keys)
        self._asked = None if columns is None else [*keys, *columns]
        self.columns = self._asked
        self._load()

    def append(self, row: dict) -> None:
        """Add one run: ``extend`` with a single row."""
        self.extend([row])

    def extend(self, rows: list[dict]) -> None:
        """Add the runs of one call in one write; when this returns, the lines are on the disk.

        Args:
            rows: dicts with a value for each column.

        Raises:
            ValueError: a run is there already, or has other columns than the file; nothing is
                written.
            Stop: the file or its lock was replaced meanwhile by something else.
            OSError: it cannot be written; the file is as it was before.
        """
        if not rows:
            return
        _check_lock(self.path)
        if self._state() != self._known:
            self._load_again()
        columns, added = self.columns or list(rows[0]), set()
        for row in rows:
            lacking, unknown = sorted(set(columns) - set(row)), sorted(set(row) - set(columns))
            if lacking or unknown:
                text = f"the row lacks the columns {lacking} and has the unknown columns {unknown}"
                raise ValueError(f"{self.path}: {text}")
            added.add(self._new_key(row, added))
        lines = [[_text(row[name]) for name in columns] for row in rows]
        self._write(_encoded(lines if self._has_header else [columns, *lines]))
        self.columns, self._has_header = columns, True
        self._seen |= added

    def failed(self) -> int:
        """The number of runs that ended with an error: those with a text in ``error``."""
        return sum(bool(row.get("error")) for row in _table(self.path)[1])

    def drop_failed(self) -> None:
        """Remove the runs that ended with an error, so that they are lacking again.

        The file is written anew and then takes the place of the old one: a kill leaves one or the
        other.
        """
        _check_lock(self.path)
        header, rows = _table(self.path)
        kept = [row for row in rows if not row.get("error")]
        if len(kept) == len(rows):
            return
        new = self.path.with_name(f"{self.path.name}.new")
        with open(new, "wb") as file:
            file.write(_encoded([header, *(row.values() for row in kept)]))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)
        self._seen = {self.key(row) for row in kept}
        self._known = self._state()

    def rows(self) -> "pd.DataFrame":
        """All rows; floats come back to the last bit."""
        return _frame(self.path)

    def __contains__(self, row: dict) -> bool:
        return self.key(row) in self._seen

    def key(self, row: dict) -> tuple[str, ...]:
        """What tells the run of this row from the others: a text for each key column.

        Raises:
            ValueError: the row lacks a key column.
        """
        if missing := [name for name in self.keys if name not in row]:
            raise ValueError(f"{self.path}: no key column {missing}; the keys are {self.keys}")
        # Without the .0 that pandas gives the whole numbers of a column that has missing values.
        return tuple(re.sub(r"^(-?\d+)\.0$", r"\1", _text(row[name])) for name in self.keys)

    def _new_key(self, row, added=()):
        """The key of a run that is not there yet."""
        key = self.key(row)
        if key in self._seen or key in added:
            run = ", ".join(f"{name}={row[name]}" for name in self.keys)
            raise ValueError(f"{self.path} holds {run} already; ask `row in store` before a run")
        return key

    def _load(self):
        """Look at the file: its header first, then cut an unfinished line, then its runs."""
        whole, rest = _split(self.path)
        torn = self._asked is None or _encoded([self._asked]).startswith(rest)
        if rest and not whole and not torn:
            raise ValueError(
                f"{self.path} is not a file of this study: it begins with {rest[:60]!r}; "
                "move it away to begin anew"
            )
        header, rows = _parsed(self.path, whole)
        if header and self._asked and set(header) != set(self._asked):
            raise ValueError(
                f"{self.path} has the columns {header}, not {self._asked}: "
                "move it away to begin anew"
            )
        self._has_header = bool(header)
        self.columns = header or self.columns
        self._seen = set()
        for row in rows:
            self._seen.add(self._new_key(row))
        if rest:
            os.truncate(self.path, len(whole))
            text = rest.decode(errors="replace")
            warnings.warn(
                f"{self.path}: removed a last line without its end: {text!r}", stacklevel=3
            )
        self._known = self._state()

    def _load_again(self):
        """The file is not as this store left it: look at it anew before anything is written."""
        try:
            self._load()
        except ValueError as error:
            raise Stop(f"{error} (it was changed while the study ran)") from None

    def _state(self):
        """What changes when somebody else writes, replaces or removes the file."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size

    def _write(self, data):
        """Append, and wait for the disk; a write that fails is taken back."""
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with open(self.path, "ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if self.path.exists():
                os.truncate(self.path, before)
            raise
        finally:
            self._known = self._state()


def _text(value):
    """The value as it is stored, on one line; what is no text is written as its code."""
    text = "" if value is None else re.sub(r"\r\n?|\n", r"\\n", str(value))
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "" if text == "nan" else text


def _split(path):
    """The whole lines of the file, and the beginning of one that is not finished."""
    whole, newline, rest = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
    return whole + newline, rest


def _table(path):
    """The names of the columns and the whole rows: a list of text, and a list of dicts of text."""
    return _parsed(path, _split(path)[0])


def _parsed(path, whole):
    """The header and the rows of whole lines.

    Raises:
        ValueError: they are no table of this form; the message says which line is wrong.
    """
    if b"\r" in whole:
        raise ValueError(f"{path} has other line ends than \\n: restore it, or convert it")
    try:
        text = whole.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from None
    header, *lines = [line for line in csv.reader(io.StringIO(text, newline="")) if line] or [[]]
    rows = []
    for line in lines:
        if line[0].startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise ValueError(f"{path} holds the markers of a merge conflict: {line[0]}")
        if line == header:
            raise ValueError(f"{path} holds its header twice")
        if len(line) != len(header):
            raise ValueError(
                f"{path}: a line has {len(line)} values for {len(header)} columns: {line}"
            )
        rows.append(dict(zip(header, line, strict=True)))
    return header, rows


def _encoded(lines):
    """The lines as the bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _frame(path):
    """The whole lines. Only the empty value and nan are missing: "None" and "NA" stay text."""
    import pandas as pd

    whole = _split(path)[0]
    if not whole:
        return pd.DataFrame()
    _check_once(path, whole)
    return pd.read_csv(io.BytesIO(whole), keep_default_na=False, na_values=["", "nan"])


_CHECKED = set()  # of the files that were looked at: (path, hash of the bytes)


def _check_once(path, whole):
    """Refuse a damaged file; pandas would fill up short lines in silence."""
    seen = (str(path), hash(whole))
    if seen not in _CHECKED:
        _parsed(path, whole)
        _CHECKED.add(seen)
