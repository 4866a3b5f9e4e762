"""Ten seeds of a layer at once, compiled and readable, against ten of torch's layers one after the other.

One row is one cell at one hidden size: forward and backward of ten models, batch 32, 100 steps, 2 inputs, float32, one
thread, four candidates timed in turns over 30 rounds. ``torch``: ten ``nn.LSTM`` (oneDNN on) or ``nn.GRU``;
``compiled`` and ``loop``: one layer of ours with ten seeds; ``products``: the matrix products of the layer alone, all
seeds at once, which no implementation can do without. A speed-up is the ratio of two medians with its bootstrap
interval.
"""

import os

import pandas as pd
import torch
from torch import nn

from gatedrnn import GRU, LSTM, reproducible, results
from gatedrnn.measure.timing import compare_times, environment, ratio
from gatedrnn.studies.performance import speed
from gatedrnn.studies.performance.speed import call
from gatedrnn.sweep import run_all

S, B, T, I, ROUNDS = 10, 32, 100, 2, 30
CELLS = {"lstm": (nn.LSTM, LSTM), "gru": (nn.GRU, GRU)}
CANDIDATES = ("torch", "compiled", "loop", "products")
ALONE, KEYS = True, ["cell", "hidden_size"]
COLUMNS = [f"{name}_ms" for name in CANDIDATES]
COLUMNS += [
    f"{name}{end}"
    for name in ("compiled", "loop", "products")
    for end in ("_ratio", "_low", "_high")
]
COLUMNS += list(environment()) + ["rounds"]
# What `gatedrnn bench` measures on the reader's machine: a few shapes of the study `speed`, and one size of this one.
QUICK = [(c, "training", H, 100, 16) for H in (32, 128) for c in ("default", "native", "compiled")]
QUICK += [
    (c, mode, 128, *shape)
    for mode, shape in (("inference", (100, 16)), ("step", (1, 1)))
    for c in speed.COMPARISONS
]


def products(G, H):
    """A function that does the products of T steps: gates from the state, its gradient, and that of the weights."""
    h, U, d = torch.randn(S, B, H), torch.randn(S, H, G * H), torch.randn(S, B, G * H)
    gates, back, many = torch.empty_like(d), torch.empty_like(h), torch.randn(S, T * B, G * H)
    states, total = torch.randn(S, H, T * B), torch.empty_like(U)

    def run():
        for _ in range(T):
            torch.bmm(h, U, out=gates)
            torch.bmm(d, U.mT, out=back)
        torch.bmm(states, many, out=total)

    return run


def candidates(cell, hidden_size):
    """The four that are compared, {name: callable}."""
    x, (theirs, ours) = torch.randn(S, B, T, I), CELLS[cell]
    ten = [call(theirs(I, hidden_size, batch_first=True), x[s], "training") for s in range(S)]
    layers = {name: ours(I, hidden_size, seeds=S) for name in ("compiled", "loop")}
    layers["loop"].fast = False
    made = {"torch": lambda: [run() for run in ten]}
    made |= {name: call(layer, x, "training") for name, layer in layers.items()}
    return made | {"products": products(len(layers["loop"].cell.gates), hidden_size)}


def measure(config, rounds=ROUNDS):
    """One row: the four candidates in turns."""
    reproducible(dtype=torch.float32)
    times = compare_times(candidates(**config), rounds=rounds)
    row = config | {
        f"{name}_ms": 1e3 * t for name, t in times.groupby("name").seconds.median().items()
    }
    for name, (a, b) in {"compiled": ("torch", "compiled"), "loop": ("torch", "loop")}.items():
        r = ratio(times, a, b)
        row |= {f"{name}_ratio": r.ratio, f"{name}_low": r.low, f"{name}_high": r.high}
    r = ratio(times, "compiled", "products")
    row |= {"products_ratio": r.ratio, "products_low": r.low, "products_high": r.high}
    return [row | environment() | {"rounds": rounds}]


def grid(store):
    """Both cells at three hidden sizes."""
    return [{"cell": cell, "hidden_size": H} for H in (16, 32, 64) for cell in CELLS]


PHASES = [grid]  # about a minute; leave the machine alone while it runs


def beside_stored():
    """Some shapes of ``speed`` and one size of this study, measured now: a DataFrame of each ratio here and as stored.
    About half a minute.
    """
    stored, rows = results.read("speed").set_index(speed.KEYS), []
    for shape in QUICK:
        here, there = speed.measure(dict(zip(speed.KEYS, shape, strict=True)))[0], stored.loc[shape]
        rows.append(
            (
                f"GRU / LSTM, {shape[0]}",
                f"{shape[1]}, H={shape[2]}, T={shape[3]}, B={shape[4]}",
                here,
                there,
            )
        )
    stored = results.read("engine").set_index(KEYS)
    for cell in CELLS:
        here, there = (
            {k.removeprefix("compiled_"): r[k] for k in r.keys() if k.startswith("compiled_")}
            for r in (
                measure({"cell": cell, "hidden_size": 32}, rounds=10)[0],
                stored.loc[(cell, 32)],
            )
        )
        rows.append(
            (f"ten torch / ten compiled, {cell}", f"training, H=32, T={T}, B={B}", here, there)
        )
    show = lambda r: f"{r['ratio']:.2f} [{r['low']:.2f}, {r['high']:.2f}]"
    return pd.DataFrame(
        [(*label, show(a), show(b)) for *label, a, b in rows],
        columns=["ratio", "of", "here", "stored"],
    )


def renew():
    """Measure this study again on this machine, and only then put its rows in the place of the stored ones."""
    path = results.folder() / "engine.csv"
    fresh = path.with_name("engine.new.csv")
    fresh.unlink(missing_ok=True)
    store = results.Store(fresh, KEYS, [*COLUMNS, "error"])
    if run_all(measure, grid(store), store, progress="engine"):
        raise results.Stop(
            f"some measurements failed; the errors are in {fresh}, and {path} is as it was"
        )
    os.replace(fresh, path)


def main():
    """Print this machine's ratios beside the stored ones, for ``gatedrnn bench``."""
    print("Measuring for about half a minute; leave the machine alone.", flush=True)
    table = beside_stored()
    now, then = environment(), results.read("engine").iloc[0]  # now: after the threads are set
    for place, machine in (("here", now), ("stored", then)):
        facts = f"{machine['cpu']} ({machine['instructions']}), torch {machine['torch']}, {machine['threads']} thread"
        print(
            f"{place + ':':8} {facts}, oneDNN {'on' if machine['onednn_available'] else 'missing'}, {machine['blas']}"
        )
    print(table.to_string(index=False))
    print("Above 1 the first of the two takes longer. Brackets: 95 % interval over rounds.")
