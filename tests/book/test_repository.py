"""The repository itself: style, size, locked versions, and that its parts agree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import build
import execute
import pytest
import yaml
from form import PERSONAL

ROOT = Path(__file__).resolve().parents[2]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
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
LINES_IN_PACKAGE, LINES_IN_STUDIES, LINES_IN_ONE = (
    4800,
    2400,
    280,
)  # 28 of the 33 claims and their studies


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


def test_the_package_stays_small():
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCE}
    studies = sum(count for file, count in lines.items() if file.parent.name == "studies")
    assert studies < LINES_IN_STUDIES
    assert sum(lines.values()) - studies < LINES_IN_PACKAGE
    assert {file.name: count for file, count in lines.items() if count > LINES_IN_ONE} == {}


LIGHT = [
    "",
    ".stats",
    ".cost",
    ".results",
    ".plot",
    ".sweep",
    ".evidence",
    ".rules",
    ".rules_exact",
    ".rules_memory",
]
LIGHT += [".rules_applications"]


@pytest.mark.parametrize("module", [*LIGHT, ".replications", ".claims", ".cli"])
def test_light_modules_do_not_import_torch(module):
    """A page that redraws stored results must not wait for torch."""
    run = python(f"import sys, gatedrnn{module}; sys.exit('torch' in sys.modules)")
    assert run.returncode == 0, run.stderr or f"gatedrnn{module} imports torch"


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
    assert printed == set(re.findall(r"[\"']([0-9a-f]{64})[\"']", read("src/gatedrnn/datasets.py")))
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
