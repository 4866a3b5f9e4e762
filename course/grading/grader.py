"""Grade a folder of submitted notebooks: python -m course.grading ASSIGNMENT FOLDER --out OUT.

One notebook a student; the file's name is the student's. A notebook's cells run from top to bottom
in a separate process, as Jupyter would run them; then each asked function is called by name on
inputs drawn for this run, and what it returns is compared here. OUT gets grades.csv and a page of
feedback for each student.
"""

import argparse
import ast
import csv
import functools
import importlib
import os
import pkgutil
import secrets
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

import course.assignments
from course.grading import sandbox, submissions
from course.grading.cases import Previous, Step, Test
from course.grading.compare import judge
from course.grading.submissions import Submission
from course.grading.text import encodable, file_name, markdown, printable, table_cell

RELEASE = Path(__file__).resolve().parents[1] / "release"


class UserError(Exception):
    """Something about the call is wrong; the message is for the person at the keyboard."""


@dataclass
class Grade:
    """The outcome for one student. ``reasons``: for each test None if it passed, else why not."""

    student: str
    tests: list[Test]
    reasons: list[str | None]
    remarks: list[str]

    def points(self, part: str | None = None) -> int:
        """The points of a part, or of all parts."""
        total = 0
        for test, reason in zip(self.tests, self.reasons, strict=True):
            if reason is None and part in (None, test.part):
                total += test.points
        return total


def parts(tests: Iterable[Test]) -> dict[str, int]:
    """``{part: its points}``, in the order of the assignment."""
    found = {}
    for test in tests:
        found[test.part] = found.get(test.part, 0) + test.points
    return found


def encode(value: object) -> object:
    """An argument as JSON; ``child.codec`` reads it."""
    match value:
        case np.ndarray():
            return {"tensor": value.tolist()}
        case tuple():
            return [encode(item) for item in value]
        case Step(name=name):
            return {"step": name}
        case Previous(part=part):
            return {"previous": part}
    return value


@functools.cache
def handed_out(name: str) -> list[str]:
    """The statements of the students' version of an assignment, as ``ast.unparse`` writes them."""
    statements = []
    path = RELEASE / f"{name}.ipynb"
    for source in submissions.code_cells(path).values() if path.exists() else []:
        statements += [ast.unparse(line) for line in ast.parse(source).body]
    return statements


def ask(cells: dict, cases: list[dict], assignment: ModuleType, run: Callable) -> tuple:
    """Run a notebook and ask for all cases.

    A function that loops or ends the process is left out, and the others are asked again in a new
    process.

    Args:
        cells: the sources by number.
        cases: dicts with ``id``, ``function`` and ``args``.
        assignment: its steps and the names to report.
        run: ``sandbox.run``.

    Returns:
        ``{case id: answer}``, ``{function: why it was left out}`` and the remarks.
    """
    answers, left_out, remarks = {}, {}, []
    left = list(cases)
    while left:
        job = {
            "cells": list(cells.items()),
            "functions": list(dict.fromkeys(case["function"] for case in left)),
            "cases": left,
            "steps": assignment.STEPS,
            "forbidden": sorted(assignment.READY_MADE),
            "known": handed_out(assignment.__name__.rpartition(".")[2]),
        }
        outcome = run(job)
        remarks = remarks or outcome.remarks
        if outcome.defined is None:
            for name in job["functions"]:
                left_out[name] = f"not called: while the cells ran, {outcome.reason}"
            break
        for name in job["functions"]:
            if name not in outcome.defined:
                left_out[name] = "not found: no code cell that runs defines it"
        answers |= outcome.answers
        waiting = [
            case
            for case in left
            if case["id"] not in outcome.answers and case["function"] not in left_out
        ]
        if waiting:
            left_out[waiting[0]["function"]] = outcome.reason
        left = [case for case in waiting if case["function"] not in left_out]
    return answers, left_out, remarks


