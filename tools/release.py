"""Make the students' notebooks: course/source/NAME.ipynb -> course/release/NAME.ipynb.

The work is done by nbgrader's own preprocessors, in the order of `nbgrader generate_assignment` and
with the settings of course/nbgrader_config.py; only its database is left out. The result is run, so
that the page of the book shows what a student sees first. The same source gives the same bytes.
"""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from execute import METADATA, run
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import PyFileConfigLoader

COURSE = Path(__file__).resolve().parent.parent / "course"
STEPS = (
    CheckCellMetadata,
    ClearSolutions,
    LockCells,
    ClearOutput,
    CheckCellMetadata,
    ClearHiddenTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
)


def student_version(source):
    """The notebook without solutions, hidden tests and outputs. Not yet run."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(COURSE)).load_config()
    notebook, resources = nbformat.read(source, as_version=4), {}
    for step in STEPS:
        notebook, resources = step(config=config).preprocess(notebook, resources)
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def release(source, target):
    """Write the students' version of one notebook, with the outputs of a first run.

    Raises:
        RuntimeError: a cell of the students' version fails: its checks must say "not yet" and not
            raise.
    """
    target.parent.mkdir(exist_ok=True)
    # Run in a folder of its own: a failure leaves the old release as it was.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        draft = Path(folder) / source.name
        nbformat.write(student_version(source), draft)
        run(draft)
        os.replace(draft, target)


def main():
    """Make all of them; print their names."""
    for source in sorted((COURSE / "source").glob("*.ipynb")):
        release(source, COURSE / "release" / source.name)
        print(f"course/release/{source.name}")


if __name__ == "__main__":
    sys.exit(main())
