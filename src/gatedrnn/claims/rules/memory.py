"""The rules of the claims about memory (C05-C12, C33). A rule returns what those of ``rules`` return, and raises
NoResults while a row that it needs is missing. Nothing here imports torch.
"""

import json
from collections import Counter

import numpy as np
import scipy.stats

from gatedrnn import stats
from gatedrnn.claims.rows import SEEDS, arm, pair
from gatedrnn.claims.ruling import INCONCLUSIVE, MIXED, NOT_SUPPORTED, SUPPORTED, agree, span, tally


def control(matched, need, tie, tie_margin, ratio):
    """For: the LSTM is right more often by ``ratio`` points or more on all tasks of ``need``, and equivalent within
    ``tie_margin`` on those of ``tie``. Against: on each of ``need`` the lead is shown to be smaller.
    """
    details = []
    for task in [*need, *tie]:
        lstm, gru = pair("control", "accuracy", matched, phase="final", task=task)
        c = stats.compare(100 * lstm, 100 * gru, margin=ratio if task in need else tie_margin)
        if task in tie:
            judgement = "equivalent" if c.equivalent else "not equivalent"
        elif c.difference >= ratio and c.low > 0:
            judgement = "LSTM better"
        else:
            judgement = "no such lead" if c.high < ratio else "open"
        details.append((task, c.difference, c.low, c.high, c.margin, judgement))
    n = Counter(row[5] for row in details)
    if n["LSTM better"] == len(need):
        word = SUPPORTED if n["equivalent"] == len(tie) else MIXED
    elif n["no such lead"] == len(need):
        word = NOT_SUPPORTED
    else:
        word = MIXED if n["LSTM better"] else INCONCLUSIVE
    return word, tally(details), f"{span(details)} points", details


def reach(bias, moment, threshold):
    """For the RNN, LSTM and GRU, the lag at which the gradient has fallen below ``threshold``, one a seed."""
    lags = {}
    for cell in ("rnn", "lstm", "gru"):
        where = {"task": "adding", "cell": cell, "bias": "default" if cell == "rnn" else bias}
        curves = [
            np.array(json.loads(text)) for text in arm("retention", f"gradient_{moment}", **where)
        ]
        lags[cell] = np.array([_first_below(curve, threshold) for curve in curves], float)
    return lags


def _first_below(curve, threshold):
    """The first lag at which the norm is below; the number of lags if it never is."""
    below = np.flatnonzero(curve < threshold)
    return below[0] if len(below) else len(curve)


def gradient_lag(moments, bias, others, threshold, ratio):
    """For: at each moment both gated cells' median lag is at least ``ratio`` times that of the RNN. Mixed: only at one
    of them, or only with one of the ``others``, biases at the start.
    """
    details = []
    for moment, start in [*((m, bias) for m in moments), *((moments[0], b) for b in others)]:
        lags = reach(start, moment, threshold)
        for cell in ("lstm", "gru"):
            value, low, high = _median_ratio(lags[cell], lags["rnn"])
            judgement = "holds" if value >= ratio else "fails"
            details.append(
                (f"{cell}, {start} bias, {moment} training", value, low, high, ratio, judgement)
            )
    primary = {row[5] for row in details[: 2 * len(moments)]}
    word = (
        SUPPORTED
        if primary == {"holds"}
        else MIXED
        if "holds" in {row[5] for row in details}
        else NOT_SUPPORTED
    )
    text = "; ".join(f"{row[0]}: {row[1]:.3g}" for row in details)
    return word, f"lag over that of the RNN: {text}", span(details), details


