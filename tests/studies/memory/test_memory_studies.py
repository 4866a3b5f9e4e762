"""Studies of memory and of applications that train: their rows are whole and come out the same again."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gatedrnn import cost, reproducible, results, sweep
from gatedrnn.studies.applications import forecasting, language, music, strings
from gatedrnn.studies.applications import quantisation as devices
from gatedrnn.studies.memory import (
    ablations,
    control,
    copying,
    counting,
    languages,
    long_range,
    retention,
)
from gatedrnn.tasks.base import Varied, generator, loss
from gatedrnn.tasks.languages import AnBn, CycleNavigation, Parity
from gatedrnn.training import train as train_module
from gatedrnn.training.train import build

STUDIES = {
    s.__name__.rpartition(".")[2]: s for s in (counting, long_range, retention, copying, languages)
}
STUDIES |= {"control": control, "ablations": ablations, "strings": strings, "devices": devices}
STUDIES |= {"language": language, "music": music, "forecasting": forecasting}


# What each application study measures on the test part.
APPLICATIONS = {
    "strings": "accuracy",
    "devices": "accuracy",
    "language": "nats",
    "music": "nats",
    "forecasting": "mae",
}


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def stored(name):
    study = STUDIES[name]
    return results.Store(results.folder() / f"{name}.csv", study.KEYS, [*study.COLUMNS, "error"])


def configs(name):
    return [config for phase in STUDIES[name].PHASES for config in phase(stored(name))]


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_is_stored_once_and_none_failed(name):
    """A later phase asks for the rates that the stored tuning chose, so this also checks those."""
    asked, store = [run for config in configs(name) for run in sweep.runs(config)], stored(name)
    rows = store.rows()
    assert all(run in store for run in asked)
    assert len(rows) == len(asked)
    assert rows["error"].isna().all()
    for row in rows.drop_duplicates(["cell", "hidden_size"]).to_dict("records"):
        made = next(
            c
            for c in configs(name)
            if all(c[k] == row[k] for k in STUDIES[name].KEYS if k != "seed")
        )
        task = STUDIES[name].config(made).task
        assert row["parameters"] == cost.parameters(
            row["cell"], task.input_size, row["hidden_size"]
        )


def curves(rows, call, keys):
    """The stored curves of a call, {seed: array}."""
    mine = rows[np.logical_and.reduce([rows[key] == call[key] for key in set(keys) - {"seed"}])]
    return {row.seed: np.array(json.loads(row.curve)) for row in mine.itertuples()}


@pytest.mark.parametrize("name", STUDIES)
def test_a_stored_row_comes_out_the_same_again(name, monkeypatch):
    """A call drawn anew at every run of the tests, its seeds together as the study trained them, up to the first
    evaluation after the start. On the same processor it comes out to its last digit; 1 % allows for another's, where
    training has not begun to amplify them: so a call is drawn whose seeds have kept half of both losses until then,
    that of the batch, which may hold short strings, and that held out. The loss of counting, music and language falls
    at once to the answer without memory; with another processor's rounding counting was off by 5e-6."""
    study, rows, calls = STUDIES[name], stored(name).rows(), configs(name)
    np.random.default_rng().shuffle(calls)
    slow = lambda curve: (
        (curve[1, 1:3] >= curve[0, 1:3] / 2).all() or name in ("counting", "music", "language")
    )
    call = next(c for c in calls if all(map(slow, curves(rows, c, study.KEYS).values())))
    monkeypatch.setattr(
        train_module, "_arrived", lambda rows, config: rows[-1]["step"] >= config.evaluate_every
    )
    history = train_module.train(study.config(call), progress=False).history
    for seed, curve in curves(rows, call, study.KEYS).items():
        again = history[history.seed == seed][["step", "train_loss", "loss"]].to_numpy()
        np.testing.assert_allclose(again, curve[:2, :3], rtol=0.01, err_msg=str(call))