def grade(
    submission: Submission, assignment: ModuleType, tests: list[Test], run: Callable
) -> Grade:
    """The grade of one notebook.

    Args:
        submission: the student's cells.
        assignment: a module of ``course.assignments``.
        tests: its tests, drawn for this run.
        run: ``sandbox.run``.
    """
    if submission.problem:
        reasons = [submission.problem] * len(tests)
        return Grade(submission.student, tests, reasons, submission.remarks)
    asked, numbers = [], {}
    for test in tests:
        for case in test.cases:
            numbers[id(case)] = len(asked)
            arguments = encode(case.args)
            asked.append({"id": len(asked), "function": test.part, "args": arguments})
    try:
        answers, left_out, remarks = ask(submission.cells, asked, assignment, run)
    except sandbox.SandboxError as error:
        reasons = [f"not graded, run the grader again: {error}"] * len(tests)
        return Grade(submission.student, tests, reasons, submission.remarks)
    reasons = []
    for test in tests:
        reason = None
        for case in test.cases:
            number = numbers[id(case)]
            if reason is None and number in answers:
                reason = judge(case, answers[number])
            elif reason is None:
                reason = left_out.get(test.part, "no answer")
        reasons.append(reason)
    return Grade(submission.student, tests, reasons, submission.remarks + remarks)


def feedback(result: Grade, assignment: str, seed: int) -> str:
    """The student's page: names, points, reasons and hints; no test and no expected value."""
    total = sum(test.points for test in result.tests)
    lines = [f"# {assignment}: {markdown(result.student)}", ""]
    lines += [f"**{result.points()} of {total} points**", ""]
    for remark in result.remarks:
        lines.append(f"- Note: {markdown(remark)}")
    if result.remarks:
        lines.append("")
    for part, most in parts(result.tests).items():
        lines += [f"## {part}: {result.points(part)} of {most}", ""]
        lines += part_feedback(result, part)
        lines.append("")
    lines.append(f"Protection: {sandbox.protection()}. Inputs drawn with seed {seed}.")
    return "\n".join(lines) + "\n"


def part_feedback(result: Grade, part: str) -> list[str]:
    """The lines on one part; a reason that all its tests share is said once."""
    rows = []
    for test, reason in zip(result.tests, result.reasons, strict=True):
        if test.part == part:
            rows.append((test, reason))
    reasons = {reason for _, reason in rows}
    shared = reasons.pop() if len(reasons) == 1 else None
    lines = []
    if shared:
        lines += [f"All tests failed, for one reason: {markdown(shared)}", ""]
    for test, reason in rows:
        lines.append(f"- {points(test, reason)}: **{test.name}** ({test.says})")
        if reason and not shared:
            lines.append(f"  - What happened: {markdown(reason)}")
        if reason:
            lines.append(f"  - Hint: {test.hint}")
    return lines


def points(test: Test, reason: str | None) -> str:
    """How a test went, in words."""
    return f"failed, 0 of {test.points}" if reason else f"passed, {test.points} of {test.points}"


