"""Runs in the sandbox: the notebook's code cells as Jupyter would run them, then its functions.

It is given arguments and never an expected value. It takes what it needs (its channel, ``tolist``,
``dumps``) before any code of the student's runs, so a patched torch changes nothing; and it only
reports values, so nothing can be patched that would make a wrong value right. Standard library,
torch and IPython only: the sandbox shows this file by itself.

It writes JSON lines: ready, a remark on a cell that failed, the names that are defined at the end
of the notebook, and the answer to each case.
"""

import ast
import json
import os
import signal
import sys
import threading
import warnings

MAX_LINE = 100_000  # characters of one answer
MEMORY = 4 * 2**30  # bytes
CELL_SECONDS = 10  # of a cell; longer ones are left behind
MAX_REMARKS = 20


class CellTimeout(BaseException):
    """A cell took too long. Not an ``Exception``, so that a cell's own ``except`` lets it pass."""


# What IPython makes of the lines of a cell that are not Python


class Shell:
    """Stands for IPython where a cell has magics: what is timed runs, everything else does nothing.

    It has the few methods that IPython's transformed cells call.
    """

    def __init__(self, space):
        self.space = space

    def run_line_magic(self, name, line="", _stack_depth=1):
        """``%time statement`` runs the statement; other line magics do nothing."""
        if name in ("time", "timeit", "prun") and line.strip():
            exec(compile(line, "<magic>", "exec"), self.space)

    def run_cell_magic(self, name, line, cell):
        """``%%time`` and the like run the rest of the cell; ``%%bash`` and others do nothing."""
        if name in ("time", "timeit", "capture", "prun"):
            exec(compile(cell, "<magic>", "exec"), self.space)

    def system(self, command):
        """``!command`` does nothing."""

    def getoutput(self, command, split=True):
        """``x = !command`` gives no lines."""
        return []

    def set_next_input(self, text, replace=False):
        """``name?`` does nothing."""


def untouched(tree):
    """The functions of a cell that only raise NotImplementedError, as they were handed out."""
    names = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = [line for line in node.body if not is_text(line)]
        only_raises = len(body) == 1 and isinstance(body[0], ast.Raise)
        if only_raises and "NotImplementedError" in ast.unparse(body[0]):
            names.add(node.name)
    return names


def is_text(statement):
    """Whether the statement is a docstring or another constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def ready_made(tree, forbidden, known):
    """The names of a cell that would do the work, such as ``LSTMCell``, as they are written.

    Statements that were handed out with the assignment, ``known``, do not count.
    """
    own = [line for line in tree.body if ast.unparse(line) not in known]
    for node in (node for line in own for node in ast.walk(line)):
        if isinstance(node, ast.Attribute) and node.attr in forbidden:
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in forbidden and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield from {*alias.name.split(".")} & forbidden


def run_cell(source, space, wanted, forbidden, known, transform):
    """Run one cell in the notebook's name space.

    An untouched copy of a function further down does not hide the one that was written.

    Returns:
        The names from ``forbidden`` that the cell uses.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\\sigma" in a docstring is the student's affair
        tree = ast.parse(transform(source))
        used = set(ready_made(tree, forbidden, known))
        program = compile(tree, "<cell>", "exec")
        kept = {name: space[name] for name in untouched(tree) & wanted if name in space}
        exec(program, space)
    space.update(kept)
    return used


