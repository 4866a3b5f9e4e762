"""The timing protocol on a clock that we move by hand; never an absolute time."""

import collections
import gc
import json
import time

import numpy as np
import pandas as pd
import pytest
import torch

from gatedrnn import stats
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.reproduce import onednn


class Clock:
    """Stands still but for the candidates, which say how long they take; it logs their calls."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def candidate(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds() if callable(seconds) else seconds

        return call


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "process_time", lambda: clock.now)
    return clock


def runs(calls, names="abc"):
    """The calls of the rounds: the last ones, after warm-up."""
    return [
        "".join(calls[k : k + len(names)])
        for k in range(len(calls) - 30 * len(names), len(calls), len(names))
    ]


def test_seconds_are_those_of_the_clock(clock):
    times = compare_times(
        {"a": clock.candidate("a", 0.5), "b": clock.candidate("b", 0.25)}, rounds=4
    )
    assert list(times.columns) == ["round", "name", "seconds"]
    assert times["round"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (times.groupby("name")["seconds"].unique().map(list) == [[0.5], [0.25]]).all()


def test_warm_up_is_not_recorded(clock):
    """The first 5 calls are slow, as first calls are: 4 of warm-up, and 1 that settles the
    repeats.
    """
    slow = iter([100.0] * 5)
    times = compare_times({"a": clock.candidate("a", lambda: next(slow, 1.0))}, rounds=3, warmup=4)
    assert times["seconds"].tolist() == [1.0] * 3
    assert len(clock.calls) == 4 + 1 + 3


def test_every_round_holds_every_candidate_once_in_random_order(clock):
    candidates = {name: clock.candidate(name, 1.0) for name in "abc"}
    times = compare_times(candidates, rounds=30)
    orders = runs(clock.calls)
    assert ["".join(names) for _, names in times.groupby("round")["name"]] == orders
    assert {"".join(sorted(order)) for order in orders} == {"abc"}
    assert len(set(orders)) == 6  # all the orders there are
    firsts = collections.Counter(order[0] for order in orders)
    assert min(firsts.values()) >= 4


def test_the_seed_makes_the_order(clock):
    def orders(seed):
        compare_times({name: clock.candidate(name, 1.0) for name in "abc"}, seed=seed)
        return runs(clock.calls)

    first, again, other = orders(0), orders(0), orders(1)
    assert first == again
    assert first != other


def test_short_calls_are_repeated_to_a_millisecond(clock):
    short, long = clock.candidate("s", 0.3e-3), clock.candidate("l", 2e-3)
    times = compare_times({"s": short, "l": long}, rounds=10, warmup=3)
    calls = collections.Counter(clock.calls)
    assert calls["s"] == 3 + (1 + 2 + 4) + 10 * 4  # 4 calls are the first to last a millisecond
    assert calls["l"] == 3 + 1 + 10
    seconds = times.groupby("name")["seconds"].median()
    assert seconds["s"] == pytest.approx(0.3e-3)
    assert seconds["l"] == pytest.approx(2e-3)


def test_time_is_that_of_the_processor_not_of_the_wall():
    times = compare_times(
        {"sleep": lambda: time.sleep(0.003), "work": lambda: sum(range(20_000))}, rounds=5, warmup=1
    )
    assert ratio(times, "sleep", "work").ratio < 1


def test_no_garbage_collection_within_a_measurement(clock):
    seen = []
    compare_times(
        {"a": lambda: seen.append(gc.isenabled()) or clock.candidate("a", 1.0)()}, rounds=2
    )
    assert set(seen) == {False}
    assert gc.isenabled()


def test_garbage_collection_is_on_again_after_a_failure():
    with pytest.raises(ZeroDivisionError):
        compare_times({"a": lambda: 1 / 0})
    assert gc.isenabled()


def test_garbage_collection_stays_off_for_who_had_it_off(clock):
    gc.disable()
    try:
        compare_times({"a": clock.candidate("a", 1.0)}, rounds=2)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_one_thread_only():
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match=r"torch uses 2 threads.*torch.set_num_threads\(1\)"):
            compare_times({"a": lambda: None})
    finally:
        torch.set_num_threads(1)


def test_bad_input(clock):
    with pytest.raises(ValueError, match="need candidates and at least 2 rounds"):
        compare_times({})
    with pytest.raises(ValueError, match="at least 2 rounds; given: 1 and 1"):
        compare_times({"a": lambda: None}, rounds=1)
    times = compare_times({"a": clock.candidate("a", 1.0), "b": clock.candidate("b", 1.0)})
    with pytest.raises(ValueError, match=r"no times for \['c'\]; there are \['a', 'b'\]"):
        ratio(times, "a", "c")
    with pytest.raises(ValueError, match="a time of zero"):
        ratio(times.assign(seconds=0.0), "a", "b")


def table(a, b):
    """Times as compare_times gives them, in mixed order."""
    long = pd.DataFrame({"a": a, "b": b}).rename_axis("round").reset_index()
    return long.melt("round", var_name="name", value_name="seconds").sample(frac=1, random_state=0)


def test_ratio_of_medians_and_quartiles():
    a, b = np.array([4.0, 8, 6, 100]), np.array([1.0, 2, 3, 4])
    r = ratio(table(a, b), "a", "b")
    assert r.ratio == pytest.approx(7 / 2.5)
    assert r.low <= r.ratio <= r.high
    np.testing.assert_allclose(r.quartiles_a, np.quantile(a, [0.25, 0.5, 0.75]))
    np.testing.assert_allclose(r.quartiles_b, np.quantile(b, [0.25, 0.5, 0.75]))


def test_the_other_way_round_is_the_inverse():
    a, b = np.random.default_rng(0).lognormal(size=(2, 30))
    r, inverse = ratio(table(a, b), "a", "b"), ratio(table(a, b), "b", "a")
    np.testing.assert_allclose(
        [r.ratio, r.low, r.high], 1 / np.array([inverse.ratio, inverse.high, inverse.low])
    )


def test_rounds_are_resampled_whole():
    """What slows a round slows both: the interval must not contain the disturbance."""
    shock = np.random.default_rng(0).lognormal(sigma=1, size=31)
    r = ratio(table(1.3 * shock, shock), "a", "b")
    np.testing.assert_allclose([r.ratio, r.low, r.high], 1.3)


def test_interval_against_resampling_by_hand():
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(0.3, 0.2, 30), rng.lognormal(0, 0.2, 30)
    picks = rng.integers(0, 30, (40_000, 30))
    low, high = np.quantile(np.median(a[picks], 1) / np.median(b[picks], 1), [0.025, 0.975])
    r = ratio(table(a, b), "a", "b")
    np.testing.assert_allclose((r.low, r.high), (low, high), rtol=0.02)


def test_interval_covers_a_known_ratio(monkeypatch):
    """Skewed noise, as times have it, a part of it common to the round; the true ratio of medians
    is 0.75.
    """
    monkeypatch.setattr(stats, "RESAMPLES", 500)
    rng, hits, studies = np.random.default_rng(0), 0, 250
    for seed in range(studies):
        common = rng.lognormal(0, 0.1, 30)
        a, b = 0.75 * common * rng.lognormal(0, 0.2, 30), common * rng.lognormal(0, 0.2, 30)
        r = ratio(table(a, b), "a", "b", seed=seed)
        hits += r.low <= 0.75 <= r.high
    assert 0.92 <= hits / studies <= 0.99


def test_seed_of_the_resamples():
    a, b = np.random.default_rng(0).lognormal(size=(2, 30))
    first, again, other = (ratio(table(a, b), "a", "b", seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_ratio_reads_well():
    r = ratio(table([0.002] * 3, [0.001] * 3), "a", "b")
    assert str(r) == "2.00 [2.00, 2.00]"


def test_environment():
    here = environment()
    assert set(here) == {
        *("cpu", "instructions", "platform", "python", "torch", "numpy"),
        *("threads", "onednn_available", "onednn_enabled", "blas"),
    }
    assert json.loads(json.dumps(here)) == here
    assert all(0 < len(str(value)) < 100 for value in here.values())
    assert here["threads"] == 1
    assert here["torch"] == torch.__version__
    with onednn(False):
        assert environment()["onednn_enabled"] is False
