"""The rules of the claims about memory (C05-C12, C33). No torch."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.stats

from gatedrnn import settings, stats
from gatedrnn.claims.rows import SEEDS, arm, lacking, pair, rows_of
from gatedrnn.claims.ruling import (
    Finding,
    Ruling,
    Word,
    agree,
    count,
    judge_effect,
    judge_lead,
    rule,
    span,
    tally,
    vote,
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


# The second edition: tuned cells


def _starts(start):
    """The starts that a regime may choose from."""
    return settings.STARTS if start == "best" else ("default",)


def _models(matched):
    """The LSTM, and the GRU of that size."""
    return (("lstm", "reference"), ("gru", matched))


def _judged(study, start, matched, margin, seeds, **where):
    """The judged rows of both cells on a task whose loss counts, with enough steps.

    Args:
        study: The study's name.
        start: ``best``, each cell at its own best start, or ``shipped``, as torch ships it.
        matched: How the GRU's size was chosen.
        margin: Of the loss: what twice the steps must gain to be worth taking.
        seeds: How many there must be.
        **where: A value a column.

    Returns:
        Two tables, sorted by seed.

    Raises:
        NoResults: A row is missing.
    """
    rows = rows_of(study, **where)
    tuned = rows[rows.phase == "tuning"]
    if tuned.empty:
        raise lacking(study, f"nothing is tuned at {where}")
    by = ("cell", "matched")
    steps, _ = settings.enough_steps(tuned, by, int(tuned.steps.max()), margin)
    best = settings.best_settings(tuned, by, settings.loss_within(steps), _starts(start))
    found = []
    for model in _models(matched):
        chosen = best[model]
        final = rows[(rows.phase == "final") & (rows.steps == steps)]
        final = final[(final.cell == model[0]) & (final.matched == model[1])]
        final = final[(final.bias == chosen.bias) & (final.learning_rate == chosen.learning_rate)]
        if final.seed.nunique() != seeds:
            raise lacking(study, f"{len(final)} of {seeds} judged seeds of {model} at {where}")
        found.append(final.sort_values("seed", ignore_index=True))
    return found


def lengths_reached(
    task: str, cell: str, matched: str, lengths: Sequence[int], start: str, seeds: int
) -> np.ndarray:
    """How many of the lengths of a task, which double, each seed of a tuned cell solved.

    Args:
        task: A task of the study ``reach``.
        cell: The cell.
        matched: How its size was chosen.
        lengths: The lengths, in ascending order.
        start: ``best`` or ``shipped``.
        seeds: How many seeds are judged.

    Returns:
        The numbers, one a seed. A length at which no tuning seed solved the task counts as not
        solved, and so does one that was not tried, as no start solved the length before.

    Raises:
        NoResults: A row is missing.
    """
    rows = rows_of("reach", task=task, cell=cell, matched=matched)
    starts = _starts(start)
    tuned = rows[(rows.phase == "tuning") & rows.bias.isin(starts)]
    best = settings.best_settings(tuned, ["length"], settings.steps_needed, starts)
    keys = ["length", "bias", "learning_rate"]
    ever = tuned.groupby("length").solved_at.max()
    at_best = tuned.groupby(keys).solved_at.max()
    final = dict(tuple(rows[rows.phase == "final"].groupby(keys)))
    reached = np.zeros(seeds)
    for length in lengths:
        if (length,) not in best:
            raise lacking("reach", f"{task} at length {length} is not tuned for {cell}")
        place = (length, best[length,].bias, best[length,].learning_rate)
        if at_best[place] >= 0:
            if place not in final or len(final[place]) != seeds:
                raise lacking("reach", f"not {seeds} judged seeds of {cell} on {task} at {length}")
            reached += final[place].sort_values("seed").solved_at.to_numpy() >= 0
        if ever[length] < 0:
            break
    return reached


@rule
def doublings(
    start: str,
    matched: str,
    tasks: dict[str, list[int]],
    words: str,
    longest: int,
    seeds: int,
    margin: float,
    share: str,
) -> Ruling:
    """Does the tuned LSTM bridge longer lengths than the tuned GRU?

    The effect on a task is by how many doublings of the length the LSTM gets farther, mean of the
    seeds: lengths solved on made-up tasks and pixels, the binary logarithm of the horizon for words
    a^n b^n. A task on which both cells solve the longest length, or neither the shortest, has no
    room. The tasks vote.

    Args:
        start: ``best``, each cell at its own best start, or ``shipped``, as torch ships it. Words
            are counted from torch's start by both.
        matched: How the GRU's size was chosen.
        tasks: ``{task: its lengths, which double}``.
        words: Which words a^n b^n were trained on.
        longest: The longest word that is asked for.
        seeds: How many are judged, of the words ten.
        margin: The smallest effect that matters, in doublings.
        share: Of the tasks with room, that decide.

    Returns:
        The ruling, a finding a task.

    Raises:
        NoResults: A row is missing.
    """
    findings = []
    for task, lengths in tasks.items():
        lstm, gru = (
            lengths_reached(task, cell, how, lengths, start, seeds)
            for cell, how in _models(matched)
        )
        findings.append(_doublings(task, lstm, gru, len(lengths), margin))
    horizons = []
    for cell, how in _models(matched):
        where = {"phase": "final", "words": words, "cell": cell, "matched": how}
        horizons.append(np.log2(np.maximum(arm("counters", "horizon", **where), 1)))
    findings.append(_doublings("counting", *horizons, np.log2(longest), margin))
    word = vote(findings, share)
    effect = f"of {len(findings)} tasks {tally(findings)}"
    return Ruling(word, effect, f"tasks: {span(findings)} doublings", tuple(findings))


def _doublings(task, lstm, gru, most, margin):
    """By how many doublings the LSTM gets farther than the GRU; ``most`` is the end of the range.

    There is no room where both cells have a quarter of a doubling left at most, at either end.
    """
    compared = stats.compare(lstm, gru, margin)
    lowest, highest = sorted((lstm.mean(), gru.mean()))
    room = lowest < most - 0.25 and highest > 0.25
    return Finding.of(task, compared, margin, judge_effect(compared, room))


@rule
def short_sequences(
    start: str,
    matched: str,
    tasks: dict[str, dict[str, Any]],
    short: int,
    time: float,
    share: str,
) -> Ruling:
    """Is the tuned GRU better on short sequences, and less so on longer ones?

    Two questions. On sequences of at most ``short`` steps: is its score better at equal parameters,
    and its lowest validation loss within the same time? And does its lead fall when the length
    doubles? Supported if both are; not supported if one is refuted and none supported; mixed if
    they differ.

    Args:
        start: ``best``, each cell at its own best start, or ``shipped``, as torch ships it.
        matched: How the GRU's size was chosen.
        tasks: ``{task: {"lengths", "seeds", "margin" of the score, "slope" of its change a
            doubling, "loss" (the margin), "range" of the scores with room or none}}``.
        short: The longest short sequence.
        time: The share of the time of the faster cell's training that both get.
        share: Of the parts with room, that decides a question.

    Returns:
        The ruling, a finding a task, length and question.

    Raises:
        NoResults: A row is missing.
    """
    leads, slopes = [], []
    for task, spec in tasks.items():
        of_task, lengths = [], []
        for length in spec["lengths"]:
            lstm, gru = _judged(
                "lengths", start, matched, spec["loss"], spec["seeds"], task=task, length=length
            )
            room = _score_has_room(lstm.score, gru.score, spec.get("range"))
            if room:
                of_task.append((gru.score - lstm.score).to_numpy(float))
                lengths.append(length)
            if length <= short:
                leads.append(_score_lead(f"{task} {length}", lstm, gru, spec["margin"], room))
                leads.append(
                    _equal_time_lead(f"{task} {length}", lstm, gru, spec["loss"], room, time)
                )
        slopes.append(_falling_lead(task, of_task, lengths, spec))
    words = [vote(leads, share), vote(slopes, share)]
    effect = f"short: {words[0]} ({tally(leads)}); lead by length: {words[1]} ({tally(slopes)})"
    findings = (*leads, *slopes)
    return Ruling(_all_of(words), effect, f"parts: {span(findings, 'margins')}", findings)


def _all_of(words):
    """The word of a claim that says several things at once."""
    if len(set(words)) == 1:
        return words[0]
    if Word.NOT_SUPPORTED in words:
        return Word.MIXED if Word.SUPPORTED in words else Word.NOT_SUPPORTED
    if Word.MIXED in words:
        return Word.MIXED
    if Word.COULD_NOT_TELL in words:
        return Word.COULD_NOT_TELL
    return Word.INCONCLUSIVE


def _score_has_room(lstm, gru, within):
    """Whether the mean scores leave the cells room to differ."""
    if within is None:
        return True
    low, high = within
    means = sorted((lstm.mean(), gru.mean()))
    return means[0] < high and means[1] > low


def _score_lead(label, lstm, gru, margin, room):
    """The GRU's lead in the score."""
    compared = stats.compare(gru.score, lstm.score, margin)
    return Finding.of(f"{label}, score", compared, margin, judge_effect(compared, room))


