"""The rules of the performance claims: every branch, and what made-up worlds do not show."""

import json

import numpy as np
import pandas as pd
import pytest
from made_up import (
    AGAINST,
    FOR,
    GROWS,
    TASKS,
    UNCLEAR,
    arms,
    change,
    curve,
    judged,
    run,
    store,
    store_factorial,
    store_memory,
    store_panel,
    store_quality,
    store_small,
    store_speed,
    store_times,
)

from gatedrnn.claims import calibrated, worlds
from gatedrnn.claims.register import benchmark
from gatedrnn.claims.rules import performance
from gatedrnn.claims.rules.performance import gates
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


# The claims judged on the rows of the panel and of single times


@pytest.mark.parametrize(
    ("letters", "comparable", "not_inferior"),
    [
        ("eeeeeeoo", "Supported", "Supported"),
        ("ttttttoo", "Supported", "Supported"),
        ("eeeeeebw", "Supported", "Supported"),
        ("eeeeeooo", "Inconclusive", "Inconclusive"),
        ("eeeeeoww", "Inconclusive", "Inconclusive"),
        ("eeeeewww", "Not supported", "Not supported"),
        ("bbbbbwww", "Not supported", "Not supported"),
        ("eeeeobww", "Mixed", "Mixed"),
        ("eeeeebbb", "Inconclusive", "Supported"),
        ("bbbbbbbb", "Inconclusive", "Supported"),
    ],
)
def test_comparable_and_not_inferior(letters, comparable, not_inferior, folder):
    store_panel(folder, letters)
    c13, c14 = judged("C13"), judged("C14")
    assert (c13.verdict, c14.verdict) == (comparable, not_inferior)
    assert list(c13.details.label) == TASKS
    assert f"GRU better on {letters.count('b')};" in c13.effect
    names = {
        "e": "equivalent",
        "t": "equivalent",
        "o": "open",
        "b": "GRU better",
        "w": "LSTM better",
    }
    assert list(c13.details.judgement) == [names[letter] for letter in letters]
    assert c13.interval.endswith("margins")


def test_a_lead_of_exactly_the_margin_is_better_and_less_is_equivalent(folder):
    store_panel(folder, "tttttttt")
    for lead, judgement in (
        (1.0, "GRU better"),
        (-1.0, "LSTM better"),
        (0.99, "equivalent"),
        (-0.99, "equivalent"),
    ):
        change(
            folder,
            "panel",
            lambda rows, lead=lead: rows.assign(score=64.0 + lead * (rows.cell == "gru")),
        )
        assert judged("C13").details.judgement[0] == judgement


@pytest.mark.parametrize("lead", [2, -2])
def test_a_lead_whose_interval_includes_0_is_open(lead, folder):
    store(folder, "panel", [row for task in TASKS for row in arms(task, lead, 5)])
    assert set(judged("C13").details.judgement) == {"open"}
    assert judged("C13").verdict == "Inconclusive"


def test_not_worse_is_one_sided(folder):
    """An interval that leaves the margin above only: not equivalent, yet not worse."""
    rows = [row for task in TASKS for row in arms(task, 0.8, 1.0)]
    store(folder, "panel", rows)
    assert set(judged("C13").details.judgement) == {"open"}
    assert set(judged("C14").details.judgement) == {"not worse"}


def test_primary_regimes_differ_and_the_secondary_is_only_printed(folder):
    store_panel(folder, "eeeeeeee")

    def worse(rows):
        return rows.assign(
            score=rows.score - 90 * ((rows.matched == "hidden size") & (rows.score > 1))
        )

    change(folder, "panel", worse)
    c13, c14 = judged("C13"), judged("C14")
    assert c13.verdict == "Supported"
    assert "secondary (matched hidden size): Not supported" in c13.effect
    assert c14.verdict == "Not supported"
    assert "secondary (matched parameters): Supported" in c14.effect


