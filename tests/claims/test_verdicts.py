"""The register of claims, and every branch of every rule on made-up rows."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import FrozenInstanceError
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from gatedrnn import results, stats, studies
from gatedrnn.claims import register, verdicts
from gatedrnn.claims.register import load, panel
from gatedrnn.claims.rows import losses_over_time, times_to_threshold
from gatedrnn.claims.rules.performance import VARIANTS, gates
from gatedrnn.claims.ruling import RULES, Finding, Word, vote
from gatedrnn.claims.verdicts import article, table, verdict

STORED = results.folder()
STUDIES = {"panel", "small_data", "convergence", "speed", "updates", "memory", "factorial"}
TASKS = ["speech", "pixels", "watch", "chorales", "language", "traffic", "adding", "recall"]
JITTER = np.array([-1, 1] * 5)
STEPS = np.arange(100, 1100, 100)
# What a task's ten seeds look like: the GRU's lead and its alternating part, in margins.
KINDS = {"equal": (0, 0.1), "better": (2, 0.1), "worse": (-2, 0.1), "open": (0, 5), "tied": (0, 0)}
LETTERS = {kind[0]: kind for kind in KINDS}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Results in an empty folder, and fewer resamples."""
    path = tmp_path / "results"
    path.mkdir()
    monkeypatch.setattr(results, "folder", lambda: path)
    monkeypatch.setattr(stats, "RESAMPLES", 200)
    monkeypatch.setattr(stats, "FLIPS", 16)
    return path


def judged(id):
    return verdict(next(claim for claim in load() if claim.id == id))


def store(folder, study, rows):
    pd.DataFrame(rows).to_csv(folder / f"{study}.csv", index=False)


def change(folder, study, edit):
    rows = pd.read_csv(folder / f"{study}.csv")
    edit(rows).to_csv(folder / f"{study}.csv", index=False)


def curve(losses, score=0.8):
    return json.dumps(
        [[int(step), 1.0, float(loss), score] for step, loss in zip(STEPS, losses, strict=True)]
    )


def run(task, cell, matched, seed, score, losses=None, phase="final", **other):
    losses = np.linspace(1, 0.1, 10) if losses is None else losses
    row = {
        "phase": phase,
        "task": task,
        "cell": cell,
        "matched": matched,
        "bias": "default",
        "learning_rate": 0.003,
    }
    row |= {
        "share": 1.0,
        "seed": seed,
        "hidden_size": 10 if matched == "parameters" else 8,
        "steps": 1000,
    }
    return (
        row
        | {"valid": np.min(losses), "score": score, "curve": curve(losses), "error": None}
        | other
    )


def arms(task, lead, jitter, losses=(None, None), **other):
    """Ten seeds of each model and two tuning seeds; ``lead`` and ``jitter`` in margins."""
    spec = panel()[task]
    gain = (lead + jitter * JITTER) * spec["margin"] * (1 if spec["better"] == "higher" else -1)
    for cell, matched in (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size")):
        for seed in range(10):
            score = 64.0 + (gain[seed] if cell == "gru" else 0)
            found = losses[cell == "gru"]
            yield run(
                task,
                cell,
                matched,
                seed,
                score,
                found[seed] if found is not None else None,
                **other,
            )
        for seed in (
            (100, 101) if matched != "hidden size" else ()
        ):  # the GRU is tuned once, at equal parameters
            yield run(task, cell, matched, seed, None, phase="tuning", **other)


def store_panel(folder, letters, **other):
    kinds = [KINDS[LETTERS[letter]] for letter in letters]
    rows = [
        row for task, kind in zip(TASKS, kinds, strict=True) for row in arms(task, *kind, **other)
    ]
    store(folder, "panel", rows)


# the register


def test_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, gatedrnn.claims; assert 'torch' not in sys.modules"],
        check=True,
    )