def _equal_time_lead(label, lstm, gru, margin, room, share):
    """The GRU's lead in the lowest validation loss within the same time."""
    seconds = [_seconds_a_step(rows) for rows in (lstm, gru)]
    common = share * min(
        _last_step(rows) * each for rows, each in zip((lstm, gru), seconds, strict=True)
    )
    losses = []
    for rows, each in zip((lstm, gru), seconds, strict=True):
        within = common / each
        losses.append(rows.curve.map(partial(settings.lowest_loss, steps=within)))
    compared = stats.compare(losses[1], losses[0], margin, higher_is_better=False)
    return Finding.of(f"{label}, equal time", compared, margin, judge_effect(compared, room))


def _last_step(rows):
    """The last evaluated step of the first run; all of a call have the same."""
    return json.loads(rows.curve.iloc[0])[-1][0]


def _seconds_a_step(rows):
    """The mean time of a step over seeds."""
    return rows.cpu_seconds.mean() / _last_step(rows)


def _falling_lead(task, leads, lengths, spec):
    """By how much the GRU's lead falls when the length doubles."""
    if len(lengths) < 2:
        return Finding(f"{task}, slope", 0.0, 0.0, 0.0, spec["slope"], "no room")
    slope, _ = np.polyfit(np.log2(lengths), np.array(leads), 1)
    compared = stats.compare(-slope, np.zeros_like(slope), spec["slope"])
    return Finding.of(f"{task}, slope", compared, spec["slope"], judge_effect(compared))


