"""Runs in the sandbox: calls the students' functions and writes one JSON line for each case.

It is given arguments and never an expected value. It takes what it needs (its channel, ``tolist``, ``dumps``) before
any code of the student's runs, so a patched torch changes nothing; and it only reports values, so nothing can be
patched that would make a wrong value right. Standard library and torch only: the sandbox shows this file by itself.
"""

import json
import os
import sys

MAX_LINE = 100_000  # characters of one answer
MEMORY = 4 * 2**30  # bytes

# Steps to unroll. They are no LSTM and no GRU, and work on torch tensors and on numpy arrays.
STEPS = {
    "leaky": lambda x, state: (0.5 * state[0] + x,),
    "pair": lambda x, state: (0.5 * state[0] + 0.25 * state[1] + x, 0.5 * state[1] - x),
}


def codec(torch):
    """``decode`` and ``encode`` between JSON and arguments. Only torch's own tensor counts as a tensor."""
    Tensor, tolist, tensor, float64 = torch.Tensor, torch.Tensor.tolist, torch.tensor, torch.float64

    def decode(value, previous):
        if type(value) is list:
            return tuple(decode(item, previous) for item in value)
        if type(value) is not dict:
            return value
        if "tensor" in value:
            return tensor(value["tensor"], dtype=float64)
        if "step" in value:
            return STEPS[value["step"]]
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


def load(sources, name):
    """Run the pieces that the function needs in a namespace of its own. A piece that fails does not stop the next."""
    space, failure = {"__name__": "submission"}, None
    for source in sources:
        try:
            exec(source, space)
        except BaseException as error:
            failure = failure or error
    if name not in space and failure:
        raise failure
    return space[name]


def describe(error):
    """The error in one line. Its text is the student's, so asking for it may fail too."""
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return type(error).__name__


def answers(functions, cases):
    """Yield the JSON line of each case: its value and whether it changed its arguments, or an error."""
    import torch

    decode, encode = codec(torch)
    dumps, loaded, previous = json.dumps, {}, None
    for case in cases:
        name, answer = case["function"], {"case": case["id"]}
        try:
            if name not in loaded:
                loaded[name] = load(functions[name], name)
            args = [decode(arg, previous) for arg in case["args"]]
            before = dumps(encode(args))
            previous = encode(loaded[name](*args))
            answer |= {"value": previous, "changed": dumps(encode(args)) != before}
            line = dumps(answer)
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


def main():
    job = json.loads(sys.stdin.read())
    channel = os.fdopen(os.dup(1), "w")
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    limit(job["seconds"])
    channel.write('{"ready": true}\n')
    channel.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    for line in answers(job["functions"], job["cases"]):
        channel.write(line + "\n")
        channel.flush()
    os._exit(0)  # nothing that the student's code has left behind runs


if __name__ == "__main__":
    main()
