"""What the rules read of stored rows: seeds, failed runs, thresholds, times."""

import json

import numpy as np
import pandas as pd
import pytest
from made_up import (
    arms,
    change,
    curve,
    falls_at,
    judged,
    run,
    store,
    store_panel,
    store_quality,
    store_speed,
    store_times,
)

from gatedrnn.claims.rows import losses_over_time, times_to_threshold

pytestmark = pytest.mark.usefixtures("folder")  # no test reads the stored results


def test_the_order_of_the_stored_rows_is_of_no_account(folder):
    store_panel(folder, "eeeeeeoo")
    expected = judged("C13")
    change(folder, "panel", lambda rows: rows.sample(frac=1, random_state=0))
    found = judged("C13")
    assert found.effect == expected.effect
    pd.testing.assert_frame_equal(found.details, expected.details)


def test_fractions_in_place_of_percentages_are_refused(folder):
    store_panel(folder, "eeeeeeee")
    change(folder, "panel", lambda rows: rows.assign(score=rows.score / 100))
    with pytest.raises(ValueError, match="speech look like fractions"):
        judged("C13")
    store_panel(folder, "eeeeeeee")
    change(folder, "panel", lambda rows: rows.assign(curve=curve(np.ones(10), 80)))
    with pytest.raises(ValueError, match="valid_score in the curves of speech must be a fraction"):
        judged("C13")


def test_failed_seeds_score_the_worst_possible(folder):
    """An accuracy of 0; for a loss the worst stored score of the task, of any cell."""
    store_panel(folder, "tttttttt")

    def gru(rows):
        return (rows.phase == "final") & (rows.matched == "parameters") & (rows.seed == 3)

    def fail(rows):
        return rows.assign(error=np.where(gru(rows), "out of memory", None))

    worst = pd.DataFrame([run("chorales", "rnn", "parameters", 0, 74.0)])
    change(folder, "panel", lambda rows: pd.concat([fail(rows), worst]))
    details = judged("C13").details.set_index("label")
    assert details.difference["speech"] == pytest.approx(-6.4)
    assert details.difference["chorales"] == pytest.approx(-1.0)
    change(folder, "panel", lambda rows: rows.assign(error=None, score=rows.score.mask(gru(rows))))
    assert judged("C13").details.set_index("label").difference["speech"] == pytest.approx(-6.4)

    def lost(rows):
        return rows.assign(score=rows.score.mask(rows.task == "language"))

    change(folder, "panel", lost)
    assert judged("C13").verdict == "No result"
    assert "every run of language failed" in judged("C13").effect


@pytest.mark.parametrize(
    "edit",
    [
        lambda rows: rows.drop(
            rows[(rows.phase == "final") & (rows.matched == "parameters")].index[-1]
        ),
        lambda rows: rows.drop(
            rows[(rows.phase == "final") & (rows.matched == "reference")].index[0]
        ),
        lambda rows: rows[(rows.phase == "tuning") | (rows.seed < 9)],
        lambda rows: rows.assign(
            seed=rows.seed.mask(
                (rows.phase == "final") & (rows.matched == "reference"), rows.seed + 1
            )
        ),
        lambda rows: rows.assign(seed=rows.seed.replace(3, 2)),
        lambda rows: rows[rows.task != "watch"],
        lambda rows: rows.assign(bias="one"),
        lambda rows: rows.assign(share=0.5),
        lambda rows: rows.drop(columns="matched"),
    ],
)
def test_a_row_less_is_no_result(edit, folder):
    store_panel(folder, "eeeeeeee")
    change(folder, "panel", edit)
    found = judged("C13")
    assert found.verdict == "No result"
    assert "gatedrnn run panel" in found.effect
    assert found.details.empty


def test_threshold_is_the_lstms_median_plus_margin_or_a_share_of_doing_nothing(folder):
    """speech: median 0.5, margin 0.03. adding: 1 % of 1/6."""
    store_times(folder, [500] * 8)
    for gru, expected in ((0.53, 300), (0.5301, np.inf)):
        losses = [[1.0] * 2 + [gru] * 8] * 10
        rows = list(
            arms("speech", 0, 0, losses=([[0.5 + k / 100] * 10 for k in range(-5, 5)], losses))
        )
        for row in rows:
            row["valid"] = 0.5 if row["cell"] == "lstm" and row["seed"] else 9.0
        store(folder, "panel", rows)
        _, times, limit = times_to_threshold("panel", "speech", "parameters", "default", 0.01)
        assert (times[0], limit) == (expected, 1000)
    for gru, expected in ((0.0016, 100), (0.0017, np.inf)):
        store(folder, "panel", arms("adding", 0, 0, losses=(falls_at(500), [[gru] * 10] * 10)))
        _, times, _ = times_to_threshold("panel", "adding", "parameters", "default", 0.01)
        assert times[0] == expected


def test_a_shape_less_or_twice(folder):
    store_speed(folder)
    change(folder, "speed", lambda rows: pd.concat([rows, rows.iloc[:1]]))
    with pytest.raises(ValueError, match="ratio is stored twice"):
        judged("C17")
    store_speed(folder)
    change(folder, "speed", lambda rows: rows.assign(ratio=rows.ratio.mask(rows.index == 7)))
    assert "1 of 45 values of ratio" in judged("C17").effect
    change(folder, "speed", lambda rows: rows.iloc[1:])
    assert judged("C17").verdict == "No result"
    change(folder, "speed", lambda rows: rows.drop(columns=["length", "batch_size"]))
    assert "no column batch_size, length" in judged("C17").effect


def test_loss_over_time_by_hand(folder):
    """The LSTM's best loss: 4, then 2 from second 2 (a later 3 is worse), then 1 from second 4.

    The GRU, twice as fast, is done after 2 seconds: the common time is seconds 1 to 2. The LSTM
    stays at 4; the GRU is at 2, then 1.
    """
    losses = np.array([4, 2, 3, 1.0])
    points = json.dumps([[k + 1, 0, loss, 0] for k, loss in enumerate(losses)])
    store_quality(folder, [0.5] * 5, [0.5] * 5)
    change(folder, "panel", lambda rows: rows.assign(curve=points))
    lstm, gru = losses_over_time("speech", "parameters", "default")
    np.testing.assert_allclose(
        lstm, 4 - 2 / 4000
    )  # at the end, the last of 2,001 points, it is at 2
    np.testing.assert_allclose(
        gru, 2 - 1 / 4000
    )  # second 1 is its step 2; step 4 comes at the very end
    emptied = [
        "hidden_size",
        "steps",
        "valid",
        "score",
        "curve",
    ]  # as a run that ended with an error is stored

    def failed(rows):
        return (rows.cell == "gru") & (rows.seed == 1)

    change(
        folder,
        "panel",
        lambda rows: rows.assign(**{name: rows[name].mask(failed(rows)) for name in emptied}),
    )
    _, gru = losses_over_time("speech", "parameters", "default")
    expected = np.where(
        np.arange(10) == 1, 4 - 2 / 4000, 2 - 1 / 4000
    )  # the failed seed: the worst of the two cells
    np.testing.assert_allclose(gru, expected)
