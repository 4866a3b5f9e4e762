"""Some shapes of the timing studies on this machine, beside the stored: ``gatedrnn bench``."""

import os

import pandas as pd

from gatedrnn import results
from gatedrnn.measure.timing import environment
from gatedrnn.studies import load
from gatedrnn.sweep import run_all

# The shapes of the study ``speed``: comparison, mode, hidden size, length, batch size.
SHAPES = [
    ("default", "training", 32, 100, 16),
    ("native", "training", 32, 100, 16),
    ("compiled", "training", 32, 100, 16),
    ("default", "training", 128, 100, 16),
    ("native", "training", 128, 100, 16),
    ("compiled", "training", 128, 100, 16),
    ("default", "inference", 128, 100, 16),
    ("native", "inference", 128, 100, 16),
    ("loop", "inference", 128, 100, 16),
    ("compiled", "inference", 128, 100, 16),
    ("default", "step", 128, 1, 1),
    ("native", "step", 128, 1, 1),
    ("loop", "step", 128, 1, 1),
    ("compiled", "step", 128, 1, 1),
]
HIDDEN_SIZE = 32  # of the study ``engine``
ROUNDS = 10


def beside_stored() -> pd.DataFrame:
    """Measure some shapes of ``speed`` and one size of ``engine`` now, in about half a minute.

    Returns:
        A row for each ratio, with its interval here and as stored.
    """
    return pd.DataFrame([*_speed(), *_engine()])


def _speed():
    """The rows of the study ``speed``."""
    speed = load("speed")
    stored = results.read("speed").set_index(speed.KEYS)
    rows = []
    for shape in SHAPES:
        comparison, mode, H, T, B = shape
        (here,) = speed.measure(dict(zip(speed.KEYS, shape, strict=True)))
        of = f"{mode}, H={H}, T={T}, B={B}"
        rows.append(_row(f"GRU / LSTM, {comparison}", of, here, stored.loc[shape]))
    return rows


def _engine():
    """The rows of the study ``engine``: the compiled layer against torch's."""
    engine = load("engine")
    stored = results.read("engine").set_index(engine.KEYS)
    of = f"training, H={HIDDEN_SIZE}, T={engine.T}, B={engine.B}"
    rows = []
    for cell in engine.CELLS:
        (here,) = engine.measure({"cell": cell, "hidden_size": HIDDEN_SIZE}, rounds=ROUNDS)
        there = stored.loc[(cell, HIDDEN_SIZE)]
        name = f"ten torch / ten compiled, {cell}"
        rows.append(_row(name, of, here, there, prefix="compiled_"))
    return rows


def _row(name, of, here, there, prefix=""):
    """A row of the table from two measured rows."""
    return {
        "ratio": name,
        "of": of,
        "here": _interval(here, prefix),
        "stored": _interval(there, prefix),
    }


def _interval(row, prefix):
    """A ratio with its interval, as text."""
    middle, low, high = (row[f"{prefix}{name}"] for name in ("ratio", "low", "high"))
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def renew() -> None:
    """Measure the study ``engine`` anew, then put its rows in the place of the stored ones.

    Raises:
        Stop: a measurement failed; the stored rows are as they were.
    """
    engine = load("engine")
    path = results.folder() / "engine.csv"
    fresh = path.with_name("engine.new.csv")
    fresh.unlink(missing_ok=True)
    store = results.Store(fresh, engine.KEYS, [*engine.COLUMNS, "error"])
    failed = run_all(engine.measure, engine.grid(store), store, progress="engine")
    if failed:
        raise results.Stop(
            f"some measurements failed; the errors are in {fresh}, and {path} is as it was"
        )
    os.replace(fresh, path)


def main() -> None:
    """Print this machine's ratios beside the stored ones."""
    print("Measuring for about half a minute; leave the machine alone.", flush=True)
    table = beside_stored()
    now = environment()  # after the measurement, which sets the number of threads
    then = results.read("engine").iloc[0]
    for place, machine in (("here", now), ("stored", then)):
        onednn = "on" if machine["onednn_available"] else "missing"
        print(
            f"{place + ':':8} {machine['cpu']} ({machine['instructions']}), "
            f"torch {machine['torch']}, {machine['threads']} thread, "
            f"oneDNN {onednn}, {machine['blas']}"
        )
    print(table.to_string(index=False))
    print("Above 1 the first of the two takes longer. Brackets: 95 % interval over rounds.")
