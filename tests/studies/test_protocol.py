"""What the studies share: tuning, training and testing, rows, a call that goes on after a kill."""

import ast
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from gatedrnn import cost, reproducible, results, studies
from gatedrnn.studies import protocol
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import DelayedRecall
from gatedrnn.training import train as training
from gatedrnn.training.train import Config, Run, build, train, training_batch


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


# Tuning


def tuned(losses, cell="gru", **columns):
    """The rows of a tuning: {rate: the value of each seed}."""
    rows = []
    for rate, values in losses.items():
        for seed, value in zip(protocol.TUNING_SEEDS, values, strict=True):
            row = {"phase": "tuning", "cell": cell, "learning_rate": rate, "seed": seed}
            rows.append(row | {"valid": value, "diverged_at": None, "error": None} | columns)
    return pd.DataFrame(rows)


def test_the_rate_of_the_lowest_mean_is_chosen():
    rows = tuned({1e-3: (0.5, 0.5), 3e-3: (0.1, 0.8), 1e-2: (0.4, 0.4)})
    assert protocol.best_rates(rows, ["cell"]) == {("gru",): 1e-2}
    assert protocol.best_rates(rows, ["cell"], highest=True) == {("gru",): 1e-3}


def test_of_equal_rates_the_smallest_is_chosen():
    rows = tuned({1e-3: (0.5, 0.3), 3e-3: (0.4, 0.4), 1e-2: (0.4, 0.4)})
    assert protocol.best_rates(rows, ["cell"]) == {("gru",): 1e-3}


@pytest.mark.parametrize("highest", [False, True])
@pytest.mark.parametrize(
    "lost", [{"valid": None}, {"diverged_at": 7}, {"error": "RuntimeError: no memory"}]
)
def test_one_lost_seed_rules_a_rate_out(lost, highest):
    """A seed that diverged may have had the best loss of all before."""
    good, fair = ((0.9, 0.9), (0.5, 0.5)) if highest else ((0.1, 0.1), (0.5, 0.5))
    rows = tuned({1e-2: good, 3e-2: fair})
    assert protocol.best_rates(rows, ["cell"], highest=highest) == {("gru",): 1e-2}
    for column, value in lost.items():
        rows.loc[1, column] = value
    assert protocol.best_rates(rows, ["cell"], highest=highest) == {("gru",): 3e-2}


def test_no_surviving_rate_ends_the_study():
    rows = tuned({1e-2: (0.1, None), 3e-2: (None, 0.5)})
    with pytest.raises(results.Stop, match="add smaller rates"):
        protocol.best_rates(rows, ["cell"])


def test_each_combination_has_its_own_rate_and_other_phases_do_not_count():
    rows = pd.concat(
        [
            tuned({1e-3: (0.1, 0.1), 1e-2: (0.2, 0.2)}, task="a"),
            tuned({1e-3: (0.2, 0.2), 1e-2: (0.1, 0.1)}, task="b"),
            tuned({1e-3: (0.2, 0.2), 1e-2: (0.1, 0.1)}, cell="lstm", task="a"),
            tuned({3e-2: (0.0, 0.0)}, task="a", phase="final"),
        ]
    )
    assert protocol.best_rates(rows, ["task", "cell"]) == {
        ("a", "gru"): 1e-3,
        ("b", "gru"): 1e-2,
        ("a", "lstm"): 1e-2,
    }
    assert protocol.best_rates(rows, ["task"], phase="final") == {("a",): 3e-2}


def test_the_grid_has_every_rate_for_every_arm_on_the_tuning_seeds():
    arms = [{"cell": "lstm"}, {"cell": "gru"}]
    calls = protocol.tuning_calls(arms, (0.1, 0.2))
    assert [(call["cell"], call["learning_rate"]) for call in calls] == [
        ("lstm", 0.1),
        ("lstm", 0.2),
        ("gru", 0.1),
        ("gru", 0.2),
    ]
    assert all(call["seeds"] == protocol.TUNING_SEEDS for call in calls)
    assert all(protocol.is_tuning(call) for call in calls)
    assert not set(protocol.TUNING_SEEDS) & set(protocol.SEEDS)


@pytest.mark.parametrize("phase", ["final", "order control", "after short tuning"])
def test_what_follows_a_tuning_is_tested(phase):
    assert not protocol.is_tuning({"phase": phase})


