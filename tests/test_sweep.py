"""The sweep: the same rows on every executor, and nothing lost or doubled by errors, Ctrl-C, dead
workers and kills.
"""

import importlib
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import pandas as pd
import pytest

from gatedrnn import cli, results, sweep
from gatedrnn.results import Stop, Store

TINY = '''"""A study of no content. What a run does can be told by a file."""
import os, pathlib, signal, time
from gatedrnn.results import Stop

HERE, CALLS = pathlib.Path(__file__).parent, int(os.environ.get("TINY_CALLS", 4))
KEYS, COLUMNS = ["phase", "size", "seed"], ["value", "note", "process", "threads", "seconds"]

def first(store):
    return [{"phase": "first", "size": size, "seeds": [0, 1, 2]} for size in range(CALLS)]

def second(store):
    return [{"phase": "second", "size": 0.1 * len(store.keys), "seeds": [7]}]

PHASES = [first, second]

class Odd(Exception):  # cannot be unpickled
    def __init__(self, one, two):
        super().__init__(f"{one}\\\\n  {two}")

def measure(config):
    start, what = time.perf_counter(), HERE / f"do-{config['size']}"
    what = what.read_text() if what.exists() else "sleep"
    if what == "fail":
        raise Odd("two", "lines")
    if what == "stop":
        raise Stop("no data: install it")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60 if what == "wait" else float(os.environ.get("TINY_SLEEP", 0)))
    rest = {name: config[name] for name in ("phase", "size")}
    rest |= {"note": "long, " * 500, "process": os.getpid(), "seconds": time.perf_counter() - start}
    rest |= {"threads": os.environ.get("OMP_NUM_THREADS")}
    square = config["size"] ** 2
    return [rest | {"seed": seed, "value": square + seed / 3} for seed in config["seeds"]]
'''
MAIN = """
import pathlib, sys
import gatedrnn.studies
from gatedrnn import results

gatedrnn.studies.STUDIES = {"tiny": "tiny"}
results.folder = lambda: pathlib.Path(__file__).parent
if __name__ == "__main__":
    from gatedrnn import cli

    code = cli.main(sys.argv[1:])
    sys.exit("torch was imported" if "torch" in sys.modules else code)
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The study, importable here and in every process begun from here."""
    (tmp_path / "tiny.py").write_text(TINY)
    (tmp_path / "main.py").write_text(MAIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    sys.modules.pop("tiny", None)
    module = importlib.import_module("tiny")
    monkeypatch.setitem(sys.modules, "gatedrnn.studies.tiny", module)
    monkeypatch.setitem(cli.STUDIES, "tiny", "gatedrnn.studies.tiny")
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return module


def store_of(tiny, name="tiny"):
    return Store(tiny.HERE / f"{name}.csv", tiny.KEYS, [*tiny.COLUMNS, "error"])


def same(store):
    """What must not depend on when and where the runs were made."""
    rows = store.rows().drop(columns=["process", "threads", "seconds"])
    return rows.sort_values(["phase", "size", "seed"], ignore_index=True)


def sweep_on(executor, tiny, name):
    store = store_of(tiny, name)
    assert sweep.run_all(tiny.measure, tiny.first(store), store, executor) == 0
    assert sweep.run_all(tiny.measure, tiny.second(store), store, executor) == 0
    assert set(store.rows()["process"] == os.getpid()) == {
        executor is None or isinstance(executor, ThreadPoolExecutor)
    }
    return same(store)


def test_threads_and_processes_give_the_rows_of_this_process(tiny, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("TINY_SLEEP", "0.1")
    expected = sweep_on(None, tiny, "here")
    assert len(expected) == 4 * 3 + 1
    with ThreadPoolExecutor(2) as threads:
        pd.testing.assert_frame_equal(sweep_on(threads, tiny, "threads"), expected)
    with sweep.processes(2) as processes:
        pd.testing.assert_frame_equal(sweep_on(processes, tiny, "processes"), expected)
    assert set(store_of(tiny, "processes").rows()["threads"]) == {1}
    assert store_of(tiny, "processes").rows()["process"].nunique() == 2


@pytest.fixture
def dask(tiny, request):
    """A scheduler and two workers, with one thread each unless the test asks for more:
    processes on this machine.
    """
    address, folder = tiny.HERE / "scheduler.json", ["--local-directory", str(tiny.HERE)]
    python, place = (
        [sys.executable, "-m"],
        ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(address)],
    )

    def begin(*args):
        return subprocess.Popen([*python, *args, *place], stderr=subprocess.DEVNULL, cwd=tiny.HERE)

    worker = [
        "distributed.cli.dask_worker",
        "--no-nanny",
        "--nthreads",
        getattr(request, "param", "1"),
        *folder,
    ]
    begun = [
        begin("distributed.cli.dask_scheduler", "--port", "0"),
        *(begin(*worker) for _ in range(2)),
    ]
    try:
        until(lambda: address.exists() and address.read_text().rstrip().endswith("}"), 60)
        yield SimpleNamespace(
            address=json.loads(address.read_text())["address"], scheduler=begun[0]
        )
    finally:
        for process in begun:
            process.kill()
            process.wait()


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_a_dask_cluster_gives_the_rows_of_this_process(tiny, dask):
    pytest.importorskip("distributed")
    expected = sweep_on(None, tiny, "here")
    (tiny.HERE / "do-2").write_text("fail")
    code, error = command(tiny, "run", "tiny", "--scheduler", dask.address)
    assert code == 1
    assert "3 of 12 runs failed" in error
    assert set(store_of(tiny).rows()["error"].dropna()) == {r"Odd: two\n lines"}
    (tiny.HERE / "do-2").unlink()
    assert command(tiny, "run", "tiny", "--scheduler", dask.address, "--retry") == (0, "")
    pd.testing.assert_frame_equal(same(store_of(tiny)), expected)
    assert os.getpid() not in set(store_of(tiny).rows()["process"])


@pytest.mark.parametrize("dask", ["2"], indirect=True)
def test_a_cluster_whose_workers_have_threads_is_refused(tiny, dask):
    from distributed import Client

    with Client(dask.address, timeout=10) as client:
        client.wait_for_workers(2, timeout=60)
        with (
            pytest.raises(Stop, match="more than one thread: start .* --nthreads 1"),
            sweep.cluster(dask.address),
        ):
            pass


def test_a_scheduler_that_goes_away_costs_no_finished_run(tiny, dask):
    (tiny.HERE / "do-3").write_text("wait")
    run = begin(tiny, "run", "tiny", "--scheduler", dask.address)
    until(lambda: lines(tiny) >= 3 * 3, 60)
    dask.scheduler.kill()
    error = run.communicate(timeout=60)[1]
    assert run.returncode == 1
    assert error.splitlines()[-1].endswith("every finished run is stored: run again to go on")
    assert "Traceback" not in error
    assert len(store_of(tiny).rows()) == 9


def test_no_part_of_dask_writes_a_traceback_beside_our_line(dask):
    """Which of them notices a lost scheduler first, and logs it, depends on the moment."""
    pytest.importorskip("distributed")
    with sweep.cluster(dask.address):
        loud = [
            "distributed",
            "distributed.client",
            "distributed.batched",
            "distributed.comm.tcp",
            "distributed.core",
        ]
        assert {logging.getLogger(name).getEffectiveLevel() for name in loud} == {logging.CRITICAL}


def test_no_scheduler_and_no_dask_are_one_line_each(tiny, monkeypatch):
    for address in ("tcp://127.0.0.1:1", "no such://address", "127.0.0.1:text"):
        with pytest.raises(SystemExit, match=r"^no Dask scheduler answers at [^\n]+$"):
            cli.main(["run", "tiny", "--scheduler", address])
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        SystemExit, match=r'^--scheduler needs Dask: pip install "gatedrnn\[cluster\]"$'
    ):
        cli.main(["run", "tiny", "--scheduler", "tcp://127.0.0.1:1"])


