"""What the tests of the course share: notebooks as handed in, grading without a sandbox."""

import json
from pathlib import Path

import nbformat
import torch

from course.assignments import cells as assignment
from course.grading import child, grader, sandbox, submissions

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "course/source/cells.ipynb"
RELEASE = ROOT / "course/release/cells.ipynb"
PARTS = grader.parts(assignment.tests(0))


def sources(path):
    """{id: source} of the code cells."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            found[cell.id] = cell.source
    return found


def notebook(path, cells):
    """A notebook as a student's editor might leave it: no ids, no metadata."""
    written = []
    for source in cells:
        cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}}
        written.append(cell)
    content = {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(content))
    return path


def solution():
    """{function: its cell in the solution}, and the imports."""
    cells = sources(SOURCE)
    functions = {}
    for name in PARTS:
        functions[name] = next(
            source for source in cells.values() if source.startswith(f"def {name}(")
        )
    return functions, cells["imports"]


def mutant(old, new):
    """The one function that holds ``old``, changed: (its name, its source)."""
    found = [(name, source) for name, source in solution()[0].items() if old in source]
    ((name, source),) = found
    return name, source.replace(old, new)


def here(job):
    """``sandbox.run`` without a sandbox: for wrong answers, not for hostile ones."""
    outcome = sandbox.Outcome(reason="no answer")
    reader = sandbox.Reader(None)
    reader.outcome = outcome
    names = ("functions", "forbidden", "known")
    wanted, forbidden, known = (set(job[name]) for name in names)
    describe = child.describer()

    def say(message):
        reader.note(json.dumps(message).encode())

    space = child.run_notebook(job["cells"], wanted, forbidden, known, say, describe)
    torch.set_default_dtype(torch.float64)
    defined = [name for name in job["functions"] if callable(space.get(name))]
    say({"defined": defined})
    cases = [case for case in job["cases"] if case["function"] in defined]
    codec = child.codec(torch, child.load_steps(job["steps"]))
    for line in child.answers(space, cases, codec, json.dumps, describe):
        reader.note(line.encode())
    return outcome


def grade(path, seed=0, run=here):
    """The grade of the notebook in a file."""
    submission = submissions.read(path.stem, path)
    return grader.grade(submission, assignment, assignment.tests(seed), run)


def points(result):
    """{part: points}."""
    return {part: result.points(part) for part in PARTS}


def failed(result):
    """The names of the tests that did not pass."""
    found = set()
    for test, reason in zip(result.tests, result.reasons, strict=True):
        if reason:
            found.add(test.name)
    return found