def test_register_is_valid():
    found = load()
    assert [claim.id for claim in found] == [f"C{n:02}" for n in (*range(1, 29), 33)]
    for claim in found:
        assert set(claim.study) <= set(studies.STUDIES)
        assert re.fullmatch(r"[a-z]+/[a-z_]+", claim.chapter)
        assert claim.figure.startswith("fig-")
        assert claim.rule in RULES
        assert claim.expect.endswith(".")
    assert list(panel()) == TASKS
    assert all(task["margin"] > 0 and task.get("loss_margin", 1) > 0 for task in panel().values())
    with pytest.raises(FrozenInstanceError):
        found[0].rule = "faster"


def test_no_verdict_is_typed():
    text = register.FILE.read_text(encoding="utf-8").lower()
    assert not [word for word in Word if re.search(rf"\b{word.lower()}\b", text)]


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (
            ("claims", "C13", "colour"),
            "red",
            "claim C13: the fields .'colour'. are missing or unknown",
        ),
        (
            ("claims", "C14", "quote"),
            None,
            "claim C14: the fields .'quote'. are missing or unknown",
        ),
        (
            ("claims", "C15", "rule"),
            "guess",
            "claim C15: no rule 'guess'; there are .*performance.comparable",
        ),
        (
            ("claims", "C16", "parameters", "speed"),
            1,
            "claim C16: .* unexpected keyword argument 'speed'",
        ),
        (
            ("claims", "C20", "parameters", "share"),
            None,
            "claim C20: .* missing a required argument: 'share'",
        ),
        (
            ("claims", "C13", "secondary"),
            [{"matched": "x", "y": 1}],
            "claim C13: .* unexpected keyword argument 'y'",
        ),
        (("panel", "speech", "margin"), 0, "panel, speech: margins and losses must be above 0"),
        (
            ("panel", "adding", "do_nothing"),
            -1,
            "panel, adding: margins and losses must be above 0",
        ),
        (("panel", "watch", "seeds"), 1, "panel, watch: .* seeds at least 2"),
        (
            ("panel", "language", "better"),
            "less",
            "panel, language: give .* better is higher or lower",
        ),
        (("panel", "traffic", "loss_margin"), None, "panel, traffic: give"),
    ],
)
def test_a_wrong_register_names_the_entry(where, value, message, tmp_path, monkeypatch):
    """None removes the entry."""
    wrong = yaml.safe_load(register.FILE.read_text(encoding="utf-8"))
    *path, last = where
    entry = wrong
    for key in path:
        entry = entry[key]
    entry[last] = value
    if value is None:
        del entry[last]
    monkeypatch.setattr(register, "FILE", tmp_path / "claims.yml")
    register.FILE.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load()


def test_without_results_every_claim_says_what_to_run(folder, capsys):
    found = table()
    assert set(found.verdict) == {"No result"}
    for claim, effect in zip(load(), found.effect, strict=True):
        assert f"gatedrnn run {claim.study[0]}" in effect
        assert str(folder.parent) not in effect
    verdicts.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found)
    for claim, line in zip(load(), lines, strict=True):
        assert line.startswith(claim.id)
        assert line.endswith(f"{claim.chapter}, {claim.figure}")


def test_every_figure_of_a_claim_is_in_its_chapter():
    for claim in load():
        notebook = json.loads(
            (STORED.parent / "chapters" / f"{claim.chapter}.ipynb").read_text(encoding="utf-8")
        )
        figures = {
            cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            for cell in notebook["cells"]
        }
        assert claim.figure in figures, claim.id


def test_article_is_a_list_of_the_chapters_claims():
    text = article("performance/speed").splitlines()
    assert [line[:8] for line in text] == ["- **C17:", "- **C18:", "- **C20:"]
    start = '- **C18: No result.** "Simpler, faster training and inference". Time of a whole'
    assert text[1].startswith(start)
    assert "gatedrnn run speed" in text[1]
    with pytest.raises(ValueError, match="no claim belongs to the chapter 'speed'"):
        article("speed")


# C13, C14: counts of tasks


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


def test_the_order_of_the_stored_rows_is_of_no_account(folder):
    store_panel(folder, "eeeeeeoo")
    expected = judged("C13")
    change(folder, "panel", lambda rows: rows.sample(frac=1, random_state=0))
    found = judged("C13")
    assert found.effect == expected.effect
    pd.testing.assert_frame_equal(found.details, expected.details)


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


