"""The replications: the arithmetic, which study is read, what the command prints."""

import json

import pandas as pd
import pytest

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