@rule
def lead_by_complexity(
    start: str,
    matched: str,
    families: dict[str, list[int]],
    sources: list[int],
    loss: float,
    room: list[float],
    margin: float,
    share: str,
) -> Ruling:
    """Does the tuned LSTM's lead grow with the complexity of a source that neither masters?

    The lead is in points of what there is to gain, its growth that from the lowest complexity to
    the highest, along a straight line over the logarithm, one a seed and source. A family supports
    if the lead grows by the margin or more and the LSTM leads at the highest complexity. Levels
    that both master or where neither gains anything have no room; a family needs three with room.

    Args:
        start: ``best``, each cell at its own best start, or ``shipped``, as torch ships it.
        matched: How the GRU's size was chosen.
        families: ``{family: its complexities}``, ascending.
        sources: The sources of each complexity.
        loss: What twice the steps must gain to be worth taking, in nats.
        room: The lowest and the highest mean with room, in points.
        margin: The smallest growth that matters, in points.
        share: Of the families with room, that decide.

    Returns:
        The ruling, a finding a family for the growth.

    Raises:
        NoResults: A row is missing.
    """
    findings = []
    for family, levels in families.items():
        leads, kept = [], []
        for complexity in levels:
            lstm, gru = [], []
            for source in sources:
                where = {"family": family, "complexity": complexity, "source": source}
                both = _judged("sources", start, matched, loss, SEEDS, **where)
                lstm.append(both[0].gained)
                gru.append(both[1].gained)
            lstm, gru = np.concatenate(lstm), np.concatenate(gru)
            if _score_has_room(lstm, gru, room):
                leads.append(lstm - gru)
                kept.append(complexity)
        findings.append(_growing_lead(family, leads, kept, margin))
    effect = f"the LSTM's lead grows with complexity: {tally(findings)}"
    return Ruling(
        vote(findings, share), effect, f"families: {span(findings)} points", tuple(findings)
    )