def test_no_study_imports_a_study():
    folder = Path(studies.__file__).parent
    for file in folder.glob("*/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                inside = (node.module or "").removeprefix("gatedrnn.studies").strip(".")
                assert not inside.startswith(studies.PARTS), f"{file.name} imports {node.module}"


# Sizes


@pytest.mark.parametrize("task", protocol.PANEL)
def test_sizes_are_matched(task):
    width, inputs = protocol.PANEL[task].width, protocol.PANEL[task].task().input_size
    target = cost.parameters("lstm", inputs, width)

    def off(H):
        return abs(cost.parameters("gru", inputs, H) - target)

    H = protocol.hidden_size(task, "gru", "parameters")
    assert off(H) <= min(off(H - 1), off(H + 1))  # no other width is nearer
    assert width < H
    assert protocol.hidden_size(task, "gru", "hidden size") == width
    assert protocol.hidden_size(task, "lstm", "reference") == width


# Rows


def made_run(losses, diverged=()):
    """A run of two evaluations whose losses are given, {seed: (at the start, at the end)}."""
    task = DelayedRecall()
    config = Config(task, "gru", 4, 5, tuple(losses), 10, evaluate_every=10)
    rows = []
    for step, place in ((0, 0), (10, 1)):
        for seed, values in losses.items():
            row = {"seed": seed, "step": step, "train_loss": seed + place, "loss": values[place]}
            rows.append(row | {"score": 0.5})
    return Run(config, None, {}, pd.DataFrame(rows), dict(diverged), 8.0)


def test_each_seed_has_its_own_curve_and_values():
    run = made_run({7: (2.0, 1.0), 3: (1.5, 1.75), 4: (1.2345678, 2.0)}, diverged={3: 4})
    call = {"phase": "final", "cell": "gru", "seeds": [7, 3, 4]}
    first, second, third = protocol.as_rows(call, run, [{"score": mark} for mark in "abc"])
    assert (first["seed"], second["seed"]) == (7, 3)
    assert json.loads(first["curve"]) == [[0, 7, 2.0, 0.5], [10, 8, 1.0, 0.5]]
    assert json.loads(second["curve"]) == [[0, 3, 1.5, 0.5], [10, 4, 1.75, 0.5]]
    assert (first["best_step"], first["valid"]) == (10, 1.0)
    assert (second["best_step"], second["valid"]) == (0, 1.5)
    assert (first["diverged_at"], second["diverged_at"]) == (None, 4)
    assert (first["score"], second["score"]) == ("a", "b")
    assert json.loads(third["curve"])[0] == [0, 4, 1.23457, 0.5]  # six digits
    assert first["cpu_seconds"] == second["cpu_seconds"] == 2.67  # a third of 8 s
    assert "seeds" not in first


def test_a_seed_without_a_finite_loss_has_no_best():
    run = made_run({0: (math.nan, math.nan), 1: (math.nan, 2.0)})
    first, second = protocol.as_rows({"cell": "gru"}, run, [{}, {}])
    assert (first["best_step"], first["valid"]) == (None, None)
    assert (second["best_step"], second["valid"]) == (10, 2.0)


def test_every_seed_needs_what_was_measured():
    with pytest.raises(ValueError, match="shorter"):
        protocol.as_rows({"cell": "gru"}, made_run({0: (1.0, 1.0), 1: (1.0, 1.0)}), [{}])


def test_solved_at_is_the_first_evaluation_at_or_below_until():
    run = made_run({0: (1.0, 0.5), 1: (0.5, 1.0), 2: (1.0, 0.6)})
    run.config = replace(run.config, until=0.5)
    assert protocol.solved_at(run) == [10, 0, -1]
    run.config = replace(run.config, until=None)
    assert protocol.solved_at(run) == [-1, -1, -1]


def test_the_machine_is_named():
    assert list(protocol.machine()) == protocol.MACHINE
    assert protocol.machine(["blas"]).keys() == {"blas"}


# Both cells see the same


def test_a_seed_sees_the_same_data_in_every_cell_and_company():
    """Rows are compared seed by seed: pairs are pairs only if the seed fixes the data."""
    lstm = Config(DelayedRecall(), "lstm", 4, 5, (2, 5), 10, evaluate_every=10)
    gru = replace(lstm, cell="gru", hidden_size=6, seeds=(5, 2), learning_rate=0.1)
    for step in (0, 1, 9):
        one, other = training_batch(lstm, step), training_batch(gru, step)
        assert torch.equal(one.x, other.x.flip(0))
        assert torch.equal(one.y, other.y.flip(0))
        assert not torch.equal(one.x[0], one.x[1])


def test_validation_shares_no_sequence_with_the_training():
    config = Config(DelayedRecall(), "gru", 4, 20, tuple(range(5)), 30, evaluate_every=30)
    held_out = {tuple(x.flatten().tolist()) for x in training.evaluation_batch(config).x}
    for step in range(config.steps):
        for x in training_batch(config, step).x.flatten(0, 1):
            assert tuple(x.flatten().tolist()) not in held_out


def test_validation_is_drawn_from_a_stream_of_its_own():
    """Of (seed 0, step 0), but of none that a training batch could be drawn from."""
    config = Config(DelayedRecall(), "gru", 4, 20, (0,), 30, evaluate_every=30)
    drawn = config.task.batch(generator(0, 0), 256, 20)
    assert not torch.equal(training.evaluation_batch(config).x, drawn.x)


def test_the_falling_rate_is_that_of_half_a_cosine_at_each_step(monkeypatch):
    """The first step is made at the whole rate, the last at almost none."""
    rates = []

    class Noted(torch.optim.Adam):
        def step(self):
            rates.append(self.param_groups[0]["lr"])
            return super().step()

    monkeypatch.setattr(torch.optim, "Adam", Noted)
    config = Config(DelayedRecall(), "gru", 4, 5, (0,), 8, evaluate_every=8, learning_rate=0.5)
    train(replace(config, cosine=True), progress=False)
    expected = [0.5 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)]
    assert rates == pytest.approx(expected)
    rates.clear()
    train(config, progress=False)
    assert rates == 8 * [0.5]


