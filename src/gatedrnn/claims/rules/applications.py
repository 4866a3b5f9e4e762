"""The rules of the claims about applications (C21-C27). A rule returns what those of ``rules`` return, and raises
NoResults while a row that it needs is missing. Nothing here imports torch.
"""

import json
from collections import Counter

import numpy as np

from gatedrnn import stats
from gatedrnn.claims.register import panel
from gatedrnn.claims.rows import arm, final_scores, lacking, pair, rows_of, values_at
from gatedrnn.claims.ruling import INCONCLUSIVE, MIXED, NOT_SUPPORTED, SUPPORTED, span, tally, vote


def _lead(c):
    """The verdict on a lead of at least the margin: shown, shown to be smaller, or neither."""
    if c.low > 0 and c.difference >= c.margin:
        return SUPPORTED
    return NOT_SUPPORTED if c.high < c.margin else INCONCLUSIVE


def lead(study, column, matched, seeds, margin, higher, scale, where, levels):
    """For: the LSTM leads by the margin or more with an interval above 0. Against: its lead is shown to be smaller.
    ``levels``, {column: values}, holds one column; all its values must agree. It is mixed if one is for and one
    against, and else inconclusive.
    """
    ((name, values),), details = levels.items(), []
    for value in values:
        rows = where | {name: value}
        lstm = arm(study, column, seeds, cell="lstm", matched="reference", **rows).astype(float)
        gru = arm(study, column, seeds, cell="gru", matched=matched, **rows).astype(float)
        c = stats.compare(scale * lstm, scale * gru, margin, higher)
        details.append((f"{name} {value}", c.difference, c.low, c.high, margin, _lead(c)))
    text = ", ".join(f"{row[0]}: LSTM ahead by {row[1]:.3g} ({row[5]})" for row in details)
    words = {row[5] for row in details}
    word = (
        words.pop()
        if len(words) == 1
        else MIXED
        if {SUPPORTED, NOT_SUPPORTED} <= words
        else INCONCLUSIVE
    )
    return word, text, span(details), details


def _tuned(width, cell, tuning_seeds):
    """The accuracy in % on the tuning seeds at the best learning rate."""
    rows = rows_of("quantisation", phase="tuning", width=width, cell=cell)
    if "valid_accuracy" not in rows or rows.empty:
        raise lacking("quantisation", f"no tuning of {cell} at width {width}")
    found = rows.groupby("learning_rate").valid_accuracy.agg(["mean", "count"])
    if (found["count"] != tuning_seeds).any():
        raise lacking("quantisation", f"the tuning of {cell} at width {width} is not finished")
    return 100 * found["mean"].max()


def equal_bytes(matched, widths, seeds, tuning_seeds, margin, needed, lowest, highest):
    """Widths of the LSTM are size bins, each with the GRU of as many parameters in the recurrent layer, in eight bits.
    For: the GRU's accuracy exceeds the LSTM's by the margin, interval above 0, in ``needed`` bins or more. Against: in
    so many its lead is shown below the margin. A bin counts if both cells lie within the range on the tuning seeds.
    """
    details = []
    for width in widths:
        accuracies = [
            arm(
                "quantisation",
                "accuracy_int8",
                seeds,
                phase="final",
                width=width,
                cell=cell,
                matched=how,
            ).astype(float)
            for cell, how in (("gru", matched), ("lstm", "reference"))
        ]
        c = stats.compare(100 * accuracies[0], 100 * accuracies[1], margin)
        judgement = {SUPPORTED: "GRU better", NOT_SUPPORTED: "no such lead", INCONCLUSIVE: "open"}[
            _lead(c)
        ]
        if not all(
            lowest <= _tuned(width, cell, tuning_seeds) <= highest for cell in ("lstm", "gru")
        ):
            judgement = "out of range"
        details.append((f"LSTM {width}", c.difference, c.low, c.high, margin, judgement))
    n = Counter(row[5] for row in details)
    word = (
        SUPPORTED
        if n["GRU better"] >= needed
        else NOT_SUPPORTED
        if n["no such lead"] >= needed
        else INCONCLUSIVE
    )
    if word == INCONCLUSIVE and n["GRU better"] and n["no such lead"]:
        word = MIXED
    return word, f"of {len(details)} sizes {tally(details)}", f"{span(details)} points", details


def deadline(matched, hidden_size, kernels, loads, milliseconds):
    """For: under some load and at some size the GRU's p99 meets the deadline and the LSTM's does not. Against: nowhere.
    A detail's difference is the LSTM's p99 in milliseconds over the GRU's; its range, both p99.
    """
    details = []
    for kernel in kernels:
        for load in loads:
            for width in hidden_size:
                where, levels = (
                    {"kernel": kernel, "load": load, "matched": matched},
                    {"width": [width]},
                )
                lstm, gru = (
                    values_at("latency", f"{cell}_p99", levels, **where).item()
                    for cell in ("lstm", "gru")
                )
                word = "GRU alone in time" if gru < milliseconds <= lstm else "LSTM alone in time"
                if (gru < milliseconds) == (lstm < milliseconds):
                    word = "both in time" if gru < milliseconds else "both late"
                label = f"{kernel}, {load}, LSTM {width}"
                details.append(
                    (label, lstm / gru, min(lstm, gru), max(lstm, gru), milliseconds, word)
                )
    n = Counter(row[5] for row in details)
    word = SUPPORTED if n["GRU alone in time"] else NOT_SUPPORTED
    if n["GRU alone in time"] and n["LSTM alone in time"]:
        word = MIXED
    worst = max(row[3] for row in details)
    return (
        word,
        f"of {len(details)} settings {tally(details)}; largest p99 {worst:.3g} ms",
        "",
        details,
    )