# C15: small data


def store_small(folder, leads):
    """``leads``: a task's lead of the GRU on small and on all data, its jitter; in margins."""
    rows = []
    for task, (few, full, jitter) in zip(["speech", "chorales", "language"], leads, strict=True):
        for share in (0.02, 0.05, 0.1, 0.25, 1.0):
            rows += arms(task, few if share <= 0.1 else full, jitter, share=share)
    store(folder, "small_data", rows)


FOR, AGAINST, GROWS, UNCLEAR = (2, 0, 0.1), (0, 0, 0.1), (2, 4, 0.1), (1.5, 0, 5)


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


# C16: steps to a threshold


def falls_at(times):
    """Validation losses of ten seeds that fall from 1 to 0 at these steps (inf: never)."""
    return [np.where(time <= STEPS, 0.0, 1.0) for time in np.broadcast_to(times, 10)]


def store_times(folder, ratios, lstm=500, **other):
    """For each task the steps of the LSTM, 500, and of the GRU."""
    rows = []
    for task, gru in zip(TASKS, ratios, strict=True):
        rows += arms(task, 0, 0, losses=(falls_at(lstm), falls_at(gru)), **other)
    store(folder, "panel", rows)
    secondary = []
    for task, bias in product(["adding", "recall"], ["one", "chrono"]):
        secondary += arms(task, 0, 0, losses=(falls_at(500), falls_at(500)), bias=bias)
    store(folder, "convergence", secondary)


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


@pytest.mark.parametrize(
    ("most", "word"), [("supports", "Supported"), ("refutes", "Not supported")]
)
@pytest.mark.parametrize("rest", ["supports", "refutes", "open"])
def test_vote_needs_two_thirds_of_the_tasks_that_count(most, word, rest):
    if rest != most:
        six = [most] * 4 + [rest] * 2 + ["not reached"] * 2
        assert vote(judgements(six), "2/3") == word
        expected = "Inconclusive" if rest == "open" else "Mixed"
        assert vote(judgements([most] * 5 + [rest] * 3), "2/3") == expected
    assert vote(judgements(["not reached"] * 8), "2/3") == "Could not tell"
    assert vote(judgements(["no room"] * 5 + [most] * 3), "2/3") == "Could not tell"
    assert vote(judgements(["no room"] * 4 + [most] * 4), "2/3") == word


def test_a_tie_counts_against_a_difference_and_for_a_claim_of_equality():
    ties = judgements(["equal"] * 5 + ["refutes"])
    assert vote(ties, "2/3") == "Not supported"
    assert vote(ties, "2/3", pro=("equal",), con=("refutes",)) == "Supported"


def judgements(words):
    """Findings that say these words and nothing else."""
    return [Finding("", 0.0, 0.0, 0.0, 1.0, judgement) for judgement in words]


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


# C17, C18: grids of time ratios


def store_speed(folder, **ratios):
    """``ratios``: for "kernel_mode" the shares of fast (0.9) and slow shapes (1.0); else 0.95."""
    rows = []
    for claim in load()[16:17]:
        for kernel, mode in product(["default", "native"], ["training", "inference", "step"]):
            points = list(product(*claim.parameters["grids"][mode].values()))
            fast, slow = (
                round(share * len(points)) for share in ratios.get(f"{kernel}_{mode}", (1, 0))
            )
            values = [0.9] * fast + [1.0] * slow + [0.95] * (len(points) - fast - slow)
            for point, value in zip(points, values, strict=True):
                place = dict(zip(["hidden_size", "length", "batch_size"], point, strict=True))
                rows.append({"comparison": kernel, "mode": mode, **place, "ratio": value})
    rows.append(rows[0] | {"comparison": "ours", "ratio": 9.0})
    store(folder, "speed", rows)


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


# C19, C20: memory and gates


