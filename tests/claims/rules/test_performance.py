"""The rules on calibrated cells and on times over processes: what made-up worlds do not show."""

import numpy as np
import pytest

from gatedrnn.claims import calibrated, worlds
from gatedrnn.claims.register import benchmark
from gatedrnn.claims.rules import performance
from gatedrnn.claims.worlds import performance as made
from gatedrnn.results import NoResults


def world(scores=None, steps=None):
    """Two cells alike on every task, but for what is given."""
    alike = {}
    for task, entry in benchmark().items():
        alike[task] = np.full((2, entry["seeds"]), 1.0 if "do_nothing" in entry else 60.0)
    same = {task: np.full((2, entry["seeds"]), 600.0) for task, entry in benchmark().items()}
    return made.calibrated_world(alike | (scores or {}), same | (steps or {}))


def judgements(ruling):
    return {finding.label: finding.judgement for finding in ruling.findings}


def test_a_task_that_every_seed_of_both_solves_has_no_room():
    with worlds.inside(world()):
        found = judgements(performance.same_score("best", "parameters", "5/9"))
    assert found["adding"] == found["recall"] == "no room"
    assert found["watch"] == found["language"] == "equal"


def test_accuracies_at_the_ceiling_on_the_tuning_seeds_have_no_room():
    made_up = world()
    rows = made_up["benchmark"]
    high = (rows.task == "speech") & (rows.phase == "tuning")
    rows.loc[high, "curve"] = made.curve(made.STEPS, 0.0, accuracy=0.99)
    with worlds.inside(made_up):
        found = judgements(performance.same_score("best", "parameters", "5/9"))
    assert found["speech"] == "no room"


def test_a_failed_seed_scores_the_worst():
    made_up = world()
    rows = made_up["benchmark"]
    one = (rows.task == "watch") & (rows.phase == "final") & (rows.cell == "gru") & (rows.seed == 3)
    rows.loc[one, "score"] = np.nan
    with worlds.inside(made_up):
        _, gru = calibrated.scores("watch", calibrated.arms("watch", "best", "parameters"))
    assert gru[3] == 0


def test_a_missing_seed_is_no_result():
    made_up = world()
    rows = made_up["benchmark"]
    made_up["benchmark"] = rows[(rows.task != "watch") | (rows.seed != 3)]
    with worlds.inside(made_up), pytest.raises(NoResults, match="99 of 100"):
        calibrated.arms("watch", "best", "parameters")


def test_the_common_mark_is_one_that_the_worse_cell_reaches():
    made_up = world()
    rows = made_up["benchmark"]
    worse = (rows.task == "watch") & (rows.phase == "final") & (rows.cell == "gru")
    rows.loc[worse, "curve"] = made.curve(600.0, 0.5)
    with worlds.inside(made_up):
        pair = calibrated.arms("watch", "best", "parameters")
        lstm, gru = calibrated.times("watch", pair, "common")
        own_lstm, own_gru = calibrated.times("watch", pair, "own")
    assert lstm.max() < gru.min() < np.inf
    assert (own_lstm == own_gru).all()


def test_a_share_that_hangs_on_one_program_is_no_cause():
    """One slow program of the LSTM makes the gap: without it nothing is left."""
    rng = np.random.default_rng(0)
    shape = (10, 2, 1, len(performance.VARIANTS))
    logs = rng.normal(0.0, 0.01, shape)
    logs[..., performance.VARIANTS.index(("lstm", "one", "-"))] += 2.0
    every = list(range(len(performance.VARIANTS)))
    without = [k for k in every if performance.VARIANTS[k] != ("lstm", "one", "-")]
    assert performance._shares(logs, every).mean() > performance._shares(logs, without).mean()
    assert performance._shares(logs, without).mean() < 0.5
