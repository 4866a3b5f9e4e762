"""The rules of the memory claims on made-up rows."""

import json

import numpy as np
import pandas as pd
import pytest
from made_up import JITTER, TEN, counted, store

from gatedrnn.claims import verdicts
from gatedrnn.claims.rules import memory
from gatedrnn.claims.rules.memory import first_below, longest

REGIME = {claim.id: claim.regime | claim.parameters for claim in verdicts.load()}


pytestmark = pytest.mark.usefixtures("folder")  # no test reads the stored results


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(memory, "RESAMPLES", 200)


def both(lead, spread=0.01, base=50.0, seeds=TEN, **where):
    """Rows of the LSTM at ``base + lead`` and of both GRUs at ``base``, a value a seed."""
    for seed in seeds:
        value = base + lead + spread * JITTER[seed]
        yield where | {"cell": "lstm", "matched": "reference", "seed": seed, "value": value}
        for how in ("parameters", "hidden size"):
            yield where | {"cell": "gru", "matched": how, "seed": seed, "value": base}


def named(rows, **columns):
    return [
        {**row, **{name: change(row["value"]) for name, change in columns.items()}} for row in rows
    ]


def word(id):
    return verdicts.verdict(next(claim for claim in verdicts.load() if claim.id == id)).verdict


def control(folder, **leads):
    rows = [row for task, lead in leads.items() for row in both(lead, phase="final", task=task)]
    store(folder, "control", named(rows, accuracy=lambda v: v / 100))


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ((8, 8, 0, 0), "Supported"),
        ((8, 8, 3, 0), "Mixed"),
        ((8, 0, 0, 0), "Mixed"),
        ((0, 0, 0, 0), "Not supported"),
        ((-8, -8, 0, 0), "Not supported"),
    ],
)
def test_control(leads, expected, folder):
    control(folder, **dict(zip(("accumulate", "clear", "latch", "overwrite"), leads, strict=True)))
    assert word("C05") == expected


def test_control_is_inconclusive_when_the_interval_is_wide(folder):
    rows = [
        row for task in ("accumulate", "clear") for row in both(4, 20, phase="final", task=task)
    ]
    rows += [row for task in ("latch", "overwrite") for row in both(0, phase="final", task=task)]
    store(folder, "control", named(rows, accuracy=lambda v: v / 100))
    assert word("C05") == "Inconclusive"


def gradients(folder, before, after, other):
    """Made-up curves that fall below the mark at these lags, {cell: lag}."""

    def curve(lag):
        return json.dumps([1.0] * lag + [1e-4] * (200 - lag))

    rows = []
    for bias, cells in (
        ("default", ("rnn", "lstm", "gru")),
        ("one", ("lstm", "gru")),
        ("chrono", ("lstm", "gru")),
    ):
        for cell in cells:
            early = before[cell] if bias == "default" else other
            texts = {"gradient_before": curve(early), "gradient_after": curve(after[cell])}
            rows += [
                {"task": "adding", "cell": cell, "bias": bias, "seed": seed} | texts for seed in TEN
            ]
    store(folder, "retention", rows)


@pytest.mark.parametrize(
    ("before", "after", "other", "expected"),
    [
        ((10, 60, 60), (10, 60, 60), 60, "Supported"),
        ((10, 12, 12), (10, 60, 60), 12, "Mixed"),
        ((10, 12, 12), (10, 12, 12), 60, "Mixed"),
        ((10, 12, 12), (10, 12, 12), 12, "Not supported"),
        ((10, 60, 12), (10, 12, 12), 12, "Mixed"),
    ],
)
def test_gradient_lag(before, after, other, expected, folder):
    def pack(lags):
        return dict(zip(("rnn", "lstm", "gru"), lags, strict=True))

    gradients(folder, pack(before), pack(after), other)
    assert word("C06") == expected


def test_a_curve_that_never_falls_counts_with_its_length():
    assert first_below(np.ones(7), 0.001) == 7
    assert first_below(np.array([1, 1e-4, 1]), 0.001) == 1


