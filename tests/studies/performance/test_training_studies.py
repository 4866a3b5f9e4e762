"""The studies that train: stored rows can be made again, tuning and judging are kept apart, sizes are matched."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gatedrnn import cost, reproducible, results, sweep
from gatedrnn.studies import protocol as training
from gatedrnn.studies.performance import capacity, convergence, panel, small_data
from gatedrnn.tasks.base import TOLERANCE
from gatedrnn.training.train import train

STUDIES = {"panel": panel, "small_data": small_data, "convergence": convergence}
STORED = {
    name: results.Store(results.folder() / f"{name}.csv", s.KEYS, [*s.COLUMNS, "error"])
    for name, s in STUDIES.items()
}


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def configs(name):
    return [config for phase in STUDIES[name].PHASES for config in phase(STORED[name])]


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_is_stored_once_and_none_failed(name):
    """The final phase asks for the rates that the stored tuning chose, so this also checks those."""
    asked = [run for config in configs(name) for run in sweep.runs(config)]
    rows = STORED[name].rows()
    assert all(run in STORED[name] for run in asked)
    assert len(rows) == len(asked)
    assert rows["error"].isna().all()


@pytest.mark.parametrize("name", STUDIES)
def test_the_test_part_is_judged_once_and_on_other_seeds(name):
    rows = STORED[name].rows()
    tuning, final = rows[rows.phase == "tuning"], rows[rows.phase == "final"]
    assert tuning.score.isna().all()
    assert final.score.notna().all()
    assert not set(tuning.seed) & set(final.seed)
    assert (final.groupby(training.KEYS[:5] + ["share"]).seed.nunique() == 10).all()


@pytest.mark.parametrize("name", STUDIES)
def test_sizes_are_matched(name):
    for row in STORED[name].rows().drop_duplicates(["task", "cell", "matched"]).itertuples():
        width = training.PANEL[row.task].width
        inputs = training.PANEL[row.task].task().input_size
        assert row.parameters == cost.parameters(row.cell, inputs, row.hidden_size)
        if row.matched == "parameters":
            widths = [row.hidden_size + d for d in (0, -1, 1)]
            off = [
                abs(cost.parameters(row.cell, inputs, H) - cost.parameters("lstm", inputs, width))
                for H in widths
            ]
            assert off[0] == min(off)  # no other width is nearer
        else:
            assert row.hidden_size == width


@pytest.mark.parametrize("name", STUDIES)
def test_stored_columns_agree_with_their_curve(name):
    for row in (
        STORED[name].rows().sample(20, random_state=np.random.default_rng()).to_dict("records")
    ):
        curve = np.array(json.loads(row["curve"]))
        assert curve[0, 0] == 0
        assert curve[-1, 0] == row["steps"]
        best = np.nanargmin(curve[:, 2])
        assert curve[best, 0] == row["best_step"]
        assert curve[best, 2] == pytest.approx(row["valid"], rel=1e-5)
        if row["task"] in ("adding", "recall") and row["phase"] == "final":
            floor = 1 / 6 if row["task"] == "adding" else np.log(8)
            assert row["score"] == (row["valid"] <= 0.01 * floor)


# Tasks and biases that have learned much by the first evaluation: there, with another processor's rounding, the loss
# was off by up to a tenth (pixels) and by a factor of four (recall, nearly solved by then). The others: below 0.01 %.
CHAOTIC = {("pixels", "default"), ("recall", "chrono")}


@pytest.mark.parametrize("name", STUDIES)
def test_a_stored_row_comes_out_the_same_again(name):
    """A row drawn anew at every run of the tests, its seeds together as the study trained them, up to the first
    evaluation after the start. On the same processor it comes out to its last digit; 1 % allows for another's."""
    rng = np.random.default_rng()
    calls = [call for call in configs(name) if call["share"] < 1 or name != "small_data"]
    call = calls[rng.integers(len(calls))]
    config = training.config(call, getattr(STUDIES[name], "STEPS", None))
    history = train(replace(config, steps=config.evaluate_every), progress=False).history
    compared = (
        1 if (call["task"], call["bias"]) in CHAOTIC else 2
    )  # evaluations: before the first step, and the next
    rows = STORED[name].rows()
    for seed in call["seeds"]:
        same = rows.seed == seed
        for key in ("phase", "task", "cell", "matched", "bias", "learning_rate", "share"):
            same &= rows[key] == call[key]
        (stored,) = rows[same].curve
        again = history[history.seed == seed][["step", "train_loss", "loss"]].to_numpy()[:compared]
        np.testing.assert_allclose(
            again, np.array(json.loads(stored))[:compared, :3], rtol=0.01, err_msg=str(call)
        )