def _growing_lead(family, leads, levels, margin):
    """By how much the LSTM's lead grows from the lowest complexity to the highest."""
    if len(levels) < 3:
        return Finding(family, 0.0, 0.0, 0.0, margin, "no room")
    slope, _ = np.polyfit(np.log(levels), np.array(leads), 1)
    grown = slope * np.ptp(np.log(levels))
    compared = stats.compare(grown, np.zeros_like(grown), margin)
    judgement = judge_effect(compared)
    if judgement == "supports" and leads[-1].mean() <= 0:
        judgement = "refutes"
    return Finding.of(family, compared, margin, judgement)


def ladder_values(task: str, cell: str, what: str) -> np.ndarray:
    """What the study ``ladder`` measured of a cell, as a binary logarithm; more is better.

    Args:
        task: The task.
        cell: The cell.
        what: ``steps``: minus the steps to solve the task, twice those of the training where it was
            not; ``before`` or ``after`` training: the reach of the gradient.

    Returns:
        One number a seed.

    Raises:
        NoResults: A row is missing.
    """
    where = {"phase": "final", "task": task, "cell": cell}
    if what != "steps":
        return np.log2(np.maximum(arm("ladder", f"reach_{what}", **where), 1).astype(float))
    solved = arm("ladder", "solved_at", **where)
    limit = arm("ladder", "steps", **where)
    return -np.log2(np.where(solved < 0, 2 * limit, np.maximum(solved, 1)).astype(float))


@rule
def gates_against_none(
    question: str,
    parts: list[list[str]],
    gates: dict[str, int],
    ungated: list[str],
    margin: float,
    share: str,
) -> Ruling:
    """Do gates help, and do more of them help more?

    Values are binary logarithms of the steps to solve a task and of the reach of the gradient. The
    interval of a part is of the two-level bootstrap over cells and seeds: another choice of gated
    cells counts, too.

    Args:
        question: ``none``: by how much the gated cells, mean of all, are better than the best cell
            without a gate. ``number``: by how much each further gate is better, slope over cells.
        parts: Pairs of a task and ``steps``, ``before`` or ``after``.
        gates: ``{gated cell: its number of gates}``.
        ungated: The cells without a gate.
        margin: The smallest effect that matters, 1 for twice as good.
        share: Of the parts with room, that decides.

    Returns:
        The ruling, a finding a part.

    Raises:
        NoResults: A row is missing.
    """
    findings = []
    for task, what in parts:
        gated = np.array([ladder_values(task, cell, what) for cell in gates])  # (cells, seeds)
        plain = [ladder_values(task, cell, what) for cell in ungated]
        best = max(plain, key=np.mean)
        if question == "none":
            compared = _over_cells(gated - best, np.zeros(len(gates)), margin, _mean_of_cells)
        else:
            compared = _over_cells(gated, np.array([*gates.values()]), margin, _slope_of_cells)
        room = np.ptp(np.vstack([gated, best])) > 0
        findings.append(
            Finding.of(f"{task}, {what}", compared, margin, judge_effect(compared, room))
        )
    effect = f"{tally(findings)} of {len(findings)} parts"
    return Ruling(
        vote(findings, share), effect, f"parts: {span(findings)} octaves", tuple(findings)
    )


def _mean_of_cells(means, numbers):
    """The mean over cells, the last axis."""
    return means.mean(-1)


def _slope_of_cells(means, numbers):
    """The slope of the cells' means over their numbers of gates; 0 if these are all alike."""
    away = numbers - numbers.mean(-1, keepdims=True)
    spread = (away**2).sum(-1)
    return (away * means).sum(-1) / np.where(spread > 0, spread, 1)


