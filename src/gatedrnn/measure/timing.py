"""Timing that can be trusted: CPU time of one thread, candidates taken in turns, ratios with an interval."""

import platform
import re
import time
import timeit
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


def compare_times(candidates, rounds=30, warmup=3, seed=0):
    """CPU seconds a call of each candidate, {name: callable without arguments}, measured once in every round: a
    DataFrame with the columns round, name, seconds, in the order measured. A round takes the candidates in a new random
    order (``seed``), so what disturbs the machine for a while disturbs all. A call shorter than a millisecond is
    repeated within its measurement until that lasts a millisecond. First come ``warmup`` unrecorded calls of each.
    ``timeit`` keeps garbage collection out. Raises ValueError without candidates or with fewer than 2 rounds,
    RuntimeError if torch has more than one thread.
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
    """The median time of ``a`` over that of ``b``, ``low`` and ``high`` its 95 % interval; above 1, ``a`` is slower."""

    ratio: float
    low: float
    high: float
    quartiles_a: tuple[float, float, float]  # the 25th, 50th and 75th percentile, in seconds
    quartiles_b: tuple[float, float, float]

    def __str__(self):
        return f"{self.ratio:#.3g} [{self.low:#.3g}, {self.high:#.3g}]"


def ratio(times, a, b, seed=0):
    """How many times as long ``a`` takes as ``b``, a ``Ratio``: of their medians in the ``times`` of ``compare_times``.
    The interval is a percentile bootstrap of the log-ratio over rounds (10,000 resamples, ``seed``), both candidates of
    a round drawn together. Raises ValueError for a name without times, and for a time of zero.
    """
    wide = times.pivot(index="round", columns="name", values="seconds")
    if unknown := {a, b} - set(wide):
        raise ValueError(f"no times for {sorted(unknown)}; there are {list(wide)}")
    pair = wide[[a, b]].to_numpy().T  # (2, rounds)
    if pair.min() <= 0:
        raise ValueError(
            "a time of zero: the clock of this system is too coarse; time something that takes longer"
        )
    options = {"paired": True, "n_resamples": RESAMPLES, "method": "percentile", "rng": seed}
    drawn = scipy.stats.bootstrap(
        pair, lambda x, y, axis: np.log(np.median(x, axis) / np.median(y, axis)), **options
    )
    low, high = np.exp(drawn.confidence_interval).tolist()
    of_a, of_b = map(tuple, np.quantile(pair, [0.25, 0.5, 0.75], axis=1).T.tolist())
    return Ratio(of_a[1] / of_b[1], low, high, of_a, of_b)


def environment():
    """The machine, without which a time says nothing: a dict of text, numbers and booleans. Print it with the time."""
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
