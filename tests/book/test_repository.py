"""The repository itself: style, locked versions, and that its parts agree."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import build
import execute
import form
import pytest
import yaml
from form import PERSONAL

from gatedrnn.studies import PARTS

ROOT = Path(__file__).resolve().parents[2]
TEXT = {
    ".py",
    ".md",
    ".yml",
    ".toml",
    ".cfg",
    ".cff",
    ".txt",
    ".in",
    ".bib",
    ".css",
    ".js",
    ".ipynb",
}
GENERATED = {
    ".venv",
    ".git",
    "_build",
    "vendor",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_is_content(command):
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], capture_output=True, text=True, cwd=ROOT
    )
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def code_of(*folders):
    """Pairs (file, its syntax tree) of the Python files of these folders."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_no_lambda_has_a_name():
    found = [
        f"{file}: {name}"
        for file, tree in code_of("src", "course", "tools")
        for name in form.named_lambdas(tree)
    ]
    assert found == [], "write a def, which can have a docstring"


def is_public(path):
    return not any(name.startswith("_") for name in path)


def public_functions(tree, path=()):
    """Pairs (dotted name, node) of the functions and methods that a reader may call."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from public_functions(node, (*path, node.name))
        elif isinstance(node, ast.FunctionDef) and is_public((*path, node.name)):
            yield ".".join((*path, node.name)), node


def test_public_functions_have_types():
    """Ruff asks only functions that have some types for the rest of them."""
    untyped = []
    for file, tree in code_of("src"):
        for name, node in public_functions(tree):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            given += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
            for parameter in given:
                if parameter.annotation is None and parameter.arg not in ("self", "cls"):
                    untyped.append(f"{file}: {name}({parameter.arg})")
            if node.returns is None:
                untyped.append(f"{file}: {name} -> ?")
    assert untyped == []


def is_private(name):
    """Whether the name is a module's own; ``__version__`` and the like are for everybody."""
    return name.startswith("_") and not name.startswith("__")


