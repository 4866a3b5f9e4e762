"""The replications: criteria, arithmetic, which study is read, what the command prints."""

import json

import pandas as pd
import pytest
from made_up import JITTER, TEN, both, counted

from gatedrnn import results, stats, studies
from gatedrnn.claims import replications
from gatedrnn.results import NoResults

CELLS = ("rnn", "gru", "lstm")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Results in an empty folder, and fewer resamples."""
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    monkeypatch.setattr(stats, "RESAMPLES", 200)
    monkeypatch.setattr(stats, "FLIPS", 16)
    return tmp_path


def store(folder, study, rows):
    pd.DataFrame(list(rows)).to_csv(folder / f"{study}.csv", index=False)


def seeds(number, **row):
    """The same row for so many seeds."""
    return [row | {"seed": seed} for seed in range(number)]


def test_the_arithmetic_comes_out_as_published():
    assert list(replications.ARITHMETIC) == ["A1", "A2", "A3", "A4"]
    for name in replications.ARITHMETIC:
        assert set(replications.table(name).holds) == {"pass"}


def test_every_replication_tells_what_was_published_and_by_whom():
    assert set(replications.PUBLISHED) == set(replications.everything())
    for name in replications.everything():
        assert replications.title(name).endswith(".")


def test_the_studies_of_the_second_protocol_exist():
    assert set(replications.NEXT) <= set(studies.STUDIES)


def horizons(study, **horizon):
    matched = {"lstm": "reference"}
    for words in ("drawn", "all"):
        for cell, value in horizon.items():
            where = {"words": words, "cell": cell, "matched": matched.get(cell, "hidden size")}
            where |= {"bias": "default", "phase": "final", "horizon": value}
            yield from seeds(10, **where)


def test_r1_reads_the_tuned_counters_when_all_are_there(folder):
    few = {"lstm": 100, "gru": 90, "gru_before": 90, "gru_noreset": 90}
    store(folder, "counting", horizons("counting", **few))
    assert (replications.table("R1").holds == "pass").sum() == 2
    store(folder, "counters", horizons("counters", lstm=400, gru=90))
    found = replications.table("R1")  # the other GRUs on drawn words are missing
    assert list(found.holds) == ["fail"] * 3 + ["pass"] * 5
    store(folder, "counters", horizons("counters", **few | {"lstm": 400}))
    assert set(replications.table("R1").holds) == {"pass"}


def test_r4_takes_each_start_from_the_study_that_has_it(folder):
    first = []
    for cell in ("lstm", "gru"):
        for bias, share in (("default", 1.0), ("chrono", 0.8)):
            first += seeds(5, cell=cell, bias=bias, share_of_baseline=share)
    store(folder, "copying", first)
    assert list(replications.table("R4").holds) == ["pass", "pass", "fail"]
    keys = {"phase": "final", "wait": 200, "cell": "lstm", "bias": "chrono"}
    store(folder, "copy_memory", seeds(5, share_of_baseline=0.2, **keys))
    assert list(replications.table("R4").holds) == ["pass", "pass", "pass"]
    keys = {"phase": "shipped", "wait": 200, "cell": "lstm", "bias": "default"}
    rows = pd.read_csv(folder / "copy_memory.csv").to_dict("records")
    store(folder, "copy_memory", rows + seeds(5, share_of_baseline=0.9, **keys))
    assert list(replications.table("R4").holds) == ["fail", "pass", "pass"]


def test_r2_asks_ten_seeds_of_the_tuned_small_models(folder):
    first = []
    for size in ("small", "large"):
        for cell in CELLS:
            first += seeds(5, phase="final", size=size, cell=cell, nats=8.7)
    store(folder, "music", first)
    tied = ["pass", "pass", "fail", "fail", "fail"]
    assert list(replications.table("R2").holds) == tied
    nats = {"rnn": 8.9, "gru": 8.65, "lstm": 8.7}
    keys = {"phase": "final", "size": "small"}
    tuned = [seeds(10, cell=cell, nats=nats[cell], **keys) for cell in CELLS]
    store(folder, "chorales", sum(tuned[1:], []))
    assert list(replications.table("R2").holds) == ["pass", "pass", "pass", "fail", "fail"]
    store(folder, "chorales", sum(tuned, []))
    assert set(replications.table("R2").holds) == {"pass"}


def characters(width, models):
    """A tuning with a bad start and a good one, and the judged rows of both."""
    for (cell, matched), nats in models.items():
        where = {"width": width, "cell": cell, "matched": matched, "steps": 4000}
        where |= {"schedule": "cosine", "diverged_at": None, "error": None}
        for bias, worse in (("default", 0.3), ("chrono", 0.0)):
            curve = json.dumps([[0, 3, 3, 0.1], [4000, nats, nats + worse, 0.5]])
            here = where | {"bias": bias, "learning_rate": 0.01}
            yield from seeds(3, phase="tuning", curve=curve, **here)
            yield from seeds(10, phase="final", curve=curve, nats=nats + worse, **here)


def language(nats):
    for width in (64, 128):
        for (cell, matched), value in nats.items():
            where = {"phase": "final", "width": width, "cell": cell, "matched": matched}
            yield from seeds(5, nats=value, **where)


def test_r5_reads_each_criterion_at_the_best_start_where_it_can(folder):
    models = {replications.LSTM: 1.3, replications.GRU: 1.4, replications.RNN: 1.2}
    store(folder, "language", language(models))
    assert list(replications.table("R5").holds) == ["fail"] * 4
    better = {replications.LSTM: 1.3, replications.GRU: 1.2, replications.RNN: 1.4}
    small = list(characters(64, better))
    store(folder, "characters", small)
    assert list(replications.table("R5").holds) == ["pass", "pass", "fail", "fail"]
    del better[replications.RNN]
    store(folder, "characters", small + list(characters(128, better)))
    assert list(replications.table("R5").holds) == ["pass", "pass", "pass", "fail"]


def ablated(study, cells, scores, task, number, **where):
    rows = []
    for cell in cells:
        for bias in ("default", "one"):
            rows += seeds(
                number, phase="final", task=task, cell=cell, bias=bias, score=scores[cell], **where
            )
    return rows


def test_r6_takes_sums_and_chorales_each_from_one_study(folder):
    cells = ("lstm", "rnn", "gru", "no_forget", "cifg", "no_output_tanh")
    equal = dict.fromkeys(cells, 50.0)
    old = ablated("ablations", cells, equal, "addition", 5, part="ablation")
    old += ablated("ablations", cells, equal, "chorales", 5, part="ablation")
    store(folder, "ablations", old)
    assert list(replications.table("R6").holds) == ["pass", "fail", "pass", "pass", "pass", "fail"]
    forgets = equal | {"no_forget": 20.0, "rnn": 20.0}
    new = ablated("sums", cells, forgets, "addition", 10, length=3)
    store(folder, "sums", new)
    assert list(replications.table("R6").holds) == ["pass"] * 5 + ["fail"]
    worse = equal | {"no_output_tanh": 51.0}
    store(folder, "sums", new + ablated("sums", cells, worse, "chorales", 10, length=64))
    assert set(replications.table("R6").holds) == {"pass"}


def capacity(sizes, ratios, number, per, **where):
    for cell in CELLS:
        for size in sizes:
            for ratio in ratios:
                count = 100 * size
                bits = per[cell] * count - (ratio != 3)
                place = {"cell": cell, "hidden_size": size, "labels_per_parameter": ratio}
                yield from seeds(number, parameters=count, bits=bits, **place, **where)


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        ({"rnn": 2.5, "gru": 2.4, "lstm": 2.3}, ["pass", "pass", "pass"]),
        ({"rnn": 2.5, "gru": 2.4, "lstm": 1.9}, ["fail", "fail", "pass"]),
    ],
)
def test_r8(per, expected, folder):
    store(folder, "capacity", capacity((4, 8, 12), (1, 2, 3, 4, 5), 3, per))
    assert list(replications.table("R8").holds) == expected
    good = dict.fromkeys(CELLS, 3.0)
    store(folder, "memorised", capacity((8, 12, 16), (2, 3, 4), 10, good, phase="final"))
    assert set(replications.table("R8").holds) == {"pass"}


def test_what_is_printed_says_what_to_run_where_rows_are_missing(folder):
    store(folder, "capacity", capacity((4, 8, 12), (1, 2, 3, 4, 5), 3, dict.fromkeys(CELLS, 3.0)))
    lines = []
    replications.main(lines.append)
    text = "\n".join(lines)
    for name in replications.everything():
        assert f"{name}  {replications.title(name)}" in text
    assert "gatedrnn run counters" in text
    assert "pass  2 to 6 bits a parameter, every cell and size: 3.00 to 3.00" in text
    assert "trainings: 3 of 3 criteria pass" in text
    assert lines[-1].startswith("arithmetic: ")


def test_without_rows_there_is_no_result():
    with pytest.raises(NoResults, match="gatedrnn run"):
        replications.table("R8")


def test_every_replication_says_what_to_run(folder):
    for name in replications.REPLICATIONS:
        with pytest.raises(NoResults, match="gatedrnn run"):
            replications.table(name)


@pytest.mark.parametrize(
    ("horizons", "passed"), [((300, 100), 8), ((300, 140), 6), ((140, 100), 2)]
)
def test_r1(horizons, passed, folder):
    counted(folder, 0.8, horizons=horizons)
    assert (replications.table("R1").holds == "pass").sum() == passed


def test_r4(folder):
    share = {
        ("lstm", "default"): 0.98,
        ("gru", "default"): 0.5,
        ("lstm", "chrono"): 0.1,
        ("gru", "chrono"): 0.1,
    }
    rows = [
        {"cell": c, "bias": b, "seed": s, "share_of_baseline": v}
        for (c, b), v in share.items()
        for s in range(5)
    ]
    store(folder, "copying", rows)
    assert list(replications.table("R4").holds) == ["pass", "fail", "pass"]


def r3_rows(**changes):
    arms = {
        ("gru", "parameters", "default"): (500, 1e-4),
        ("lstm", "reference", "default"): (-1, 0.16),
    }
    arms |= {
        ("lstm", "reference", "chrono"): (600, 1e-4),
        ("rnn", "hidden size", "default"): (-1, 0.167),
    } | changes
    for (cell, how, bias), (solved, error) in arms.items():
        where = {
            "phase": "final",
            "task": "adding",
            "length": 200,
            "cell": cell,
            "matched": how,
            "bias": bias,
        }
        yield from (
            where | {"seed": s, "steps": 2000, "solved_at": solved, "test_error": error}
            for s in TEN
        )


def test_r3(folder):
    store(folder, "long_range", r3_rows())
    assert list(replications.table("R3").holds) == ["pass"] * 4
    worse = {
        ("gru", "parameters", "default"): (1900, 0.01),
        ("rnn", "hidden size", "default"): (-1, 0.1),
    }
    rows = [*r3_rows()]
    for row in rows:
        if (key := (row["cell"], row["matched"], row["bias"])) in worse:
            row["solved_at"], row["test_error"] = worse[key]
    store(folder, "long_range", rows)
    assert list(replications.table("R3").holds) == ["fail", "fail", "pass", "fail"]


def test_r6(folder):
    def write(**scores):
        rows = [
            {
                "part": "ablation",
                "phase": "final",
                "task": task,
                "cell": cell,
                "bias": bias,
                "seed": s,
            }
            | {"score": value + 0.001 * JITTER[s] * (cell != "lstm")}
            for (task, cell, bias), value in scores["scores"].items()
            for s in range(5)
        ]
        store(folder, "ablations", rows)

    good = {
        ("addition", "lstm", "default"): 90,
        ("addition", "lstm", "one"): 91,
        ("addition", "gru", "default"): 91,
    }
    good |= {("addition", "no_forget", "default"): 32, ("addition", "rnn", "default"): 30}
    good |= {("chorales", "lstm", "default"): 8.7, ("chorales", "cifg", "default"): 8.7}
    good |= {("chorales", "no_output_tanh", "default"): 8.8}
    write(scores=good)
    assert list(replications.table("R6").holds) == ["pass"] * 6
    bad = {("addition", "no_forget", "default"): 85, ("addition", "lstm", "one"): 80}
    bad |= {("chorales", "cifg", "default"): 8.9, ("chorales", "no_output_tanh", "default"): 8.6}
    write(scores=good | bad)
    assert list(replications.table("R6").holds) == ["fail"] * 6


def test_r7(folder):
    share = {"parity": (100, 99, 100), "sort": (90, 70, 50), "reverse": (60, 60, 60)}
    matched = replications.MATCHED
    rows = [
        {
            "phase": "final",
            "task": t,
            "cell": cell,
            "matched": matched[cell],
            "seed": s,
            "tokens": value / 100,
        }
        for t, values in share.items()
        for cell, value in zip(("lstm", "gru", "rnn"), values, strict=True)
        for s in TEN
    ]
    store(folder, "languages", rows)
    assert list(replications.table("R7").holds) == ["pass"] * 7
    store(folder, "languages", [row | {"tokens": 0.8} for row in rows])
    assert list(replications.table("R7").holds) == ["fail"] * 6 + ["pass"]


def music(small, large):
    for size, values in (("small", small), ("large", large)):
        for cell, value in values.items():
            where = {"phase": "final", "size": size, "cell": cell}
            yield from (
                where | {"seed": s, "nats": value + 0.001 * JITTER[s] * (cell == "lstm")}
                for s in range(5)
            )


@pytest.mark.parametrize(
    ("small", "passed"),
    [
        ({"lstm": 8.7, "gru": 8.65, "rnn": 9.0}, 5),
        ({"lstm": 8.7, "gru": 8.75, "rnn": 9.0}, 4),
        ({"lstm": 8.7, "gru": 8.9, "rnn": 8.8}, 2),
    ],
)
def test_r2(small, passed, folder):
    store(folder, "music", music(small, {"lstm": 8.6, "gru": 8.6}))
    assert (replications.table("R2").holds == "pass").sum() == passed


def test_r5(folder):
    def write(lstm, rnn):
        rows = [row for w in (64, 128) for row in both("nats", lstm, 1.2, 5, 1e-3, width=w)]
        rows += [
            {
                "phase": "final",
                "cell": "rnn",
                "matched": "hidden size",
                "seed": s,
                "nats": rnn,
                "width": w,
            }
            for w in (64, 128)
            for s in range(5)
        ]
        store(folder, "language", rows)

    write(1.25, 1.3)
    assert list(replications.table("R5").holds) == ["pass"] * 4
    write(1.15, 1.1)
    assert list(replications.table("R5").holds) == ["fail"] * 4


def test_r2_asks_for_0_05_nats(folder):
    store(folder, "music", music({"lstm": 8.7, "gru": 8.7, "rnn": 8.73}, {"lstm": 8.6, "gru": 8.6}))
    assert list(replications.table("R2").holds) == ["pass", "pass", "fail", "fail", "fail"]


def test_r5_judges_each_width_and_the_lstm_against_the_rnn(folder):
    rows = []
    for width, lstm, rnn in ((64, 1.25, 1.22), (128, 1.15, 1.17)):
        rows += both("nats", lstm, 1.2, 5, 1e-3, width=width)
        rnns = {
            "phase": "final",
            "cell": "rnn",
            "matched": "hidden size",
            "width": width,
            "nats": rnn,
        }
        rows += [rnns | {"seed": s} for s in range(5)]
    store(folder, "language", rows)
    assert list(replications.table("R5").holds) == ["pass", "fail", "fail", "pass"]