def begin(tiny, *args, **env):
    command, pipe = (
        [sys.executable, "-W", "ignore::UserWarning", tiny.HERE / "main.py", *args],
        subprocess.PIPE,
    )
    new = {"start_new_session": True, "env": os.environ | env}
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **new)


def command(tiny, *args, **env):
    """The exit code, and what the command wrote besides the bar."""
    process = begin(tiny, *args, **env)
    error = process.communicate(timeout=60)[1]
    return process.returncode, "\n".join(
        line for line in error.splitlines() if line and not re.search(r"call/s|s/call", line)
    )


def lines(tiny):
    """The number of whole rows in the file just now."""
    path = tiny.HERE / "tiny.csv"
    return max(0, path.read_bytes().count(b"\n") - 1) if path.exists() else 0


def killed_at_random_moments(tiny, kills, jobs, calls):
    """Kill the study so often, then let it end. A third of the kills come while it starts, the
    others while it runs.
    """
    seed = random.randrange(10**6)
    print(f"the moments come from random.Random({seed})")
    chance, running = random.Random(seed), 0
    for _ in range(kills):
        before = lines(tiny)
        run = begin(tiny, "run", "tiny", "--jobs", jobs, TINY_CALLS=str(calls), TINY_SLEEP="0.01")
        if chance.random() < 2 / 3:
            until(lambda before=before, run=run: lines(tiny) > before or run.poll() is not None, 30)
        time.sleep(chance.uniform(0, 0.15))
        assert run.poll() is None, run.communicate()  # the study was not at its end
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)  # returns when the workers are gone, too
        running += before < lines(tiny) < 3 * calls
    assert running > kills / 3
    assert command(tiny, "run", "tiny", "--jobs", jobs, TINY_CALLS=str(calls)) == (0, "")