def test_full_data_rows_are_those_of_the_panel():
    small, whole = STORED["small_data"].rows(), STORED["panel"].rows()
    both = small[small.share == 1].merge(whole, on=training.KEYS, suffixes=("", "_panel"))
    assert len(both) == (small.share == 1).sum() == 3 * 3 * 10
    assert (both.score == both.score_panel).all()


def tiny(monkeypatch, task, steps=20, **changes):
    monkeypatch.setitem(training.PANEL, task, replace(training.PANEL[task], steps=steps, **changes))
    call = {
        "phase": "final",
        "task": task,
        "cell": "gru",
        "matched": "parameters",
        "bias": "default",
    }
    return call | {"learning_rate": 1e-2, "share": 1.0, "seeds": [0, 1]}


@pytest.mark.parametrize("task", training.PANEL)
def test_each_task_is_trained_and_judged_in_its_unit(task, monkeypatch):
    call = tiny(
        monkeypatch,
        task,
        length=40 if task in ("adding", "recall") else training.PANEL[task].length,
        width=4,
    )
    rows = training.measure(call)
    assert [set(row) for row in rows] == 2 * [{*training.KEYS, *training.COLUMNS}]
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
    (tuned, _) = training.measure(call | {"phase": "tuning"})
    assert tuned["score"] is None
    assert tuned["valid"] == rows[0]["valid"]


def test_the_best_weights_are_judged_and_not_the_last(monkeypatch):
    call = tiny(monkeypatch, "watch", steps=40)
    run = train(training.config(call), progress=False)
    expected = training.judge("watch", run)
    run.model.load_state_dict(
        {name: torch.zeros_like(value) for name, value in run.model.state_dict().items()}
    )
    assert training.judge("watch", run) == expected
    run.best = {name: torch.zeros_like(value) for name, value in run.best.items()}
    assert training.judge("watch", run) != expected


def test_a_task_is_solved_at_one_percent_of_the_memoryless_loss(monkeypatch):
    run = train(training.config(tiny(monkeypatch, "recall", length=5)), progress=False)
    floor = run.config.task.baseline(5)
    for factor, solved in ((0.0099, 1.0), (0.0101, 0.0)):
        run.history["loss"] = np.where(run.history.step == 3, factor * floor, floor)
        assert training.judge("recall", run) == [solved, solved]
    assert TOLERANCE > 0


def test_bias_and_share_reach_the_training(monkeypatch):
    call = tiny(monkeypatch, "recall")
    assert training.config(call | {"bias": "one"}).bias == 1.0
    assert training.config(call | {"bias": "chrono"}).bias == "chrono"
    assert training.config(tiny(monkeypatch, "speech") | {"share": 0.05}).task.share == 0.05


def test_the_rate_of_the_lowest_mean_loss_is_chosen():
    import pandas as pd

    losses = {1e-3: (0.5, 0.5), 3e-3: (0.1, 0.8), 1e-2: (0.4, 0.4), 3e-2: (None, 0.0)}
    rows = [
        {
            "phase": "tuning",
            "task": "adding",
            "cell": cell,
            "bias": "one",
            "learning_rate": rate,
            "valid": value,
        }
        for cell in ("lstm", "gru")
        for rate, pair in losses.items()
        for value in pair
    ]
    calls = training.final_calls(pd.DataFrame(rows), ["adding"], biases=["one"])
    assert {call["learning_rate"] for call in calls} == {1e-2}
    assert [(call["cell"], call["matched"]) for call in calls] == list(training.MODELS)


# Capacity


def test_stored_bits_of_known_cases():
    assert capacity.stored_bits(100, 0) == 100
    assert capacity.stored_bits(100, 50) == 0
    assert capacity.stored_bits(100, 70) == 0
    assert capacity.stored_bits(1000, 110) == pytest.approx(
        1000 * (1 - 0.49992), abs=0.1
    )  # h(0.11) is near one half


def test_a_small_set_is_learned_and_random_labels_of_another_seed_are_not():
    assert capacity.learn("gru", 4, 20, [0, 1], 300) == [0, 0]
    assert min(capacity.learn("gru", 4, 400, [0], 1)) > 100


def test_capacity_rows_are_whole_and_add_up():
    store = results.Store(
        results.folder() / "capacity.csv", capacity.KEYS, [*capacity.COLUMNS, "error"]
    )
    asked = [run for config in capacity.grid(None) for run in sweep.runs(config)]
    assert len(store.rows()) == len(asked)
    assert all(run in store for run in asked)
    for row in store.rows().itertuples():
        assert row.parameters == cost.parameters(row.cell, 4, row.hidden_size) + row.hidden_size + 1
        assert row.strings == np.ceil(row.labels_per_parameter * row.parameters)
        assert row.bits_per_parameter == pytest.approx(
            capacity.stored_bits(row.strings, row.wrong) / row.parameters
        )
