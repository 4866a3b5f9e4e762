"""Run ``child.py`` on a student's functions: apart from this process, limited, and never longer than it may.

Where bubblewrap works, the child sees the system and the Python environment read-only and nothing else: no network, no
home, no file of the course. Elsewhere it is a process group of its own in an empty folder.
"""

import functools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WALL_SECONDS = 20  # for all cases together, from the moment the child is ready
START_SECONDS = 120  # to import torch, on a slow disk too
MAX_BYTES = 1_000_000  # of answers
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


class SandboxError(Exception):
    """The sandbox itself failed; no student is to blame."""


@functools.cache
def bubblewrap():
    """The words to put before a command, or [] where bubblewrap is missing or forbidden. Tried once."""
    program = shutil.which("bwrap")
    if not program:
        return []
    words = [program, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    for place in dict.fromkeys((*SYSTEM, sys.base_prefix, sys.prefix)):
        words += ["--ro-bind-try", place, place]
    words += [
        "--ro-bind",
        str(CHILD),
        str(CHILD),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
    ]
    words += ["--chdir", "/tmp", "--setenv", "HOME", "/tmp", "--setenv", "OMP_NUM_THREADS", "1"]
    try:
        probe = subprocess.run(
            [*words, sys.executable, "-I", "-c", ""], capture_output=True, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return words if probe.returncode == 0 else []


def protection():
    """The protection in force here, in words."""
    try:
        import resource  # noqa: F401
    except ImportError:
        limits = "no limits on CPU, memory and files on this system"
    else:
        limits = "CPU, memory and file-size limits"
    if bubblewrap():
        return f"bubblewrap (no network, no file of the course, no disk to write on), {limits}, {WALL_SECONDS} s"
    return f"no bubblewrap here: a submission could read this computer's files; {limits}, {WALL_SECONDS} s"


def start(errors, folder):
    """The child process, alone in its session."""
    keep = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    environment |= {"HOME": folder, "TMPDIR": folder, "TEMP": folder, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*bubblewrap(), sys.executable, "-I", "-B", str(CHILD)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip


def kill(process):
    """End the child and whatever it has started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        process.kill()
    process.wait()


def read(pipe, lines):
    """Hand over the lines of the pipe, at most MAX_BYTES of them, then the reason for the end. Runs in a thread."""
    left = MAX_BYTES
    while left > 0:
        line = pipe.readline(left)
        if not line:
            lines.put("the process ended before it answered")
            return
        left -= len(line)
        lines.put(line)
    lines.put(f"more than {MAX_BYTES:,} bytes came back")


def collect(lines):
    """``(ready, answer lines, reason for the end)``; what came before a timeout is kept."""
    ready, answers, deadline = False, [], time.monotonic() + START_SECONDS
    while True:
        try:
            line = lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            return ready, answers, f"no answer within {WALL_SECONDS} s"
        if isinstance(line, str):
            return ready, answers, line
        if ready:
            answers.append(line)
        else:
            ready, deadline = True, time.monotonic() + WALL_SECONDS


def decode(lines):
    """``{case id: answer}``; the first answer to a case counts, and what is no answer is dropped."""
    answers = {}
    for line in lines:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if type(answer) is dict and type(answer.get("case")) is int:
            answers.setdefault(answer["case"], answer)
    return answers


def run(functions, cases):
    """Answers of one child, and why it stopped.

    Args:
        functions: {name: sources of the pieces it needs}.
        cases: dicts with ``id``, ``function`` and ``args``.

    Raises:
        SandboxError: the child did not start; the message holds what it said.
    """
    job = json.dumps({"functions": functions, "cases": cases, "seconds": WALL_SECONDS}).encode()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        process, lines = start(errors, folder), queue.Queue()
        reader = threading.Thread(target=read, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            with process.stdin:
                process.stdin.write(job)
        except OSError:
            pass  # it is dead already: the missing "ready" says so
        ready, found, reason = collect(lines)
        kill(process)
        reader.join()
        process.stdout.close()
        if not ready:
            errors.seek(0)
            tail = errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise SandboxError(
                f"the grader's own process did not start: {' '.join(tail) or reason}"
            )
    return decode(found), reason
