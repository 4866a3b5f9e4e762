"""Build the book into _build/html/ and look at what came out.

Called by `python book.py build`. Fails on any Sphinx warning, a notebook without stored outputs, and a page that is
missing, empty or shows a traceback. Every message names the file.
"""

import json
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
MATHJAX = "tex-svg-full.js"
SHORTEST_PAGE = 200  # characters of text: a page with less has lost its content


def copy_mathjax(root):
    """Put MathJax where _config.yml looks for it. It comes with a locked package and is never committed."""
    source = next(f for f in files("sphinx-mathjax-offline") if f.name == MATHJAX).locate()
    target = root / "vendor" / "mathjax" / MATHJAX
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def pages(root):
    """The pages of _toc.yml, as paths without extension."""
    return list(parse_toc_yaml(root / "_toc.yml"))


def notebook_problems(root):
    """Notebooks of _toc.yml without stored outputs, or with a stored error."""
    for page in pages(root):
        file = root / f"{page}.ipynb"
        if not file.exists():
            continue
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        code = [
            cell
            for cell in cells
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
        ]
        name = file.relative_to(root)
        if any(cell["execution_count"] is None for cell in code) or not any(
            cell["outputs"] for cell in code
        ):
            chapter = page.removeprefix("chapters/")
            command = "release" if page.startswith("course/") else f"execute {chapter}"
            yield f"{name}: no stored outputs; run `python book.py {command}`"
        if any(output["output_type"] == "error" for cell in code for output in cell["outputs"]):
            yield f"{name}: a cell ended in an error; repair it and run it again"


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


def main(root=ROOT):
    problems = list(notebook_problems(root))
    if not problems:  # building takes longer than a look at the notebooks
        copy_mathjax(root)
        jupyter_book = shutil.which("jupyter-book", path=Path(sys.executable).parent)
        if subprocess.call([jupyter_book, "build", "-W", "-n", "--keep-going", root], cwd=root):
            problems.append("jupyter-book: the warnings above count as errors")
        problems += page_problems(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT))