def online(matched, streams, ratio, needed):
    """A stream supports if the GRU's error over the whole stream is at most ``ratio`` times the LSTM's, geometric mean
    over seeds, with an interval below 1; it refutes if the interval lies above ``ratio``.
    """
    details = []
    for stream in streams:
        lstm, gru = pair("online", "mse", matched, phase="final", stream=stream)
        c = stats.compare(np.log(gru), np.log(lstm))
        value, low, high = np.exp([c.difference, c.low, c.high])
        judgement = (
            "supports" if value <= ratio and high < 1 else "refutes" if low > ratio else "open"
        )
        details.append((stream, value, low, high, ratio, judgement))
    return (
        vote([row[5] for row in details], needed),
        f"of {len(details)} streams {tally(details)}",
        span(details),
        details,
    )


def context(matched, width, seeds, ratio, short):
    """For: the LSTM's useful context, LSTM over GRU, is at least ``ratio`` with an interval above 1, and its lead over
    the GRU is larger with the full context than with ``short`` characters, interval above 0. Against: the ratio is
    shown below ``ratio``.
    """
    where = {"phase": "final", "width": width}
    rows = [
        rows_of("language", cell=cell, matched=how, **where).sort_values("seed")
        for cell, how in (("lstm", "reference"), ("gru", matched))
    ]
    useful = [
        arm("language", "useful", seeds, cell=c, matched=how, **where).astype(float)
        for c, how in (("lstm", "reference"), ("gru", matched))
    ]
    c = stats.compare(np.log(useful[0]), np.log(useful[1]))
    value, low, high = np.exp([c.difference, c.low, c.high])
    curves = [[dict(json.loads(text)) for text in cell.by_context] for cell in rows]
    gap = lambda k: np.array([gru[k] - lstm[k] for lstm, gru in zip(*curves, strict=True)])
    longest = max(curves[0][0])
    growth = stats.compare(gap(longest), gap(short))
    word = INCONCLUSIVE
    if value >= ratio and low > 1 and growth.low > 0:
        word = SUPPORTED
    elif high < ratio:
        word = NOT_SUPPORTED
    details = [("useful context, LSTM over GRU", value, low, high, ratio, word)]
    details += [
        (
            f"lead at {longest} less lead at {short}",
            growth.difference,
            growth.low,
            growth.high,
            None,
            "",
        )
    ]
    text = f"useful context {np.mean(useful[0]):.0f} and {np.mean(useful[1]):.0f} characters, ratio {value:.2f}"
    return word, text, f"{low:.2f} to {high:.2f}", details


def policy(advice, outside, matched):
    """Regret: how far, in margins, the advised cell is behind the other on a task, 0 if it is ahead, mean over seeds
    first. For: the regret of the ``advice``, mean over tasks, is lower than that of always taking the LSTM and of
    always taking the GRU, both intervals over tasks above 0. Against: it is not lower than the better of the two.
    """
    leads = {}
    for task, cell in advice.items():
        if task in panel():
            lstm, gru = final_scores("panel", task, matched)
            spec = panel()[task]
            margin, sign = spec["margin"], 1 if spec["better"] == "higher" else -1
        else:
            spec = dict(outside[task])
            margin, sign, scale = (
                spec.pop("margin"),
                1 if spec.pop("better") == "higher" else -1,
                spec.pop("scale"),
            )
            study, column, seeds = spec.pop("study"), spec.pop("column"), spec.pop("seeds")
            lstm, gru = (
                scale
                * arm(study, column, seeds, cell=c, matched=how, phase="final", **spec).astype(
                    float
                )
                for c, how in (("lstm", "reference"), ("gru", matched))
            )
        leads[task] = sign * (lstm - gru).mean() / margin, cell
    regret = {
        "advice": np.array(
            [max(0, -lead if cell == "lstm" else lead) for lead, cell in leads.values()]
        ),
        "always LSTM": np.array([max(0, -lead) for lead, _ in leads.values()]),
        "always GRU": np.array([max(0, lead) for lead, _ in leads.values()]),
    }
    gains = {
        name: stats.compare(regret[name], regret["advice"])
        for name in ("always LSTM", "always GRU")
    }
    better = min(gains.values(), key=lambda c: c.difference)
    word = INCONCLUSIVE
    if all(c.low > 0 for c in gains.values()):
        word = SUPPORTED
    elif better.difference <= 0:
        word = NOT_SUPPORTED
    details = [
        (f"{name} less advice", c.difference, c.low, c.high, None, "") for name, c in gains.items()
    ]
    details += [
        (task, lead, lead, lead, 1.0, f"advice {cell.upper()}")
        for task, (lead, cell) in leads.items()
    ]
    text = ", ".join(f"{name} {values.mean():.2f}" for name, values in regret.items())
    return word, f"regret in margins: {text}", span(details[:2]), details


RULES = {rule.__name__: rule for rule in (lead, equal_bytes, deadline, online, context, policy)}