@pytest.mark.parametrize(("jobs", "kills", "calls"), [("1", 50, 700), ("2", 8, 200)])
def test_a_killed_study_ends_with_the_rows_of_an_undisturbed_one(
    tiny, monkeypatch, jobs, kills, calls
):
    monkeypatch.setattr(tiny, "CALLS", calls)
    expected = sweep_on(None, tiny, "here")
    killed_at_random_moments(tiny, kills, jobs, calls)
    with warnings.catch_warnings(action="error"):  # a half line would be a warning
        found = store_of(tiny)
    pd.testing.assert_frame_equal(same(found), expected)
    assert not found.rows().duplicated(tiny.KEYS).any()
    if jobs == "1":  # one after the other: in the order of the study

        def order(store):
            return store.rows()[tiny.KEYS].to_numpy().tolist()

        assert order(found) == order(store_of(tiny, "here"))


def test_a_killed_parent_takes_its_workers_with_it(tiny):
    for size in range(4):
        (tiny.HERE / f"do-{size}").write_text("wait" if size else "sleep")
    run = begin(tiny, "run", "tiny", "--jobs", "2")
    until(lambda: lines(tiny) == 3, 60)
    run.kill()
    run.communicate(
        timeout=50
    )  # the pipe ends with the last process that holds it; a worker would hold it for 60 s


def test_ctrl_c_ends_the_workers_at_once(tiny):
    getattr(
        os, "sync", int
    )()  # else the fsync of our rows may wait for all that a fresh set-up has written
    for size in range(1, 4):
        (tiny.HERE / f"do-{size}").write_text("wait")
    run = begin(tiny, "run", "tiny", "--jobs", "2")
    until(lambda: lines(tiny) == 3, 60)
    time.sleep(1)  # the second worker has begun, too
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    error = run.communicate(timeout=90)[
        1
    ]  # the rows are seen before fsync ends, which a fresh set-up can hold up
    assert run.returncode == 1
    assert (
        error.splitlines()[-1]
        == "Stopped. Every finished run is stored; go on with: gatedrnn run tiny"
    )
    assert "Traceback" not in error
    assert len(store_of(tiny).rows()) == 3


