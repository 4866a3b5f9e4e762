"""The rules of the claims about memory (C05-C12, C33). No torch."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.stats

from gatedrnn import stats
from gatedrnn.claims.rows import SEEDS, arm, pair
from gatedrnn.claims.ruling import (
    Finding,
    Ruling,
    Word,
    agree,
    count,
    judge_lead,
    rule,
    span,
    tally,
)

RESAMPLES = 2000  # of the bootstraps whose statistic takes a while


def _interval(statistic: Callable[..., Any], *samples: np.ndarray, at_once: bool = True) -> list:
    """The 95 % percentile interval of ``stats.resampled``, with fewer resamples."""
    found = stats.resampled(statistic, *samples, resamples=RESAMPLES, at_once=at_once)
    return np.quantile(found, [0.025, 0.975]).tolist()


@rule
def control(
    matched: str, need: list[str], tie: list[str], tie_margin: float, ratio: float
) -> Ruling:
    """Is the LSTM right more often on the tasks that need finer control, and only there?

    Supported if it leads on all tasks that need it and is equivalent on the others; mixed if it
    leads on some, or is not equivalent on the others; not supported if each lead is shown to be
    smaller; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        need: The tasks that need finer control.
        tie: The tasks that do not.
        tie_margin: Within how many points the cells count as equivalent.
        ratio: The smallest lead that matters, in points.

    Returns:
        The ruling, a finding a task, in points of accuracy.

    Raises:
        NoResults: A seed is missing.
    """
    needing = [_control_lead(task, matched, ratio) for task in need]
    tying = [_control_tie(task, matched, tie_margin) for task in tie]
    findings = needing + tying
    n = count(findings)
    if n["LSTM better"] == len(need):
        word = Word.SUPPORTED if n["equivalent"] == len(tie) else Word.MIXED
    elif n["no such lead"] == len(need):
        word = Word.NOT_SUPPORTED
    elif n["LSTM better"]:
        word = Word.MIXED
    else:
        word = Word.INCONCLUSIVE
    return Ruling(word, tally(findings), f"{span(findings)} points", tuple(findings))


def _control_lead(task, matched, margin):
    """Whether the LSTM leads on a task that needs finer control."""
    compared = _control_compared(task, matched, margin)
    names = {
        Word.SUPPORTED: "LSTM better",
        Word.NOT_SUPPORTED: "no such lead",
        Word.INCONCLUSIVE: "open",
    }
    return Finding.of(task, compared, margin, names[judge_lead(compared, margin)])


def _control_tie(task, matched, margin):
    """Whether the cells are equivalent on a task that does not."""
    compared = _control_compared(task, matched, margin)
    judgement = "equivalent" if compared.equivalent else "not equivalent"
    return Finding.of(task, compared, margin, judgement)


def _control_compared(task, matched, margin):
    """The LSTM against the GRU, in points of accuracy."""
    lstm, gru = pair("control", "accuracy", matched, phase="final", task=task)
    return stats.compare(100 * lstm, 100 * gru, margin)


def reach(bias: str, moment: str, threshold: float) -> dict[str, np.ndarray]:
    """The lag at which the gradient of the last output has fallen below a threshold.

    Args:
        bias: The bias of the gated cells at the start; the RNN has the default.
        moment: ``before`` or ``after`` training.
        threshold: The share of the gradient at lag 0.

    Returns:
        ``{cell: lags}`` for the RNN, the LSTM and the GRU, one lag a seed.

    Raises:
        NoResults: A seed is missing.
    """
    lags = {}
    for cell in ("rnn", "lstm", "gru"):
        start = "default" if cell == "rnn" else bias
        texts = arm("retention", f"gradient_{moment}", task="adding", cell=cell, bias=start)
        curves = [np.array(json.loads(text)) for text in texts]
        lags[cell] = np.array([first_below(curve, threshold) for curve in curves], float)
    return lags


def first_below(curve: np.ndarray, threshold: float) -> int:
    """The first lag at which a gradient is below a threshold.

    Args:
        curve: The norm at each lag, (T,).
        threshold: The threshold.

    Returns:
        The lag; T if it never is.
    """
    below = np.flatnonzero(curve < threshold)
    return below[0] if len(below) else len(curve)


@rule
def gradient_lag(
    moments: list[str], bias: str, others: list[str], threshold: float, ratio: float
) -> Ruling:
    """Do both gated cells carry the gradient farther back than the RNN?

    Supported if, at each moment, both cells' median lag is that many times the RNN's. Mixed if that
    holds only in part, or only with one of the other biases at the start. Else not supported.

    Args:
        moments: ``before`` and ``after`` training; the first is looked at with the other biases.
        bias: The bias at the start that decides.
        others: The other biases.
        threshold: The share of the gradient at lag 0 below which it counts as gone.
        ratio: How many times farther the gradient must reach.

    Returns:
        The ruling, a finding a cell, bias and moment; the effect is the ratio of the lags.

    Raises:
        NoResults: A seed is missing.
    """
    deciding = []
    for moment in moments:
        deciding += _lags_over_rnn(bias, moment, threshold, ratio)
    findings = list(deciding)
    for other in others:
        findings += _lags_over_rnn(other, moments[0], threshold, ratio)
    if count(deciding)["holds"] == len(deciding):
        word = Word.SUPPORTED
    elif count(findings)["holds"]:
        word = Word.MIXED
    else:
        word = Word.NOT_SUPPORTED
    ratios = "; ".join(f"{finding.label}: {finding.difference:.3g}" for finding in findings)
    return Ruling(word, f"lag over that of the RNN: {ratios}", span(findings), tuple(findings))


def _lags_over_rnn(bias, moment, threshold, ratio):
    """A finding for each of the gated cells."""
    lags = reach(bias, moment, threshold)
    findings = []
    for cell in ("lstm", "gru"):
        value = _median_ratio(lags[cell], lags["rnn"])
        low, high = stats.bootstrap(_median_ratio, lags[cell], lags["rnn"])
        judgement = "holds" if value >= ratio else "fails"
        label = f"{cell}, {bias} bias, {moment} training"
        findings.append(Finding(label, value, low, high, ratio, judgement))
    return findings


def _median_ratio(a, b):
    """The ratio of the medians, over the last axis."""
    return np.median(a, axis=-1) / np.median(b, axis=-1)


@rule
def ladder(gates: dict[str, int], tasks: list[str], margin: float) -> Ruling:
    """Do cells with more gates solve a task in fewer steps?

    The measure is the rank correlation of a cell's number of gates with minus its steps to solve,
    over cells and seeds, mean of the tasks. Supported if it is at least the margin and its interval
    above 0; not supported if the interval lies below the margin; else inconclusive.

    Args:
        gates: ``{cell: its number of gates}``.
        tasks: The tasks.
        margin: The smallest correlation that matters.

    Returns:
        The ruling, a finding a task and one for their mean.

    Raises:
        NoResults: A seed is missing.
    """
    times = {task: np.array([ladder_steps(task, cell) for cell in gates]).T for task in tasks}
    correlation = partial(_rank_correlation, list(gates.values()))
    mean = partial(_mean_rank_correlation, list(gates.values()))
    findings = []
    for task in tasks:
        low, high = _interval(correlation, times[task], at_once=False)
        findings.append(Finding(task, correlation(times[task]), low, high, margin, ""))
    value = mean(*times.values())
    low, high = _interval(mean, *times.values(), at_once=False)
    if value >= margin and low > 0:
        word = Word.SUPPORTED
    elif high < margin:
        word = Word.NOT_SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings.append(Finding("both tasks", value, low, high, margin, word))
    effect = f"rank correlation {value:.2f}"
    return Ruling(word, effect, f"{low:.2f} to {high:.2f}", tuple(findings))


def _rank_correlation(numbers, times):
    """Spearman's correlation of a cell's number with minus its times, (S, cells); or 0."""
    if np.ptp(times) == 0:
        return 0.0
    repeated = np.repeat(numbers, len(times))
    return scipy.stats.spearmanr(repeated, -times.T.ravel()).statistic


def _mean_rank_correlation(numbers, *times):
    """The mean of the correlations of several tasks."""
    return np.mean([_rank_correlation(numbers, of_task) for of_task in times])


def ladder_steps(task: str, cell: str) -> np.ndarray:
    """The steps that a cell of the ladder needed to solve a task.

    Args:
        task: The task.
        cell: The cell.

    Returns:
        One number a seed; twice the steps of the training if it never got there.

    Raises:
        NoResults: A seed is missing.
    """
    where = {"part": "ladder", "phase": "final", "task": task, "cell": cell}
    steps = arm("ablations", "solved_at", **where)
    limit = arm("ablations", "steps", **where)
    return np.where(steps < 0, 2 * limit, steps).astype(float)


def lengths_solved(
    task: str, cell: str, matched: str, bias: str, solved: float | None, lengths: np.ndarray
) -> np.ndarray:
    """Whether each seed solved each length of a task.

    Args:
        task: The task. Words a^n b^n, ``counting``, are solved up to the horizon.
        cell: The cell.
        matched: How its size was chosen.
        bias: The bias at the start.
        solved: The quality from which a length is solved; ``counting`` needs none.
        lengths: The lengths.

    Returns:
        Truth values, (lengths, seeds).

    Raises:
        NoResults: A seed is missing.
    """
    where = {"cell": cell, "matched": matched, "bias": bias}
    if task == "counting":
        horizon = arm("counting", "horizon", words="drawn", **where)
        return np.array(lengths)[:, None] <= horizon
    qualities = []
    for length in lengths:
        place = where | {"phase": "final", "task": task, "length": length}
        qualities.append(arm("long_range", "quality", **place))
    return np.array(qualities) >= solved


def longest(solved: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The largest length that half of the seeds or more solve.

    Args:
        solved: Truth values, (..., lengths, seeds).
        lengths: The lengths, in ascending order.

    Returns:
        The lengths, (...); half of the smallest one where no length is solved.
    """
    by_half = solved.mean(-1) >= 0.5
    return np.where(by_half, lengths, lengths[0] / 2).max(-1)


