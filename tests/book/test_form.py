"""Every chapter has the form of a chapter, and each rule of the form notices what it forbids."""

import ast
import copy
from pathlib import Path

import form
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = sorted((ROOT / "chapters" / "reference").rglob("*.ipynb"))
CHAPTERS = sorted({*(ROOT / "chapters").rglob("*.ipynb")} - {*REFERENCE})
COURSE = sorted((ROOT / "course").rglob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_chapter_has_the_form(path):
    problems = form.problems(path)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("path", COURSE + REFERENCE, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_assignment_or_reference_page_is_stored_as_it_ran(path):
    problems = form.stored(path)
    assert not problems, "\n" + "\n".join(problems)


def test_reviewed_list_names_only_cells_that_exist():
    tagged = {
        ("/".join(path.with_suffix("").parts[-2:]), cell.id)
        for path in (*CHAPTERS, *COURSE, *REFERENCE)
        for cell in form.read(path).cells
        if "nbval-ignore-output" in form.tags(cell)
    }
    assert {(name, cell) for name, cells in form.IGNORED_OUTPUT.items() for cell in cells} == tagged


# A small chapter that obeys every rule; the tests below break it, one rule at a time.

FILLER = "A gate decides how much of a state passes on to the next step. "
LEAD = "# Title\n\n" + FILLER * 3
OPENING = """## You will learn

- to write a step
- to predict a number
- to check it

## You need

| concept | how much | where |
|---|---|---|
| matrices | necessary | [notation](x.md) |

## Time

Reading: 15 minutes. Running: 20 seconds."""
IDEA = (
    "## An idea\n\n" + FILLER * 50 + "\n\n## A figure\n\n" + FILLER * 30 + "See {numref}`fig-one`."
)
CLOSING = """## What the article says

C01: quoted.

## What could be wrong with this measurement

Nothing was trained.

## Summary

- it was shown in {numref}`fig-one`

## Exercises

### Exercise 1: by hand: a half-life

Compute a half-life. *About 5 minutes.*

<details>
<summary>Solution 1</summary>

It is 2.21 steps.

</details>"""
EXERCISE_2 = "### Exercise 2: code with checks: the same\n\nWrite it. *About 1 minute.*"
EXERCISE_3 = "### Exercise 3: open: further\n\nThink of a case. *About 20 minutes.*"
QUESTION = """### Question {n}

What?

<details>
<summary>A. one</summary>

**{a}.** Because of the gate.

</details>
<details>
<summary>B. two</summary>

**{b}.** Because of the gate.

</details>
<details>
<summary>C. three</summary>

**{c}.** Because of the gate.

</details>"""
WRONG, RIGHT = "Not this one", "Correct"
QUIZ = "## Quiz\n\n" + "\n\n".join(
    [
        QUESTION.format(n=1, a=RIGHT, b=WRONG, c=WRONG),
        QUESTION.format(n=2, a=WRONG, b=RIGHT, c=WRONG),
        QUESTION.format(n=3, a=WRONG, b=WRONG, c=RIGHT),
    ]
)
QUIZ_A = "\n\n".join(QUESTION.format(n=n, a=RIGHT, b=WRONG, c=WRONG) for n in (2, 3)).partition(
    "Question 2"
)[2]
REFERENCES = "## References\n\n```{bibliography}\n:filter: docname in docnames\n:list: bullet\n```"
FIGURE = {
    "mystnb": {
        "figure": {
            "name": "fig-one",
            "caption": "What to see: the line falls to nothing in ten steps.",
        },
        "image": {"alt": "The line falls to nothing in ten steps and stays there."},
    }
}


@pytest.fixture
def good():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cells = [text(LEAD), text(OPENING), code("reproducible()"), text(IDEA)]
    cells += [code("plt.show()", metadata=copy.deepcopy(FIGURE), outputs=[picture])]
    cells += [
        code("print(1)", outputs=[nbformat.v4.new_output("stream", name="stdout", text="1\n")])
        for _ in range(13)
    ]
    cells += [
        text(CLOSING),
        text(EXERCISE_2),
        code("# Solution 2\nassert True", metadata={"tags": ["hide-cell"]}),
    ]
    cells += [
        text(EXERCISE_3),
        code("# Solution 3\n1", metadata={"tags": ["hide-cell"]}),
        text(QUIZ),
        text(REFERENCES),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    for k, cell in enumerate(notebook.cells):
        cell.id = f"c{k:02d}"
    for count, (_, cell) in enumerate(form.of_kind(notebook, "code"), 1):
        cell.execution_count = count
    return notebook


def check(notebook, folder):
    path = folder / "chapter.ipynb"
    path.write_text(nbformat.v4.writes(notebook), encoding="utf-8")
    return form.problems(path)


def test_good_chapter_has_no_problems(good, tmp_path):
    assert check(good, tmp_path) == []


def replace(old, new, count=1):
    """A break that changes the text of the one cell that holds ``old``."""

    def change(notebook):
        cell = next(cell for cell in notebook.cells if old in cell.source)
        cell.source = cell.source.replace(old, new, count)

    return change


def code(position, **attributes):
    """A break that changes one code cell; position counts code cells."""

    def change(notebook):
        form.of_kind(notebook, "code")[position][1].update(attributes)

    return change


def output(position, kind, **content):
    def change(notebook):
        cell = form.of_kind(notebook, "code")[position][1]
        cell.outputs = [*cell.outputs, nbformat.v4.new_output(kind, **content)]

    return change


def tag(position, name):
    return code(position, metadata={"tags": [name]})


def figure(**look):
    return code(1, metadata={"mystnb": {**copy.deepcopy(FIGURE["mystnb"]), **look}})


def two_figures_with_one_name(notebook):
    first, second = (form.of_kind(notebook, "code")[k][1] for k in (1, 2))
    second.metadata, second.outputs = copy.deepcopy(first.metadata), first.outputs


def drop(position):
    return lambda notebook: notebook.cells.pop(position)


PNG = {"image/png": "iVBORw0KGgo="}
ERROR = {"ename": "ValueError", "evalue": "no", "traceback": []}
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
BREAKS = [
    (replace("# Title", "# Title\n\n# Another"), "exactly one title"),
    (replace("# Title", "Title"), "cell 0: must be the title"),
    (replace(FILLER * 3, "Short."), "lead under the title is too short"),
    (replace("- to check it\n", ""), "needs 3 points or more"),
    (replace("necessary", "yes"), "necessary or helpful"),
    (replace("Reading: 15 minutes. Running: 20 seconds.", "15 minutes"), "'Time' must read"),
    (code(0, source="import torch"), "must call reproducible()"),
    (replace("## You need", "## Prerequisites"), "must begin with the sections"),
    (replace("## Summary", "## In short"), "must end with the sections"),
    (replace("## A figure\n", "### A figure\n"), "fewer than two sections"),
    (replace("C01: quoted.", ""), "'What the article says' is empty"),
    (replace("in {numref}`fig-one`", "somewhere"), "no link to the figure or section"),
    (replace("- it was shown", "It was shown"), "needs a list that mirrors"),
    (code(3, source="\n".join(["x = 1"] * 26)), "26 visible lines, more than 25"),
    (code(3, source="\n".join(["x = 1"] * 26), metadata={"tags": ["hide-input"]}), None),
    (code(3, source="x = " + "1" * 90), "a line of 94 columns is cut off"),
    (code(3, source="double = lambda x: 2 * x"), "the lambda double has a name"),
    (code(3, source="print(double := lambda x: 2 * x)"), "the lambda double has a name"),
    (code(3, source="[[x for x in row] for row in rows]"), "line 1 nests comprehensions"),
    (code(3, source="1\n{x: 1 for row in rows for x in row}"), "line 2 nests comprehensions"),
    (code(3, source="%matplotlib inline\nsum(x for x in rows)"), None),
    (code(1, outputs=[]), "has a caption and no picture"),
    (output(1, "display_data", data=PNG), "2 pictures"),
    (output(2, "display_data", data=PNG), "needs a name, fig-"),
    (figure(figure={"name": "fig-one", "caption": "Loss."}), "needs a caption"),
    (figure(image={}), "needs alt text"),
    (figure(image={"alt": "a plot"}), "needs alt text"),
    (replace("See {numref}`fig-one`.", "See above.", 1), None),  # still in the summary
    (
        lambda n: [replace("{numref}`fig-one`", "[it](#a-figure)")(n) for _ in range(2)],
        "never refers to fig-one",
    ),
    (two_figures_with_one_name, "share a name"),
    (replace("See ", "![](x.png) See "), "no alt text"),
    (
        replace("See ", "\n\n:::{figure-md} fig-two\n![a](b.svg)\n:::\n\nSee "),
        "the drawing fig-two",
    ),
    (drop(-3), "no folded solution 3"),
    (replace("### Exercise 3: open: further", "Exercise 3"), "3 exercises or more"),
    (replace("3: open: further", "3: guess: further"), "must read 'Exercise 3"),
    (replace("Exercise 3: open", "Exercise 4: open"), "must read 'Exercise 3"),
    (replace("Think of a case. ", ""), "begin with its objective"),
    (replace("*About 20 minutes.*", ""), "begin with its objective"),
    (replace("<summary>Solution 1", "<summary>Answer"), "no folded solution 1"),
    (tag(-2, "hide-input"), "no folded solution 2"),
    (code(-2, source="# Solution 2\n1"), "checks nothing"),
    (replace("### Question 2\n", ""), "needs 3 questions or more"),
    (replace("B. two", "two"), "options A., B., C."),
    (
        replace("<summary>C. three</summary>\n\n", "<summary>C. three</summary>\n"),
        "options A., B., C.",
    ),
    (replace("**Not this one.** Because of the gate.", "No."), "no verdict with a reason"),
    (replace(f"**{WRONG}.**", f"**{RIGHT}.**"), "2 options are correct"),
    (replace(f"**{RIGHT}.**", f"**{WRONG}.**"), "0 options are correct"),
    (replace(QUIZ.partition("Question 2")[2], QUIZ_A), "the right option is A. in every question"),
    (replace("B. two", "B. $f$"), "shows its dollar signs"),
    (replace(":list: bullet", ""), "must list the references"),
    (code(4, execution_count=None), "not run from top to bottom"),
    (code(4, execution_count=99), "not run from top to bottom"),
    (lambda notebook: notebook.metadata.kernelspec.update(name="conda"), "kernel is not python3"),
    (lambda notebook: notebook.metadata.language_info.update(version="3.11"), "carries versions"),
    (lambda notebook: notebook.cells[4].update(id="c05"), "id occurs twice"),
    (code(4, metadata={"execution": {"iopub.execute_input": "2026"}}), "time stamps"),
    (output(4, "error", **ERROR), "ended in an error"),
    (output(4, "stream", name="stderr", text="UserWarning"), "wrote to stderr"),
    (output(4, "display_data", data=WIDGET), "shows a widget"),
    (output(4, "stream", name="stdout", text="/home/me/book"), "path of this machine"),
    (code(4, source="clear_output()"), "clear_output"),
    (tag(4, "nbval-skip"), "nbval-skip is forbidden"),
    (tag(4, "nbval-ignore-output"), "reviewed list"),
]


@pytest.mark.parametrize(("change", "message"), BREAKS, ids=[str(message) for _, message in BREAKS])
def test_each_rule_notices(good, tmp_path, change, message):
    change(good)
    found = check(good, tmp_path)
    if message is None:
        assert found == []
    else:
        assert any(message in problem for problem in found), found
        assert all(problem.startswith("chapter.ipynb: ") for problem in found)


def test_each_message_is_seen(good, tmp_path):
    """No rule of the lint is dead: each of its sentences is printed for one of the breaks above."""
    seen = []
    for change, _ in BREAKS:
        broken = copy.deepcopy(good)
        change(broken)
        seen += check(broken, tmp_path)
    for node in ast.walk(ast.parse(Path(form.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            sentence = max(
                (c.value for c in ast.walk(node) if isinstance(c, ast.Constant)),
                key=lambda c: len(str(c)),
            )
            assert any(sentence in problem for problem in seen), sentence
