"""Timing that can be trusted: CPU time of one thread, candidates in turns, intervals."""

import os
import platform
import re
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch

SHORTEST = (
    1e-3  # seconds that one measurement lasts at least: reading the clock costs about a microsecond
)


RESAMPLES = 10_000


def compare_times(
    candidates: dict[str, Callable[[], object]], rounds: int = 30, warmup: int = 3, seed: int = 0
) -> pd.DataFrame:
    """CPU seconds a call of each candidate, measured once in every round.

    A round takes the candidates in a new random order, so what disturbs the machine for a while
    disturbs all. A call shorter than a millisecond is repeated within its measurement until that
    lasts a millisecond. ``timeit`` keeps garbage collection out.

    Args:
        candidates: {name: function without arguments}.
        rounds: how often each is measured.
        warmup: calls of each before the first round, which are not recorded.
        seed: that of the orders.

    Returns:
        The columns round, name, seconds, in the order measured.

    Raises:
        ValueError: no candidates, or fewer than 2 rounds.
        RuntimeError: torch has more than one thread.
    """
    if not candidates or rounds < 2:
        raise ValueError(
            f"need candidates and at least 2 rounds; given: {len(candidates)} and {rounds}"
        )
    if (threads := torch.get_num_threads()) != 1:
        raise RuntimeError(
            f"torch uses {threads} threads, whose times would add up: call torch.set_num_threads(1)"
        )
    timers = {
        name: timeit.Timer(call, timer=time.process_time) for name, call in candidates.items()
    }
    repeats = dict.fromkeys(timers, 1)
    for name, timer in timers.items():
        timer.timeit(warmup)
        while timer.timeit(repeats[name]) < SHORTEST:
            repeats[name] *= 2
    order, rows = np.random.default_rng(seed), []
    for number in range(rounds):
        for name in (list(timers)[k] for k in order.permutation(len(timers))):
            rows.append((number, name, timers[name].timeit(repeats[name]) / repeats[name]))
    return pd.DataFrame(rows, columns=["round", "name", "seconds"])


@dataclass(frozen=True)
class Ratio:
    """The median time of ``a`` over that of ``b``, with its 95 % interval.

    Above 1, ``a`` is slower.
    """

    ratio: float
    low: float
    high: float
    quartiles_a: tuple[float, float, float]  # the 25th, 50th and 75th percentile, in seconds
    quartiles_b: tuple[float, float, float]

    def __str__(self):
        return f"{self.ratio:#.3g} [{self.low:#.3g}, {self.high:#.3g}]"


def ratio(times: pd.DataFrame, a: str, b: str, seed: int = 0) -> Ratio:
    """How many times as long ``a`` takes as ``b``.

    Args:
        times: those of ``compare_times``.
        a: a name in them.
        b: another.
        seed: that of the resamples.

    Returns:
        The ratio of the medians. The interval is a percentile bootstrap of the log-ratio over
        rounds (10,000 resamples), both candidates of a round drawn together.

    Raises:
        ValueError: a name without times, or a time of zero.
    """
    wide = times.pivot(index="round", columns="name", values="seconds")
    if unknown := {a, b} - set(wide):
        raise ValueError(f"no times for {sorted(unknown)}; there are {list(wide)}")
    pair = wide[[a, b]].to_numpy().T  # (2, rounds)
    if pair.min() <= 0:
        raise ValueError(
            "a time of zero: the clock of this system is too coarse; "
            "time something that takes longer"
        )
    options = {"paired": True, "n_resamples": RESAMPLES, "method": "percentile", "rng": seed}
    drawn = scipy.stats.bootstrap(
        pair, lambda x, y, axis: np.log(np.median(x, axis) / np.median(y, axis)), **options
    )
    low, high = np.exp(drawn.confidence_interval).tolist()
    of_a, of_b = map(tuple, np.quantile(pair, [0.25, 0.5, 0.75], axis=1).T.tolist())
    return Ratio(of_a[1] / of_b[1], low, high, of_a, of_b)


def environment() -> dict[str, object]:
    """The machine, without which a time says nothing: text, numbers and booleans by name."""
    info = Path(
        "/proc/cpuinfo"
    )  # Linux keeps the processor's name where ``platform`` does not look
    cpu = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    blas = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    found = {"cpu": cpu[1].strip() if cpu else platform.processor() or platform.machine()}
    found |= {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.platform(),
    }
    found |= {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }
    found |= {
        "threads": torch.get_num_threads(),
        "onednn_available": torch.backends.mkldnn.is_available(),
    }
    return found | {
        "onednn_enabled": torch.backends.mkldnn.enabled,
        "blas": blas[1] if blas else "unknown",
    }


@contextmanager
def busy(load: str) -> Iterator[None]:
    """One counting process for each core inside a ``with`` block, if the load is "busy"."""
    number = os.cpu_count() if load == "busy" else 0
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        if processes:
            time.sleep(0.5)  # until they count
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
