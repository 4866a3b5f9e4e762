"""The new rules of the application claims, on the rows of their made-up worlds, changed by hand."""

import numpy as np
import pandas as pd
import pytest

from gatedrnn.claims import register, verdicts, worlds
from gatedrnn.claims.rules import applications
from gatedrnn.results import NoResults

CALIBRATED = {
    claim.id: claim
    for claim in [*verdicts.load(), *register.load_next()]
    if claim.rule in worlds.WORLDS and claim.rule.startswith("applications.")
}


def world(id, kind="for"):
    claim = CALIBRATED[id]
    return claim, worlds.WORLDS[claim.rule](claim, kind, np.random.default_rng(0))


def ruled(claim, made, **changed):
    with worlds.inside(made):
        function = getattr(applications, claim.rule.partition(".")[2])
        return function(**(claim.regime | claim.parameters | changed))


def test_a_lead_is_judged_at_the_setting_that_each_cell_s_tuning_chose():
    claim, made = world("C26")
    rows = made["characters"]
    elsewhere = rows[(rows.phase == "final") & (rows.cell == "gru")].assign(bias="one", nats=0.0)
    made["characters"] = pd.concat([rows, elsewhere])
    assert ruled(claim, made).word == "Supported"
    rows.loc[(rows.phase == "tuning") & (rows.bias == "one"), "curve"] = "[[100, 1, 0.5, 0.6]]"
    made["characters"] = pd.concat([rows, elsewhere])
    with pytest.raises(NoResults, match="20 seeds of 64, lstm"):
        ruled(claim, made)
    assert ruled(claim, made, start="shipped").word == "Supported"


def test_a_lead_without_room_tells_nothing():
    claim, made = world("C25")
    rows = made["spoken_strings"]
    rows.loc[rows.cell == "gru", "curve"] = "[[100, 1, 1, 0.99]]"
    found = ruled(claim, made)
    assert found.word == "Could not tell"
    assert {finding.judgement for finding in found.findings} == {"no room"}


def test_a_run_without_a_score_has_the_worst_one():
    claim, made = world("C25")
    rows = made["spoken_strings"]
    first = (rows.phase == "final") & (rows.cell == "lstm") & (rows.seed == 0)
    before = ruled(claim, made).findings[0].difference
    made["spoken_strings"] = rows.assign(accuracy=rows.accuracy.mask(first))
    assert ruled(claim, made).findings[0].difference < before


def test_groups_of_sizes_are_judged_apart():
    claim, made = world("C21")
    other = world("C21", "against")[1]["devices"]
    rows = made["devices"]
    made["devices"] = pd.concat([rows[rows.width <= 8], other[other.width > 8]])
    assert ruled(claim, made).word == "Mixed"


def test_reach_tells_nothing_where_the_control_sees_nothing_or_nothing_is_gained():
    claim, made = world("C27")
    assert ruled(claim, made).word == "Supported"
    blind = made["planted"].assign(by_context="[[20, 1.5], [300, 1.5]]")
    assert ruled(claim, made | {"planted": blind}).word == "Could not tell"
    flat = made["characters"].assign(by_context="[[20, 1.5], [300, 1.499]]")
    found = ruled(claim, made | {"characters": flat})
    assert found.word == "Could not tell"
    assert found.findings[-1].judgement == "control seen"


def test_a_stream_on_which_the_last_sample_is_as_good_tells_nothing():
    claim, made = world("C23")
    made["carried"] = made["carried"].assign(persistence=1e-6)
    assert ruled(claim, made).word == "Could not tell"


def test_kernels_are_judged_apart():
    claim, made = world("C22")
    other = world("C22", "against")[1]["deadlines"]
    rows = made["deadlines"]
    made["deadlines"] = pd.concat([rows[rows.kernel == "default"], other[other.kernel == "native"]])
    found = ruled(claim, made)
    assert found.word == "Mixed"
    assert "default at most 1.2" in found.effect
    # at 0.05 ms neither serves ten streams
    assert {f.judgement for f in found.findings if "0.05" in f.label} == {"no room"}


def test_regret_is_capped_and_one_word_needs_both_constants():
    claim, made = world("C24")
    found = ruled(claim, made)
    assert found.word == "Supported"
    leads = {finding.label: finding.difference for finding in found.findings[2:]}
    assert set(leads) == set(claim.parameters["tasks"])
    # an advice that always names the LSTM saves nothing against always taking it
    tasks = {name: entry | {"advice": "lstm"} for name, entry in claim.parameters["tasks"].items()}
    found = ruled(claim, made, tasks=tasks)
    assert found.word == "Not supported"
    assert found.findings[0].difference == 0
    assert found.findings[1].high <= claim.parameters["cap"]
