"""Run ``child.py`` on a notebook: apart from this process, limited, and never longer than it may.

With bubblewrap, podman or docker the child sees the system and the Python environment read-only and
nothing else: no network, no home, no file of the course. Without any of them a submission runs only
if the caller says ``--unsafe``.
"""

import functools
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

WALL_SECONDS = 60  # for the cells and all cases together, from the moment the child is ready
START_SECONDS = 120  # to import torch, on a slow disk too
MAX_BYTES = 1_000_000  # of answers
MOST_MEMORY = 4 * 2**30  # bytes of all processes of a submission together
MOST_PROCESSES = 64
WATCH_EVERY = 0.25  # seconds
CHILD = Path(__file__).with_name("child.py")
SYSTEM = (
    "/usr",
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/nix/store",
)
IMAGE = "gatedrnn-grader"  # made from course/Containerfile


class SandboxError(Exception):
    """The sandbox itself failed; no student is to blame."""


@dataclass
class Outcome:
    """What a child said.

    ``answers``: {case id: answer}. ``defined``: names of the functions, or None if the cells did
    not come to their end. ``remarks``: on its cells. ``reason``: why it ended.
    """

    answers: dict[int, dict] = field(default_factory=dict)
    defined: list[str] | None = None
    remarks: list[str] = field(default_factory=list)
    reason: str = ""