@pytest.mark.parametrize(
    ("valid", "inside"), [(0.2, True), (0.19, False), (0.97, True), (0.98, False)]
)
def test_a_task_out_of_range_counts_for_neither(valid, inside, folder):
    store_panel(folder, "eeeeeeoo")

    def tuned(rows):
        return (rows.phase == "tuning") & (rows.task == "speech") & (rows.cell == "lstm")

    change(
        folder,
        "panel",
        lambda rows: rows.assign(curve=rows.curve.mask(tuned(rows), curve(np.ones(10), valid))),
    )
    found = judged("C13")
    assert found.details.judgement[0] == ("equivalent" if inside else "out of range")
    assert found.verdict == ("Supported" if inside else "Inconclusive")


def test_range_takes_the_score_at_the_best_loss_of_the_chosen_rate(folder):
    store_panel(folder, "eeeeeeoo")
    points = json.dumps([[100, 1, 0.5, 0.5], [200, 1, 0.9, 0.99], [300, 1, float("nan"), 0.0]])
    other = pd.DataFrame(
        [run("speech", "lstm", "reference", 100, None, phase="tuning", learning_rate=0.1)]
    )

    def tuned(rows):
        return (rows.phase == "tuning") & (rows.task == "speech")

    change(
        folder,
        "panel",
        lambda rows: pd.concat([rows.assign(curve=rows.curve.mask(tuned(rows), points)), other]),
    )
    assert judged("C13").details.judgement[0] == "equivalent"
    change(folder, "panel", lambda rows: rows[~(tuned(rows) & (rows.seed == 101))])
    assert "of 2 tuning runs" in judged("C13").effect
    assert judged("C13").verdict == "No result"


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ([FOR, FOR, FOR], "Supported"),
        ([FOR, FOR, UNCLEAR], "Supported"),
        ([FOR, FOR, AGAINST], "Mixed"),
        ([FOR, AGAINST, AGAINST], "Mixed"),
        ([FOR, UNCLEAR, UNCLEAR], "Inconclusive"),
        ([AGAINST, GROWS, UNCLEAR], "Not supported"),
        ([AGAINST, UNCLEAR, UNCLEAR], "Inconclusive"),
        ([(2, 2, 0), UNCLEAR, UNCLEAR], "Inconclusive"),
    ],
)
def test_small_data(leads, expected, folder):
    store_small(folder, leads)
    found = judged("C15")
    assert found.verdict == expected
    names = {
        FOR: "supports",
        AGAINST: "refutes",
        GROWS: "refutes",
        UNCLEAR: "open",
        (2, 2, 0): "open",
    }
    assert list(found.details.judgement[::2]) == [names[lead] for lead in leads]


def test_small_data_averages_the_small_shares_and_needs_each(folder):
    store_small(folder, [FOR, FOR, FOR])

    def more(rows):
        return rows.assign(score=rows.score + 3 * ((rows.share == 0.05) & (rows.cell == "gru")))

    change(folder, "small_data", more)
    few, change_ = judged("C15").details.difference[:2]
    assert (few, change_) == pytest.approx((3, 3))
    change(
        folder,
        "small_data",
        lambda rows: rows[(rows.share != 0.02) | (rows.seed != 4) | (rows.task != "language")],
    )
    assert judged("C15").verdict == "No result"


WIDE = np.array([100, 900] * 5)  # mean 500, as the LSTM


LOW = np.array([100, 600] * 5)  # mean 350, with an interval that includes 500


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([400] * 8, "Supported"),
        ([400] * 6 + [500] * 2, "Supported"),
        ([400] * 5 + [500] * 3, "Mixed"),
        ([400] * 5 + [WIDE] * 3, "Inconclusive"),
        ([500] * 6 + [400] * 2, "Not supported"),
        ([500] * 5 + [WIDE] * 3, "Inconclusive"),
        ([LOW] * 8, "Inconclusive"),
        ([900] * 8, "Not supported"),
    ],
)
def test_convergence(times, expected, folder):
    store_times(folder, times)
    found = judged("C16")
    assert found.verdict == expected
    assert (
        "secondary (source convergence, bias one, tasks adding, recall): Not supported"
        in found.effect
    )
    np.testing.assert_allclose(found.details.difference, [np.mean(time) / 500 for time in times])