def test_a_worker_that_is_killed_costs_only_its_run(tiny):
    expected = sweep_on(None, tiny, "here")
    (tiny.HERE / "do-3").write_text("die")
    code, error = command(tiny, "run", "tiny", "--jobs", "2", TINY_SLEEP="0.05")
    assert (code, error.count("\n")) == (1, 0)
    assert error.endswith("died (out of memory?); every finished run is stored: run again to go on")
    assert {0, 1} <= set(store_of(tiny).rows()["size"])
    assert not store_of(tiny).failed()
    (tiny.HERE / "do-3").unlink()
    assert command(tiny, "run", "tiny", "--jobs", "2") == (0, "")
    pd.testing.assert_frame_equal(same(store_of(tiny)), expected)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_failed_run_is_a_row_and_is_run_again_when_asked(tiny, jobs):
    expected, run = sweep_on(None, tiny, "here"), ["run", "tiny", "--jobs", jobs]
    (tiny.HERE / "do-1").write_text("fail")
    for _ in range(2):  # the second call finds the failed rows
        with pytest.raises(
            SystemExit, match=r"^3 of 12 runs failed; .* in .*tiny.csv; run again with --retry$"
        ):
            cli.main(run)
        rows = store_of(tiny).rows()
        assert len(rows) == 12  # the second phase has not begun
        assert set(rows[rows["size"] == 1]["error"]) == {r"Odd: two\n lines"}
        assert rows[rows["size"] == 1][tiny.COLUMNS].isna().all(axis=None)
        assert rows["error"].notna().sum() == 3
    with pytest.raises(SystemExit, match="3 of 12 runs failed"):
        cli.main([*run, "--retry"])
    (tiny.HERE / "do-1").unlink()
    cli.main([*run, "--retry"])
    pd.testing.assert_frame_equal(same(store_of(tiny)), expected)
    assert not [path for path in tiny.HERE.iterdir() if path.name.endswith(".new")]


def test_a_phase_is_asked_again_until_it_wants_nothing_new(tiny, monkeypatch):
    """What it asks for depends on its own rows; the next phase begins when it is content."""
    asked = []

    def growing(store):
        asked.append(len(store.rows()))
        rounds = min(len(store.rows()) + 1, 3)
        return [{"phase": "growing", "size": size, "seeds": [0]} for size in range(rounds)]

    def after(store):
        assert len(store.rows()) >= 3
        return [{"phase": "after", "size": 0, "seeds": [0]}]

    monkeypatch.setattr(tiny, "PHASES", [growing, after])
    cli.main(["run", "tiny"])
    assert list(store_of(tiny).rows().phase) == ["growing"] * 3 + ["after"]
    assert asked == [0, 1, 2, 3]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_stop_ends_the_sweep_with_its_own_line(tiny, jobs):
    (tiny.HERE / "do-0").write_text("stop")
    with pytest.raises(SystemExit, match="^no data: install it$"):
        cli.main(["run", "tiny", "--jobs", jobs])
    store = store_of(tiny)
    assert store.failed() == 0
    assert {"phase": "first", "size": 0, "seed": 0} not in store


class ByHand(Executor):
    """Ends the calls for which it has an outcome, leaves the others waiting."""

    def __init__(self, outcomes):
        self.outcomes, self.futures = outcomes, {}

    def submit(self, fn, measure, config):
        future = self.futures[config["size"]] = Future()
        outcome = self.outcomes.get(config["size"])
        if outcome is True:
            future.set_result(fn(measure, config))
        elif outcome is not None:
            future.set_exception(outcome)
        return future


@pytest.mark.parametrize(
    ("end", "raised"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (SystemExit(), SystemExit), (Stop("why"), Stop)],
)
def test_what_ends_a_sweep_stores_the_finished_and_cancels_the_waiting(
    tiny, monkeypatch, end, raised
):
    monkeypatch.setattr(tiny, "CALLS", 10)
    store, executor = store_of(tiny), ByHand(dict.fromkeys(range(6), True) | {2: end, 4: end})
    with pytest.raises(raised):
        sweep.run_all(tiny.measure, tiny.first(store), store, executor)
    assert set(store.rows()["size"]) == {0, 1, 3, 5}
    assert {size for size, future in executor.futures.items() if future.cancelled()} == {6, 7, 8, 9}


