"""The form of a chapter: ``problems(path)`` lists what a notebook misses, one line each.

The rules are those of CONTRIBUTING.md. ``stored(path)`` is the part that holds for every notebook
with outputs.
"""

import ast
import re
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

FIRST = ["You will learn", "You need", "Time"]
LAST = [
    "What the article says",
    "What could be wrong with this measurement",
    "Summary",
    "Exercises",
    "Quiz",
    "References",
]
KINDS = {"by hand", "code with checks", "predict then run", "open"}
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LONGEST_CELL = 25  # lines of a cell that a reader sees: about a screen
WIDEST_LINE = 84  # columns: what a page shows without scrolling
SHORTEST_CAPTION = SHORTEST_ALT = 8  # words: enough for what to see, too many for "a plot"
# Paths of somebody's machine: home folders, and the place of this very checkout.
HERE = Path(__file__).resolve().parents[2]
PERSONAL = re.compile(rf"/home/\w|/root/|/Users/\w|[A-Z]:\\Users|{re.escape(str(HERE))}/")

# Cells whose output may differ from run to run. Anyone who adds one gives the reason here.
IGNORED_OUTPUT = {
    "applications/language_model": {
        "c36": "sampled text: another CPU may draw another letter, and all that follow",
    },
    "performance/speed": {
        "c38": "times of the machine that runs it",
        "c49": "times of the machine that runs it",
    },
}


def read(path):
    """The notebook as it is: `nbformat.read` would repair ids that occur twice."""
    return nbformat.v4.reads(Path(path).read_text(encoding="utf-8"))


def tags(cell):
    return cell.metadata.get("tags", [])


def of_kind(notebook, kind):
    """Pairs (position, cell) of one type."""
    return [(k, cell) for k, cell in enumerate(notebook.cells) if cell.cell_type == kind]


def prose(notebook):
    """All text, without fenced code and directives."""
    text = "\n\n".join(cell.source for _, cell in of_kind(notebook, "markdown"))
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(notebook, level):
    return re.findall(rf"^#{{{level}}} (.+?)\s*$", prose(notebook), re.MULTILINE)


def section(notebook, title):
    """The text under a second-level heading, up to the next one."""
    match = re.search(
        rf"^## {re.escape(title)}\s*$(.*?)(?=^## |\Z)", prose(notebook), re.MULTILINE | re.DOTALL
    )
    return match[1].strip() if match else ""


def bullets(text):
    return re.findall(r"^[-*] (.*(?:\n  .*)*)", text, re.MULTILINE)


# What holds for every notebook with stored outputs