def test_convergence_censors_and_leaves_out_what_nobody_reaches(folder):
    """A seed that never arrives counts with the 1,000 steps; two tasks are solved by none."""
    store_times(folder, [np.array([300] * 5 + [np.inf] * 5)] + [400] * 5 + [np.inf] * 2)
    rows = pd.read_csv(folder / "panel.csv")
    rows["curve"] = rows.curve.mask(rows.task.isin(["adding", "recall"]), curve(np.ones(10)))
    rows.to_csv(folder / "panel.csv", index=False)
    found = judged("C16").details
    assert found.difference[0] == pytest.approx(650 / 500)
    assert list(found.judgement[-2:]) == ["not reached", "not reached"]
    assert judged("C16").verdict == "Supported"  # 5 of the 6 that count, though not 2/3 of 8


def test_convergence_that_nobody_reaches_could_not_tell(folder):
    store_times(folder, [500] * 8)
    change(folder, "panel", lambda rows: rows.assign(error="diverged"))
    assert judged("C16").verdict == "Could not tell"
    assert set(judged("C16").details.judgement) == {"not reached"}


def test_convergence_counts_a_failed_seed_as_never(folder):
    store_times(folder, [400] * 8)

    def failed(rows):
        return (rows.matched == "parameters") & (rows.seed == 0)

    change(
        folder,
        "panel",
        lambda rows: rows.assign(error=np.where(failed(rows), "nan", None), score=rows.score),
    )
    change(folder, "panel", lambda rows: rows.assign(score=rows.score.mask(failed(rows))))
    assert judged("C16").details.difference[0] == pytest.approx(460 / 500)


def test_convergence_needs_one_budget_and_both_files(folder):
    store_times(folder, [500] * 8)
    change(folder, "panel", lambda rows: rows.assign(steps=rows.steps + rows.seed))
    with pytest.raises(ValueError, match="speech must have one number of steps"):
        judged("C16")
    store_times(folder, [500] * 8)
    change(folder, "convergence", lambda rows: rows[rows.bias != "chrono"])
    found = judged("C16")
    assert found.verdict == "Not supported"
    assert "bias chrono, tasks adding, recall): No result" in found.effect
    (folder / "convergence.csv").unlink()
    assert judged("C16").verdict == "No result"


FAST, SLOW, NEITHER = (36 / 45, 9 / 45), (0, 23 / 45), (35 / 45, 10 / 45)


@pytest.mark.parametrize(
    ("default", "native", "expected"),
    [
        (FAST, FAST, "Supported"),
        (SLOW, SLOW, "Not supported"),
        (NEITHER, NEITHER, "Inconclusive"),
        ((0, 22 / 45), (0, 22 / 45), "Inconclusive"),
        (SLOW, FAST, "Mixed"),
        (SLOW, NEITHER, "Mixed"),
        (FAST, NEITHER, "Mixed"),
    ],
)
def test_faster_training(default, native, expected, folder):
    store_speed(folder, default_training=default, native_training=native)
    assert judged("C17").verdict == expected
    store_speed(folder, default_inference=default, native_inference=native)
    assert judged("C17").verdict == "Supported"


@pytest.mark.parametrize(
    "place", ["default_inference", "native_inference", "default_step", "native_step"]
)
def test_faster_inference_needs_all_four(place, folder):
    store_speed(folder)
    assert judged("C18").verdict == "Supported"
    store_speed(folder, **{place: (0, 1)})
    found = judged("C18")
    assert found.verdict == "Mixed"
    assert sorted(found.details.judgement) == ["Not supported"] + ["Supported"] * 3
    store_speed(
        folder, **{f"{k}_{m}": (0, 1) for k in ("default", "native") for m in ("inference", "step")}
    )
    assert judged("C18").verdict == "Not supported"


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ({}, "Mixed"),
        ({"native": 1.1}, "Supported"),
        ({"native": 1.099}, "Mixed"),
        ({"weights": 1.0, "state": 1.09, "fused": 0.5}, "Not supported"),
        ({"weights": 1.0, "state": 1.0}, "Mixed"),
    ],
)
def test_memory(ratios, expected, folder):
    store_memory(folder, **ratios)
    assert judged("C19").verdict == expected
    change(folder, "memory", lambda rows: rows.iloc[:-1])  # of "ours", which the rule does not need
    assert judged("C19").verdict == expected
    change(
        folder, "memory", lambda rows: rows[~((rows.quantity == "state") & (rows.cell == "gru"))]
    )
    assert judged("C19").verdict == "No result"


