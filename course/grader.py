"""Grade a folder of submitted notebooks: python -m course.grader ASSIGNMENT FOLDER --out OUT

One notebook a student; the file's name is the student's. Each asked function is taken out by name and called in a
separate process on inputs drawn for this run; what it returns is compared here. OUT gets grades.csv and a page of
feedback for each student.
"""

import argparse
import ast
import csv
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course import cells_tests, extract, sandbox
from course.compare import judge

ASSIGNMENTS = {"cells": cells_tests}


class UserError(Exception):
    """Something about the call is wrong; the message is for the person at the keyboard."""


@dataclass
class Grade:
    """The outcome for one student. ``reasons``: for each test None if it passed, else why not."""

    student: str
    tests: list
    reasons: list
    remarks: list

    def points(self, part=None):
        rows = zip(self.tests, self.reasons, strict=True)
        return sum(
            test.points for test, reason in rows if reason is None and part in (None, test.part)
        )


def parts(tests):
    """``{part: its points}``, in the order of the assignment."""
    names = dict.fromkeys(test.part for test in tests)
    return {name: sum(test.points for test in tests if test.part == name) for name in names}


def encode(value):
    """An argument as JSON; ``child.codec`` reads it."""
    match value:
        case np.ndarray():
            return {"tensor": value.tolist()}
        case tuple():
            return [encode(item) for item in value]
        case cells_tests.Step(name=name):
            return {"step": name}
        case cells_tests.Previous(part=part):
            return {"previous": part}
    return value


def take_out(found, names):
    """``({function: sources it needs}, {function: why it cannot be run})``."""
    functions, out = {}, {}
    for name in names:
        if name not in found:
            out[name] = "not found: no code cell defines it at its top level"
            continue
        statements = extract.pieces(name, found)
        if word := extract.refused(statements):
            out[name] = f"not run: it uses {word}, which this assignment does not allow"
        else:
            functions[name] = [ast.unparse(statement) for statement in statements]
    return functions, out


def ask(functions, cases, run):
    """``({case id: answer}, {function: why it was left out})``.

    A function that loops or ends the process is left out, and the others are asked again in a new process.
    """
    answers, out = {}, {}
    left = [case for case in cases if case["function"] in functions]
    while left:
        new, reason = run({case["function"]: functions[case["function"]] for case in left}, left)
        answers |= new
        stuck = next((case["function"] for case in left if case["id"] not in answers), None)
        if stuck is None:
            break
        out[stuck] = reason
        left = [case for case in left if case["id"] not in answers and case["function"] not in out]
    return answers, out


def grade(path, tests, run):
    """The grade of one notebook. ``run`` is ``sandbox.run``."""
    try:
        found, remarks = extract.definitions(extract.code_cells(path))
    except extract.Unreadable as error:
        return Grade(path.stem, tests, [str(error)] * len(tests), [])
    functions, out = take_out(found, parts(tests))
    cases = [(test.part, case) for test in tests for case in test.cases]
    asked = [
        {"id": k, "function": part, "args": encode(case.args)}
        for k, (part, case) in enumerate(cases)
    ]
    answers, left_out = ask(functions, asked, run)
    out |= left_out
    verdicts = iter(
        judge(case, answers[k]) if k in answers else out[part]
        for k, (part, case) in enumerate(cases)
    )
    reasons = []
    for test in tests:
        wrong = [text for text in [next(verdicts) for _ in test.cases] if text]
        reasons.append(wrong[0] if wrong else None)
    return Grade(path.stem, tests, reasons, remarks)


def feedback(result, assignment, seed):
    """The student's page: names, points, reasons and hints; no test and no expected value."""
    total = sum(test.points for test in result.tests)
    lines = [
        f"# {assignment}: {result.student}",
        "",
        f"**{result.points()} of {total} points**",
        "",
    ]
    lines += [f"- Note: {plain(remark)}" for remark in result.remarks] + [""] * bool(result.remarks)
    for part, most in parts(result.tests).items():
        rows = [
            row for row in zip(result.tests, result.reasons, strict=True) if row[0].part == part
        ]
        shared = rows[0][1] if len({reason for _, reason in rows}) == 1 else None
        lines += [f"## {part}: {result.points(part)} of {most}", ""]
        if shared:
            lines += [f"All tests failed, for one reason: {plain(shared)}", ""]
        for test, reason in rows:
            lines.append(f"- {points(test, reason)}: **{test.name}** ({test.says})")
            if reason and not shared:
                lines.append(f"  - What happened: {plain(reason)}")
            if reason:
                lines.append(f"  - Hint: {test.hint}")
        lines.append("")
    lines.append(f"Protection: {sandbox.protection()}. Inputs drawn with seed {seed}.")
    return "\n".join(lines) + "\n"


def points(test, reason):
    return f"failed, 0 of {test.points}" if reason else f"passed, {test.points} of {test.points}"


def plain(text):
    """Text that may hold a student's words, on one line and without effect in Markdown."""
    text = " ".join(str(text).split())
    return "".join("\\" + letter if letter in "\\`*_<>[]#|!" else letter for letter in text)


def notebooks(folder):
    """The submissions in a folder, by name."""
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    found = sorted(path for path in folder.glob("*.ipynb") if path.is_file())
    if not found:
        raise UserError(
            f"no notebook (*.ipynb) in {folder}; put one file a student there, named after the student"
        )
    return found


def write(out, table, pages):
    """grades.csv and the pages of feedback."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with open(out / "grades.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table)
        for student, page in pages.items():
            (out / f"{student}.md").write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from error


def grade_folder(assignment, folder, out, seed):
    """Grade every notebook of the folder and write the results; a line for each on the way."""
    if assignment not in ASSIGNMENTS:
        raise UserError(f"no assignment named {assignment!r}; there are: {', '.join(ASSIGNMENTS)}")
    paths, tests = notebooks(folder), ASSIGNMENTS[assignment].tests(seed)
    total = sum(test.points for test in tests)
    table, pages = [["student", *parts(tests), "total", "out_of"]], {}
    print(f"{len(paths)} notebooks, seed {seed}. Protection: {sandbox.protection()}")
    for path in paths:
        result = grade(path, tests, sandbox.run)
        table.append([result.student, *map(result.points, parts(tests)), result.points(), total])
        pages[result.student] = feedback(result, assignment, seed)
        write(out, table, pages)  # after each, so that an interrupted run loses nothing
        reason = dict.fromkeys(text for text in result.reasons if text)
        print(
            f"  {result.student}: {result.points()} of {total}"
            + (f"  ({next(iter(reason))})" if reason else "")
        )
    print(f"Written: {out / 'grades.csv'} and a page of feedback for each student")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="course.grader", description=__doc__.split("\n")[0])
    parser.add_argument("assignment", help=", ".join(ASSIGNMENTS))
    parser.add_argument(
        "folder", type=Path, help="one notebook a student; the file's name is the student's"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("grades"), help="folder for the results; default: grades"
    )
    parser.add_argument(
        "--seed", type=int, help="draw the inputs of an earlier run again; default: new ones"
    )
    args = parser.parse_args(arguments)
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    try:
        if seed < 0:
            raise UserError(f"the seed must be 0 or more, not {seed}")
        grade_folder(args.assignment, args.folder, args.out, seed)
    except (UserError, sandbox.SandboxError) as error:
        print(f"course.grader: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
