"""Timing that can be trusted: CPU time of one thread, candidates taken in turns, ratios with an interval.

A time says nothing without the machine and the kernel that ran: print ``environment()`` beside it, and ask ``kernels``.
"""

import contextlib
import gc
import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch
from torch.profiler import ProfilerActivity, profile

# One measurement lasts at least this long, in seconds: reading the clock costs about a microsecond.
SHORTEST = 1e-3
RESAMPLES = 10_000


def compare_times(candidates, rounds=30, warmup=3, seed=0):
    """CPU seconds a call of each candidate, measured ``rounds`` times, all candidates in each round.

    In every round the candidates run in a new random order, so what disturbs the machine for a while disturbs all of
    them. A call shorter than a millisecond is repeated within its measurement until that lasts a millisecond. Garbage
    is collected before, not during.

    Args:
        candidates: {name: callable without arguments}.
        rounds: measurements of each candidate.
        warmup: calls of each candidate before the first round, not recorded; calls that settle the repeats follow.
        seed: of the order.

    Returns:
        DataFrame with the columns round, name, seconds (of one call), in the order measured. For the usual summary:
        ``times.groupby("name")["seconds"].describe()``.

    Raises:
        ValueError: no candidates, or fewer than 2 rounds.
        RuntimeError: torch uses more than one thread.
    """
    if not candidates or rounds < 2:
        raise ValueError(f"need candidates and at least 2 rounds; given: {len(candidates)} and {rounds}")
    if torch.get_num_threads() != 1:
        raise RuntimeError(
            f"torch uses {torch.get_num_threads()} threads, whose CPU times would add up; "
            "call torch.set_num_threads(1), or gatedrnn.reproducible(), first"
        )
    names, order, rows = list(candidates), np.random.default_rng(seed), []
    with _no_garbage_collection():
        repeats = {name: _warm_up(call, warmup) for name, call in candidates.items()}
        for number in range(rounds):
            for k in order.permutation(len(names)):
                name = names[k]
                rows.append((number, name, _seconds(candidates[name], repeats[name])))
    return pd.DataFrame(rows, columns=["round", "name", "seconds"])


@dataclass(frozen=True)
class Ratio:
    """The median time of ``a`` over that of ``b``, ``low`` and ``high`` its 95 % interval; above 1, ``a`` is slower.

    ``quartiles_a``, ``quartiles_b``: the 25th, 50th and 75th percentile of each, in seconds.
    """

    ratio: float
    low: float
    high: float
    quartiles_a: tuple[float, float, float]
    quartiles_b: tuple[float, float, float]

    def __str__(self):
        ratio = f"{self.ratio:#.3g} [{self.low:#.3g}, {self.high:#.3g}]"
        return f"{ratio}: {_milliseconds(self.quartiles_a)} against {_milliseconds(self.quartiles_b)}"


def ratio(times, a, b, seed=0):
    """How many times as long ``a`` takes as ``b``: the ratio of their medians over the rounds of ``compare_times``.

    The 95 % interval is a percentile bootstrap of the log-ratio over rounds (10,000 resamples), both candidates of a
    round drawn together.

    Raises:
        ValueError: no such candidate, or a time of zero.
    """
    wide = times.pivot(index="round", columns="name", values="seconds")
    unknown = {a, b} - set(wide)
    if unknown:
        raise ValueError(f"no times for {sorted(unknown)}; there are {list(wide)}")
    pair = wide[[a, b]].to_numpy().T  # (2, rounds)
    if pair.min() <= 0:
        raise ValueError("a time of zero: the clock of this system is too coarse; time something that takes longer")

    def log_ratio(x, y, axis=-1):
        return np.log(np.median(x, axis=axis) / np.median(y, axis=axis))

    interval = scipy.stats.bootstrap(
        pair, log_ratio, paired=True, n_resamples=RESAMPLES, method="percentile", rng=seed
    ).confidence_interval
    middle, low, high = np.exp([log_ratio(*pair), interval.low, interval.high]).tolist()
    quartiles = np.quantile(pair, [0.25, 0.5, 0.75], axis=1).T.tolist()
    return Ratio(middle, low, high, *map(tuple, quartiles))


def kernels(call):
    """The names of torch's operators that ran during ``call()``, a set such as ``{"aten::mm", "aten::tanh"}``.

    On a CPU, ``nn.LSTM`` in float32 goes through oneDNN's fused ``aten::mkldnn_rnn_layer``; ``nn.GRU`` does not.
    Within ``gatedrnn.reproduce.onednn(False)`` neither does.
    """
    profiler = profile(activities=[ProfilerActivity.CPU])
    with _no_log():
        profiler.start()
    try:
        call()
    finally:
        with _no_log():
            profiler.stop()
    return {event.key for event in profiler.key_averages() if event.key.startswith("aten::")}


def environment():
    """What a time depends on: processor, versions, threads and libraries, as a dict of text, numbers and booleans."""
    blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return {
        "cpu": _cpu(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "onednn_available": torch.backends.mkldnn.is_available(),
        "onednn_enabled": torch.backends.mkldnn.enabled,
        "blas": blas[1] if blas else "unknown",
    }


def _cpu():
    """The processor's name: Linux keeps it where ``platform`` does not look."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return model[1].strip() if model else platform.processor() or platform.machine()


def _milliseconds(quartiles):
    low, median, high = (1e3 * seconds for seconds in quartiles)
    return f"{median:.3g} ms (quartiles {low:.3g} to {high:.3g})"


def _seconds(call, repeats):
    """CPU seconds of one call, the mean of ``repeats`` calls."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def _warm_up(call, warmup):
    """Call it unrecorded, then double the calls of a measurement until that lasts long enough; their number."""
    for _ in range(warmup):
        call()
    repeats = 1
    while _seconds(call, repeats) * repeats < SHORTEST:
        repeats *= 2
    return repeats


@contextlib.contextmanager
def _no_log():
    """Send file descriptor 2 nowhere for a while: torch 2.13's profiler writes dated lines there when it starts."""
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def _no_garbage_collection():
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