def works(words: list[str]) -> bool:
    """Whether Python starts behind these words."""
    try:
        call = [*words, sys.executable, "-I", "-c", ""]
        return subprocess.run(call, capture_output=True, timeout=START_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@functools.cache
def bubblewrap() -> tuple[str, ...]:
    """The words to put before a command; none where bubblewrap is missing or forbidden."""
    program = shutil.which("bwrap")
    if not program:
        return ()
    words = [program, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--cap-drop", "ALL"]  # started by root it would keep them, and could mount anew
    # First the empty places, then what is shown: a checkout under /tmp must stay visible.
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for place in dict.fromkeys((*SYSTEM, sys.base_prefix, sys.prefix)):
        words += ["--ro-bind-try", place, place]
    words += ["--ro-bind", str(CHILD), str(CHILD), "--chdir", "/tmp"]
    for name, value in {"HOME": "/tmp", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}.items():
        words += ["--setenv", name, value]
    return tuple(words) if works(words) else ()


@functools.cache
def container() -> tuple[str, ...]:
    """The words that run the grader's image with podman or docker; none where there is neither."""
    for name in ("podman", "docker"):
        program = shutil.which(name)
        if not program:
            continue
        try:
            look = [program, "image", "inspect", IMAGE]
            if subprocess.run(look, capture_output=True, timeout=START_SECONDS).returncode:
                continue
        except (OSError, subprocess.TimeoutExpired):
            continue
        return (
            program, "run", "--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--user", "65534", "--tmpfs", "/tmp",
            "--memory", str(MOST_MEMORY), "--pids-limit", str(MOST_PROCESSES), IMAGE,
        )  # fmt: skip
    return ()


def is_safe() -> bool:
    """Whether submissions are kept apart from this computer's files here."""
    return bool(bubblewrap() or container())


def protection() -> str:
    """The protection in force here, in words."""
    limits = f"limits on memory, processes, file size and CPU, {WALL_SECONDS} s a try"
    if bubblewrap():
        return f"bubblewrap (no network, no file of the course, no disk to write on), {limits}"
    if container():
        return f"a container (no network, no file of the course, no disk to write on), {limits}"
    return f"none: a submission can read and change this computer's files; {limits}"


def command() -> list[str]:
    """The command that starts a child."""
    if container() and not bubblewrap():
        return [*container()]
    return [*bubblewrap(), sys.executable, "-I", "-B", str(CHILD)]


def start(errors, folder: str) -> subprocess.Popen:
    """The child process, alone in its session."""
    keep = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    environment |= {"HOME": folder, "TMPDIR": folder, "TEMP": folder}
    environment |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    return subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


def family(process: subprocess.Popen) -> list[psutil.Process]:
    """The child and all that descend from it."""
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_of(processes: list[psutil.Process]) -> int:
    """Bytes that these processes use together; a page that several share counts once."""
    total = 0
    for process in processes:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", 0) or info.rss
        except (psutil.Error, OSError):
            continue
    return total


def excess(process: subprocess.Popen) -> str | None:
    """Why the child has to be ended: too much memory or too many processes, all of it together."""
    processes = family(process)
    if len(processes) > MOST_PROCESSES:
        return f"it started more than {MOST_PROCESSES} processes"
    if memory_of(processes) > MOST_MEMORY:
        return f"it used more than {MOST_MEMORY // 2**30} GB of memory"
    return None


def kill(process: subprocess.Popen, known: set[psutil.Process]) -> None:
    """End the child and whatever it has started, also what has left its session."""
    for each in {*family(process), *known}:
        try:
            each.kill()
        except (psutil.Error, OSError):
            continue
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


class Reader:
    """The lines that a child writes, as they come, and the reason for their end."""

    def __init__(self, process):
        self.process = process
        self.ready = False
        self.outcome = Outcome()
        self.buffer = b""
        self.received = 0

    def take(self, data: bytes) -> None:
        """Note what came; half a line waits for its rest."""
        self.received += len(data)
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            self.note(line)

    def note(self, line: bytes) -> None:
        """One line: the first answer to a case counts, and what is no answer is dropped."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return
        if type(message) is not dict:
            return
        found = self.outcome
        if message.get("ready") is True:
            self.ready = True
        elif type(message.get("remark")) is str and len(found.remarks) < 50:
            found.remarks.append(message["remark"])
        elif type(message.get("defined")) is list and found.defined is None:
            found.defined = [name for name in message["defined"] if type(name) is str]
        elif type(message.get("case")) is int:
            found.answers.setdefault(message["case"], message)


def listen(process: subprocess.Popen, reader: Reader, known: set[psutil.Process]) -> str:
    """Read until the child ends or has to be ended.

    Args:
        process: the child.
        reader: takes what it writes.
        known: fills with the processes that were seen, to be ended even if they flee.

    Returns:
        The reason for the end.
    """
    deadline = time.monotonic() + START_SECONDS
    was_ready, next_look = False, 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now > deadline:
                return f"no answer within {WALL_SECONDS} s"
            if selector.select(min(WATCH_EVERY, deadline - now)):
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    return "the process ended before it answered"
                reader.take(data)
                if reader.received > MAX_BYTES:
                    return f"more than {MAX_BYTES:,} bytes came back"
            elif process.poll() is not None:
                return "the process ended before it answered"
            if reader.ready and not was_ready:
                was_ready, deadline = True, time.monotonic() + WALL_SECONDS
            if now >= next_look:
                next_look = now + WATCH_EVERY
                known.update(family(process)[1:])
                if reason := excess(process):
                    return reason


def run(job: dict) -> Outcome:
    """What one child says of a notebook.

    Args:
        job: ``cells`` (pairs number, source), ``functions`` (the names asked for), ``cases`` (dicts
            with ``id``, ``function``, ``args``), ``steps``, ``forbidden`` and ``known``
            of the assignment.

    Returns:
        Its answers, remarks and the reason for its end.

    Raises:
        SandboxError: the child did not start; the message holds what it said.
    """
    text = json.dumps(job | {"seconds": WALL_SECONDS}).encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        process, known = start(errors, folder), set()
        reader = Reader(process)
        try:
            with suppress(OSError), process.stdin:  # it may be dead already
                process.stdin.write(text)
            reader.outcome.reason = listen(process, reader, known)
        finally:
            kill(process, known)
            process.stdout.close()
        if not reader.ready:
            errors.seek(0)
            tail = errors.read()[-2000:].decode(errors="replace").strip().splitlines()[-1:]
            said = " ".join(tail) or reader.outcome.reason
            raise SandboxError(f"the grader's own process did not start: {said}")
    return reader.outcome
