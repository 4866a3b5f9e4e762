"""Read a notebook file, or say in one line what is wrong with it."""

import json
from pathlib import Path


class Damaged(RuntimeError):
    """The file is no notebook; the message names it and says what to do."""


def read(path):
    """The notebook as plain JSON, with the keys that some editors leave out.

    Args:
        path: the file.

    Returns:
        A dict; each code cell has ``outputs`` and ``execution_count``, each cell ``metadata``.

    Raises:
        Damaged: it cannot be read, is empty, holds conflict markers, or is no notebook of format 4.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")  # a BOM is harmless: it is left out
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Damaged(f"{path}: is not UTF-8 text; restore it or save it again") from None
    if not text.strip():
        raise Damaged(f"{path}: is empty; restore it, for example with git restore")
    if any(line.startswith(("<<<<<<< ", ">>>>>>> ")) for line in text.splitlines()):
        raise Damaged(f"{path}: holds the markers of a merge conflict; resolve it first")
    try:
        notebook = json.loads(text)
    except ValueError as error:
        raise Damaged(f"{path}: is not JSON ({error}); restore it or save it again") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise Damaged(f"{path}: is no notebook of format 4: it has no list of cells")
    for number, cell in enumerate(cells):
        if cell.get("cell_type") not in ("code", "markdown", "raw"):
            raise Damaged(f"{path}: a cell is of the unknown type {cell.get('cell_type')!r}")
        cell.setdefault("id", f"cell-{number}")
        cell.setdefault("metadata", {})
        cell.setdefault("source", "")
        if cell["cell_type"] == "code":
            cell.setdefault("outputs", [])
            cell.setdefault("execution_count", None)
    notebook.setdefault("metadata", {})
    notebook.setdefault("nbformat", 4)
    notebook.setdefault("nbformat_minor", 5)
    return notebook
