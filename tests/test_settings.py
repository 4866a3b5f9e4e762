"""Which setting a tuning chose, on made-up rows."""

import json

import numpy as np
import pandas as pd
import pytest

from gatedrnn import settings

BY = ("cell",)


def curve(*losses):
    return json.dumps([[100 * (k + 1), 1.0, loss, 0.5] for k, loss in enumerate(losses)])


def row(losses, bias="default", rate=0.01, schedule="constant", cell="gru", **other):
    made = {"phase": "tuning", "cell": cell, "bias": bias, "schedule": schedule}
    return made | {"learning_rate": rate, "curve": curve(*losses), "diverged_at": None} | other


def test_the_best_start_is_for_one_regime_and_that_of_torch_for_the_other():
    rows = pd.DataFrame([row([0.5]), row([0.4], rate=0.03), row([0.1], bias="chrono")])
    found = settings.regimes(rows, BY, settings.loss_within())
    assert found["best"]["gru",][:2] == ("chrono", 0.01)
    assert found["shipped"]["gru",][:2] == ("default", 0.03)


def test_a_diverged_seed_rules_its_rate_out():
    rows = pd.DataFrame([row([0.1]), row([0.1], diverged_at=100), row([0.5], rate=0.003)])
    assert settings.best_settings(rows, BY, settings.loss_within())["gru",].learning_rate == 0.003


def test_a_solved_task_is_worth_its_share_of_the_steps_and_another_one_the_rest():
    rows = pd.DataFrame([row([0.5, 0.009, 0.001]), row([0.6, 0.5, 0.5])])
    assert settings.steps_to_solve(1.0, 400)(rows).tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([0.5, 0.49, 0.48, 0.47], (100, True)), ([0.9, 0.5, 0.49, 0.48], (200, True))]
    + [([0.9, 0.7, 0.5, 0.3], (400, False))],
)
def test_enough_steps_are_those_that_twice_as_many_do_not_improve(losses, expected):
    rows = pd.DataFrame([row(losses)])
    assert settings.enough_steps(rows, BY, 400, 0.05) == expected


def test_steps_are_enough_when_no_cell_gains_any_more():
    rows = pd.DataFrame([row([0.5] * 4), row([0.9, 0.7, 0.5, 0.3], cell="lstm")])
    assert settings.enough_steps(rows, BY, 400, 0.05) == (400, False)


def test_the_better_schedule_is_taken_where_both_were_tried():
    constant = pd.DataFrame([row([0.5] * 4)])
    cosine = pd.DataFrame([row([0.4] * 4, schedule="cosine")])
    assert settings.plan(constant, BY, 400, 0.05, None).schedule == "constant"
    both = pd.concat([constant, cosine], ignore_index=True)
    assert settings.plan(both, BY, 400, 0.05, None).schedule == "cosine"
    assert settings.plan(both, BY, 400, None, 1.0)[:3] == (400, True, "constant")


def test_a_grid_is_extended_until_its_best_rate_is_inside():
    assert settings.rates_to_try({0.003: 3, 0.01: 2, 0.03: 1})[-1] == 0.1
    assert settings.rates_to_try({0.003: 1, 0.01: 2, 0.03: np.inf})[0] == 0.001
    assert settings.rates_to_try({0.003: 2, 0.01: 1, 0.03: 2}) == [0.003, 0.01, 0.03]
