"""Rows as the studies store them, made up so that their verdict is known."""

import json
from itertools import product

import numpy as np
import pandas as pd

from gatedrnn.claims.register import load, panel
from gatedrnn.claims.rules.performance import VARIANTS
from gatedrnn.claims.verdicts import verdict

TASKS = ["speech", "pixels", "watch", "chorales", "language", "traffic", "adding", "recall"]
JITTER = np.array([-1, 1] * 5)
STEPS = np.arange(100, 1100, 100)
# What a task's ten seeds look like: the GRU's lead and its alternating part, in margins.
KINDS = {"equal": (0, 0.1), "better": (2, 0.1), "worse": (-2, 0.1), "open": (0, 5), "tied": (0, 0)}
LETTERS = {kind[0]: kind for kind in KINDS}
TEN = range(10)


def judged(id):
    """The verdict on the claim of that id."""
    return verdict(next(claim for claim in load() if claim.id == id))


def store(folder, study, rows):
    pd.DataFrame(list(rows)).to_csv(folder / f"{study}.csv", index=False)


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


def store_small(folder, leads):
    """``leads``: a task's lead of the GRU on small and on all data, its jitter; in margins."""
    rows = []
    for task, (few, full, jitter) in zip(["speech", "chorales", "language"], leads, strict=True):
        for share in (0.02, 0.05, 0.1, 0.25, 1.0):
            rows += arms(task, few if share <= 0.1 else full, jitter, share=share)
    store(folder, "small_data", rows)


FOR, AGAINST, GROWS, UNCLEAR = (2, 0, 0.1), (0, 0, 0.1), (2, 4, 0.1), (1.5, 0, 5)


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


def both(column, lstm, gru, seeds, spread=0.0, **where):
    """Rows of the LSTM, whose seeds alternate by ``spread``, and of both GRUs."""
    for seed in range(seeds):
        value = lstm + spread * JITTER[seed]
        yield where | {
            "phase": "final",
            "cell": "lstm",
            "matched": "reference",
            "seed": seed,
            column: value,
        }
        for how in ("parameters", "hidden size"):
            yield where | {
                "phase": "final",
                "cell": "gru",
                "matched": how,
                "seed": seed,
                column: gru,
            }


def counted(folder, slopes, top=0.99, horizons=(300, 100)):
    rows = []
    for words in ("drawn", "all"):
        for cell in ("lstm", "gru", "gru_before", "gru_noreset"):
            for how in ("reference",) if cell == "lstm" else ("parameters", "hidden size"):
                where = {"words": words, "cell": cell, "matched": how, "bias": "default"}
                rows += [
                    where
                    | {"seed": s, "slope": slopes + 0.01 * JITTER[s] if cell == "lstm" else 0.0}
                    | {"highest": top, "horizon": horizons[cell != "lstm"]}
                    for s in TEN
                ]
    store(folder, "counting", rows)
