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
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
IN_VENV = "Scripts/python.exe" if os.name == "nt" else "bin/python"

# What each group of packages is made from: when one of these changes, the group is installed again.
STAMPED = {
    "book": [
        "uv-requirements.txt",
        "requirements.lock",
        "torch-requirements.txt",
        "data-requirements.txt",
        "pyproject.toml",
    ],
    "test": ["requirements-test.lock"],
}
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

# The settings of another, older processor: numbers that survive them survive a change of machine.
OTHER_CPU = {
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NUMBA_CPU_NAME": "generic",
    "OPENBLAS_CORETYPE": "Nehalem",
}


class Failure(Exception):
    """A step failed; the message is for the reader."""


def interpreter():
    """The Python of the book's environment."""
    return VENV / IN_VENV


# ------------------------------------------------------------------------------ one at a time


def take_lock(file, wait):
    """Lock an open file for this process; OSError if another has it and ``wait`` is False."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextmanager
def alone(what):
    """Keep other calls of book.py in this folder from doing the same at once: the second waits.

    The system lifts the lock when the process ends, however it ends; the empty file stays.
    """
    try:
        file = open(ROOT / f".{what}.lock", "a")  # noqa: SIM115 - closed below, after the work
    except OSError as error:
        raise Failure(
            f"cannot write to {ROOT} ({error.strerror}): "
            "copy the book to a folder of your own and run the command there"
        ) from None
    with file:
        try:
            take_lock(file, wait=False)
        except OSError:
            print(f"Another call of book.py is at the {what} in this folder; waiting for its end")
            while True:
                try:
                    take_lock(file, wait=True)
                    break
                except OSError:  # Windows gives up after ten seconds
                    continue
        yield


# -------------------------------------------------------------------------------------- set-up


def offered_folders():
    """The folders of wheels that UV_FIND_LINKS or PIP_FIND_LINKS names, as absolute paths or URLs.

    uv separates folders by commas, pip by spaces; a folder whose own name has spaces is one folder.
    """
    uv, pip = os.environ.get("UV_FIND_LINKS", ""), os.environ.get("PIP_FIND_LINKS", "")
    places = uv.split(",") if uv else [pip] if Path(pip).is_dir() else pip.split()
    places = [place.strip() for place in places if place.strip()]
    return [place if "://" in place else str(Path(place).absolute()) for place in places]


def child_environment():
    """The environment of the installers: wheels are offered by options, which know spaces."""
    left_out = ("UV_FIND_LINKS", "PIP_FIND_LINKS")
    return {name: value for name, value in os.environ.items() if name not in left_out}


def step(title, *command, may_fail=False):
    """Run one set-up command quietly; print its title and seconds.

    Returns:
        True if it worked.

    Raises:
        Failure: it did not, unless ``may_fail``.
    """
    print(f"  {title} ...", end="", flush=True)
    start = time.monotonic()
    words = [str(word) for word in command]
    run = subprocess.run(
        words,
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    print(f" {time.monotonic() - start:.1f} s" if run.returncode == 0 else " failed", flush=True)
    if run.returncode and not may_fail:
        tail = "\n".join("    " + line for line in run.stdout.strip().splitlines()[-15:])
        raise Failure(
            f"{title}: this command ended with exit code {run.returncode}:\n"
            f"    {shlex.join(words)}\n{tail}\n"
            "Check the network and the disk, then run the same command again."
        )
    return run.returncode == 0


def install(title, *options):
    """Install with uv; say so and go on with pip where uv fails."""
    find = []
    for place in offered_folders():
        find += ["--find-links", place]
    uv = [interpreter(), "-m", "uv", "pip", "install", "--python", interpreter(), *find]
    pip = [interpreter(), "-m", "pip", "install", "--retries", "1", *find]
    if not step(title, *uv, *options, may_fail=True):
        step(f"{title}, with pip", *pip, *options)


def install_torch(gpu):
    """Install torch: the CPU build of the platform, unless ``--gpu`` asks for PyPI's own."""
    locked = ["--no-deps", "--require-hashes", "-r", "torch-requirements.txt"]
    version = next(
        line.split()[0]
        for line in (ROOT / "torch-requirements.txt").read_text().splitlines()
        if line.startswith("torch==")
    )
    if gpu:
        install("torch with CUDA", version)
    elif sys.platform != "linux":
        install("torch", *locked)
    else:
        # PyPI's build for Linux on x86-64 needs CUDA: its hashes are not in the lock.
        pip = [interpreter(), "-m", "pip", "install", "--retries", "1"]
        index = ["--index-url", TORCH_INDEX]
        if places := offered_folders():
            index = [word for place in places for word in ("--find-links", place)]
        if not step("torch, the CPU build", *pip, *locked, *index, may_fail=True):
            print("  (the hash of this platform's CPU build of torch is not in the lock)")
            step("torch, by its version", *pip, "--no-deps", version, *index)