def store_memory(folder, weights=1.34, state=2.0, native=1.0, fused=2.2):
    ratios = {("weights", "native"): weights, ("state", "native"): state, ("peak", "native"): 1.0}
    ratios |= {
        ("activations", "native"): native,
        ("activations", "fused"): fused,
        ("activations", "ours"): 1.0,
    }
    rows = []
    for (quantity, kernel), ratio in ratios.items():
        for H, cell in product([64, 128], ["lstm", "gru"]):
            size = 1000 * (ratio if cell == "lstm" and H == 128 else 1)
            rows.append(
                {
                    "quantity": quantity,
                    "kernel": kernel,
                    "hidden_size": H,
                    "cell": cell,
                    "bytes": size,
                }
            )
    store(folder, "memory", rows)


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


def store_factorial(folder, gate, launch):
    """Log seconds: ``gate[H]`` a fourth block, ``launch[H]`` products a gate, much for H and B."""
    rows = []
    for H, B, (cell, products, reset) in product([32, 64, 128, 256, 512], [1, 64], VARIANTS):
        log = (
            5.0 * np.log(H * B) + gate[H] * (cell == "lstm") + launch[H] * (products == "per gate")
        )
        row = {
            "cell": cell,
            "products": products,
            "reset": reset,
            "hidden_size": H,
            "batch_size": B,
        }
        rows.append(row | {"seconds": np.exp(log), "blocks": 4 if cell == "lstm" else 3})
    store(folder, "factorial", rows)


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


# C28: quality for time

BUDGET = ["speech", "pixels", "chorales", "language", "traffic"]


def store_quality(folder, default, native):
    """Both cells learn alike by the step, for which the LSTM needs a second.

    ``default`` and ``native``: the GRU's seconds a step on each task. Where it is None, both need 1
    and the seeds differ in both directions.
    """
    rows, updates = [], []
    for task, *seconds in zip(BUDGET, default, native, strict=True):
        gru = [np.linspace(1, 0.1, 10) + 0.1 * sign * (None in seconds) for sign in JITTER]
        rows += arms(task, 0, 0, losses=(None, gru))
        for kernel, second in zip(["default", "native"], seconds, strict=True):
            for cell, H in (("lstm", 8), ("gru", 8), ("gru", 10)):
                value = (second or 1.0) if cell == "gru" else 1.0
                updates.append(
                    {
                        "task": task,
                        "cell": cell,
                        "hidden_size": H,
                        "kernel": kernel,
                        "seconds": value,
                    }
                )
    store(folder, "panel", rows)
    store(folder, "updates", updates)


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


def test_every_missing_file_is_no_result(folder):
    """Without any one of the files, the claims that name it have no verdict."""
    store_times(folder, [400] * 8)
    store_small(folder, [FOR] * 3)
    store_speed(folder)
    store_memory(folder)
    store_factorial(
        folder,
        dict.fromkeys([32, 64, 128, 256, 512], 1.0),
        dict.fromkeys([32, 64, 128, 256, 512], 1.0),
    )
    updates = pd.DataFrame(product(BUDGET, ["lstm", "gru"], [8, 10], ["default", "native"], [1.0]))
    updates.columns = ["task", "cell", "hidden_size", "kernel", "seconds"]
    store(folder, "updates", updates)
    known = [claim for claim in load() if set(claim.study) <= STUDIES]
    assert "No result" not in {verdict(claim).verdict for claim in known}
    for study in STUDIES:
        path = Path(folder / f"{study}.csv")
        text = path.read_text()
        path.unlink()
        found = {claim.id: verdict(claim).verdict == "No result" for claim in known}
        assert found == {claim.id: study in claim.study for claim in known}
        path.write_text(text)


def test_the_stored_results_judge_every_claim_and_a_deleted_file_none(folder):
    """On the rows of the repository: no claim without a result, and none with a stale one."""
    for file in STORED.glob("*.csv"):
        shutil.copy(file, folder)
    assert "No result" not in set(table().verdict)
    for study in {study for claim in load() for study in claim.study}:
        (folder / f"{study}.csv").unlink()
        assert {verdict(claim).verdict for claim in load() if study in claim.study} == {"No result"}
        shutil.copy(STORED / f"{study}.csv", folder)
