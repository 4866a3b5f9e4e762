"""The study of spoken digits: its rule, its confusions, and a run that is stopped."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from gatedrnn import cli, results
from gatedrnn.stats import compare
from gatedrnn.studies import protocol
from gatedrnn.studies.applications import speech
from gatedrnn.training.train import train


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
    monkeypatch.setattr(speech, "SEEDS", [0, 1])
    started = []

    def stopping(config, **options):
        started.append(config.seeds)
        if len(started) == 3:
            raise KeyboardInterrupt
        return train(config, **options)

    monkeypatch.setattr(protocol, "train", stopping)
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


def test_a_stored_confusion_gives_the_accuracy_and_has_every_recording_once():
    rows = results.read("speech")
    for row in rows[rows.phase != "tuning"].itertuples():
        confusion = np.array(json.loads(row.confusion))
        assert len(set(confusion.sum(1))) == 1  # as many recordings of each digit
        assert speech.judged(confusion)["test_accuracy"] == pytest.approx(row.test_accuracy)


def test_a_confusion_has_the_truth_by_rows():
    task = speech.config(CALL).task
    test = task.part("test", speech.LENGTH)

    class AlwaysThree:
        def __call__(self, x):
            return torch.nn.functional.one_hot(torch.full_like(test.y, 3), 10)[None].float(), None

    run = SimpleNamespace(config=speech.config(CALL), model=AlwaysThree())
    (confusion,) = speech.confusions(run)
    assert (confusion[:, 3] == confusion.sum(1)).all()
    assert speech.judged(confusion)["test_accuracy"] == pytest.approx(0.1)


CALL = {
    "phase": "final",
    "cell": "gru",
    "regime": "parameters",
    "learning_rate": 1e-2,
    "seeds": [0, 1],
}
