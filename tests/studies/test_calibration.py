"""A tuning that asks for more until its best rate lies inside; judged calls, once each."""

import json

import pandas as pd
import pytest

from gatedrnn.settings import FIRST_RATES, TUNING_SEEDS, Chosen, loss_within
from gatedrnn.studies import calibration

ARMS = [{"cell": "lstm", "bias": "default"}, {"cell": "gru", "bias": "chrono"}]


def stored(calls, loss):
    """The rows of calls; ``loss(call, seed)`` is the lowest loss of a seed, None if it diverged."""
    rows = []
    for call in calls:
        for seed in call["seeds"]:
            value = loss(call, seed)
            row = {name: call[name] for name in call if name != "seeds"} | {"seed": seed}
            row["curve"] = json.dumps([[100, 1.0, value or 9.0, 0.5]])
            rows.append(row | {"diverged_at": None if value else 100, "error": None})
    return pd.DataFrame(rows)


def until_nothing_lacks(loss):
    """Ask, train and ask again, as the command does; the rates of each arm."""
    rows = pd.DataFrame()
    while True:
        calls = calibration.tuning_calls(rows, ARMS, loss_within())
        new = stored(calls, loss)
        if len(new) == len(rows):
            break
        rows = new
    return new.groupby("cell").learning_rate.unique().map(sorted)


def test_each_arm_is_extended_until_its_own_best_rate_is_inside():
    best = {"lstm": 0.1, "gru": 0.001}
    rates = until_nothing_lacks(
        lambda call, seed: 1 + abs(best[call["cell"]] - call["learning_rate"])
    )
    assert rates["lstm"] == [*FIRST_RATES, 0.1, 0.3]
    assert rates["gru"] == [0.0003, 0.001, *FIRST_RATES]


def test_a_grid_ends_where_a_seed_diverges():
    def loss(call, seed):
        if call["learning_rate"] > 0.03 and seed == TUNING_SEEDS[-1]:
            return None
        return 1 / (1 + call["learning_rate"])

    assert set(map(tuple, until_nothing_lacks(loss))) == {(*FIRST_RATES, 0.1)}


def test_a_setting_counts_when_all_its_seeds_are_stored():
    calls = calibration.tuning_calls(pd.DataFrame(), ARMS, loss_within())
    rows = stored(calls, lambda call, seed: call["learning_rate"])  # the smallest rate is best
    lacking = rows[(rows.cell != "gru") | (rows.seed != TUNING_SEEDS[0])]
    asked = calibration.tuning_calls(lacking, ARMS, loss_within())
    rates = pd.DataFrame(asked).groupby("cell").learning_rate.min()
    assert rates.to_dict() == {"lstm": 0.001, "gru": 0.003}


@pytest.mark.parametrize(("best", "judged"), [("default", 1), ("chrono", 2)])
def test_a_model_whose_best_start_is_torchs_is_judged_once(best, judged):
    calls = []
    for bias in (best, "default"):
        found = {("lstm",): Chosen(bias, 0.01, 0.5)}
        calls += calibration.final_calls(found, ["cell"], 400, [0, 1], task="adding")
    kept = calibration.once(calls)
    assert [call["bias"] for call in kept] == [best, "default"][:judged]
    assert kept[0] == {
        "phase": "final",
        "cell": "lstm",
        "bias": best,
        "steps": 400,
        "task": "adding",
        "learning_rate": 0.01,
        "seeds": [0, 1],
    }
