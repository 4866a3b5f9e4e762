"""Run notebooks and store their outputs.

    python tools/execute.py                       every chapter and every assignment's solution
    python tools/execute.py architecture/lstm     one chapter, or the path of any notebook

A notebook is written only when all its cells ran, and the same notebook twice gives the same file:
no time stamps, no versions, sorted keys. A notebook that is damaged or fails is named, and the next
one is run.
"""

import json
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from notebooks import read

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT = 180  # seconds for one cell; `python book.py test` allows the same
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "name": "python"
    },  # a kernel adds its version, which differs from reader to reader
}


def notebooks(root=ROOT):
    """The notebooks with stored outputs; course/release/ is made from course/source/."""
    found = [*(root / "chapters").rglob("*.ipynb"), *(root / "course" / "source").rglob("*.ipynb")]
    return sorted(file for file in found if ".ipynb_checkpoints" not in file.parts)


def find(name, root=ROOT):
    """The notebook called ``name``: a path, or a chapter such as architecture/lstm.

    Raises:
        SystemExit: there is none; the message lists the chapters.
    """
    for file in (Path(name), root / "chapters" / f"{name}.ipynb"):
        if file.suffix == ".ipynb" and file.is_file():
            return file.resolve()
    chapters = [
        file.relative_to(root / "chapters")
        for file in notebooks(root)
        if file.is_relative_to(root / "chapters")
    ]
    names = ", ".join(file.with_suffix("").as_posix() for file in chapters)
    sys.exit(f"no notebook {name!r}; the chapters are: {names or 'none yet'}")


def clear(notebook):
    """Remove outputs, counts and what an earlier run or an editor left in the cells."""
    for cell in notebook.cells:
        for stamp in ("execution", "collapsed", "scrolled"):
            cell.metadata.pop(stamp, None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def run(path):
    """Run one notebook from top to bottom in a fresh kernel, and write it back with its outputs.

    Raises:
        RuntimeError: the notebook is damaged, or a cell failed; the message names the notebook and
            the cell, and the file is left as it was.
    """
    path = Path(path)
    notebook = nbformat.reads(json.dumps(read(path)), as_version=4)
    clear(notebook)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=TIMEOUT,
        record_timing=False,
        coalesce_streams=True,  # a kernel sends its output in pieces, never twice the same
        on_cell_start=lambda cell, cell_index: reached.append(cell_index),
        extra_arguments=[
            "--log-level=ERROR"
        ],  # a warning about local TCP at every start frightens readers
        resources={"metadata": {"path": str(path.parent)}},
    )
    reached = []
    try:
        client.execute()
    except (CellExecutionError, CellControlSignal, DeadKernelError) as error:
        raise RuntimeError(
            f"{path}: cell {reached[-1]} failed (cells count from 0)\n{error}"
        ) from None
    notebook.metadata = nbformat.from_dict(METADATA)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)  # indent 1, sorted keys, a final newline


def main(names):
    """Run the named notebooks, or all; a failure is printed and the next one is run.

    Returns:
        The exit code, 1 if one failed.
    """
    failures = 0
    for path in [find(name) for name in names] or notebooks():
        start = time.monotonic()
        try:
            run(path)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            failures += 1
        else:
            shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            print(f"{shown}: {time.monotonic() - start:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
