"""The study of spoken digits: its rule, its confusions, and a run that is stopped."""

import numpy as np
import pandas as pd
import pytest

from gatedrnn import cli, results
from gatedrnn.stats import compare
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