@pytest.mark.parametrize("name", ["long_range", "languages", "control", "ablations", *APPLICATIONS])
def test_the_tuning_looks_at_no_test_and_shares_no_seed(name):
    rows = stored(name).rows()
    if "phase" in rows and (rows.phase == "tuning").any():
        tuned = rows[rows.phase == "tuning"]
        assert not set(tuned.seed) & set(rows[rows.phase == "final"].seed)
        column = {
            "languages": "tokens",
            "control": "accuracy",
            "ablations": "score",
            **APPLICATIONS,
        }[name]
        assert tuned[column].isna().all()


def test_solved_at_is_the_first_evaluation_below_one_percent():
    rows = stored("long_range").rows()
    for row in (
        rows[rows.task.isin(["adding", "recall"])]
        .sample(30, random_state=np.random.default_rng())
        .itertuples()
    ):
        floor = 1 / 6 if row.task == "adding" else np.log(8)
        below = [step for step, _, held_out, _ in json.loads(row.curve) if held_out <= 0.01 * floor]
        assert row.solved_at == (below[0] if below else -1)
        assert row.quality == pytest.approx(100 * (1 - row.test_error / floor), abs=1e-3)


# Counting


def exact_model(cell="lstm"):
    """Two LSTMs that count a's up and b's down in c and close at zero; the second is one step late."""
    config = counting.config(
        {"words": "drawn", "cell": cell, "matched": "reference", "bias": "default", "seeds": [0, 1]}
    )
    model = build(replace(config, hidden_size=2))
    for p in model.parameters():
        p.data.zero_()
    layer, H = model.recurrent, 2
    gate = {name: slice(k * H, (k + 1) * H) for k, name in enumerate("ifgo")}
    layer.b.data[:, gate["f"]] = layer.b.data[:, gate["i"]] = layer.b.data[:, gate["o"]] = 30.0
    layer.W.data[:, gate["g"].start, 1], layer.W.data[:, gate["g"].start, 2] = (
        30.0,
        -30.0,
    )  # +1 for a, -1 for b
    layer.W.data[:, gate["g"].start + 1, 2] = 30.0  # the other unit: has there been a b
    model.a.data[:] = torch.tensor([3.0, 5.0, 0.0])  # logits of # a b: a before the first b
    model.V.data[:, :, 1] = torch.tensor([0.0, -20.0, 2.0])
    model.V.data[:, 2, 0] = 10.0  # b while the count is above zero
    model.a.data[1, 0] = 20.0  # the second closes too early
    return model


def test_the_horizon_of_a_counter_is_the_longest_word_tested():
    counted = counting.counted(exact_model())
    assert [row["horizon"] for row in counted] == [counting.LONGEST, counting.FIRST - 1]
    assert counted[0]["slope"] == pytest.approx(1, abs=1e-4)
    assert counted[0]["highest"] <= 1
    path = json.loads(counted[0]["trajectory"])
    assert path[50] == pytest.approx(500, abs=1)
    assert abs(path[-1]) < 1


def test_a_word_in_the_middle_that_is_wrong_ends_the_horizon(monkeypatch):
    exact = torch.ones(2, counting.LONGEST, dtype=torch.bool)
    exact[0, 99] = False  # n = 100
    monkeypatch.setattr(counting, "closes", lambda model, counts: exact[:, [n - 1 for n in counts]])
    assert counting.counted(exact_model())[0]["horizon"] == 99


def test_all_words_are_in_every_batch():
    batch = counting.AllWords().batch(generator(3, 4), 5, 7)
    expected = AnBn().words(range(1, 8))
    assert all(torch.equal(a, b) for a, b in zip(batch, expected, strict=True))


# Languages


def test_lengths_vary_and_validation_has_the_full_length():
    task = Varied(Parity())
    lengths = {task.batch(generator(0, step), 2, 9).x.shape[1] for step in range(200)}
    assert lengths == set(range(1, 10))
    assert task.part("valid", 9).x.shape == (256, 9, 1)
    assert torch.equal(task.part("valid", 9).x, task.part("valid", 9).x)
    with pytest.raises(ValueError, match="length of CycleNavigation"):
        Varied(CycleNavigation()).batch(generator(0, 0), 2, 0)