def write_atomically(path: Path, write: Callable) -> None:
    """Write beside the file, then rename: an interrupted run leaves the old file or the new one."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        write(file)
    os.replace(part, path)


def write_results(out: Path, table: list[list], student: str, page: str) -> None:
    """The table as it is by now, and the page of one student.

    Raises:
        UserError: they cannot be written.
    """
    rows = [[table_cell(value) for value in row] for row in table]
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "grades.csv", lambda file: csv.writer(file).writerows(rows))
        write_atomically(out / f"{student}.md", lambda file: file.write(page))
    except OSError as error:
        raise UserError(f"cannot write to {printable(out)}: {error.strerror}") from error


def page_names(students: Iterable[str]) -> dict[str, str]:
    """A file name for each student; two that would share one get numbers."""
    names, taken = {}, set()
    for student in students:
        name, number = file_name(student), 1
        while name.casefold() in taken:
            number += 1
            name = f"{file_name(student)}-{number}"
        taken.add(name.casefold())
        names[student] = name
    return names


def say(text: str) -> None:
    """Print a line; what the console cannot show is shown as its code."""
    print(encodable(printable(text, 1000), sys.stdout.encoding), flush=True)


def load(name: str) -> ModuleType:
    """The assignment of that name.

    Raises:
        UserError: there is none; the message lists them.
    """
    names = [module.name for module in pkgutil.iter_modules(course.assignments.__path__)]
    if name not in names:
        raise UserError(f"no assignment named {name!r}; there are: {', '.join(names)}")
    return importlib.import_module(f"course.assignments.{name}")


def read_folder(folder: Path) -> list[Submission]:
    """All submissions, read before anything runs; a line for each file that is not graded.

    Raises:
        UserError: there is no such folder, or nothing to grade in it.
    """
    if not folder.is_dir():
        raise UserError(f"no such folder: {printable(folder)}")
    found, left_out = submissions.read_all(folder)
    for name, reason in left_out:
        say(f"  not graded: {name} ({reason})")
    if not found:
        advice = "put one file a student there, named after the student"
        raise UserError(f"no notebook (*.ipynb) in {printable(folder)}; {advice}")
    return found


def grade_folder(
    name: str, folder: Path, out: Path, seed: int, jobs: int = 1, unsafe: bool = False
) -> None:
    """Grade every notebook of the folder and write the results; a line for each on the way.

    Args:
        name: the assignment.
        folder: the submissions.
        out: where the results go.
        seed: that of the inputs.
        jobs: how many submissions run at a time.
        unsafe: whether to run them without a sandbox.

    Raises:
        UserError: about the call; the message is for the caller.
    """
    assignment = load(name)
    if not sandbox.is_safe() and not unsafe:
        raise UserError(
            "no sandbox here (bubblewrap, or podman or docker with the image "
            f"{sandbox.IMAGE}): without one a submission can read and change this computer's "
            "files, this grader's memory and other submissions. Install bubblewrap, or give "
            "--unsafe if you trust every submission"
        )
    found, tests = read_folder(folder), assignment.tests(seed)
    total = sum(test.points for test in tests)
    names = page_names(submission.student for submission in found)
    table = [["student", *parts(tests), "total", "out_of", "to look at"]]
    say(f"{len(found)} notebooks, seed {seed}. Protection: {sandbox.protection()}")

    def one(submission):
        return grade(submission, assignment, tests, sandbox.run)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for number, result in enumerate(pool.map(one, found), 1):
            scores = [result.points(part) for part in parts(tests)]
            notes = "; ".join(result.remarks)
            table.append([result.student, *scores, result.points(), total, notes])
            page = feedback(result, name, seed)
            write_results(out, table, names[result.student], page)
            reasons = [reason for reason in dict.fromkeys(result.reasons) if reason]
            first = f"  ({reasons[0]})" if reasons else ""
            progress = f"  [{number} of {len(found)}] "
            say(f"{progress}{result.student}: {result.points()} of {total}{first}")
    say(f"Written: {out / 'grades.csv'} and a page of feedback for each student")


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 2 if the call was wrong.
    """
    summary = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser(prog="course.grading", description=summary)
    parser.add_argument("assignment", help="a module of course/assignments, such as cells")
    text = "one notebook a student; the file's name is the student's"
    parser.add_argument("folder", type=Path, help=text)
    text = "folder for the results; default: grades"
    parser.add_argument("--out", type=Path, default=Path("grades"), help=text)
    text = "draw the inputs of an earlier run again; default: new ones"
    parser.add_argument("--seed", type=int, help=text)
    text = "submissions that run at a time; default: one for each core"
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help=text)
    text = "run without a sandbox: a submission can then read and change your files"
    parser.add_argument("--unsafe", action="store_true", help=text)
    args = parser.parse_args(arguments)
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    try:
        if seed < 0:
            raise UserError(f"the seed must be 0 or more, not {seed}")
        grade_folder(args.assignment, args.folder, args.out, seed, args.jobs, args.unsafe)
    except (UserError, sandbox.SandboxError) as error:
        text = f"course.grading: {error}"
        print(encodable(text, sys.stderr.encoding), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