def _over_cells(values, numbers, margin, statistic):
    """A statistic of values (cells, seeds), resampled over cells and over seeds."""
    rng = np.random.default_rng(0)
    cells, seeds = values.shape
    chosen = rng.integers(0, cells, (RESAMPLES, cells, 1))
    drawn = values[chosen, rng.integers(0, seeds, (RESAMPLES, 1, seeds))].mean(-1)
    found = statistic(drawn, numbers[chosen[..., 0]])
    low, inner_low, inner_high, high = np.quantile(found, [0.025, 0.05, 0.95, 0.975]).tolist()
    means = values.mean(1)
    return stats.Comparison(
        wins=int((means > 0).sum()),
        ties=int((means == 0).sum()),
        losses=int((means < 0).sum()),
        n=cells,
        difference=float(statistic(means, numbers)),
        low=low,
        high=high,
        p=np.nan,
        margin=margin,
        equivalent=-margin < inner_low and inner_high < margin,
        not_worse=-margin < inner_low,
    )


@rule
def gradient_reach(
    moments: list[str], ungated: str, ratio: float, ceiling: int, share: str
) -> Ruling:
    """Do both tuned gated cells carry the gradient farther back than a tuned RNN, on adding?

    The effect is the binary logarithm of the ratio of the reaches. After training only seeds of the
    gated cell that solved the task count, the RNN's being those of the same numbers, solved or not;
    fewer than three leave no room, nor does an RNN whose gradient is not gone at the ceiling.

    Args:
        moments: ``before`` and ``after`` training.
        ungated: The cell without a gate.
        ratio: How many times farther the gradient must reach.
        ceiling: The lag at which the measure ends.
        share: Of the parts with room, that decides.

    Returns:
        The ruling, a finding a cell and moment.

    Raises:
        NoResults: A row is missing.
    """
    margin = float(np.log2(ratio))
    findings = []
    for moment in moments:
        plain = ladder_values("adding", ungated, moment)
        for cell in ("lstm", "gru"):
            values = ladder_values("adding", cell, moment)
            counted = np.full(len(values), True)
            if moment == "after":
                solved = arm("ladder", "solved_at", phase="final", task="adding", cell=cell)
                counted = solved >= 0
            label = f"{cell}, {moment} training"
            if counted.sum() < 3:
                findings.append(Finding(label, 0.0, 0.0, 0.0, margin, "no room"))
                continue
            compared = stats.compare(values[counted], plain[counted], margin)
            room = 2 ** np.mean(plain[counted]) < ceiling
            findings.append(Finding.of(label, compared, margin, judge_effect(compared, room)))
    ratios = []
    for finding in findings:
        ratios.append(f"{finding.label}: {2**finding.difference:.3g}")
    effect = f"reach over that of the RNN, up to a lag of {ceiling}: {'; '.join(ratios)}"
    return Ruling(
        vote(findings, share), effect, f"parts: {span(findings)} octaves", tuple(findings)
    )