def ladder(folder, steps):
    """Steps to solve, {cell: steps}, with a little spread; -1 is never."""
    rows = [
        {
            "part": "ladder",
            "phase": "final",
            "task": task,
            "cell": cell,
            "seed": seed,
            "steps": 2000,
        }
        | {"solved_at": n + 10 * seed if n >= 0 else -1}
        for task in ("adding", "xor")
        for cell, n in steps.items()
        for seed in TEN
    ]
    store(folder, "ablations", rows)


CELLS = ("gru_noreset", "mgu", "gru", "cifg", "lstm")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((1500, 1500, 1000, 1000, 200), "Supported"),
        ((-1, -1, 1000, 1000, 200), "Supported"),
        ((200, 200, 1000, 1000, 1500), "Not supported"),
        ((500, 500, 500, 500, 500), "Not supported"),
        ((200, 200, 1000, 1000, -1), "Not supported"),
    ],
)
def test_ladder(steps, expected, folder):
    ladder(folder, dict(zip(CELLS, steps, strict=True)))
    assert word("C07") == expected


def test_a_correlation_whose_interval_includes_0_is_no_support(folder):
    """Seven seeds rank the cells by their gates and three the other way."""
    steps = dict(zip(CELLS, (900, 800, 700, 600, 500), strict=True))
    ladder(folder, steps)
    rows = pd.read_csv(folder / "ablations.csv")
    turned = rows.seed > 6
    rows.loc[turned, "solved_at"] = 1400 - rows.cell[turned].map(steps)
    rows.to_csv(folder / "ablations.csv", index=False)
    ruling = memory.ladder(**REGIME["C07"])
    whole = ruling.findings[-1]
    assert whole.difference >= whole.margin
    assert whole.low < 0
    assert ruling.word == "Inconclusive"


