"""``gatedrnn check``: each kind of problem is found, and nothing is found where all is well."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from gatedrnn import cli, reproducible, results
from gatedrnn.claims import register
from gatedrnn.studies import check
from gatedrnn.studies.protocol import make_call
from gatedrnn.tasks.memory import DelayedRecall
from gatedrnn.training.train import Config

KEYS = ["phase", "cell", "learning_rate", "seed"]
COLUMNS = ["valid", "curve"]
RATES = (1e-3, 1e-2, 1e-1)


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def study():
    """Two cells tuned at three rates, then judged at the middle one."""

    def tuning(store):
        return [
            make_call("tuning", {"cell": cell}, rate, [100, 101])
            for cell in ("lstm", "gru")
            for rate in RATES
        ]

    def final(store):
        return [make_call("final", {"cell": cell}, 1e-2, [0, 1, 2]) for cell in ("lstm", "gru")]

    def config(call):
        return Config(DelayedRecall(), call["cell"], 4, 5, tuple(call["seeds"]), 100)

    return SimpleNamespace(
        KEYS=KEYS, COLUMNS=COLUMNS, PHASES=[tuning, final], config=config, measure=None
    )


def store(path, losses, valid=0.1):
    """Store the rows of ``study``; ``losses``: the tuning loss at each rate."""
    made = study()
    lines = []
    for phase in made.PHASES:
        for call in phase(None):
            loss = valid if call["phase"] == "final" else losses[call["learning_rate"]]
            for seed in call["seeds"]:
                curve = json.dumps([[0, 1.0, 1.0, 0.0], [100, loss, loss + seed / 1e5, 0.0]])
                line = {"phase": call["phase"], "cell": call["cell"], "seed": seed}
                line |= {"learning_rate": call["learning_rate"], "valid": loss + seed / 1e5}
                lines.append(line | {"curve": curve, "error": None})
    pd.DataFrame(lines)[[*KEYS, *COLUMNS, "error"]].to_csv(path, index=False)


INSIDE = dict(zip(RATES, (0.3, 0.1, 0.4), strict=True))
AT_END = dict(zip(RATES, (0.3, 0.2, 0.1), strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(check, "STUDIES", {"one": "", "two": ""})
    monkeypatch.setattr(check, "load", lambda name: study())
    monkeypatch.setattr(check, "waiting", set)
    store(tmp_path / "one.csv", INSIDE)
    store(tmp_path / "two.csv", INSIDE)
    return tmp_path


def found():
    return [(problem.kind, problem.study) for problem in check.problems()]


def test_nothing_is_wrong_where_all_is_well(folder):
    assert found() == []
    lines = []
    assert check.main(lines.append) == 0
    assert lines == ["2 studies: 0 problems, 0 studies that are not finished"]


def test_a_rate_at_the_end_of_its_grid_is_named(folder):
    store(folder / "one.csv", AT_END)
    assert found() == [("edge", "one")] * 2
    texts = [problem.text for problem in check.problems()]
    assert "lstm: the best rate, 0.1, is at an end of those tried, 0.001, 0.01, 0.1" in texts[1]


def test_rates_are_looked_at_where_a_study_is_whole(folder):
    store(folder / "one.csv", AT_END)
    lines = (folder / "one.csv").read_text().splitlines(keepends=True)
    (folder / "one.csv").write_text("".join(lines[:-1]))
    assert found() == [("rows", "one")]


def test_a_rate_is_judged_by_what_was_tuned(folder, monkeypatch):
    """By another measure than the loss the best rate may lie at an end, or inside."""
    by_rate = study()
    by_rate.row_badness = lambda rows: -rows.learning_rate
    monkeypatch.setattr(check, "load", lambda name: by_rate if name == "one" else study())
    assert found() == [("edge", "one")] * 2


def test_missing_rows_are_a_problem_but_not_where_only_waiting_claims_build(folder, monkeypatch):
    (folder / "one.csv").unlink()
    assert found() == [("rows", "one")]
    monkeypatch.setattr(check, "waiting", lambda: {"one"})
    assert found() == [("waiting", "one")]
    assert check.main(lambda line: None) == 0


def test_two_studies_that_disagree_on_the_same_training_are_named(folder):
    store(folder / "two.csv", INSIDE, valid=0.2)
    assert found() == [("contradiction", "two")] * 2


def test_the_exit_code_says_whether_something_is_wrong(folder, capsys):
    store(folder / "one.csv", AT_END)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check"])
    assert stopped.value.code == 1
    assert "edge           one" in capsys.readouterr().out


def test_a_study_of_a_claim_of_today_does_not_wait(monkeypatch):
    today = {study for claim in register.load() for study in claim.study}
    assert not check.waiting() & today
