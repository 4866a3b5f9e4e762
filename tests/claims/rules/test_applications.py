"""The rules of the application claims on made-up rows."""

import json

import pandas as pd
import pytest
from made_up import JITTER, both, judged, store

from gatedrnn.claims import verdicts
from gatedrnn.claims.register import panel

pytestmark = pytest.mark.usefixtures("folder")  # no test reads the stored results


@pytest.mark.parametrize(
    ("lead", "spread", "expected"),
    [
        (2, 0.1, "Supported"),
        (0.5, 0.1, "Not supported"),
        (-3, 0.1, "Not supported"),
        (1.5, 8, "Inconclusive"),
    ],
)
def test_speech_strings(lead, spread, expected, folder):
    store(
        folder, "strings", both("accuracy", 0.9 + lead / 100, 0.9, 10, spread / 100, task="three")
    )
    found = judged("C25")
    assert found.verdict == expected
    assert found.details.difference[0] == pytest.approx(lead)


@pytest.mark.parametrize(
    ("leads", "expected"),
    [((0.05, 0.05), "Supported"), ((0.0, -0.1), "Not supported"), ((0.05, -0.05), "Mixed")],
)
def test_language(leads, expected, folder):
    rows = [
        row
        for w, lead in zip((64, 128), leads, strict=True)
        for row in both("nats", 1.2 - lead, 1.2, 5, 1e-3, width=w)
    ]
    store(folder, "language", rows)
    assert judged("C26").verdict == expected


def language_rows(useful, gaps, width=128):
    """Useful contexts of LSTM and GRU, and the LSTM's lead at 5 and at 300 characters."""
    for row in both("useful", useful[0], useful[1], 5, 0.5, width=width):
        lead = gaps if row["cell"] == "lstm" else (0, 0)
        noise = 1e-3 * JITTER[row["seed"]]
        yield row | {"by_context": json.dumps([[5, 2.0 - lead[0]], [300, 1.5 - lead[1] + noise]])}


@pytest.mark.parametrize(
    ("useful", "gaps", "expected"),
    [
        ((60, 40), (0.0, 0.05), "Supported"),
        ((60, 40), (0.05, 0.05), "Inconclusive"),
        ((40, 40), (0.0, 0.05), "Not supported"),
        ((20, 40), (0.0, 0.05), "Not supported"),
    ],
)
def test_context(useful, gaps, expected, folder):
    store(folder, "language", language_rows(useful, gaps))
    assert judged("C27").verdict == expected


def devices(leads, spread=0.2, tuned=0.8):
    for width, lead in zip((4, 8, 16, 32, 64), leads, strict=True):
        yield from both(
            "accuracy_int8", 0.8 - lead / 100, 0.8, 5, spread / 100, width=width, learning_rate=0.01
        )
        for cell in ("lstm", "gru"):
            row = {
                "phase": "tuning",
                "width": width,
                "cell": cell,
                "matched": "x",
                "learning_rate": 0.01,
            }
            yield from (row | {"seed": s, "valid_accuracy": tuned} for s in (100, 101))


@pytest.mark.parametrize(
    ("leads", "spread", "expected"),
    [
        ((2, 2, 2, 0, 0), 0.2, "Supported"),
        ((2, 2, 0, 0, 0), 0.2, "Not supported"),
        ((-2, -2, -2, 2, 2), 0.2, "Not supported"),
        ((1.5, 1.5, 1.5, 1.5, 1.5), 9, "Inconclusive"),
    ],
)
def test_equal_bytes(leads, spread, expected, folder):
    store(folder, "quantisation", devices(leads, spread))
    assert judged("C21").verdict == expected


def test_equal_bytes_is_mixed_when_sizes_disagree_and_none_prevails(folder):
    rows = [*devices((2, 2, 0, 0, 1.2), 0.2)]
    wide = [
        r | {"accuracy_int8": 0.8 + 0.05 * JITTER[r["seed"] % 10]}
        if (r["width"], r["cell"]) == (64, "lstm")
        else r
        for r in rows
    ]
    store(folder, "quantisation", wide)
    assert judged("C21").verdict == "Mixed"