def test_few_calls_are_in_flight_and_all_are_made(tiny, monkeypatch):
    monkeypatch.setattr(sweep, "IN_FLIGHT", 3)
    monkeypatch.setattr(tiny, "CALLS", 20)
    futures, most = [], []

    class Counting(ThreadPoolExecutor):
        def submit(self, fn, *args):
            futures.append(super().submit(fn, *args))
            most.append(len(futures) * 3 - lines(tiny))
            return futures[-1]

    with Counting(2) as executor:
        store = store_of(tiny)
        sweep.run_all(tiny.measure, tiny.first(store), store, executor)
    assert (len(futures), max(most)) == (
        20,
        3 * 3,
    )  # rows of calls that are handed over and not yet stored


def test_a_config_of_which_rows_are_lacking_is_run_as_a_whole(tiny):
    expected, calls = sweep_on(None, tiny, "here"), []
    text = (tiny.HERE / "here.csv").read_text().splitlines(keepends=True)
    (tiny.HERE / "tiny.csv").write_text(
        "".join([*text[:5], text[5][:-1]])
    )  # cut within the second config
    with pytest.warns(UserWarning, match="removed a last line"):
        store = store_of(tiny)

    def measure(config):
        calls.append((config["size"], config["seeds"]))
        return tiny.measure(config)

    for phase in tiny.PHASES:
        sweep.run_all(measure, phase(store), store)
    assert calls == [
        (1, [0, 1, 2]),
        (2, [0, 1, 2]),
        (3, [0, 1, 2]),
        (tiny.second(store)[0]["size"], [7]),
    ]
    pd.testing.assert_frame_equal(same(store), expected)
    assert (tiny.HERE / "tiny.csv").read_text().startswith("".join(text[:5]))


def test_configs_without_seeds_and_wrong_rows(tmp_path):
    store = Store(tmp_path / "x.csv", ["size"], ["value", "error"])

    def inverse(config):
        return [config | {"value": 1 / config["size"]}]

    assert sweep.run_all(inverse, [{"size": 0}, {"size": 2}], store) == 1
    assert (
        store.path.read_text()
        == "size,value,error\n0,,ZeroDivisionError: division by zero\n2,0.5,\n"
    )
    for rows in ([], [{"size": 4, "value": 1}], [{"size": 3, "value": 1}] * 2):
        with pytest.raises(ValueError, match="must give the rows of its config, "):
            sweep.run_all(lambda config, rows=rows: rows, [{"size": 3}], store)
    with pytest.raises(ValueError, match="needs a store with the column 'error', not None"):
        sweep.run_all(None, [], Store(tmp_path / "y.csv", ["size"]))


def test_the_bar_counts_what_is_there(tiny, capsys):
    store = store_of(tiny)
    sweep.run_all(tiny.measure, tiny.first(store)[:3], store)
    assert capsys.readouterr().err == ""
    sweep.run_all(tiny.measure, tiny.first(store), store, progress="tiny, first")
    bar = capsys.readouterr().err
    assert "tiny, first:  75%" in bar
    assert "4/4" in bar


def test_two_processes_do_not_run_one_study(tiny):
    (tiny.HERE / "do-1").write_text("wait")
    run = begin(tiny, "run", "tiny")
    until(lambda: lines(tiny) == 3, 60)
    with pytest.raises(
        SystemExit, match=r"tiny.csv is in use: another process runs this study; wait for its end"
    ):
        cli.main(["run", "tiny"])
    run.kill()
    run.communicate()
    (tiny.HERE / "do-1").unlink()
    cli.main(["run", "tiny"])  # a killed process leaves no lock behind
    assert len(store_of(tiny).rows()) == 13
