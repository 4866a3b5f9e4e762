"""The rules that turn stored rows into verdicts; ``claims.yml`` says which claim is settled by which, and its margins.

A rule takes the regime and the parameters of a claim and returns ``(verdict, effect, interval, details)``: three
texts, and for each task, kernel or quantity a row (label, difference, low, high, margin, judgement). It raises
``results.NoResults`` while a row that it needs is missing. A positive difference favours the article; a ratio is GRU
over LSTM for times, LSTM over GRU for memory. A seed that failed (an error, or no score) is a result: it scores the
worst possible (see ``evidence``), never reaches a threshold, and its loss over time is the worst of the two cells.
Rules that count tasks, kernels or shapes yield no p-value of their own, so none is adjusted for the number of claims.
Nothing here imports torch.
"""

from collections import Counter
from itertools import product

import numpy as np
import pandas as pd

from gatedrnn import stats
from gatedrnn.claims.register import panel
from gatedrnn.claims.rows import (
    both_cells,
    evaluations,
    final_scores,
    lacking,
    losses_over_time,
    rows_of,
    times_to_threshold,
    values_at,
)
from gatedrnn.claims.ruling import (
    INCONCLUSIVE,
    MIXED,
    NOT_SUPPORTED,
    SUPPORTED,
    agree,
    span,
    tally,
    vote,
)

VARIANTS = list(
    product(["gru"], ["one", "per gate"], ["after", "before"])
)  # of the factorial: cell, products, reset


VARIANTS += product(["cifg", "lstm"], ["one", "per gate"], ["-"])


def _informative(task, matched, tuning_seeds):
    """Whether both cells' accuracy on the tuning seeds, at the chosen learning rate, lies within the task's range."""
    if "range" not in (spec := panel()[task]):
        return True
    means = []
    for final in both_cells("panel", task, matched):
        where = final.loc[
            0, ["task", "cell", "bias", "learning_rate"]
        ].to_dict()  # tuned once for a cell
        rows = rows_of("panel", phase="tuning", **where)
        if len(rows) != tuning_seeds:
            raise lacking("panel", f"{len(rows)} of {tuning_seeds} tuning runs of {where}")
        curves = [evaluations(row) for row in rows.itertuples() if isinstance(row.curve, str)]
        best = [
            curve[np.nanargmin(curve[:, 2]), 3]
            for curve in curves
            if np.isfinite(curve[:, 2]).any()
        ]
        if max(best, default=0) > 1:
            raise ValueError(
                f"results/panel.csv: valid_score in the curves of {task} must be a fraction, not {best}"
            )
        means.append(100 * sum(best) / tuning_seeds)
    return all(spec["range"][0] <= mean <= spec["range"][1] for mean in means)


def _panel_scores(matched, needed, against, tuning_seeds, enough, accepted):
    details = []
    for task, spec in panel().items():
        lstm, gru = final_scores("panel", task, matched)
        c = stats.compare(gru, lstm, spec["margin"], spec["better"] == "higher")
        if not _informative(task, matched, tuning_seeds):
            judgement = "out of range"
        elif c.low > 0 and c.difference >= c.margin:
            judgement = "GRU better"
        elif c.high < 0 and c.difference <= -c.margin:
            judgement = "LSTM better"
        else:  # the field of that name: c.equivalent or c.not_worse
            judgement = enough if getattr(c, enough.replace(" ", "_")) else "open"
        details.append((task, c.difference, c.low, c.high, c.margin, judgement))
    n = Counter(row[5] for row in details)
    word = MIXED if n["GRU better"] and n["LSTM better"] else INCONCLUSIVE
    word = NOT_SUPPORTED if n["LSTM better"] >= against else word
    word = SUPPORTED if sum(n[judgement] for judgement in accepted) >= needed else word
    text = f"of {len(details)} tasks {tally(details)}; GRU better on {n['GRU better']}"
    return word, text, span(details, "margins"), details