@pytest.mark.parametrize("tuned", [0.15, 0.98])
def test_sizes_out_of_range_count_for_neither(tuned, folder):
    store(folder, "quantisation", devices((2, 2, 2, 2, 2), tuned=tuned))
    found = judged("C21")
    assert found.verdict == "Inconclusive"
    assert (found.details.judgement == "out of range").all()


def latencies(**late):
    for kernel in ("default", "native"):
        for load in ("alone", "busy"):
            for width in (32, 64, 128, 256):
                for matched in ("parameters", "hidden size"):
                    row = {"kernel": kernel, "load": load, "width": width, "matched": matched}
                    slow = {
                        f"{cell}_p99": 12.0 if (load, width) == place else 0.2
                        for cell, place in late.items()
                    }
                    yield row | {"lstm_p99": 0.3, "gru_p99": 0.2} | slow


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ({}, "Not supported"),
        ({"lstm": ("busy", 256)}, "Supported"),
        ({"gru": ("busy", 256)}, "Not supported"),
        ({"lstm": ("busy", 256), "gru": ("busy", 256)}, "Not supported"),
        ({"lstm": ("busy", 256), "gru": ("busy", 64)}, "Mixed"),
    ],
)
def test_deadline(late, expected, folder):
    store(folder, "latency", latencies(**late))
    assert judged("C22").verdict == expected


def test_a_latency_less_is_no_result(folder):
    store(folder, "latency", [*latencies()][:-2])
    assert judged("C22").verdict == "No result"


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ((0.8, 0.9, 1.0), "Supported"),
        ((1.0, 1.2, 0.8), "Not supported"),
        ((1.0, 1.0, 1.0), "Not supported"),
        ((0.8, 1.0, 0.95), "Mixed"),
    ],
)
def test_online(ratios, expected, folder):
    names = ("switching", "mackey-glass", "arm")

    def spread(k):
        return 0.2 if (expected, k) == ("Mixed", 2) else 1e-3

    rows = [
        row
        for k, s in enumerate(names)
        for row in both("mse", 1.0, ratios[k], 10, spread(k), stream=s)
    ]
    store(folder, "online", rows)
    assert judged("C23").verdict == expected


def tasks(folder, better):
    """Rows of all advised tasks; the better cell, {task: cell or None}, leads by two margins."""
    leads = {task: {"lstm": 1, "gru": -1, None: 0}[cell] for task, cell in better.items()}
    rows = []
    for task, spec in panel().items():
        sign = 1 if spec["better"] == "higher" else -1
        base = 50 if "range" in spec else 0.5
        lstm = base + 2 * leads[task] * sign * spec["margin"]
        rows += both("score", lstm, base, 10, task=task, bias="default", share=1.0)
    store(folder, "panel", [row | {"error": None} for row in rows])
    strings = 0.8 + 0.02 * leads["strings"]
    store(folder, "strings", both("accuracy", strings, 0.8, 10, task="three"))
    noisy = 0.8 + 0.02 * leads["noisy digits"]
    store(folder, "quantisation", both("accuracy", noisy, 0.8, 5, width=8))
    text = 1.2 - 0.04 * leads["carried text"]
    store(folder, "language", both("nats", text, 1.2, 5, width=128))
    arm = -0.1 * leads["arm online"]
    store(folder, "online", both("log_mse", arm, 0.0, 10, stream="arm"))


def advice():
    return next(claim for claim in verdicts.load() if claim.id == "C24").parameters["advice"]


def test_good_advice_has_no_regret(folder):
    tasks(folder, advice())
    found = judged("C24")
    assert found.verdict == "Supported"
    assert "advice 0.00" in found.effect


def test_the_opposite_of_good_advice_is_refuted(folder):
    tasks(folder, {task: {"lstm": "gru", "gru": "lstm"}[cell] for task, cell in advice().items()})
    found = judged("C24")
    assert found.verdict == "Not supported"
    assert "advice 2.00" in found.effect


@pytest.mark.parametrize("winner", ["lstm", "gru", None])
def test_advice_is_not_better_than_a_constant_that_is_always_right(winner, folder):
    tasks(folder, dict.fromkeys(advice(), winner))
    assert judged("C24").verdict == "Not supported"