def stamp(group, gpu):
    """A hash of everything the group is installed from."""
    digest = hashlib.sha256(f"{sys.version} {gpu} {ROOT}".encode())
    for name in STAMPED[group]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def make_environment():
    """A fresh virtual environment. Whatever was there goes: half of one helps nobody."""
    if VENV.exists() or VENV.is_symlink():
        # Renamed first: a removal that is stopped must not leave half of it under the name.
        old = VENV.with_name(f"{VENV.name}.old-{os.getpid()}")
        VENV.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    for leftover in ROOT.glob(f"{VENV.name}.old-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    step("virtual environment", sys.executable, "-m", "venv", VENV)
    (VENV / "made-in").write_text(str(ROOT), encoding="utf-8")  # the last step: it is whole


def environment_is_whole():
    """Whether the environment was made to its end, in this folder, and its Python still starts.

    A copy or a renamed folder has programs in it that name the old place.
    """
    made_in = VENV / "made-in"
    if not made_in.is_file() or made_in.read_text(encoding="utf-8") != str(ROOT):
        return False
    try:
        call = [str(interpreter()), "-c", "import pip"]
        return subprocess.run(call, capture_output=True).returncode == 0
    except OSError:
        return False


def install_group(group, gpu):
    """Install what the group needs into the environment, and look whether it works."""
    locked = ["--no-deps", "--require-hashes", "-r"]
    if group == "test":
        install("locked packages for the tests", *locked, "requirements-test.lock")
    else:
        pip = [interpreter(), "-m", "pip", "install", "--quiet"]
        step("uv", *pip, *locked, "uv-requirements.txt")
        install("locked packages", *locked, "requirements.lock")
        install_torch(gpu)
        install("data packages", *locked, "data-requirements.txt")
        install("the book's own package", "--no-deps", "--no-build-isolation", "-e", ".")
    step("check, and compile the layers", interpreter(), "tools/check_environment.py")


def setup(group, gpu=False):
    """Install what the group needs, unless the stamp says that it is there already.

    A set-up that was killed goes on where it stopped. If what it left does not fit, the
    environment is made afresh: nobody has to delete it by hand.
    """
    file = VENV / f"installed-{group}"
    if file.exists() and file.read_text() == stamp(group, gpu) and environment_is_whole():
        return
    with alone("setup"):
        if file.exists() and file.read_text() == stamp(group, gpu) and environment_is_whole():
            return  # the call that we waited for did it
        print(f"Setting up {VENV} ({group})")
        fresh = not environment_is_whole()
        if fresh:
            make_environment()
        file.unlink(missing_ok=True)  # from here on it is neither the old nor the new one
        try:
            install_group(group, gpu)
        except Failure as failure:
            if fresh:
                raise
            print(f"{failure}\nWhat was installed before does not fit; starting afresh")
            make_environment()
            for name in [name for name in STAMPED if name != group] if group == "test" else []:
                install_group(name, gpu)
                (VENV / f"installed-{name}").write_text(stamp(name, gpu))
            install_group(group, gpu)
        file.write_text(stamp(group, gpu))


# ------------------------------------------------------------------------------------ commands


def python(*command, **env):
    """Run the environment's Python in the book's folder.

    Returns:
        Its exit code.
    """
    settings = dict(os.environ, JUPYTER_PREFER_ENV_PATH="1", PYDEVD_DISABLE_FILE_VALIDATION="1")
    settings.update(env)
    words = [str(interpreter()), *(str(word) for word in command)]
    return subprocess.call(words, cwd=ROOT, env=settings)


def build():
    """Build the book; fail on a warning, a missing or empty page, a traceback in a page."""
    with alone("build"):
        code = python("tools/build.py")
    if code == 0:
        page = ROOT / "_build" / "html" / "index.html"
        print(f"\nThe book is built. Open this file in a browser:\n  {page}")
    return code


def notebooks(**env):
    """Run every notebook again and compare its outputs with the stored ones."""
    nbval = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=180"]
    nbval += ["--nbval-sanitize-with", "tests/sanitize.cfg"]
    # loadscope keeps a notebook's cells on one worker: they share a kernel.
    parallel = ["-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider"]
    return python("-m", "pytest", *nbval, *parallel, "chapters", "course", **env)


def package_tests():
    """The tests of the package, the course and the pages, on two processes."""
    return python("-m", "pytest", "-n", "2", "--dist", "loadscope", "tests")


def fast_tests():
    """The lane for the working day: no test marked slow, no page and no notebook."""
    left_out = [f"--ignore=tests/book/test_{name}.py" for name in ("browser", "pages")]
    words = ["-m", "pytest", "-n", "2", "--dist", "loadscope", "-m", "not slow", *left_out]
    return python(*words, "tests")


def test(fast, other_cpu):
    """Build the pages, which are tested too; then package, course and pages; then the notebooks."""
    if fast:
        return fast_tests()
    if other_cpu:
        return notebooks(**OTHER_CPU)
    codes = [run() for run in (build, package_tests, notebooks)]  # all of them, after a failure too
    return next((code for code in codes if code), 0)


def arguments():
    """What the caller asks for."""
    parser = argparse.ArgumentParser(prog="book.py", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    added = {}
    for name, text in [
        ("build", "build the book into _build/html/"),
        ("test", "run every test, then run every notebook again and compare"),
        ("lab", "open the chapters in JupyterLab"),
        ("execute", "run notebooks and store their outputs"),
        ("release", "make the student notebooks from their solutions"),
        ("grade", "grade a folder of submissions"),
        ("bench", "time the layers on this machine and redraw the benchmark page"),
    ]:
        added[name] = commands.add_parser(name, help=text, description=text)
        gpu = "install torch with CUDA (Linux, several GB)"
        added[name].add_argument("--gpu", action="store_true", help=gpu)
    lane = added["test"].add_mutually_exclusive_group()
    text = "two minutes for the working day: no slow test, no page, no notebook"
    lane.add_argument("--fast", action="store_true", help=text)
    text = "only the notebooks, as an older CPU runs them"
    lane.add_argument("--other-cpu", action="store_true", help=text)
    text = "such as architecture/lstm; all of them if none is named"
    added["execute"].add_argument("chapter", nargs="*", help=text)
    text = "one notebook a student; the file's name is the student's"
    added["grade"].add_argument("folder", help=text)
    added["grade"].add_argument("--assignment", default="cells", help="default: cells")
    text = "folder for grades.csv and the feedback; default: grades"
    added["grade"].add_argument("--out", default="grades", help=text)
    text = "grade without a sandbox: a submission can then read and change your files"
    added["grade"].add_argument("--unsafe", action="store_true", help=text)
    return parser.parse_args()


def grade(args):
    """Grade a folder. The folders are the caller's: absolute before the working folder changes."""
    folder, out = Path(args.folder).absolute(), Path(args.out).absolute()
    options = ["--unsafe"] if args.unsafe else []
    return python("-m", "course.grading", args.assignment, folder, "--out", out, *options)


def bench():
    """Time the layers, then run the page that shows the times."""
    timed = python("-m", "gatedrnn.cli", "bench", "--renew")
    return timed or python("tools/execute.py", "reference/benchmark")


def main():
    """Set up what is needed, then do what the caller asks for."""
    args = arguments()
    setup("book", args.gpu)
    if args.command == "test":
        setup("test", args.gpu)
    commands = {
        "build": build,
        "test": lambda: test(args.fast, args.other_cpu),
        "lab": lambda: python("-m", "jupyterlab", "--notebook-dir", ROOT / "chapters"),
        "execute": lambda: python("tools/execute.py", *args.chapter),
        "release": lambda: python("tools/release.py"),
        "grade": lambda: grade(args),
        "bench": bench,
    }
    return commands[args.command]()


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - the reader's Python, not the locked one
        have = f"{sys.version.split()[0]} ({sys.executable})"
        sys.exit(f"This book needs Python 3.11 or newer; this is Python {have}.")
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command again to go on.")