def comparable(matched, needed, against, tuning_seeds):
    """For: equivalent scores on ``needed`` tasks or more. Against: the GRU is worse on ``against`` tasks or more, by at
    least the margin and with an interval without 0. A task out of its informative range counts for neither.
    """
    return _panel_scores(matched, needed, against, tuning_seeds, "equivalent", ["equivalent"])


def not_inferior(matched, needed, against, tuning_seeds):
    """As ``comparable``, but for it count the tasks where the GRU is shown not to be worse by the margin."""
    return _panel_scores(
        matched, needed, against, tuning_seeds, "not worse", ["not worse", "GRU better"]
    )


def small_data(matched, tasks, small, full, needed):
    """A task supports if the GRU leads on small data, mean of the ``small`` shares, by the margin or more, and by more
    than on all data, both intervals above 0; it refutes if the lead is shown below the margin, or smaller than on all
    data. For or against: ``needed`` tasks or more, and none the other way.
    """
    details, judgements = [], []
    for task in tasks:
        spec = panel()[task]
        sign = 1 if spec["better"] == "higher" else -1
        leads = [
            sign * (gru - lstm)
            for lstm, gru in (final_scores("small_data", task, matched, s) for s in [*small, full])
        ]
        lead = np.mean(leads[:-1], axis=0)
        few, change = stats.compare(lead, 0 * lead, spec["margin"]), stats.compare(lead, leads[-1])
        supports = few.difference >= few.margin and few.low > 0 and change.low > 0
        refutes = few.high < few.margin or change.high < 0
        judgements.append("supports" if supports else "refutes" if refutes else "open")
        for label, c in (("small data", few), ("small - all", change)):
            details.append(
                (f"{task}, {label}", c.difference, c.low, c.high, few.margin, judgements[-1])
            )
    n = Counter(judgements)
    word = MIXED if n["supports"] and n["refutes"] else INCONCLUSIVE
    if max(n["supports"], n["refutes"]) >= needed and word != MIXED:
        word = SUPPORTED if n["supports"] else NOT_SUPPORTED
    return word, f"of {len(tasks)} tasks {tally(details[::2])}", span(details, "margins"), details


def convergence(source, matched, bias, ratio, solved, needed, tasks=None):
    """A task supports if the ratio of restricted mean steps is at most ``ratio`` and its interval below 1, and refutes
    if the interval lies above ``ratio``. A task on which no seed of either cell gets there does not count.
    """
    details = []
    for task in tasks or panel():
        lstm, gru, limit = times_to_threshold(source, task, matched, bias, solved)
        value, low, high = stats.restricted_ratio(gru, lstm, limit)
        judgement = (
            "supports" if value <= ratio and high < 1 else "refutes" if low > ratio else "open"
        )
        if np.isinf([lstm, gru]).all():
            judgement = "not reached"
        details.append((task, value, low, high, ratio, judgement))
    word = vote([row[5] for row in details], needed)
    counted = [row for row in details if row[5] != "not reached"]
    return (
        word,
        f"of {len(details)} tasks {tally(details)}",
        span(counted) if counted else "",
        details,
    )


def faster(modes, kernels, grids, ratio, needed, slower, against):
    """Each mode on each kernel is judged alone: for it, ratios of at most ``ratio`` at a share ``needed`` of the shapes
    or more; against it, ratios of ``slower`` or more at a share ``against`` or more. All of them must agree.
    """
    details, texts = [], []
    for mode, kernel in product(modes, kernels):
        ratios = values_at("speed", "ratio", grids[mode], mode=mode, comparison=kernel)
        fast, slow = np.mean(ratios <= ratio), np.mean(ratios >= slower)
        word = SUPPORTED if fast >= needed else NOT_SUPPORTED if slow >= against else INCONCLUSIVE
        details.append(
            (f"{mode}, {kernel}", np.median(ratios), ratios.min(), ratios.max(), ratio, word)
        )
        texts.append(
            f"{mode}, {kernel}: at most {ratio:g} at {fast:.0%} of shapes, {slower:g} or more at {slow:.0%}"
        )
    return agree([row[5] for row in details]), "; ".join(texts), span(details), details