# Training and testing


def tiny(monkeypatch, task, steps=20, **changes):
    setting = replace(protocol.PANEL[task], steps=steps, **changes)
    monkeypatch.setitem(protocol.PANEL, task, setting)
    return {
        "phase": "final",
        "task": task,
        "cell": "gru",
        "matched": "parameters",
        "bias": "default",
        "learning_rate": 1e-2,
        "share": 1.0,
        "seeds": [0, 1],
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("task", protocol.PANEL)
def test_each_task_is_trained_and_judged_in_its_unit(task, monkeypatch, folder):
    length = 40 if task in ("adding", "recall") else protocol.PANEL[task].length
    call = tiny(monkeypatch, task, length=length, width=4)
    rows = protocol.panel_measure(call)
    assert [set(row) for row in rows] == 2 * [{*protocol.PANEL_KEYS, *protocol.PANEL_COLUMNS}]
    ranges = {
        "chorales": (8, 70),
        "language": (2, 5),
        "traffic": (60, 150),
        "adding": (0, 0),
        "recall": (0, 0),
    }
    low, high = ranges.get(task, (1, 100))
    assert all(low <= row["score"] <= high for row in rows)
    assert rows[0]["valid"] != rows[1]["valid"]
    (first, _) = protocol.panel_measure(call | {"phase": "tuning"})
    assert first["score"] is None
    assert first["valid"] == rows[0]["valid"]


def test_the_best_weights_are_judged_and_not_the_last(monkeypatch):
    run = train(protocol.panel_config(tiny(monkeypatch, "watch", steps=40)), progress=False)
    expected = protocol.judge("watch", run)
    zeros = {name: torch.zeros_like(value) for name, value in run.model.state_dict().items()}
    run.model.load_state_dict(zeros)
    assert protocol.judge("watch", run) == expected
    run.best = zeros
    assert protocol.judge("watch", run) != expected


def test_the_test_gets_the_best_weights_without_gradients_and_never_while_tuning(
    monkeypatch, folder
):
    call = tiny(monkeypatch, "recall", length=5)
    seen = []

    def test(run):
        same = [
            torch.equal(value, run.best[name]) for name, value in run.model.state_dict().items()
        ]
        seen.append(all(same) and not torch.is_grad_enabled())
        return [{"score": 1}, {"score": 2}]

    def worst(config, **options):
        run = train(config, **options)
        run.best = {name: value + 1 for name, value in run.best.items()}
        return run

    monkeypatch.setattr(protocol, "train", worst)
    config = protocol.panel_config(call)
    rows = protocol.train_and_test(call, config, test, ["score"])
    assert [row["score"] for row in rows] == [1, 2]
    assert seen == [True]
    rows = protocol.train_and_test(call | {"phase": "tuning"}, config, test, ["score"])
    assert [row["score"] for row in rows] == [None, None]
    assert len(seen) == 1


def test_a_task_is_solved_at_one_percent_of_the_memoryless_loss(monkeypatch):
    run = train(protocol.panel_config(tiny(monkeypatch, "recall", length=5)), progress=False)
    floor = run.config.task.baseline(5)
    for factor, solved in ((0.0099, 1.0), (0.0101, 0.0)):
        run.history["loss"] = np.where(run.history.step == 3, factor * floor, floor)
        assert protocol.judge("recall", run) == [solved, solved]


def test_bias_and_share_reach_the_training(monkeypatch):
    call = tiny(monkeypatch, "recall")
    assert protocol.panel_config(call | {"bias": "one"}).bias == 1.0
    assert protocol.panel_config(call | {"bias": "chrono"}).bias == "chrono"
    assert protocol.panel_config(tiny(monkeypatch, "speech") | {"share": 0.05}).task.share == 0.05


def test_the_final_calls_of_the_panel_take_the_rate_of_their_cell():
    rows = [
        tuned({1e-3: (0.1, 0.1), 1e-2: (0.2, 0.2)}, cell="lstm", task="adding", bias="one"),
        tuned({1e-3: (0.2, 0.2), 1e-2: (0.1, 0.1)}, cell="gru", task="adding", bias="one"),
    ]
    arms = protocol.panel_arms(["adding"], protocol.MODELS, ["one"])
    calls = protocol.panel_final_calls(pd.concat(rows), arms)
    assert [(call["cell"], call["matched"]) for call in calls] == list(protocol.MODELS)
    assert [call["learning_rate"] for call in calls] == [1e-3, 1e-2, 1e-2]
    assert all(call["seeds"] == protocol.SEEDS for call in calls)


@pytest.mark.parametrize(
    ("task", "bias", "source", "stored"),
    [
        ("adding", "default", "panel", "default"),
        ("adding", "one", "convergence", "one"),
        ("recall", "two", "convergence", "one"),
        ("recall", "chrono", "convergence", "chrono"),
        ("pixels", "chrono", "panel", "default"),
    ],
)
def test_the_rate_of_an_earlier_study_is_that_of_its_final_runs(task, bias, source, stored):
    for cell in ("lstm", "gru"):
        rows = results.read(source).query(
            "phase == 'final' and task == @task and cell == @cell and bias == @stored"
        )
        (rate,) = rows.learning_rate.unique()
        assert protocol.rate_of_earlier_study(task, cell, bias) == rate
    assert protocol.rate_of_earlier_study(task, "rnn", bias) == min(protocol.RATES)


def test_a_bias_of_two_takes_the_rate_of_a_bias_of_one(monkeypatch):
    rows = {
        "panel": [("default", 0.1)],
        "convergence": [("chrono", 0.2), ("one", 0.3)],
    }

    def read(study):
        made = pd.DataFrame(rows[study], columns=["bias", "learning_rate"])
        return made.assign(phase="final", task="adding", cell="gru")

    monkeypatch.setattr(results, "read", read)
    rates = {bias: protocol.rate_of_earlier_study("adding", "gru", bias) for bias in protocol.BIAS}
    assert rates == {"default": 0.1, "one": 0.3, "two": 0.3, "chrono": 0.2}


def test_a_call_is_trained_in_the_precision_that_it_asks_for(folder):
    config = Config(DelayedRecall(), "gru", 4, 5, (0, 1), 4, evaluate_every=2)
    torch.set_default_dtype(torch.float64)
    with protocol.training(CALL, config) as run:
        assert {p.dtype for p in run.model.parameters()} == {torch.float32}
    with protocol.training(CALL, config, dtype=torch.float64) as run:
        assert {p.dtype for p in run.model.parameters()} == {torch.float64}


# A call that was killed goes on

CALL = {"phase": "tuning", "cell": "gru", "learning_rate": 1e-2, "seeds": [0, 1]}
# Trains a call in the readable loop, which needs no compiling, and sleeps at each step.
PROGRAM = """
import json, sys, time
from pathlib import Path
from gatedrnn import results
from gatedrnn.studies import protocol
from gatedrnn.tasks.memory import DelayedRecall
from gatedrnn.training import train
from gatedrnn.training.train import Config
folder, call, pause = Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3])
results.folder = lambda: folder
batch, build = train.training_batch, train.build
steps = []
def slow_batch(config, step):
    steps.append(step)
    time.sleep(pause)
    return batch(config, step)
def readable(config):
    model = build(config)
    model.recurrent.fast = False
    return model
train.training_batch, train.build = slow_batch, readable
config = Config(DelayedRecall(), "gru", 6, 8, (0, 1), 60, evaluate_every=5, cosine=True)
print(json.dumps([steps, protocol.train_and_test(call, config, None, ["score"])]))
"""


def command(folder, pause):
    return [sys.executable, "-c", PROGRAM, str(folder), json.dumps(CALL), str(pause)]


def finished(folder):
    """The first step that is made, and the rows without their cost."""
    text = subprocess.run(command(folder, 0), stdout=subprocess.PIPE, text=True, check=True).stdout
    steps, rows = json.loads(text.splitlines()[-1])
    for row in rows:
        row.pop("cpu_seconds")
    return min(steps), rows


def uninterrupted(folder, monkeypatch):
    """The rows that the program prints, made here."""

    def readable(config):
        model = build(config)
        model.recurrent.fast = False
        return model

    config = Config(DelayedRecall(), "gru", 6, 8, (0, 1), 60, evaluate_every=5, cosine=True)
    with monkeypatch.context() as patch:
        patch.setattr(results, "folder", lambda: folder)
        patch.setattr(training, "build", readable)
        rows = protocol.train_and_test(CALL, config, None, ["score"])
    for row in rows:
        row.pop("cpu_seconds")
    return rows


@pytest.mark.slow
def test_a_killed_call_goes_on_and_gives_the_same_rows(tmp_path, monkeypatch):
    expected = uninterrupted(tmp_path, monkeypatch)
    killed = tmp_path / "killed"
    killed.mkdir()
    process = subprocess.Popen(command(killed, 0.1))
    try:
        while not list(killed.glob("checkpoints/*.pt")):
            assert process.poll() is None, "the training ended before it could be killed"
            time.sleep(0.05)
        time.sleep(1)
    finally:
        process.kill()
        process.wait()
    (file,) = killed.glob("checkpoints/*.pt")
    reached = torch.load(file)["step"]
    start, rows = finished(killed)
    assert start == reached < 60
    assert rows == expected
    assert not list(tmp_path.rglob("checkpoints/*"))


def test_progress_is_kept_until_the_rows_are_made(folder):
    config = Config(DelayedRecall(), "gru", 4, 5, (0, 1), 4, evaluate_every=2)

    def broken(run):
        raise RuntimeError("no memory")

    call = CALL | {"phase": "final"}
    with pytest.raises(RuntimeError):
        protocol.train_and_test(call, config, broken, ["score"])
    assert len(list(folder.glob("checkpoints/*.pt"))) == 1
    protocol.train_and_test(call, config, lambda run: [{}, {}], ["score"])
    assert not list(folder.glob("checkpoints/*"))


def test_another_call_or_config_keeps_its_progress_elsewhere(folder, monkeypatch):
    config = Config(DelayedRecall(), "gru", 4, 5, (0, 1), 4, evaluate_every=2)
    files = {
        protocol.checkpoint(CALL, config),
        protocol.checkpoint(CALL | {"learning_rate": 0.1}, config),
        protocol.checkpoint(CALL | {"seeds": [0]}, config),
        protocol.checkpoint(CALL, replace(config, length=6)),
        protocol.checkpoint(CALL, replace(config, steps=8)),
    }
    assert len(files) == 5
    assert protocol.checkpoint(dict(reversed(CALL.items())), config) in files
    monkeypatch.setattr(torch, "__version__", "another")
    assert protocol.checkpoint(CALL, config) not in files


def test_without_a_folder_of_results_a_call_trains_without_keeping_progress(monkeypatch):
    def missing():
        raise FileNotFoundError

    monkeypatch.setattr(results, "folder", missing)
    config = Config(DelayedRecall(), "gru", 4, 5, (0, 1), 4, evaluate_every=2)
    assert protocol.checkpoint(CALL, config) is None
    assert len(protocol.train_and_test(CALL, config, None, ["score"])) == 2


def test_the_name_of_the_progress_is_the_same_in_every_process():
    """No address of an object stands in a config."""
    for name in studies.STUDIES:
        study = studies.load(name)
        if hasattr(study, "config"):
            if not (results.folder() / f"{name}.csv").exists():
                continue  # it waits for its first rows
            store = SimpleNamespace(rows=lambda name=name: results.read(name))
            call = study.PHASES[0](store)[0]
            assert " at 0x" not in str(study.config(call)), name


# Layers that are timed


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_a_timed_layer_goes_backward_only_in_training(mode):
    model = build(Config(DelayedRecall(), "gru", 4, 5, (0,), 4, evaluate_every=2)).recurrent
    protocol.layer_call(model, torch.randn(1, 3, 4, model.W.shape[-1]), mode)()
    assert (model.W.grad is not None) == (mode == "training")
