"""Find the submissions in a folder and read their code cells. Nothing of them is run here.

Everything is read before anything runs, so no submission can change another one.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

MOST_BYTES = 20_000_000  # of a notebook; a larger one holds more than an assignment
MOST_CELLS = 2000


class Unreadable(Exception):
    """The file is no notebook; the message says why."""


@dataclass
class Submission:
    """One student's notebook: ``cells`` are the sources of the code cells, by their number.

    ``problem``: why it cannot be graded, or None. ``remarks``: for the teacher.
    """

    student: str
    file: str
    cells: dict[int, str]
    problem: str | None = None
    remarks: list[str] = field(default_factory=list)


def is_notebook_name(name: str) -> bool:
    """Whether the name ends as a notebook's does, in capitals or not."""
    return name.lower().endswith(".ipynb")


def why_not(entry: os.DirEntry) -> str | None:
    """Why an entry of the folder is not graded; None if it is."""
    name = entry.name
    if entry.is_symlink():
        return "a link, which could lead to somebody else's work"
    if name.startswith("._"):
        return "a companion file of macOS, not a notebook"
    if name.startswith("."):
        return "a hidden file"
    if entry.is_dir():
        return None
    if is_notebook_name(name):
        return None if entry.is_file() else "no ordinary file"
    if ".ipynb" in name.lower():
        return "its name does not end in .ipynb; rename it"
    return "no notebook"


def in_folder(path: Path) -> tuple[Path | None, str | None]:
    """The one notebook in a student's own folder, or why there is none to grade."""
    found = []
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_dir() and is_notebook_name(entry.name) and why_not(entry) is None:
                found.append(Path(entry.path))
    if len(found) == 1:
        return found[0], None
    return None, f"a folder with {len(found)} notebooks; one is expected"


def find(folder: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """What is graded in a folder, and what is not.

    Args:
        folder: one notebook a student, or one folder with one notebook a student.

    Returns:
        Pairs (student, file), sorted, and pairs (name, reason) of what is not graded.
    """
    graded, left_out = [], []
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: os.fsencode(entry.name))
    for entry in entries:
        reason, path = why_not(entry), Path(entry.path)
        if reason is None and entry.is_dir():
            path, reason = in_folder(path)
            student = entry.name
        else:
            student = entry.name[: -len(".ipynb")]
        if reason is None:
            graded.append((student, path))
        else:
            left_out.append((entry.name, reason))
    return graded, left_out


def read_all(folder: Path) -> tuple[list[Submission], list[tuple[str, str]]]:
    """Read every submission of a folder.

    Args:
        folder: as in ``find``.

    Returns:
        The submissions and what is not graded; equal files are remarked on.
    """
    graded, left_out = find(folder)
    submissions, seen = [], {}
    for student, path in graded:
        submission = read(student, path)
        submissions.append(submission)
        content = hashlib.sha256(repr(submission.cells).encode("utf-8", "replace")).digest()
        if submission.cells and content in seen:
            submission.remarks.append(f"the same code as {seen[content]}")
        seen.setdefault(content, student)
    return submissions, left_out


def read(student: str, path: Path) -> Submission:
    """One submission; a file that is no notebook has a ``problem`` and no cells."""
    try:
        return Submission(student, path.name, code_cells(path))
    except Unreadable as error:
        return Submission(student, path.name, {}, str(error))


def code_cells(path: Path) -> dict[int, str]:
    """The sources of the notebook's code cells, by their number, counted from 1.

    Lenient: repeated ids, missing keys, a byte-order mark and the older format 3 are fine.

    Raises:
        Unreadable: it is no notebook; the message says why.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise Unreadable(f"the file is larger than {MOST_BYTES:,} bytes")
            raw = file.read(MOST_BYTES + 1)
        notebook = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        text = f"{type(error).__name__}: {str(error)[:100]}"
        raise Unreadable(f"the file is not a notebook: {text}") from None
    cells = cells_of(notebook)
    sources = {}
    for number, cell in enumerate(cells[:MOST_CELLS], 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            sources[number] = text_of(cell.get("source", cell.get("input", "")))
    return sources


def cells_of(notebook: object) -> list:
    """The list of cells, of format 4 or 3."""
    if isinstance(notebook, dict):
        if isinstance(notebook.get("cells"), list):
            return notebook["cells"]
        sheets = notebook.get("worksheets")
        if isinstance(sheets, list):
            found = []
            for sheet in sheets:
                if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list):
                    found += sheet["cells"]
            return found
    raise Unreadable("the file is not a notebook: it has no list of cells")


def text_of(source: object) -> str:
    """The source of a cell, a text or a list of lines; anything else is an empty cell."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