def _median_ratio(a, b):
    """The ratio of two medians over paired seeds, with its 95 % percentile bootstrap interval."""
    ratio = lambda a, b, axis=-1: np.median(a, axis) / np.median(b, axis)
    drawn = scipy.stats.bootstrap(
        (a, b), ratio, paired=True, n_resamples=stats.RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    return ratio(a, b), drawn.low, drawn.high


def ladder(gates, tasks, margin):
    """The rank correlation of a cell's number of gates with minus its steps to solve, over cells and seeds, mean of the
    tasks. For: above ``margin`` with an interval above 0. Against: the interval lies below ``margin`` or 0.
    """
    times = {
        task: np.array([ladder_steps(task, cell) for cell in gates]) for task in tasks
    }  # (cells, seeds)
    number = np.array(list(gates.values()))[:, None]

    def correlation(seeds, task):
        t = times[task][:, seeds]
        if np.ptp(t) == 0:
            return 0.0
        return scipy.stats.spearmanr(np.broadcast_to(number, t.shape).ravel(), -t.ravel()).statistic

    rng, details = np.random.default_rng(0), []
    draws = rng.integers(SEEDS, size=(2000, SEEDS))
    for task in tasks:
        drawn = [correlation(seeds, task) for seeds in draws]
        details.append(
            (
                task,
                correlation(np.arange(SEEDS), task),
                *np.quantile(drawn, [0.025, 0.975]),
                margin,
                "",
            )
        )
    drawn = [np.mean([correlation(seeds, task) for task in tasks]) for seeds in draws]
    value, (low, high) = np.mean([row[1] for row in details]), np.quantile(drawn, [0.025, 0.975])
    word = (
        SUPPORTED
        if value >= margin and low > 0
        else NOT_SUPPORTED
        if high < margin
        else INCONCLUSIVE
    )
    details.append(("both tasks", value, low, high, margin, word))
    return word, f"rank correlation {value:.2f}", f"{low:.2f} to {high:.2f}", details


def ladder_steps(task, cell):
    """The steps a cell of the ladder needed, one a seed; twice the steps of the training if it never got there."""
    steps, limit = (
        arm("ablations", c, part="ladder", phase="final", task=task, cell=cell)
        for c in ("solved_at", "steps")
    )
    return np.where(steps < 0, 2 * limit, steps).astype(float)


def lengths_solved(task, cell, matched, bias, solved, lengths):
    """Whether each seed solved each length, ``(lengths, seeds)``; words a^n b^n are solved up to the horizon."""
    if task == "counting":
        horizon = arm("counting", "horizon", words="drawn", cell=cell, matched=matched, bias=bias)
        return np.array(lengths)[:, None] <= horizon
    where = {"phase": "final", "task": task, "cell": cell, "matched": matched, "bias": bias}
    return np.array(
        [arm("long_range", "quality", length=length, **where) >= solved for length in lengths]
    )


def longest(solved, lengths):
    """The largest length that half of the seeds or more solve, for ``solved (..., lengths, seeds)``; half of the
    smallest length if they solve none.
    """
    ok = solved.mean(-1) >= 0.5
    return np.where(ok, lengths, lengths[0] / 2).max(-1)


def long_range(matched, bias, tasks, ratio, needed, against, counting):
    """A task supports if the longest length that half of the LSTM's seeds solve is at least ``ratio`` times that of the
    GRU's, with an interval above 1; it refutes if it is no longer than the GRU's. For: ``needed`` tasks or more.
    Against: ``against`` tasks or more, ``counting`` not counted.
    """
    rng, details = np.random.default_rng(0), []
    draws = rng.integers(SEEDS, size=(2000, SEEDS))
    for task, spec in tasks.items():
        lengths = np.array(spec["lengths"], float)
        arms = [("lstm", "reference"), ("gru", matched)]
        lstm, gru = (
            lengths_solved(task, cell, how, bias, spec.get("solved"), lengths) for cell, how in arms
        )
        value = longest(lstm, lengths) / longest(gru, lengths)
        drawn = [
            longest(lstm[:, seeds], lengths) / longest(gru[:, seeds], lengths) for seeds in draws
        ]
        low, high = np.quantile(drawn, [0.025, 0.975])
        judgement = (
            "supports" if value >= ratio and low > 1 else "refutes" if value <= 1 else "open"
        )
        details.append((task, value, low, high, ratio, judgement))
    n = Counter(row[5] for row in details)
    refuting = sum(row[5] == "refutes" and row[0] != counting for row in details)
    word = (
        SUPPORTED
        if n["supports"] >= needed
        else NOT_SUPPORTED
        if refuting >= against
        else INCONCLUSIVE
    )
    word = MIXED if word == INCONCLUSIVE and n["supports"] and n["refutes"] else word
    return word, f"of {len(details)} tasks {tally(details)}", span(details), details


def length_slope(matched, bias, tasks, margin):
    """How the GRU's lead changes when the length doubles, in points, the mean of the tasks. For: below 0 with its
    interval. Against: above 0 with its interval, or shown to lie within the margin.
    """
    slopes, details = [], []
    for task, lengths in tasks.items():
        leads = []
        for length in lengths:
            where = {"phase": "final", "task": task, "length": length, "bias": bias}
            lstm, gru = pair("long_range", "quality", matched, **where)
            leads.append(gru - lstm)
        slopes.append(np.polyfit(np.log2(lengths), np.array(leads), 1)[0])  # one a seed
        c = stats.compare(slopes[-1], np.zeros(SEEDS), margin)
        judgement = "supports" if c.high < 0 else "refutes" if c.low > 0 or c.equivalent else "open"
        details.append((task, c.difference, c.low, c.high, margin, judgement))
    c = stats.compare(np.mean(slopes, 0), np.zeros(SEEDS), margin)
    word = SUPPORTED if c.high < 0 and c.difference <= -margin else INCONCLUSIVE
    word = NOT_SUPPORTED if c.low > 0 or c.equivalent else word
    details.append(("all tasks", c.difference, c.low, c.high, margin, word))
    text = f"the GRU's lead changes by {c.difference:+.2g} points when the length doubles; tasks: {tally(details[:-1])}"
    return word, text, f"{c.low:.2g} to {c.high:.2g}", details


def complexity(matched, orders, margin):
    """How the LSTM's lead, in nats a symbol, changes with the order of the source. For: it grows with an interval above
    0, and the lead changes sign from the lowest order to the highest. Against: it does not grow by ``margin``.
    """
    leads, details = [], []
    for order in orders:
        lstm, gru = pair("control", "loss", matched, phase="final", task=f"markov {order}")
        leads.append(gru - lstm)
        c = stats.compare(gru, lstm)
        details.append((f"order {order}", c.difference, c.low, c.high, None, ""))
    c = stats.compare(np.polyfit(orders, np.array(leads), 1)[0], np.zeros(SEEDS), margin)
    crossed = details[0][1] <= 0 < details[-1][1]
    word = INCONCLUSIVE
    if c.low > 0 and c.difference >= margin:
        word = SUPPORTED if crossed else MIXED
    elif c.high < margin:
        word = NOT_SUPPORTED
    details.append(("slope", c.difference, c.low, c.high, margin, word))
    text = f"the LSTM's lead grows by {c.difference:+.2g} nats an order, {'with' if crossed else 'without'} a crossover"
    return word, text, f"{c.low:.2g} to {c.high:.2g}", details


def languages(matched, families, lead, needed):
    """Each family of tasks is judged alone, by the share of strings beyond the trained length that are wholly right.
    For: the LSTM leads by ``lead`` points or more, with an interval above 0, on ``needed`` tasks or more. Against: on
    so many tasks its lead is shown to be smaller. The families must agree.
    """
    details, words, texts = [], [], []
    for family, tasks in families.items():
        judgements = []
        for task in tasks:
            lstm, gru = pair("languages", "strings", matched, phase="final", task=task)
            c = stats.compare(100 * lstm, 100 * gru)
            judgements.append(
                "supports"
                if c.difference >= lead and c.low > 0
                else "refutes"
                if c.high < lead
                else "open"
            )
            details.append(
                (f"{task} ({family})", c.difference, c.low, c.high, lead, judgements[-1])
            )
        n = Counter(judgements)
        word = (
            SUPPORTED
            if n["supports"] >= needed
            else NOT_SUPPORTED
            if n["refutes"] >= needed
            else INCONCLUSIVE
        )
        words.append(word)
        texts.append(f"{family}: {word} ({tally(details[-len(tasks) :])})")
    return agree(words), "; ".join(texts), f"{span(details)} points", details


def preserves(matched, bias, error, accuracy, needed):
    """For: adding is solved with a test error below ``error``, and recall with an accuracy above ``accuracy``, by
    ``needed`` seeds or more each. Against: fewer, even at the upper end of Wilson's interval of the share of seeds.
    """
    where, details = {"phase": "final", "cell": "gru", "matched": matched, "bias": bias}, []
    for task, length, limit, better in (
        ("adding", 200, error, np.less),
        ("recall", 100, accuracy, np.greater),
    ):
        column = "error" if task == "adding" else "accuracy"
        good = int(
            better(
                arm("long_range", f"test_{column}", task=task, length=length, **where), limit
            ).sum()
        )
        low, high = scipy.stats.binomtest(good, SEEDS).proportion_ci(method="wilson")
        judgement = "holds" if good >= needed else "fails" if high < needed / SEEDS else "open"
        details.append((task, good / SEEDS, low, high, needed / SEEDS, judgement))
    words = {row[5] for row in details}
    word = (
        SUPPORTED if words == {"holds"} else NOT_SUPPORTED if words == {"fails"} else INCONCLUSIVE
    )
    word = MIXED if {"holds", "fails"} <= words else word
    return (
        word,
        ", ".join(f"{row[0]}: {row[1] * SEEDS:.0f} of {SEEDS} seeds" for row in details),
        span(details),
        details,
    )


def unbounded(slope, highest, matched, words):
    """For: the largest |c| of the LSTM grows by more than ``slope`` a step on the letters a, its interval above, and no
    GRU's |h| passes ``highest``. Against: the interval lies below ``slope``, or a GRU passes.
    """
    where = {"words": words, "bias": "default"}
    grows = arm("counting", "slope", cell="lstm", matched="reference", **where).astype(float)
    top = float(arm("counting", "highest", cell="gru", matched=matched, **where).max())
    c = stats.compare(grows, np.full(SEEDS, slope))
    details = [
        ("LSTM, slope of max |c|", c.difference + slope, c.low + slope, c.high + slope, slope, ""),
        ("GRU, max |h|", top, top, top, highest, ""),
    ]
    word = SUPPORTED if c.low > 0 else NOT_SUPPORTED if c.high < 0 else INCONCLUSIVE
    word = NOT_SUPPORTED if top > highest else word
    text = f"max |c| of the LSTM grows by {c.difference + slope:.3g} a step; max |h| of the GRU {top:.6g}"
    return word, text, f"{c.low + slope:.3g} to {c.high + slope:.3g} a step", details


RULES = {
    rule.__name__: rule
    for rule in (control, gradient_lag, ladder, long_range, length_slope, complexity)
}


RULES |= {rule.__name__: rule for rule in (languages, preserves, unbounded)}