@rule
def error_ratio(
    start: str,
    matched: str,
    need: list[str],
    tie: list[str],
    lengths: list[int],
    loss: float,
    seeds: int,
    floor: float,
    tested: int,
    ratio: float,
    tie_margin: float,
    share: str,
) -> Ruling:
    """Does the tuned LSTM make fewer errors where an operation leaves the line f + i = 1?

    Of those operations the ratio of the error rates counts, GRU over LSTM, mean over the lengths at
    which the GRU makes enough errors; without such a length there is no room. The operations vote.
    Supported becomes mixed if the cells are shown to differ on an operation on the line, and
    inconclusive if they are not shown to be equal.

    Args:
        start: ``best``, each cell at its own best start, or ``shipped``, as torch ships it.
        matched: How the GRU's size was chosen.
        need: The operations that leave the line.
        tie: Those that do not.
        lengths: The lengths that were tested.
        loss: What twice the steps must gain to be worth taking, in nats.
        seeds: How many there must be.
        floor: The smallest error rate of the GRU, in percent, with room.
        tested: The steps of a test: a seed without an error counts with half a step.
        ratio: The smallest ratio that matters.
        tie_margin: The largest difference at the longest length that counts as equal, in points.
        share: Of the operations with room, that decides.

    Returns:
        The ruling, a finding an operation: binary logarithms of a ratio, or points.

    Raises:
        NoResults: A row is missing.
    """
    needing, tying = [], []
    margin = float(np.log2(ratio))
    for task in (*need, *tie):
        both = _judged("corners", start, matched, loss, seeds, task=task)
        lstm, gru = (_error_rates(rows, lengths) for rows in both)  # (seeds, lengths)
        if task in tie:
            compared = stats.compare(-lstm[:, -1], -gru[:, -1], tie_margin)
            tying.append(Finding.of(task, compared, tie_margin, judge_effect(compared)))
            continue
        enough = gru.mean(0) >= floor
        if not enough.any():
            needing.append(Finding(task, 0.0, 0.0, 0.0, margin, "no room"))
            continue
        least = 50 / tested  # half a step, in percent
        logs = [np.log2(np.maximum(rates[:, enough], least)).mean(1) for rates in (gru, lstm)]
        compared = stats.compare(*logs, margin)
        needing.append(Finding.of(task, compared, margin, judge_effect(compared)))
    word = vote(needing, share)
    if word == Word.SUPPORTED:
        judgements = count(tying)
        if judgements["supports"] or judgements["refutes"]:
            word = Word.MIXED
        elif judgements["equal"] < len(tying):
            word = Word.INCONCLUSIVE
    ratios = []
    for finding in needing:
        ratios.append(f"{finding.label} {2**finding.difference:.3g} ({finding.judgement})")
    effect = f"errors of the GRU over the LSTM's: {', '.join(ratios)}; on the line: {tally(tying)}"
    interval = f"ratios: {2 ** min(f.low for f in needing):.3g} to "
    interval += f"{2 ** max(f.high for f in needing):.3g}"
    return Ruling(word, effect, interval, (*needing, *tying))


def _error_rates(rows, lengths):
    """The error rates in percent, (seeds, lengths)."""
    rates = []
    for text in rows.errors:
        of_length = json.loads(text)
        rates.append([100 * of_length[str(length)] for length in lengths])
    return np.array(rates)


@rule
def growth(matched: str, words: str, trained: int, margin: float, highest: float) -> Ruling:
    """Does the LSTM's store grow while it counts, where the GRU's state cannot?

    Only counters are looked at: seeds whose horizon is at least the longest word of the training;
    fewer than three leave no room. That |h| of a GRU stays within 1 is a theorem, and a row that
    passes it would be a mistake.

    Args:
        matched: How the GRU's size was chosen.
        words: Which words a^n b^n were trained on.
        trained: The longest word of the training.
        margin: The smallest growth that matters, a letter.
        highest: The largest value that the GRU's state may have.

    Returns:
        The ruling, a finding for the slope of the largest |c| and one for the GRU's state.

    Raises:
        NoResults: A row is missing.
    """
    where = {"phase": "final", "words": words}
    lstm = where | {"cell": "lstm", "matched": "reference"}
    counts = arm("counters", "horizon", **lstm) >= trained
    slopes = arm("counters", "slope", **lstm)[counts].astype(float)
    gru = where | {"cell": "gru", "matched": matched}
    top = float(arm("counters", "highest", **gru).max())
    state = Finding.exact("GRU, max |h|", top, highest, "within" if top <= highest else "passed")
    if len(slopes) < 3:
        grown = Finding("LSTM, slope of max |c|", 0.0, 0.0, 0.0, margin, "no room")
    else:
        compared = stats.compare(slopes, np.zeros_like(slopes), margin)
        grown = Finding.of("LSTM, slope of max |c|", compared, margin, judge_effect(compared))
    word = vote([grown], 1)
    if top > highest:
        word = Word.NOT_SUPPORTED
    effect = (
        f"max |c| of {len(slopes)} LSTMs that count grows by {grown.difference:.3g} a letter; "
        f"max |h| of the GRU {top:.6g}"
    )
    return Ruling(word, effect, f"{grown.low:.3g} to {grown.high:.3g} a letter", (grown, state))
