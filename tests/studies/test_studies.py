"""The studies: stored rows can be made again, the rule is the rule, and a stopped study goes on."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from gatedrnn import cli, cost, reproducible, results, sweep
from gatedrnn.cells import CELLS
from gatedrnn.stats import compare
from gatedrnn.studies.applications import speech
from gatedrnn.training.train import train


def drawn(number):
    """Rows of the stored speech study, drawn anew at every run of the tests."""
    return (
        results.read("speech")
        .sample(number, random_state=np.random.default_rng())
        .to_dict("records")
    )


def repeated(row, steps):
    """The first steps of a stored run, its seeds together as the study trained them: one curve a seed."""
    seeds = speech.TUNING_SEEDS if row["phase"] == "tuning" else speech.SEEDS
    shuffled = row["phase"] == "order control"
    config = speech.config(row["cell"], row["regime"], row["learning_rate"], seeds, shuffled)
    assert config.hidden_size == row["hidden_size"]
    history = train(replace(config, steps=steps)).history
    return history[history.seed == row["seed"]][["step", "train_loss", "loss", "score"]].to_numpy()


def test_stored_rows_come_out_the_same_again():
    """50 steps: at the largest learning rate, training has amplified a last bit to a digit that shows by step 100."""
    reproducible()
    for row in drawn(2):
        again = repeated(row, steps=50)
        stored = np.array(json.loads(row["curve"]))[: len(again)]
        assert len(again) == 2  # before the first step, and after the last
        np.testing.assert_allclose(again, stored, rtol=0, atol=1e-4, err_msg=str(row))


def test_every_run_of_the_speech_study_is_stored_once():
    rows = results.read("speech")
    counts = rows.groupby("phase").size()
    assert counts.to_dict() == {
        "tuning": 2 * 3 * 4 * 2,
        "final": 2 * 3 * 10,
        "order control": 3 * 10,
    }
    final = rows[rows.phase != "tuning"]
    assert not set(final.seed) & set(
        rows[rows.phase == "tuning"].seed
    )  # tuned on other seeds than judged
    assert (
        final.parameters == [cost.parameters(r.cell, 13, r.hidden_size) for r in final.itertuples()]
    ).all()
    for row in final.itertuples():
        confusion = np.array(json.loads(row.confusion))
        assert (confusion.sum(1) == 60).all()
        assert confusion.trace() / 600 == pytest.approx(row.test_accuracy, abs=1e-12)


def test_the_final_runs_use_the_rate_that_tuning_chose():
    rows = results.read("speech")
    for cell, regime in product(speech.CELLS, ("hidden size", "parameters")):
        mine = rows[(rows.cell == cell) & (rows.regime == regime)]
        tuned = mine[mine.phase == "tuning"].groupby("learning_rate").valid_accuracy.mean()
        assert set(mine[mine.phase == "final"].learning_rate) == {tuned.idxmax()}


def outcome(mean, spread=0.1):
    return compare(mean + spread * np.linspace(-1, 1, 10), np.zeros(10), margin=1.0)


@pytest.mark.parametrize(
    ("primary", "secondary", "answer"),
    [
        (outcome(2.0), outcome(0.0), "LSTM better"),
        (outcome(-2.0), outcome(0.0), "GRU better"),
        (outcome(0.5), outcome(0.5), "equivalent"),  # excludes 0, but is smaller than the margin
        (outcome(0.0, 5.0), outcome(0.0), "inconclusive"),
        (outcome(2.0), outcome(-2.0), "mixed"),
        (outcome(-2.0), outcome(2.0), "mixed"),
    ],
)
def test_the_rule_of_the_speech_study(primary, secondary, answer):
    assert speech.answer(primary, secondary) == answer


def test_a_stopped_study_goes_on_and_repeats_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(speech, "STEPS", 50)
    monkeypatch.setattr(speech, "CELLS", ("lstm",))
    monkeypatch.setattr(speech, "RATES", (1e-2,))
    monkeypatch.setattr(speech, "SEEDS", (0, 1))
    monkeypatch.setattr(speech, "environment", lambda: {"cpu": "x", "torch": "y", "threads": 1})
    started = []

    def stopping(config):
        started.append(config.seeds)
        if len(started) == 3:
            raise KeyboardInterrupt
        return train(config)

    monkeypatch.setattr(speech, "train", stopping)
    with pytest.raises(SystemExit, match="go on with: gatedrnn run speech"):
        cli.main(["run", "speech"])
    cli.main(["run", "speech"])
    finished = started.copy()
    cli.main(["run", "speech"])
    assert started == finished  # nothing was left to do
    rows = pd.read_csv(tmp_path / "speech.csv")
    assert list(rows) == [*speech.KEYS, *speech.COLUMNS, "error"]
    assert len(rows) == len(rows.drop_duplicates(speech.KEYS)) == 4 + 4 + 2
    assert rows["error"].isna().all()


def test_the_speech_study_asks_for_what_is_stored():
    """A fresh run would make the same rows: the keys of both phases, the rates chosen from the stored tuning."""
    store = results.Store(results.folder() / "speech.csv", speech.KEYS, [*speech.COLUMNS, "error"])
    asked = [
        run for phase in speech.PHASES for config in phase(store) for run in sweep.runs(config)
    ]
    assert len(asked) == len(store.rows())
    assert all(run in store for run in asked)


def test_every_paper_of_the_registry_is_in_the_bibliography():
    known = (results.folder().parent / "references.bib").read_text()
    for cell in CELLS.values():
        assert f"{{{cell.paper}," in known, cell.name