@rule
def long_range(
    matched: str,
    bias: str,
    tasks: dict[str, dict[str, Any]],
    ratio: float,
    needed: int,
    against: int,
    counting: str,
) -> Ruling:
    """Does the LSTM solve longer sequences than the GRU?

    A task supports if the longest length that half of the LSTM's seeds solve is so many times that
    of the GRU's, with an interval above 1; it refutes if it is no longer than the GRU's. Supported
    if enough tasks support; not supported if enough refute; else mixed if there are both, and
    inconclusive if not.

    Args:
        matched: How the GRU's size was chosen.
        bias: The bias at the start.
        tasks: ``{task: {"lengths": ..., "solved": the quality from which one is solved}}``.
        ratio: How many times longer the length must be.
        needed: How many tasks are enough for the claim.
        against: How many are enough against it.
        counting: The task that does not count against it.

    Returns:
        The ruling, a finding a task; the effect is the ratio of the lengths, LSTM over GRU.

    Raises:
        NoResults: A seed is missing.
    """
    findings = []
    for task, spec in tasks.items():
        findings.append(_longest_ratio(task, spec, matched, bias, ratio))
    n = count(findings)
    refuting = count(finding for finding in findings if finding.label != counting)["refutes"]
    if n["supports"] >= needed:
        word = Word.SUPPORTED
    elif refuting >= against:
        word = Word.NOT_SUPPORTED
    elif n["supports"] and n["refutes"]:
        word = Word.MIXED
    else:
        word = Word.INCONCLUSIVE
    effect = f"of {len(findings)} tasks {tally(findings)}"
    return Ruling(word, effect, span(findings), tuple(findings))