def memory(hidden_size, ratio, quantities):
    """For: each quantity, on each of its kernels, is at least ``ratio`` times as large for the LSTM. Against: none."""
    details = []
    for quantity, kernel in (
        (name, kernel) for name, kernels in quantities.items() for kernel in kernels
    ):
        where = {"quantity": quantity, "kernel": kernel, "hidden_size": hidden_size}
        lstm, gru = values_at("memory", "bytes", {"cell": ["lstm", "gru"]}, **where)
        value = lstm / gru
        judgement = "more" if value >= ratio else "not more"
        details.append((f"{quantity}, {kernel}", value, value, value, ratio, judgement))
    n = Counter(row[5] for row in details)
    word = SUPPORTED if not n["not more"] else MIXED if n["more"] else NOT_SUPPORTED
    return word, ", ".join(f"{row[0]}: {row[1]:.3g}" for row in details), "exact counts", details


def gates(hidden_size, batch_size, share):
    """For: more than ``share`` of the variance of log time, within hidden size and batch size, lies between three and
    four blocks. Judged over all sizes, at the smallest hidden size and at the largest: the three must agree.
    """
    strata, details = (
        {(H, B): _between_blocks(H, B) for H, B in product(hidden_size, batch_size)},
        [],
    )
    for label, sizes in (
        ("all sizes", hidden_size),
        *((f"H = {H}", [H]) for H in (min(hidden_size), max(hidden_size))),
    ):
        parts = np.array([sums for (H, _), sums in strata.items() if H in sizes])
        value, single = parts[:, 0].sum() / parts[:, 1].sum(), parts[:, 0] / parts[:, 1]
        word = SUPPORTED if value > share else NOT_SUPPORTED
        details.append((label, value, single.min(), single.max(), share, word))
    text = ", ".join(f"{row[0]}: {row[1]:.0%} ({row[5]})" for row in details)
    return agree([row[5] for row in details]), text, f"strata {span(details)}", details


def _between_blocks(H, B):
    """Sums of squares of log seconds in one stratum: between three and four blocks, and in total."""
    variants = pd.MultiIndex.from_tuples(VARIANTS, names=["cell", "products", "reset"])
    rows = rows_of("factorial", hidden_size=H, batch_size=B).set_index(variants.names)
    if set(rows.seconds.dropna().index) != set(variants) or len(rows) != len(variants):
        raise lacking(
            "factorial",
            f"{len(rows)} of {len(variants)} variants at hidden size {H}, batch size {B}",
        )
    y, centre = np.log(rows.seconds), np.log(rows.seconds).mean()
    means = y.groupby(rows.blocks.to_numpy()).transform("mean")
    return ((means - centre) ** 2).sum(), ((y - centre) ** 2).sum()


def quality_for_time(matched, kernels, tasks, needed):
    """The best validation loss so far, averaged over the CPU time that both cells have. A task supports if the interval
    of the difference lies above 0, and refutes if below. The first kernel decides, unless another contradicts it.
    """
    details, words = [], []
    for kernel in kernels:
        for task in tasks:
            lstm, gru = losses_over_time(task, matched, kernel)
            c = stats.compare(gru, lstm, higher_is_better=False)
            judgement = "supports" if c.low > 0 else "refutes" if c.high < 0 else "open"
            details.append((f"{task}, {kernel}", c.difference, c.low, c.high, None, judgement))
        words.append(vote([row[5] for row in details[-len(tasks) :]], needed))
    word = MIXED if {SUPPORTED, NOT_SUPPORTED} <= set(words) else words[0]
    parts = [
        f"{kernel}: {tally(details[k * len(tasks) :][: len(tasks)])}"
        for k, kernel in enumerate(kernels)
    ]
    return word, "; ".join(parts), span(details, "in loss"), details


RULES = {
    rule.__name__: rule
    for rule in (comparable, not_inferior, small_data, convergence, faster, memory, gates)
}


RULES |= {"quality_for_time": quality_for_time}
