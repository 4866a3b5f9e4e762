"""Build the book into _build/html/ and look at what came out.

Called by `python book.py build`. Fails on any Sphinx warning, a notebook that is damaged or has no
stored outputs, and a page that is missing, empty or shows a traceback. Messages name the file.
"""

import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

from bs4 import BeautifulSoup
from notebooks import Damaged, read
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
MATHJAX = "tex-svg-full.js"
SHORTEST_PAGE = 200  # characters of text: a page with less has lost its content


def copy_mathjax(root):
    """Put MathJax where _config.yml looks for it: it comes with a package, and is not committed."""
    source = next(f for f in files("sphinx-mathjax-offline") if f.name == MATHJAX).locate()
    target = root / "vendor" / "mathjax" / MATHJAX
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def pages(root):
    """The pages of _toc.yml, as paths without extension."""
    return list(parse_toc_yaml(root / "_toc.yml"))


def notebook_problems(root):
    """Notebooks of _toc.yml that are damaged, have no stored outputs, or hold a stored error."""
    for page in pages(root):
        file = root / f"{page}.ipynb"
        if not file.exists():
            continue
        try:
            cells = read(file)["cells"]
        except Damaged as damage:
            yield str(damage)
            continue
        code = [cell for cell in cells if cell["cell_type"] == "code" and is_filled(cell)]
        name = file.relative_to(root)
        not_run = any(cell["execution_count"] is None for cell in code)
        if not_run or not any(cell["outputs"] for cell in code):
            chapter = page.removeprefix("chapters/")
            command = "release" if page.startswith("course/") else f"execute {chapter}"
            yield f"{name}: no stored outputs; run `python book.py {command}`"
        outputs = [output for cell in code for output in cell["outputs"]]
        if any(output["output_type"] == "error" for output in outputs):
            yield f"{name}: a cell ended in an error; repair it and run it again"


def is_filled(cell):
    """Whether the cell holds more than white space."""
    return bool("".join(cell["source"]).strip())


def page_problems(root):
    """Pages of _toc.yml that are missing, empty or show a traceback."""
    for page in pages(root):
        file = root / "_build" / "html" / f"{page}.html"
        name = file.relative_to(root)
        if not file.exists():
            yield f"{name}: missing, although _toc.yml names {page}"
            continue
        main = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").find("article")
        text = main.get_text() if main else ""
        if len(text.strip()) < SHORTEST_PAGE:
            yield f"{name}: empty, only {len(text.strip())} characters of text"
        if "Traceback (most recent call last)" in text:
            yield f"{name}: shows a traceback"


def is_writable(root):
    """Whether the pages can be written; a leftover of another user, or a file, is in the way."""
    try:
        (root / "_build" / "html").mkdir(parents=True, exist_ok=True)
        probe = root / "_build" / "html" / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError:
        return False
    return True


def main(root=ROOT):
    """Build and look; print what is wrong.

    Returns:
        The exit code, 1 if anything is wrong.
    """
    problems = list(notebook_problems(root))
    if not is_writable(root):
        problems.append(f"{root / '_build'}: cannot be written; remove it or take it back")
    if not problems:  # building takes longer than a look at the notebooks
        copy_mathjax(root)
        jupyter_book = shutil.which("jupyter-book", path=Path(sys.executable).parent)
        command = [jupyter_book, "build", "-W", "-n", "--keep-going", root]
        if subprocess.call(command, cwd=root):
            problems.append("jupyter-book: the warnings above count as errors")
        problems += page_problems(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT))