def test_no_module_imports_a_private_name_of_another():
    found = []
    for file, tree in code_of("src"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatedrnn"):
                private = [alias.name for alias in node.names if is_private(alias.name)]
                found += [f"{file}: {node.module}.{name}" for name in private]
    assert found == []


def imports(tree):
    """The modules of the package that a file imports at any place, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatedrnn"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("gatedrnn"))


# Each floor of the package may use those beneath it and never those above it.
FORBIDDEN = {
    "cells": ["layers", "tasks", "training", "measure", "claims", "studies", "data"],
    "layers": ["tasks", "training", "measure", "claims", "studies", "data"],
    "data": ["layers", "tasks", "training", "measure", "claims", "studies"],
    "tasks": ["training", "measure", "claims", "studies"],
    "training": ["measure", "claims", "studies"],
    "measure": ["claims", "studies"],
    "claims": ["cells", "layers", "data", "tasks", "training", "measure", "studies", "sweep"],
    "studies": ["claims", "cli"],
}
# Margins and numbers of seeds stand in the register, which a study may read. What looks at the
# rules themselves stands above them.
OF_THE_REGISTER = ("gatedrnn.claims.register",)
ABOVE_THE_CLAIMS = ("src/gatedrnn/studies/evidence/", "src/gatedrnn/studies/check.py")


def test_imports_run_downwards():
    wrong = []
    for file, tree in code_of("src"):
        floor = file.removeprefix("src/gatedrnn/").split("/")[0].removesuffix(".py")
        if file.startswith(ABOVE_THE_CLAIMS):
            continue
        above = tuple(f"gatedrnn.{name}" for name in FORBIDDEN.get(floor, []))
        found = {name for name in imports(tree) if name.startswith(above)} if above else set()
        if floor == "studies":
            found = {name for name in found if not name.startswith(OF_THE_REGISTER)}
        wrong += [f"{file} imports {name}" for name in sorted(found)]
    assert wrong == []


def test_no_study_imports_a_study():
    wrong = []
    for file, tree in code_of("src/gatedrnn/studies"):
        studies = tuple(f"gatedrnn.studies.{part}." for part in PARTS)
        wrong += [f"{file} imports {name}" for name in imports(tree) if name.startswith(studies)]
    assert wrong == []


def module_name(file):
    """``gatedrnn.claims.rows`` for src/gatedrnn/claims/rows.py."""
    path = file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__")
    return path.replace("/", ".")


LIGHT = ["gatedrnn", "gatedrnn.studies"]
LIGHT += [f"gatedrnn.{name}" for name in ("stats", "cost", "results", "plot", "sweep", "cli")]
LIGHT += [module_name(file) for file, _ in code_of("src/gatedrnn/claims")]


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_do_not_import_torch(module):
    """A page that redraws stored results must not wait for torch."""
    run = python(f"import sys, {module}; sys.exit('torch' in sys.modules)")
    assert run.returncode == 0, run.stderr or f"{module} imports torch"


def test_no_chapter_is_outside_the_table_of_contents():
    listed = {page for page in build.pages(ROOT) if page.startswith("chapters/")}
    files = [*(ROOT / "chapters").rglob("*.ipynb"), *(ROOT / "chapters").rglob("*.md")]
    written = {
        file.relative_to(ROOT).with_suffix("").as_posix()
        for file in files
        if not GENERATED & set(file.parts)
    }
    assert written == listed


def test_execute_finds_every_notebook_of_the_chapters():
    listed = {
        page
        for page in build.pages(ROOT)
        if (ROOT / f"{page}.ipynb").exists() and page.startswith("chapters/")
    }
    found = {file.relative_to(ROOT).with_suffix("").as_posix() for file in execute.notebooks()}
    assert listed <= found


def pins(name):
    return dict(re.findall(r"^([\w.-]+)==(\S+)", read(name), re.MULTILINE))


@pytest.mark.parametrize("name", ["requirements", "requirements-test"])
def test_what_is_asked_for_is_what_is_locked(name):
    asked = [line.split("#")[0].strip() for line in read(f"{name}.in").splitlines()]
    locked = {
        re.sub(r"[-_.]+", "-", package).lower(): version
        for package, version in pins(f"{name}.lock").items()
    }
    for line in filter(None, asked):
        package, _, version = line.partition("==")
        assert package in locked
        assert version in ("", locked[package]), (
            f"{package}: {version} asked for, {locked[package]} locked"
        )


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_every_locked_package_has_a_hash(name):
    entries = re.split(r"^(?=[\w.-]+==)", read(name), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_data_package_is_pinned_with_its_hash():
    lines = [
        line
        for line in read("data-requirements.txt").splitlines()
        if line and not line.startswith("#")
    ]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}", line)


def test_the_data_page_names_the_files_the_loaders_check():
    printed = set(re.findall(r"`([0-9a-f]{64})`", read("chapters/reference/data.md")))
    assert printed
    assert printed == set(
        re.findall(r"[\"']([0-9a-f]{64})[\"']", read("src/gatedrnn/data/loaders.py"))
    )
    for package, version in pins("data-requirements.txt").items():
        assert f"`{package}=={version}`" in read("chapters/reference/data.md")


def test_the_citation_file_is_complete():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert all(citation[field] for field in ("message", "title", "authors", "abstract", "license"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert citation["version"] == project["version"]
    assert f"## {project['version']}" in read("CHANGELOG.md")
    assert citation["title"] == yaml.safe_load(read("_config.yml"))["title"]


def test_the_repository_has_one_address():
    addresses = {
        yaml.safe_load(read("_config.yml"))["repository"]["url"],
        yaml.safe_load(read("CITATION.cff"))["repository-code"],
    }
    assert len(addresses) == 1
    for name in ("_config.yml", "CITATION.cff"):
        assert read(name).count(addresses.copy().pop()) == 1, (
            f"{name} names the repository more than once"
        )


def test_nothing_names_a_folder_of_someones_machine():
    for file in ROOT.rglob("*"):
        if (
            file.suffix in TEXT
            and not GENERATED & set(file.parts)
            and ROOT / "tests" not in file.parents
        ):
            found = PERSONAL.search(file.read_text(encoding="utf-8"))
            assert not found, f"{file.relative_to(ROOT)}: {found[0]}"