def _longest_ratio(task, spec, matched, bias, ratio):
    """The longest solved length of the LSTM over that of the GRU."""
    lengths = np.array(spec["lengths"], float)
    mark = spec.get("solved")
    lstm = lengths_solved(task, "lstm", "reference", bias, mark, lengths)
    gru = lengths_solved(task, "gru", matched, bias, mark, lengths)

    def over_gru(lstm, gru):  # (..., seeds, lengths)
        return longest(lstm.swapaxes(-1, -2), lengths) / longest(gru.swapaxes(-1, -2), lengths)

    value = over_gru(lstm.T, gru.T)
    low, high = _interval(over_gru, lstm.T, gru.T)
    if value >= ratio and low > 1:
        judgement = "supports"
    elif value <= 1:
        judgement = "refutes"
    else:
        judgement = "open"
    return Finding(task, value, low, high, ratio, judgement)


@rule
def length_slope(matched: str, bias: str, tasks: dict[str, list[int]], margin: float) -> Ruling:
    """Does the GRU's lead fall as sequences become longer?

    The measure is the change of the lead when the length doubles, mean of the tasks. Supported if
    the lead falls by the margin or more and the interval lies below 0; not supported if it rises,
    with its interval, or is shown to change by less than the margin; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        bias: The bias at the start.
        tasks: ``{task: its lengths}``.
        margin: The smallest change that matters, in points.

    Returns:
        The ruling, a finding a task and one for their mean, in points.

    Raises:
        NoResults: A seed is missing.
    """
    slopes = []
    findings = []
    for task, lengths in tasks.items():
        slopes.append(_lead_slope(task, lengths, matched, bias))
        compared = _against_zero(slopes[-1], margin)
        if compared.high < 0:
            judgement = "supports"
        elif compared.low > 0 or compared.equivalent:
            judgement = "refutes"
        else:
            judgement = "open"
        findings.append(Finding.of(task, compared, margin, judgement))
    mean = _against_zero(np.mean(slopes, 0), margin)
    if mean.low > 0 or mean.equivalent:
        word = Word.NOT_SUPPORTED
    elif mean.high < 0 and mean.difference <= -margin:
        word = Word.SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    change = f"the GRU's lead changes by {mean.difference:+.2g} points when the length doubles"
    effect = f"{change}; tasks: {tally(findings)}"
    findings.append(Finding.of("all tasks", mean, margin, word))
    return Ruling(word, effect, f"{mean.low:.2g} to {mean.high:.2g}", tuple(findings))