def reach(folder, lstm, gru, horizons):
    """A seed solves every length up to the given one of its cell."""
    rows = []
    for task, spec in REGIME["C08"]["tasks"].items():
        for cell, how in (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size")):
            for bias in ("default", "chrono"):
                longest = (lstm if cell == "lstm" else gru).get(task, 0)
                where = {"phase": "final", "task": task, "cell": cell, "matched": how, "bias": bias}
                rows += [
                    where | {"length": n, "seed": seed, "quality": 99.5 if n <= longest else 20.0}
                    for n in spec["lengths"]
                    for seed in TEN
                    if task != "counting"
                ]
    store(folder, "long_range", rows)
    counted = [
        {
            "words": "drawn",
            "cell": cell,
            "matched": how,
            "bias": bias,
            "seed": seed,
            "horizon": horizons[cell == "gru"],
        }
        for cell, how in (("lstm", "reference"), ("gru", "parameters"), ("gru", "hidden size"))
        for bias in ("default", "chrono")
        for seed in TEN
    ]
    store(folder, "counting", counted)


@pytest.mark.parametrize(
    ("lstm", "gru", "horizons", "expected"),
    [
        ((400, 200, 98), (100, 50, 98), (300, 100), "Supported"),
        ((100, 50, 98), (400, 200, 98), (300, 100), "Not supported"),
        ((200, 100, 98), (200, 100, 98), (300, 100), "Not supported"),
        ((400, 100, 298), (100, 200, 198), (300, 100), "Mixed"),
        ((400, 200, 298), (400, 100, 198), (100, 100), "Mixed"),
        ((0, 200, 298), (0, 100, 198), (300, 200), "Inconclusive"),
    ],
)
def test_long_range(lstm, gru, horizons, expected, folder):
    tasks = ("adding", "recall", "pixels")
    reach(folder, dict(zip(tasks, lstm, strict=True)), dict(zip(tasks, gru, strict=True)), horizons)
    if expected == "Inconclusive":
        reach(
            folder,
            {"adding": 100, "recall": 50, "pixels": 298},
            {"adding": 50, "pixels": 198},
            (150, 100),
        )
        rows = pd.read_csv(folder / "long_range.csv")
        rows.loc[(rows.cell == "lstm") & (rows.seed > 4) & (rows.task != "pixels"), "quality"] = (
            20.0
        )
        rows.to_csv(folder / "long_range.csv", index=False)
    assert word("C08") == expected


def test_a_length_that_half_of_the_seeds_solve_is_no_support(folder):
    """The ratio is 2, but a seed less and it is 1."""
    reach(folder, {"adding": 100}, {"adding": 50}, (100, 100))
    rows = pd.read_csv(folder / "long_range.csv")
    half = (rows.cell == "lstm") & (rows.seed > 4) & (rows.length == 100)
    rows["quality"] = rows.quality.mask(half, 20.0)
    rows.to_csv(folder / "long_range.csv", index=False)
    adding = next(f for f in memory.long_range(**REGIME["C08"]).findings if f.label == "adding")
    assert adding.difference == 2
    assert adding.low == 1
    assert adding.judgement == "open"


def test_longest_length_is_the_largest_that_half_of_the_seeds_solve():
    solved = np.array([[True] * 10, [True] * 5 + [False] * 5, [True] * 4 + [False] * 6])
    assert longest(solved, np.array([10.0, 20.0, 40.0])) == 20
    assert longest(solved & False, np.array([10.0, 20.0, 40.0])) == 5


def leads(folder, slope, spread=0.0):
    rows = []
    for task, lengths in REGIME["C09"]["tasks"].items():
        for n in lengths:
            made = both(0, 0, phase="final", task=task, length=n, bias="default")

            def gain(seed, n=n):
                return (slope + spread * JITTER[seed]) * np.log2(n)

            rows += [
                row | {"quality": row["value"] + (row["cell"] == "gru") * gain(row["seed"])}
                for row in made
            ]
    store(folder, "long_range", rows)


@pytest.mark.parametrize(
    ("slope", "spread", "expected"),
    [
        (-3, 0.1, "Supported"),
        (3, 0.1, "Not supported"),
        (0, 0.1, "Not supported"),
        (0, 9, "Inconclusive"),
    ],
)
def test_length_slope(slope, spread, expected, folder):
    leads(folder, slope, spread)
    assert word("C09") == expected


@pytest.mark.parametrize(("slope", "expected"), [(-1.1, "Supported"), (-0.9, "Inconclusive")])
def test_a_fall_below_the_margin_is_no_support(slope, expected, folder):
    """The margin of C09 is one point: below it a fall counts for nothing, however sure it is."""
    assert REGIME["C09"]["margin"] == 1.0
    leads(folder, slope, 0.3)
    assert word("C09") == expected


@pytest.mark.parametrize(
    ("at_one", "slope", "spread", "expected"),
    [
        (-0.01, 0.01, 1e-4, "Supported"),
        (0.01, 0.01, 1e-4, "Mixed"),
        (0.0, 0.0, 1e-4, "Not supported"),
        (0.0, -0.01, 1e-4, "Not supported"),
        (0.0, 0.004, 0.05, "Inconclusive"),
    ],
)
def test_complexity(at_one, slope, spread, expected, folder):
    rows = []
    for order in REGIME["C10"]["orders"]:

        def lead(seed, order=order):
            return at_one + (slope + spread * JITTER[seed]) * (order - 1)

        made = both(0, 0, 0.5, phase="final", task=f"markov {order}")
        rows += [
            row | {"loss": row["value"] + (row["cell"] == "gru") * lead(row["seed"])}
            for row in made
        ]
    store(folder, "control", rows)
    assert word("C10") == expected


@pytest.mark.parametrize(
    ("counters", "others", "expected"),
    [
        ((20, 20, 0), (20, 20, 0), "Supported"),
        ((20, 20, 0), (0, 0, 0), "Mixed"),
        ((0, 5, 0), (-20, 0, 0), "Not supported"),
    ],
)
def test_languages(counters, others, expected, folder):
    tasks = [*REGIME["C11"]["families"]["counters"], *REGIME["C11"]["families"]["others"]]
    rows = [
        row
        for t, lead in zip(tasks, counters + others, strict=True)
        for row in both(lead, phase="final", task=t)
    ]
    store(folder, "languages", named(rows, strings=lambda v: v / 100))
    assert word("C11") == expected


def preserved(folder, adding, recall):
    rows = []
    for task, length, good in (("adding", 200, adding), ("recall", 100, recall)):
        where = {
            "phase": "final",
            "task": task,
            "length": length,
            "cell": "gru",
            "matched": "parameters",
        }
        for bias in ("two", "default", "chrono"):
            rows += [
                where
                | {"bias": bias, "seed": seed}
                | {
                    "test_error": 0.001 if seed < good else 0.2,
                    "test_accuracy": 1.0 if seed < good else 0.1,
                }
                for seed in TEN
            ]
    store(folder, "long_range", rows)


@pytest.mark.parametrize(
    ("adding", "recall", "expected"),
    [(8, 10, "Supported"), (10, 1, "Mixed"), (0, 1, "Not supported"), (7, 10, "Inconclusive")],
)
def test_preserves(adding, recall, expected, folder):
    preserved(folder, adding, recall)
    assert word("C12") == expected


@pytest.mark.parametrize(
    ("slope", "top", "expected"),
    [
        (0.8, 0.99, "Supported"),
        (0.2, 0.99, "Not supported"),
        (0.8, 1.01, "Not supported"),
        (0.5, 0.99, "Inconclusive"),
    ],
)
def test_unbounded(slope, top, expected, folder):
    counted(folder, slope, top)
    assert word("C33") == expected


MADE = {
    "C05": lambda f: control(f, accumulate=8, clear=8, latch=0, overwrite=0),
    "C06": lambda f: gradients(f, *({"rnn": 10, "lstm": 60, "gru": 60},) * 2, 60),
    "C07": lambda f: ladder(f, dict.fromkeys(CELLS, 500)),
    "C09": lambda f: leads(f, 0),
    "C11": lambda f: test_languages((20, 20, 0), (0, 0, 0), "Mixed", f),
    "C12": lambda f: preserved(f, 8, 8),
    "C33": lambda f: counted(f, 0.8),
}


@pytest.mark.parametrize("id", MADE)
def test_a_seed_less_and_a_deleted_file_are_no_result(id, folder):
    MADE[id](folder)
    (file,) = folder.glob("*.csv")
    rows = pd.read_csv(file)
    assert word(id) != "No result"
    used = rows[(rows.cell == "lstm") | (rows.cell == "gru")].index
    cut = [k for k in used if rows.seed[k] == 3][0]
    rows.drop(index=cut).to_csv(file, index=False)
    assert word(id) == "No result"
    file.unlink()
    assert word(id) == "No result"


def paired_rows(order=TEN, gru_seeds=TEN):
    """Seeds that differ a lot and a lead of 8 points in each: only paired seeds can show it."""
    for task in ("accumulate", "clear", "latch", "overwrite"):
        lead = 0.08 if task in ("accumulate", "clear") else 0.0
        for seed in order:
            where = {"phase": "final", "task": task}
            lstm = {"cell": "lstm", "matched": "reference", "seed": seed}
            yield where | lstm | {"accuracy": 0.1 + 0.08 * seed + lead}
        for seed, stored_as in zip(TEN, gru_seeds, strict=True):
            for matched in ("parameters", "hidden size"):
                gru = {"cell": "gru", "matched": matched, "seed": stored_as}
                yield where | gru | {"accuracy": 0.1 + 0.08 * seed}


def test_cells_are_paired_by_seed_in_whatever_order_the_rows_stand(folder):
    store(folder, "control", paired_rows(order=[3, 1, 4, 0, 5, 9, 2, 6, 8, 7]))
    assert word("C05") == "Supported"


def test_cells_with_different_seeds_are_no_result(folder):
    store(folder, "control", paired_rows(gru_seeds=range(100, 110)))
    assert word("C05") == "No result"