def execution(notebook):
    counts = [cell.execution_count for _, cell in of_kind(notebook, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run from top to bottom in one go: the counts are {counts}"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    if set(notebook.metadata.get("language_info", {})) - {"name"}:
        yield "language_info carries versions"
    ids = [cell.id for cell in notebook.cells]
    if len(ids) != len(set(ids)):
        yield f"a cell id occurs twice: {sorted({i for i in ids if ids.count(i) > 1})}"


def outputs(notebook, name):
    for k, cell in of_kind(notebook, "code"):
        where = f"cell {k} ({cell.id})"
        if "execution" in cell.metadata:
            yield f"{where}: carries time stamps"
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                yield f"{where}: ended in an error, {output.ename}"
            if output.get("name") == "stderr":
                yield f"{where}: wrote to stderr: {output.text.strip()[:60]!r}"
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                yield f"{where}: shows a widget, which is dead on a page"
            if PERSONAL.search(str(output)):
                yield f"{where}: its output shows a path of this machine"
        if "clear_output" in cell.source:
            yield f"{where}: clear_output makes the comparison of outputs fail"
        if "nbval-skip" in tags(cell):
            yield f"{where}: nbval-skip is forbidden; a cell that is not run is not tested"
        if "nbval-ignore-output" in tags(cell) and cell.id not in IGNORED_OUTPUT.get(name, {}):
            yield f"{where}: nbval-ignore-output is not in the reviewed list, form.IGNORED_OUTPUT"


# What makes a chapter


def opening(notebook):
    titles = headings(notebook, 1)
    if len(titles) != 1:
        yield f"needs exactly one title, has {len(titles)}: {titles}"
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "cell 0: must be the title and a short lead"
    elif len(first.source.partition("\n")[2].split()) < 20:
        yield "cell 0: the lead under the title is too short to say the question"
    if len(bullets(section(notebook, "You will learn"))) < 3:
        yield "'You will learn' needs 3 points or more"
    if not re.search(
        r"^\|.*\b(necessary|helpful)\b.*\|", section(notebook, "You need"), re.MULTILINE
    ):
        yield "'You need' needs a table: concept, necessary or helpful, link"
    if not re.match(
        r"Reading: \d+ minutes\. Running: \d+ seconds\.$", section(notebook, "Time"), re.MULTILINE
    ):
        yield "'Time' must read 'Reading: N minutes. Running: N seconds.'"
    code = of_kind(notebook, "code")
    if not code or "reproducible(" not in code[0][1].source:
        yield "the first code cell must call reproducible()"


def order(notebook):
    titles = headings(notebook, 2)
    if titles[: len(FIRST)] != FIRST:
        yield f"must begin with the sections {FIRST}, begins with {titles[: len(FIRST)]}"
    if titles[-len(LAST) :] != LAST:
        yield f"must end with the sections {LAST}, ends with {titles[-len(LAST) :]}"
    if len(titles) < len(FIRST) + len(LAST) + 2:
        yield "has fewer than two sections of its own between 'Time' and 'What the article says'"
    for title in titles:
        if title != "References" and not section(notebook, title):
            yield f"section {title!r} is empty"
    for point in bullets(section(notebook, "Summary")):
        if not re.search(r"\{(numref|ref|doc)\}|\]\(", point):
            yield f"'Summary': no link to the figure or section that showed it: {point[:50]!r}"
    if not bullets(section(notebook, "Summary")):
        yield "'Summary' needs a list that mirrors 'You will learn'"


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def named_lambdas(tree):
    """The names of the lambdas that are given one: a ``def`` says it better."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and isinstance(
            node.value, ast.Lambda
        ):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield ast.unparse(target)


def nested_comprehensions(tree):
    """The lines on which a comprehension stands in another, or has two ``for``."""
    for node in ast.walk(tree):
        if not isinstance(node, COMPREHENSIONS):
            continue
        inner = [part for child in ast.iter_child_nodes(node) for part in ast.walk(child)]
        if len(node.generators) > 1 or any(isinstance(part, COMPREHENSIONS) for part in inner):
            yield node.lineno


def readable(notebook):
    """What a visible cell must be so that a student can follow it."""
    for k, cell in of_kind(notebook, "code"):
        if FOLDED & set(tags(cell)):
            continue
        where = f"cell {k} ({cell.id})"
        lines = cell.source.splitlines()
        if len(lines) > LONGEST_CELL:
            yield f"{where}: {len(lines)} visible lines, more than {LONGEST_CELL}; split or fold it"
        if wide := [len(line) for line in lines if len(line) > WIDEST_LINE]:
            yield f"{where}: a line of {max(wide)} columns is cut off; a page shows {WIDEST_LINE}"
        tree = ast.parse(TransformerManager().transform_cell(cell.source))
        for name in named_lambdas(tree):
            yield f"{where}: the lambda {name} has a name; write a def"
        for line in nested_comprehensions(tree):
            yield f"{where}: line {line} nests comprehensions; write a loop or a named function"


def figures(notebook):
    names, text = [], prose(notebook)
    for k, cell in of_kind(notebook, "code"):
        images = [
            o for o in cell.outputs if any(mime.startswith("image/") for mime in o.get("data", {}))
        ]
        look = cell.metadata.get("mystnb", {})
        figure, alt = look.get("figure", {}), look.get("image", {}).get("alt", "")
        name = figure.get("name", "")
        if figure and not images:
            yield f"cell {k}: has a caption and no picture"
        if not images:
            continue
        names.append(name)
        if len(images) > 1:
            yield f"cell {k}: {len(images)} pictures; one a cell, each with its caption"
        if not name.startswith("fig-"):
            yield f"cell {k}: the figure needs a name, fig-..."
        elif f"{{numref}}`{name}`" not in text:
            yield f"cell {k}: the text never refers to {name}; write {{numref}}`{name}`"
        if len(figure.get("caption", "").split()) < SHORTEST_CAPTION:
            yield f"cell {k}: the figure needs a caption that says what to see"
        if len(alt.split()) < SHORTEST_ALT:
            yield f"cell {k}: the figure needs alt text that says the finding"
    for name in re.findall(r"^:::\{figure-md\} *(\S*)", text, re.MULTILINE):
        names.append(name)
        if f"{{numref}}`{name}`" not in text:
            yield f"the text never refers to the drawing {name}; write {{numref}}`{name}`"
    if len(names) != len(set(names)):
        yield f"two figures share a name: {sorted(names)}"
    if re.search(r"!\[\s*\]\(", text):
        yield "a picture in the text has no alt text"


def exercises(notebook):
    found = headings(notebook, 3)
    found = [title for title in found if title.startswith("Exercise ")]
    if len(found) < 3:
        yield f"needs 3 exercises or more, has {len(found)}"
    source = "\n\n".join(
        f"[code hidden={'hide-cell' in tags(c)}]\n{c.source}" if c.cell_type == "code" else c.source
        for c in notebook.cells
    )
    for number, title in enumerate(found, 1):
        match = re.fullmatch(rf"Exercise {number}: ([^:]+): .+", title)
        if not match or match[1].replace(",", "") not in KINDS:
            form = f"'Exercise {number}: KIND: title', KIND one of {sorted(KINDS)}"
            yield f"'{title}': must read {form}"
        block = re.search(
            rf"^### {re.escape(title)}\s*$(.*?)(?=^##|\Z)", source, re.MULTILINE | re.DOTALL
        )[1]
        if not re.match(r"\s*[^\s*].*\. \*About \d+ minutes?\.\*", block):
            yield f"'{title}': must begin with its objective in a sentence, then *About N minutes.*"
        by_hand = rf"<details>\s*<summary>Solution {number}</summary>\n\n.+?\n\n</details>"
        in_code = rf"\[code hidden=True\]\n# Solution {number}\b"
        if not re.search(f"{by_hand}|{in_code}", block, re.DOTALL):
            yield f"'{title}': no folded solution {number} (a hide-cell cell or <details>)"
        if match and match[1] == "code with checks" and "assert" not in block:
            yield f"'{title}': its solution checks nothing"


def quiz(notebook):
    text = section(notebook, "Quiz")
    questions = re.split(r"^### Question \d+\s*$", text, flags=re.MULTILINE)[1:]
    if len(questions) < 3:
        yield f"the quiz needs 3 questions or more, has {len(questions)}"
    right = []
    for number, question in enumerate(questions, 1):
        options = re.findall(
            r"<details>\s*<summary>(.*?)</summary>\n\n(.*?)\n\n</details>", question, re.DOTALL
        )
        letters = [option.strip()[:2] for option, _ in options]
        if letters != ["A.", "B.", "C."] or question.count("<details>") != 3:
            yield f"question {number}: needs options A., B., C. in <details> between blank lines"
        for option, reason in options:
            if not re.match(r"\*\*(Correct|Not this one)\.\*\* \S+ \S+ \S+", reason.strip()):
                yield f"question {number}, option {option.strip()[:2]} no verdict with a reason"
        correct = [
            option[:1] for option, reason in options if reason.strip().startswith("**Correct.**")
        ]
        if len(correct) != 1:
            yield f"question {number}: {len(correct)} options are correct, not 1"
        right += correct
    if len(right) >= 3 and len(set(right)) == 1:
        yield f"the right option is {right[0]}. in every question"


def folds(notebook):
    for k, cell in of_kind(notebook, "markdown"):
        if re.search(r"<summary>[^<]*\$", cell.source):
            yield f"cell {k}: a formula in <summary> shows its dollar signs; use words or <i>"


def references(notebook):
    last = notebook.cells[-1].source
    for line in ("```{bibliography}", ":filter: docname in docnames", ":list: bullet"):
        if line not in last:
            yield f"the last cell must list the references; missing: {line}"


RULES = [opening, order, readable, figures, exercises, quiz, folds, references]


def stored(path):
    """What any notebook with stored outputs gets wrong, a line each that names the file."""
    path, notebook = Path(path), read(path)
    name = "/".join(path.with_suffix("").parts[-2:])
    return [
        f"{path.name}: {problem}" for problem in (*execution(notebook), *outputs(notebook, name))
    ]


def problems(path):
    """What a chapter gets wrong, a line each that names the file and the cell."""
    notebook = read(path)
    return stored(path) + [
        f"{Path(path).name}: {problem}" for rule in RULES for problem in rule(notebook)
    ]