def _lead_slope(task, lengths, matched, bias):
    """The slope of the GRU's lead over the binary logarithm of the length, one a seed."""
    leads = []
    for length in lengths:
        where = {"phase": "final", "task": task, "length": length, "bias": bias}
        lstm, gru = pair("long_range", "quality", matched, **where)
        leads.append(gru - lstm)
    slope, _ = np.polyfit(np.log2(lengths), np.array(leads), 1)
    return slope


def _against_zero(values, margin):
    """The mean over seeds, with its interval."""
    return stats.compare(values, np.zeros(SEEDS), margin)


@rule
def complexity(matched: str, orders: list[int], margin: float) -> Ruling:
    """Does the LSTM's lead grow with the complexity of a source?

    Complexity is the order of a Markov source. Supported if the lead grows by the margin or more an
    order, with an interval above 0, and changes sign from the lowest order to the highest; mixed
    if it grows without changing its sign; not supported if it is shown to grow by less; else
    inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        orders: The orders, ascending.
        margin: The smallest growth that matters, in nats a symbol and order.

    Returns:
        The ruling, a finding an order and one for the slope, in nats a symbol.

    Raises:
        NoResults: A seed is missing.
    """
    leads = []
    findings = []
    for order in orders:
        lstm, gru = pair("control", "loss", matched, phase="final", task=f"markov {order}")
        leads.append(gru - lstm)
        findings.append(Finding.of(f"order {order}", stats.compare(gru, lstm), None, ""))
    slopes, _ = np.polyfit(orders, np.array(leads), 1)
    growth = _against_zero(slopes, margin)
    crossed = findings[0].difference <= 0 < findings[-1].difference
    word = judge_lead(growth, margin)
    if word == Word.SUPPORTED and not crossed:
        word = Word.MIXED
    findings.append(Finding.of("slope", growth, margin, word))
    crossover = "with" if crossed else "without"
    effect = (
        f"the LSTM's lead grows by {growth.difference:+.2g} nats an order, {crossover} a crossover"
    )
    return Ruling(word, effect, f"{growth.low:.2g} to {growth.high:.2g}", tuple(findings))


@rule
def languages(matched: str, families: dict[str, list[str]], lead: float, needed: int) -> Ruling:
    """Does the LSTM get more strings right beyond the trained length?

    Each family of tasks is judged alone. Supported if the LSTM leads, with an interval above 0, on
    enough of its tasks; not supported if on so many its lead is shown to be smaller; else
    inconclusive. The families must agree, or the claim is mixed.

    Args:
        matched: How the GRU's size was chosen.
        families: ``{family: its tasks}``.
        lead: The smallest lead that matters, in points of strings that are wholly right.
        needed: How many tasks of a family are enough.

    Returns:
        The ruling, a finding a task, in points.

    Raises:
        NoResults: A seed is missing.
    """
    findings = []
    words = []
    texts = []
    for family, tasks in families.items():
        found = [_language(task, family, matched, lead) for task in tasks]
        n = count(found)
        if n["supports"] >= needed:
            word = Word.SUPPORTED
        elif n["refutes"] >= needed:
            word = Word.NOT_SUPPORTED
        else:
            word = Word.INCONCLUSIVE
        findings += found
        words.append(word)
        texts.append(f"{family}: {word} ({tally(found)})")
    return Ruling(agree(words), "; ".join(texts), f"{span(findings)} points", tuple(findings))