def run_notebook(cells, wanted, forbidden, known, say, describe):
    """Run all cells from top to bottom; one that fails is remarked on, and the next one runs.

    Args:
        cells: pairs (number, source).
        wanted: names of the asked functions.
        forbidden: names that are reported.
        known: statements that were handed out.
        say: writes a JSON line.
        describe: an error in one line.

    Returns:
        The name space.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    space = {"__name__": "__main__", "__builtins__": __builtins__}
    shell = Shell(space)

    def get_ipython():
        return shell

    def display(*values, **options):
        """What a cell shows is thrown away."""

    space |= {"get_ipython": get_ipython, "display": display}
    transform, remarks = TransformerManager().transform_cell, 0
    alarm, setitimer = getattr(signal, "SIGALRM", None), getattr(signal, "setitimer", None)
    if threading.current_thread() is not threading.main_thread():
        alarm = None  # Python hands signals to the main thread only

    def too_long(number, frame):
        raise CellTimeout(f"it took longer than {CELL_SECONDS} s")

    for number, source in cells:
        try:
            if alarm:
                signal.signal(alarm, too_long)
                setitimer(signal.ITIMER_REAL, CELL_SECONDS)
            used = run_cell(source, space, wanted, forbidden, known, transform)
            text = f"cell {number} uses {', '.join(sorted(used))}" if used else None
        except BaseException as error:
            text = f"cell {number} failed: {describe(error)}"
        finally:
            if alarm:
                setitimer(signal.ITIMER_REAL, 0)
        if text and remarks < MAX_REMARKS:
            remarks += 1
            say({"remark": text})
    return space


# Arguments and values as JSON


def codec(torch, steps):
    """``decode`` and ``encode`` between JSON and arguments. Only torch's own tensor is a tensor."""
    Tensor, tolist = torch.Tensor, torch.Tensor.tolist
    tensor, float64, zeros = torch.tensor, torch.float64, torch.zeros

    def decode(value, previous):
        if type(value) is list:
            return tuple(decode(item, previous) for item in value)
        if type(value) is not dict:
            return value
        if "tensor" in value:
            numbers = value["tensor"]
            return tensor(numbers, dtype=float64) if numbers else zeros(0, dtype=float64)
        if "step" in value:
            return steps[value["step"]]
        return decode(previous[value["previous"]], previous)

    def encode(value):
        if type(value) in (tuple, list):
            return [encode(item) for item in value]
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) is Tensor and value.numel() <= MAX_LINE:
            return {"tensor": tolist(value)}
        return {"object": type(value).__name__}

    return decode, encode


def describer():
    """A function that puts an error into one line, even one whose text cannot be made."""

    def describe(error):
        try:
            return f"{type(error).__name__}: {error}"[:300]
        except BaseException:
            return type(error).__name__

    return describe


def answers(space, cases, codec, dumps, describe):
    """Yield the JSON line of each case: the value and whether arguments changed, or an error.

    Args:
        space: the name space of the notebook.
        cases: dicts with ``id``, ``function`` and ``args``.
        codec: ``decode`` and ``encode``.
        dumps: ``json.dumps``, taken before the student's code ran.
        describe: an error in one line.
    """
    decode, encode = codec
    previous = None
    for case in cases:
        try:
            args = [decode(arg, previous) for arg in case["args"]]
            before = dumps(encode(args))
            previous = encode(space[case["function"]](*args))
            changed = dumps(encode(args)) != before
            line = dumps({"case": case["id"], "value": previous, "changed": changed})
            if len(line) > MAX_LINE:
                raise ValueError(f"the result is longer than {MAX_LINE:,} characters")
        except BaseException as error:
            previous, line = None, dumps({"case": case["id"], "error": describe(error)})
        yield line


def limit(seconds):
    """Limit CPU seconds, file size and memory, where the system knows such limits."""
    try:
        import resource
    except ImportError:
        return
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    limits = {resource.RLIMIT_CPU: used + seconds + 1, resource.RLIMIT_FSIZE: 0}
    if sys.platform == "linux":  # elsewhere it does not count what torch allocates
        limits[resource.RLIMIT_DATA] = MEMORY
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def load_steps(sources):
    """The assignment's own functions, by name."""
    steps = {}
    for name, source in sources.items():
        space = {}
        exec(source, space)
        steps[name] = space["step"]
    return steps


def main():
    """Read the job from standard input, run it, write the lines to what was standard output."""
    job = json.loads(sys.stdin.read())
    channel = os.fdopen(os.dup(1), "w")
    write, flush, leave = channel.write, channel.flush, os._exit
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    made = codec(torch, load_steps(job["steps"]))
    dumps, describe, give_answers = json.dumps, describer(), answers
    limit(job["seconds"])

    def say(message):
        write(dumps(message) + "\n")
        flush()

    say({"ready": True})
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    wanted, forbidden, known = (set(job[name]) for name in ("functions", "forbidden", "known"))
    space = run_notebook(job["cells"], wanted, forbidden, known, say, describe)
    say({"defined": [name for name in job["functions"] if callable(space.get(name))]})
    torch.set_default_dtype(torch.float64)  # a notebook may have set another
    cases = [case for case in job["cases"] if callable(space.get(case["function"]))]
    for line in give_answers(space, cases, made, dumps, describe):
        write(line + "\n")
        flush()
    leave(0)  # nothing that the student's code has left behind runs


if __name__ == "__main__":
    main()