def test_one_task_of_each_kind_is_too_few(folder):
    tasks(folder, dict.fromkeys(advice()) | {"speech": "gru", "adding": "lstm"})
    assert judged("C24").verdict == "Inconclusive"


MADE = {
    "C21": lambda folder: store(folder, "quantisation", devices((2,) * 5)),
    "C22": lambda folder: store(folder, "latency", latencies()),
    "C23": lambda folder: store(
        folder,
        "online",
        [
            r
            for s in ("switching", "mackey-glass", "arm")
            for r in both("mse", 1.0, 1.0, 10, stream=s)
        ],
    ),
    "C25": lambda folder: store(
        folder, "strings", both("accuracy", 0.9, 0.9, 10, 0.01, task="three")
    ),
    "C26": lambda folder: store(
        folder, "language", [r for w in (64, 128) for r in both("nats", 1.2, 1.2, 5, 1e-3, width=w)]
    ),
    "C27": lambda folder: store(folder, "language", language_rows((40, 40), (0, 0))),
}


@pytest.mark.parametrize("id", MADE)
def test_a_row_less_and_a_deleted_file_are_no_result(id, folder):
    MADE[id](folder)
    assert judged(id).verdict != "No result"
    (file,) = folder.glob("*.csv")
    rows = pd.read_csv(file)
    used = rows.index[rows.matched == "parameters"][1]
    rows.drop(index=used).to_csv(file, index=False)
    assert judged(id).verdict == "No result"
    file.unlink()
    assert judged(id).verdict == "No result"


@pytest.mark.parametrize("study", ["panel", "strings", "quantisation", "language", "online"])
def test_advice_needs_every_study(study, folder):
    tasks(folder, advice())
    (folder / f"{study}.csv").unlink()
    assert judged("C24").verdict == "No result"


def test_both_cells_must_lie_within_the_range_at_their_best_rate(folder):
    rows = [*devices((2,) * 5)]
    slow = [
        r | {"learning_rate": 0.003, "valid_accuracy": 0.1} for r in rows if r["phase"] == "tuning"
    ]
    store(folder, "quantisation", [*rows, *slow])
    assert judged("C21").verdict == "Supported"
    for cell in ("lstm", "gru"):
        good = [
            r | {"valid_accuracy": 0.98} if (r["phase"], r["cell"]) == ("tuning", cell) else r
            for r in rows
        ]
        store(folder, "quantisation", good)
        assert judged("C21").verdict == "Inconclusive"


@pytest.mark.parametrize(("useful", "spread"), [((100, 40), 60), ((44, 40), 20)])
def test_a_useful_context_that_varies_is_no_evidence(useful, spread, folder):
    def lstm(row):
        return row["useful"] + spread * JITTER[row["seed"]] * (row["cell"] == "lstm")

    store(
        folder,
        "language",
        [row | {"useful": lstm(row)} for row in language_rows(useful, (0.0, 0.05))],
    )
    assert judged("C27").verdict == "Inconclusive"


def test_a_stream_error_that_varies_is_no_evidence(folder):
    names = ("switching", "mackey-glass", "arm")
    store(
        folder, "online", [row for s in names for row in both("mse", 1.0, 0.7, 10, 0.6, stream=s)]
    )
    found = judged("C23")
    assert (found.details.difference < 0.95).all()
    assert found.verdict == "Inconclusive"


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_devices_without_tuning_are_no_result(cell, folder):
    rows = [
        r for r in devices((2,) * 5) if (r["phase"], r["cell"], r["width"]) != ("tuning", cell, 8)
    ]
    store(folder, "quantisation", rows)
    assert judged("C21").verdict == "No result"


def test_one_open_size_does_not_make_a_verdict_mixed(folder):
    rows = [
        *both("nats", 1.3, 1.2, 5, 1e-3, width=64),
        *both("nats", 1.185, 1.2, 5, 0.1, width=128),
    ]
    store(folder, "language", rows)
    assert judged("C26").verdict == "Inconclusive"