def _language(task, family, matched, lead):
    """Whether the LSTM leads on a language."""
    lstm, gru = pair("languages", "strings", matched, phase="final", task=task)
    compared = stats.compare(100 * lstm, 100 * gru)
    names = {
        Word.SUPPORTED: "supports",
        Word.NOT_SUPPORTED: "refutes",
        Word.INCONCLUSIVE: "open",
    }
    return Finding.of(f"{task} ({family})", compared, lead, names[judge_lead(compared, lead)])


@rule
def preserves(matched: str, bias: str, error: float, accuracy: float, needed: int) -> Ruling:
    """Does the GRU keep what it needs over a long wait?

    It is asked to solve adding at length 200 and recall at lag 100. Supported if enough seeds solve
    each; not supported if, on each, fewer do even at the upper end of Wilson's interval of their
    share; mixed if the one holds and the other fails; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        bias: The bias at the start.
        error: The test error below which adding is solved.
        accuracy: The test accuracy above which recall is solved.
        needed: How many seeds are enough.

    Returns:
        The ruling, a finding a task; the effect is the share of the seeds.

    Raises:
        NoResults: A seed is missing.
    """
    where = {"phase": "final", "cell": "gru", "matched": matched, "bias": bias}
    errors = arm("long_range", "test_error", task="adding", length=200, **where)
    accuracies = arm("long_range", "test_accuracy", task="recall", length=100, **where)
    findings = [
        _share_of_seeds("adding", int((errors < error).sum()), needed),
        _share_of_seeds("recall", int((accuracies > accuracy).sum()), needed),
    ]
    n = count(findings)
    if n["holds"] == len(findings):
        word = Word.SUPPORTED
    elif n["fails"] == len(findings):
        word = Word.NOT_SUPPORTED
    elif n["holds"] and n["fails"]:
        word = Word.MIXED
    else:
        word = Word.INCONCLUSIVE
    shares = []
    for finding in findings:
        solved = finding.difference * SEEDS
        shares.append(f"{finding.label}: {solved:.0f} of {SEEDS} seeds")
    return Ruling(word, ", ".join(shares), span(findings), tuple(findings))


def _share_of_seeds(task, solved, needed):
    """The share of the seeds that solved a task, with Wilson's interval."""
    low, high = scipy.stats.binomtest(solved, SEEDS).proportion_ci(method="wilson")
    if solved >= needed:
        judgement = "holds"
    elif high < needed / SEEDS:
        judgement = "fails"
    else:
        judgement = "open"
    return Finding(task, solved / SEEDS, low, high, needed / SEEDS, judgement)


@rule
def unbounded(slope: float, highest: float, matched: str, words: str) -> Ruling:
    """Does the LSTM's store grow without bound while it counts, and the GRU's state not?

    Supported if the largest |c| of the LSTM grows by more than the slope a step on the letters
    a, its interval above, and no GRU's |h| passes the highest value. Not supported if the
    interval lies below, or a GRU passes; else inconclusive.

    Args:
        slope: The growth a step that must be passed.
        highest: The largest value that the GRU's state may have.
        matched: How the GRU's size was chosen.
        words: Which words a^n b^n were trained on, ``drawn`` or ``all``.

    Returns:
        The ruling, a finding for the slope and one for the highest value.

    Raises:
        NoResults: A seed is missing.
    """
    where = {"words": words, "bias": "default"}
    slopes = arm("counting", "slope", cell="lstm", matched="reference", **where).astype(float)
    tops = arm("counting", "highest", cell="gru", matched=matched, **where)
    top = float(tops.max())
    compared = stats.compare(slopes, np.full(SEEDS, slope))
    value, low, high = (end + slope for end in (compared.difference, compared.low, compared.high))
    if top > highest or compared.high < 0:
        word = Word.NOT_SUPPORTED
    elif compared.low > 0:
        word = Word.SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings = (
        Finding("LSTM, slope of max |c|", value, low, high, slope, ""),
        Finding.exact("GRU, max |h|", top, highest, ""),
    )
    effect = f"max |c| of the LSTM grows by {value:.3g} a step; max |h| of the GRU {top:.6g}"
    return Ruling(word, effect, f"{low:.3g} to {high:.3g} a step", findings)
