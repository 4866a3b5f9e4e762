"""Measurements in processes that are started one after the other."""

import os

import pytest

from gatedrnn.studies import fresh


def where(call):
    return [call | {"pid": os.getpid()}]


@pytest.mark.slow
def test_a_number_is_a_process_of_its_own():
    try:
        first = fresh.measured(0, where, {})[0]["pid"]
        same = fresh.measured(0, where, {})[0]["pid"]
        second = fresh.measured(1, where, {})[0]["pid"]
    finally:
        fresh.end()
    assert first == same
    assert len({first, second, os.getpid()}) == 3
