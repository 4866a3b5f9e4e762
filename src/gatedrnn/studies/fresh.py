"""Measure in processes that are started one after the other.

Two processes give times that differ by more than the rounds of one: memory lies elsewhere, and the
machine is in another mood. A study of times asks for the same measurements with ``process`` 0, 1,
2 ... ; each number is a new Python process, and the interval of a time is one over processes.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

PROCESSES = range(10)
_STARTED = {}  # {number: the process that runs now}; never more than one


def measured(number: int, measure: Callable[[dict], list[dict]], call: dict) -> list[dict]:
    """The rows of a call, measured in the process of this number.

    Args:
        number: which process; another number than last time ends that one and starts a new one.
        measure: gives the rows of a call; a function of its module, so that the process finds it.
        call: what is measured.

    Returns:
        The rows.
    """
    if number not in _STARTED:
        end()
        _STARTED[number] = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    return _STARTED[number].submit(measure, call).result()


def end() -> None:
    """End the process that runs now, if there is one."""
    for process in _STARTED.values():
        process.shutdown()
    _STARTED.clear()
