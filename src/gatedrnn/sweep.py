"""Run the configs of a study, in this process or on others, and store what each gives. No torch.

A study is a module of ``gatedrnn.studies``:
    KEYS      the columns that tell one run from another; among them "seed" if there are seeds
    COLUMNS   the other columns, without "error"
    PHASES    functions ``phase(store) -> list of configs``, called in turn: a later one may read
              the rows of an earlier one, and each is called again until it asks for nothing new
    measure   ``measure(config) -> list of rows``, dicts of KEYS and COLUMNS; a function of its
              module, so that another process finds it
    ALONE     True if it measures times, so that nothing may run beside it; else left out
A config is a flat dict of the key columns. If it has ``seeds``, a list, in place of ``seed``, these
seeds are trained together in one call, which gives one row a seed.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue

from tqdm import tqdm

from gatedrnn.results import Stop, Store

IN_FLIGHT = 256  # calls handed to the workers at a time: more than there are workers


class _Here(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn, *args):
        future = Future()
        future.set_result(fn(*args))
        return future


def runs(config: dict) -> list[dict]:
    """The key columns of the runs of a config, one dict a row."""
    rest = {name: value for name, value in config.items() if name != "seeds"}
    return [rest | {"seed": seed} for seed in config["seeds"]] if "seeds" in config else [rest]


def lacking(configs: list[dict], store: Store) -> list[dict]:
    """Those of the configs of which the store lacks a row."""
    return [config for config in configs if any(run not in store for run in runs(config))]


def run_all(
    fn: Callable[[dict], list[dict]],
    configs: list[dict],
    store: Store,
    executor: Executor | None = None,
    progress: str | None = None,
) -> int:
    """Store the rows of ``fn(config)`` for each config of which the store lacks a row.

    An exception becomes one row for each seed: its text in the column ``error``, the measured
    columns empty. A config of which only some rows are there (killed within a write) is run as a
    whole, as seeds together have other last bits than alone, and the lacking rows are added. Every
    finished call is stored, whatever ends the sweep.

    Args:
        fn: gives the rows of a config.
        configs: flat dicts of the key columns.
        store: where the rows go; only this process writes.
        executor: any of ``concurrent.futures`` or Dask's ``Client.get_executor()``; None runs one
            config after the other in this process.
        progress: the name of a bar with the time left.

    Returns:
        The number of runs that failed.

    Raises:
        Stop: ``fn`` raised it, or a worker died.
        ValueError: the store has no column ``error``, or a call gave other rows than its config's.
    """
    if "error" not in (store.columns or []):
        raise ValueError(
            f"{store.path}: a sweep needs a store with the column 'error', not {store.columns}"
        )
    left = lacking(configs, store)
    at_once, executor = (IN_FLIGHT, executor) if executor else (1, _Here())
    waiting, running, failed = iter(left), {}, 0
    finished = (
        SimpleQueue()
    )  # Ctrl-C within futures.wait could leave a lock taken that the executor needs to end
    options = {"desc": progress, "unit": "call", "smoothing": 0, "disable": progress is None}
    with tqdm(total=len(configs), initial=len(configs) - len(left), **options) as bar:
        try:
            while True:
                for config in islice(waiting, at_once - len(running)):
                    future = executor.submit(_attempt, fn, config)
                    running[future] = config
                    future.add_done_callback(finished.put)
                if not running:
                    return failed
                with suppress(Empty):
                    future = finished.get(timeout=1)  # Windows: Ctrl-C each second
                    failed += _keep(store, running.pop(future), future)
                    bar.update()
        except (BrokenExecutor, CancelledError):
            raise Stop(
                "a worker or the scheduler died (out of memory?); "
                "every finished run is stored: run again to go on"
            ) from None
        finally:
            for future in running:
                future.cancel()
            for future, config in running.items():
                if future.done() and not future.cancelled() and not future.exception():
                    _keep(store, config, future)


def _attempt(fn, config):
    """The rows of a call and None, or no rows and the error on one line.

    Not every exception can be sent between processes.
    """
    try:
        return list(fn(config)), None
    except Stop as stop:
        raise Stop(str(stop)) from None
    except Exception as error:
        return [], _one_line(error)


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


def _keep(store, config, future):
    """Store what a finished call gave; the number of its runs that failed."""
    try:
        rows, error = future.result()
    except (Stop, BrokenExecutor, CancelledError):
        raise
    except Exception as lost:  # the rows could not be sent, or a cluster gave the call up
        rows, error = [], _one_line(lost)
    if error:
        rows = [dict.fromkeys(store.columns) | run for run in runs(config)]
    given, asked = sorted(map(store.key, rows)), sorted(map(store.key, runs(config)))
    if given != asked:
        raise ValueError(
            f"{store.path}: a call must give the rows of its config, {asked}, but gave {given}"
        )
    new = [row | {"error": error} for row in rows if row not in store]
    store.extend(new)
    return len(new) if error else 0


@contextmanager
def processes(number: int) -> Iterator[Executor]:
    """An executor of that many processes of this machine, each with one thread.

    A block left by an exception or Ctrl-C ends them at once: the calls they are in are lost anyway.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(
        number, multiprocessing.get_context("spawn"), initializer=_begin_worker
    )
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker():
    """One thread, no part in Ctrl-C, and no life after the parent, which could be killed."""
    from multiprocessing import parent_process

    os.environ.update(
        OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"
    )  # read when torch is imported, which comes later
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """An executor of the Dask cluster whose scheduler has that address.

    Raises:
        Stop: ``distributed`` is not installed, nothing answers within 10 s, or a worker has more
            than one thread: the studies set torch's seed and dtype for a whole process.
    """
    try:
        from distributed import Client
    except ImportError:
        raise Stop('--scheduler needs Dask: pip install "gatedrnn[cluster]"') from None
    for name in (
        "distributed",
        "distributed.client",
    ):  # else a lost scheduler means tracebacks, too
        logging.getLogger(name).setLevel(
            logging.CRITICAL
        )  # the second has a level of its own; the others inherit
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise Stop(f"no Dask scheduler answers at {address}: {_one_line(error)}") from None
    with client:
        if many := [worker for worker, threads in client.nthreads().items() if threads > 1]:
            raise Stop(
                f"{many[0]} has more than one thread: "
                "start the workers of the cluster with --nthreads 1"
            )
        yield client.get_executor(
            pure=False
        )  # pure: Dask would answer a call from the result of an equal one