@pytest.mark.parametrize("name", languages.TASKS)
def test_an_oracle_is_right_on_every_tested_string_and_half_wrong_is_seen(name):
    class Oracle:
        def __call__(self, x):
            task = getattr(languages.TASKS[name], "task", languages.TASKS[name])
            good = task.oracle(x)
            return torch.stack([good, -good]), None

    perfect, wrong = languages.tested(Oracle(), name)
    assert (perfect["tokens"], perfect["strings"]) == (1, 1)
    assert wrong["strings"] == 0
    assert [n for n, *_ in json.loads(perfect["by_length"])] == list(languages.TESTED[name])
    assert min(languages.TESTED[name]) > languages.LENGTHS[name]


# What the calls train


def test_bias_and_width_reach_the_training():
    calls = {
        (c["task"], c["length"], c["cell"], c["matched"], c["bias"]): c
        for c in long_range.reach(None)
    }
    two = long_range.config(calls["adding", 200, "gru", "parameters", "two"])
    assert (two.bias, two.hidden_size) == (2.0, 37)
    chrono = long_range.config(calls["pixels", 298, "lstm", "reference", "chrono"])
    assert (chrono.bias, chrono.length, chrono.task.tail, chrono.until) == (
        "chrono",
        298,
        200,
        None,
    )
    ladder = [ablations.config(c) for c in ablations.tuning(None) if c["part"] == "ladder"]
    assert {c.bias for c in ladder} == {"chrono"}
    sizes = [cost.parameters(c.cell, 2, c.hidden_size) for c in ladder]
    assert max(sizes) / min(sizes) < 1.08
    assert {c.hidden_size for c in map(copying.config, copying.arms(None))} == {60, 70}


@pytest.mark.parametrize("task", ["adding", "anbn", "chorales"])
def test_the_inside_is_measured_before_and_after(task, monkeypatch):
    made, length, size, _ = retention.TASKS[task]
    monkeypatch.setitem(retention.TASKS, task, (made, min(length, 20), size, 50))
    rows = retention.measure({"task": task, "cell": "lstm", "bias": "default", "seeds": [0, 1]})
    assert [set(row) for row in rows] == 2 * [{*retention.KEYS, *retention.COLUMNS}]
    for row in rows:
        assert (row["gradient_before"] is None) == (task != "adding")
        before, after = (json.loads(row[f"kept_{when}"]) for when in ("before", "after"))
        assert len(before) == size
        assert np.abs(np.array(before) - 0.5).max() < 0.2  # torch's start
        assert before != after
        assert sum(json.loads(row["plane"])) == pytest.approx(1, abs=0.01)


def test_the_share_of_copying_is_that_of_doing_nothing(monkeypatch):
    monkeypatch.setattr(copying, "STEPS", 100)
    monkeypatch.setattr(copying, "WAIT", 5)
    rows = copying.measure({"cell": "lstm", "bias": "default", "seeds": [0, 1]})
    assert all(0.9 < row["share_of_baseline"] < 1.1 for row in rows)


def test_control_is_judged_at_four_times_the_length(monkeypatch):
    seen = []
    monkeypatch.setattr(control, "STEPS", 100)
    monkeypatch.setattr(
        control,
        "judged",
        lambda run, length: seen.append(length) or [{"loss": 0, "accuracy": 0}] * 2,
    )
    call = {
        "phase": "final",
        "cell": "lstm",
        "matched": "reference",
        "learning_rate": 0.01,
        "seeds": [0, 1],
    }
    for task in ("latch", "markov 2"):
        control.measure(call | {"task": task})
    assert seen == [200, 100]


def test_the_loss_of_a_source_is_at_least_its_floor():
    rows = stored("control").rows()
    markov = rows[rows.task.str.startswith("markov") & (rows.phase == "final")]
    floor = control.TASKS["markov 1"].floor
    assert floor == pytest.approx(loss_of_the_source(), abs=0.01)
    assert markov.loss.min() > floor - 0.01


def loss_of_the_source():
    task = control.TASKS["markov 1"]
    batch = task.batch(generator(0, 1), 2000, 100)
    return loss(task.loss, task.oracle(batch.x), batch).item()