@pytest.mark.parametrize(
    ("small", "middle", "large", "expected"),
    [("gate", "gate", "gate", "Supported"), ("launch", "launch", "launch", "Not supported")]
    + [
        ("launch", "launch", "gate", "Mixed"),
        ("gate", "launch", "launch", "Mixed"),
        ("gate", "launch", "gate", "Mixed"),
    ],
)
def test_gates(small, middle, large, expected, folder):
    kinds = dict(zip([32, 64, 128, 256, 512], [small, middle, middle, middle, large], strict=True))

    def strong(name):
        return {H: 1.0 if kind == name else 0.1 for H, kind in kinds.items()}

    store_factorial(folder, strong("gate"), strong("launch"))
    found = judged("C20")
    assert found.verdict == expected
    assert list(found.details.label) == ["all sizes", "H = 32", "H = 512"]


def test_gates_share_is_the_one_by_hand(folder):
    """Eight variants, two with four blocks: between 8 (1/4)(3/4) g^2, launches 8 (1/2)(1/2) l^2."""
    store_factorial(
        folder,
        dict.fromkeys([32, 64, 128, 256, 512], 2.0),
        dict.fromkeys([32, 64, 128, 256, 512], 3.0),
    )
    expected = 1.5 * 4 / (1.5 * 4 + 2 * 9)
    np.testing.assert_allclose(judged("C20").details.difference, expected)
    assert gates([32, 512], [1, 64], expected + 1e-9).word == "Not supported"
    assert gates([32, 512], [1, 64], expected - 1e-9).word == "Supported"

    def slower(rows):
        return rows.assign(seconds=rows.seconds * np.where(rows.cell == "cifg", np.exp(1.5), 1))

    change(
        folder, "factorial", slower
    )  # the two with three blocks differ: 1.5 (g - c/3)^2, and 4/3 c^2 among the three
    between = 1.5 * (2 - 1.5 / 3) ** 2
    expected = between / (between + 4 / 3 * 1.5**2 + 2 * 9)
    np.testing.assert_allclose(judged("C20").details.difference, expected)
    change(folder, "factorial", lambda rows: rows.drop(index=11))
    assert judged("C20").verdict == "No result"
    assert "7 of 8 variants at hidden size 32, batch size 64" in judged("C20").effect


@pytest.mark.parametrize(
    ("default", "native", "expected"),
    [
        ([0.5] * 5, [0.5] * 5, "Supported"),
        ([0.5] * 4 + [2.0], [0.5] * 5, "Supported"),
        ([0.5] * 5, [0.5] * 3 + [2.0] * 2, "Supported"),
        ([0.5] * 5, [2.0] * 4 + [0.5], "Mixed"),
        ([2.0] * 5, [0.5] * 5, "Mixed"),
        ([2.0] * 4 + [0.5], [2.0] * 5, "Not supported"),
        ([0.5] * 3 + [2.0] * 2, [0.5] * 5, "Mixed"),
        ([None] * 2 + [0.5] * 3, [None] * 2 + [0.5] * 3, "Inconclusive"),
    ],
)
def test_quality_for_time(default, native, expected, folder):
    store_quality(folder, default, native)
    found = judged("C28")
    assert found.verdict == expected
    words = {0.5: "supports", 2.0: "refutes", None: "open"}
    assert list(found.details.judgement) == [words[seconds] for seconds in default + native]


def test_quality_for_time_without_rows(folder):
    store_quality(folder, [0.5] * 5, [0.5] * 5)
    change(
        folder,
        "updates",
        lambda rows: rows[~((rows.kernel == "native") & (rows.hidden_size == 10))],
    )
    assert judged("C28").verdict == "No result"
    assert "gatedrnn run updates" in judged("C28").effect
    (folder / "updates.csv").unlink()
    assert judged("C28").verdict == "No result"
    store_quality(folder, [0.5] * 5, [0.5] * 5)
    change(folder, "panel", lambda rows: rows.assign(error="diverged"))
    assert "every run of lstm failed on speech" in judged("C28").effect
    store_quality(folder, [0.05] * 5, [0.5] * 5)
    with pytest.raises(ValueError, match="no time at which both cells were evaluated on speech"):
        judged("C28")
