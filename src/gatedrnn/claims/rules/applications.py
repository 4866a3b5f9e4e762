"""The rules of the claims about applications (C21-C27). No torch."""

import json
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from gatedrnn import settings, stats
from gatedrnn.claims import calibrated
from gatedrnn.claims.register import benchmark, panel
from gatedrnn.claims.rows import evaluations, final_scores, lacking, pair, rows_of, values_at
from gatedrnn.claims.ruling import (
    Finding,
    Ruling,
    Word,
    count,
    judge_effect,
    judge_lead,
    judge_ratio,
    rule,
    span,
    tally,
    vote,
)

JUDGED = ("final", "more seeds")  # phases


@rule
def lead(
    study: str,
    column: str,
    matched: str,
    seeds: int,
    margin: float,
    higher: bool,
    scale: float,
    where: dict[str, Any],
    levels: dict[str, list],
) -> Ruling:
    """Does the LSTM lead?

    Supported if it leads by the margin or more with an interval above 0; not supported if its lead
    is shown to be smaller. All levels must agree: mixed if one is for and one against, and else
    inconclusive.

    Args:
        study: The study.
        column: The column that is compared.
        matched: How the GRU's size was chosen.
        seeds: How many there must be.
        margin: The smallest lead that matters.
        higher: Whether more is better.
        scale: Turns the column into the unit of the margin.
        where: A value a column, the same for all rows.
        levels: ``{one more column: its values}``, each judged alone.

    Returns:
        The ruling, a finding a level.

    Raises:
        NoResults: A seed is missing.
    """
    ((name, values),) = levels.items()
    findings = []
    words = set()
    for value in values:
        lstm, gru = pair(study, column, matched, seeds, **where, **{name: value})
        compared = stats.compare(scale * lstm, scale * gru, margin, higher)
        word = judge_lead(compared, margin)
        findings.append(Finding.of(f"{name} {value}", compared, margin, word))
        words.add(word)
    texts = []
    for finding in findings:
        ahead = f"LSTM ahead by {finding.difference:.3g}"
        texts.append(f"{finding.label}: {ahead} ({finding.judgement})")
    return Ruling(_all_levels(words), ", ".join(texts), span(findings), tuple(findings))


def _all_levels(words):
    """The word of levels that must agree: mixed only if one is for and one against."""
    if len(words) == 1:
        return next(iter(words))
    if {Word.SUPPORTED, Word.NOT_SUPPORTED} <= words:
        return Word.MIXED
    return Word.INCONCLUSIVE


@rule
def equal_bytes(
    matched: str,
    widths: list[int],
    seeds: int,
    tuning_seeds: int,
    margin: float,
    needed: int,
    lowest: float,
    highest: float,
) -> Ruling:
    """Is the GRU more accurate in as many bytes?

    Widths of the LSTM are size bins, each with the GRU of as many parameters in the recurrent
    layer, in eight bits. Supported if the GRU leads by the margin, interval above 0, in enough
    bins; not supported if in so many its lead is shown below the margin; else mixed if there are
    both, and inconclusive if not. A bin counts if both cells lie within the range on the tuning
    seeds.

    Args:
        matched: How the GRU's size was chosen.
        widths: The LSTM's numbers of units.
        seeds: How many there must be.
        tuning_seeds: How many tuning seeds there must be at each learning rate.
        margin: The smallest lead that matters, in points of accuracy.
        needed: How many bins are enough.
        lowest: The lowest accuracy of a bin that counts, in %.
        highest: The highest.

    Returns:
        The ruling, a finding a bin, in points.

    Raises:
        NoResults: A seed, or a tuning run, is missing.
    """
    names = {
        Word.SUPPORTED: "GRU better",
        Word.NOT_SUPPORTED: "no such lead",
        Word.INCONCLUSIVE: "open",
    }
    findings = []
    for width in widths:
        place = {"phase": "final", "width": width}
        lstm, gru = pair("quantisation", "accuracy_int8", matched, seeds, **place)
        compared = stats.compare(100 * gru, 100 * lstm, margin)
        tuned = [_tuned(width, cell, tuning_seeds) for cell in ("lstm", "gru")]
        if all(lowest <= accuracy <= highest for accuracy in tuned):
            judgement = names[judge_lead(compared, margin)]
        else:
            judgement = "out of range"
        findings.append(Finding.of(f"LSTM {width}", compared, margin, judgement))
    n = count(findings)
    if n["GRU better"] >= needed:
        word = Word.SUPPORTED
    elif n["no such lead"] >= needed:
        word = Word.NOT_SUPPORTED
    elif n["GRU better"] and n["no such lead"]:
        word = Word.MIXED
    else:
        word = Word.INCONCLUSIVE
    effect = f"of {len(findings)} sizes {tally(findings)}"
    return Ruling(word, effect, f"{span(findings)} points", tuple(findings))


def _tuned(width, cell, tuning_seeds):
    """The accuracy in % on the tuning seeds at the best learning rate."""
    rows = rows_of("quantisation", phase="tuning", width=width, cell=cell)
    if "valid_accuracy" not in rows or rows.empty:
        raise lacking("quantisation", f"no tuning of {cell} at width {width}")
    found = rows.groupby("learning_rate").valid_accuracy.agg(["mean", "count"])
    if (found["count"] != tuning_seeds).any():
        raise lacking("quantisation", f"the tuning of {cell} at width {width} is not finished")
    return 100 * found["mean"].max()


@rule
def deadline(
    matched: str, hidden_size: list[int], kernels: list[str], loads: list[str], milliseconds: float
) -> Ruling:
    """Does the GRU meet a deadline that the LSTM misses?

    Supported if, under some load and at some size, the 99th percentile of the GRU's steps is in
    time and the LSTM's is not; mixed if elsewhere it is the other way round; else not supported.

    Args:
        matched: How the GRU's size was chosen.
        hidden_size: The LSTM's numbers of units.
        kernels: The kernels.
        loads: What else the machine does.
        milliseconds: The deadline.

    Returns:
        The ruling, a finding a setting: its effect is the LSTM's percentile over the GRU's; its
        range is that of the two percentiles, in milliseconds.

    Raises:
        NoResults: A setting is missing.
    """
    findings = []
    for kernel, load, width in product(kernels, loads, hidden_size):
        where = {"kernel": kernel, "load": load, "matched": matched}
        lstm = values_at("latency", "lstm_p99", {"width": [width]}, **where).item()
        gru = values_at("latency", "gru_p99", {"width": [width]}, **where).item()
        label = f"{kernel}, {load}, LSTM {width}"
        judgement = _in_time(lstm < milliseconds, gru < milliseconds)
        low = min(lstm, gru)
        high = max(lstm, gru)
        findings.append(Finding(label, lstm / gru, low, high, milliseconds, judgement))
    n = count(findings)
    if n["GRU alone in time"] and n["LSTM alone in time"]:
        word = Word.MIXED
    elif n["GRU alone in time"]:
        word = Word.SUPPORTED
    else:
        word = Word.NOT_SUPPORTED
    worst = max(finding.high for finding in findings)
    effect = f"of {len(findings)} settings {tally(findings)}; largest p99 {worst:.3g} ms"
    return Ruling(word, effect, "", tuple(findings))


def _in_time(lstm, gru):
    """Which cells are in time, as text."""
    if lstm and gru:
        return "both in time"
    if gru:
        return "GRU alone in time"
    if lstm:
        return "LSTM alone in time"
    return "both late"


@rule
def online(matched: str, streams: list[str], ratio: float, needed: str) -> Ruling:
    """Has the GRU the smaller error on a stream?

    A stream supports if the GRU's error over the whole stream is so many times the LSTM's or less,
    geometric mean over seeds, with an interval below 1; it refutes if the interval lies above that
    ratio. ``vote`` makes the word.

    Args:
        matched: How the GRU's size was chosen.
        streams: The streams.
        ratio: The largest ratio that supports, GRU over LSTM.
        needed: The share of the streams that decides.

    Returns:
        The ruling, a finding a stream; the effect is the ratio.

    Raises:
        NoResults: A seed is missing.
    """
    findings = []
    for stream in streams:
        lstm, gru = pair("online", "mse", matched, phase="final", stream=stream)
        value, low, high = _ratio_of_means(gru, lstm)
        judgement = judge_ratio(value, low, high, ratio)
        findings.append(Finding(stream, value, low, high, ratio, judgement))
    effect = f"of {len(findings)} streams {tally(findings)}"
    return Ruling(vote(findings, needed), effect, span(findings), tuple(findings))


def _ratio_of_means(a, b):
    """The ratio of two geometric means over seeds, with its interval."""
    compared = stats.compare(np.log(a), np.log(b))
    return np.exp([compared.difference, compared.low, compared.high])


@rule
def context(matched: str, width: int, seeds: int, ratio: float, short: int) -> Ruling:
    """Does the LSTM use a longer context of a text?

    Supported if its useful context is so many times the GRU's or more, with an interval above 1,
    and its lead over the GRU is larger with the full context than with a short one, interval above
    0; not supported if the ratio is shown to be smaller; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        width: The LSTM's number of units.
        seeds: How many there must be.
        ratio: The smallest ratio that matters, LSTM over GRU.
        short: The characters of a short context.

    Returns:
        The ruling, a finding for the ratio and one for the growth of the lead, in nats.

    Raises:
        NoResults: A seed is missing.
    """
    where = {"phase": "final", "width": width}
    lstm, gru = pair("language", "useful", matched, seeds, **where)
    value, low, high = _ratio_of_means(lstm, gru)
    longest, growth = _lead_growth(matched, short, where)
    if value >= ratio and low > 1 and growth.low > 0:
        word = Word.SUPPORTED
    elif high < ratio:
        word = Word.NOT_SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings = (
        Finding("useful context, LSTM over GRU", value, low, high, ratio, word),
        Finding.of(f"lead at {longest} less lead at {short}", growth, None, ""),
    )
    characters = f"{np.mean(lstm):.0f} and {np.mean(gru):.0f} characters"
    effect = f"useful context {characters}, ratio {value:.2f}"
    return Ruling(word, effect, f"{low:.2f} to {high:.2f}", findings)


def _lead_growth(matched, short, where):
    """The longest context, and how much larger the LSTM's lead is there than at a short one."""
    lstm = _losses_by_context("lstm", "reference", where)
    gru = _losses_by_context("gru", matched, where)
    longest = max(lstm[0])

    def lead_at(characters):
        pairs = zip(lstm, gru, strict=True)
        return np.array([of_gru[characters] - of_lstm[characters] for of_lstm, of_gru in pairs])

    return longest, stats.compare(lead_at(longest), lead_at(short))


def _losses_by_context(cell, matched, where):
    """The loss by the number of characters of context, a dict a seed."""
    rows = rows_of("language", cell=cell, matched=matched, **where).sort_values("seed")
    return [dict(json.loads(text)) for text in rows.by_context]


@dataclass(frozen=True)
class _Advised:
    """A task, the cell that the advice takes, and the LSTM's lead in margins."""

    task: str
    cell: str
    lstm_lead: float

    def regret(self, cell):
        """How far, in margins, a cell is behind the other; 0 if it is ahead."""
        return max(0, -self.lstm_lead if cell == "lstm" else self.lstm_lead)


@rule
def policy(advice: dict[str, str], outside: dict[str, dict[str, Any]], matched: str) -> Ruling:
    """Is the advice better than always taking the same cell?

    Regret is how far, in margins, the chosen cell is behind the other on a task, 0 if it is ahead,
    mean over seeds first. Supported if the regret of the advice, mean over tasks, is lower than
    that of always taking the LSTM and of always taking the GRU, both intervals over tasks above 0;
    not supported if it is not lower than the better of the two; else inconclusive.

    Args:
        advice: ``{task: cell}``.
        outside: The tasks that are not of the panel, ``{task: where its scores are, their unit}``.
        matched: How the GRU's size was chosen.

    Returns:
        The ruling, a finding a constant choice, the regret that the advice saves, and one a task,
        the LSTM's lead in margins.

    Raises:
        NoResults: A seed is missing.
    """
    tasks = []
    for task, cell in advice.items():
        if task in panel():
            lstm_lead = _panel_lead(task, matched)
        else:
            lstm_lead = _outside_lead(outside[task], matched)
        tasks.append(_Advised(task, cell, lstm_lead))
    advised = np.array([task.regret(task.cell) for task in tasks])
    constants = {
        "always LSTM": np.array([task.regret("lstm") for task in tasks]),
        "always GRU": np.array([task.regret("gru") for task in tasks]),
    }
    savings = []
    texts = [f"advice {advised.mean():.2f}"]
    for name, regret in constants.items():
        saved = stats.compare(regret, advised)
        savings.append(Finding.of(f"{name} less advice", saved, None, ""))
        texts.append(f"{name} {regret.mean():.2f}")
    if all(saving.low > 0 for saving in savings):
        word = Word.SUPPORTED
    elif min(saving.difference for saving in savings) <= 0:
        word = Word.NOT_SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings = list(savings)
    for task in tasks:
        judgement = f"advice {task.cell.upper()}"
        findings.append(Finding.exact(task.task, task.lstm_lead, 1.0, judgement))
    effect = f"regret in margins: {', '.join(texts)}"
    return Ruling(word, effect, span(savings), tuple(findings))


def _panel_lead(task, matched):
    """The LSTM's lead in margins on a task of the panel."""
    lstm, gru = final_scores("panel", task, matched)
    return _in_margins(lstm, gru, panel()[task])


def _outside_lead(entry, matched):
    """The LSTM's lead in margins on another task; what is left of its entry tells its rows."""
    known = {"study", "column", "seeds", "scale", "margin", "better"}
    where = {name: value for name, value in entry.items() if name not in known}
    where["phase"] = "final"
    lstm, gru = pair(entry["study"], entry["column"], matched, entry["seeds"], **where)
    return _in_margins(entry["scale"] * lstm, entry["scale"] * gru, entry)


def _in_margins(lstm, gru, entry):
    """The LSTM's mean lead, in margins."""
    sign = 1 if entry["better"] == "higher" else -1
    return sign * (lstm - gru).mean() / entry["margin"]


@rule
def ahead(
    study: str,
    column: str,
    favoured: str,
    matched: str,
    start: str,
    groups: dict[str, list[dict[str, Any]]],
    margin: float,
    higher: bool,
    scale: float,
    needed: str,
    room: list[float],
) -> Ruling:
    """Is one cell ahead, each at the start and learning rate that its own tuning chose?

    A place supports if the favoured cell leads by the margin or more with an interval above 0; it
    refutes if the other cell does, or if the two are shown equal. It has no room if either cell's
    share of right answers in validation, on the tuning seeds, lies outside the range. ``vote``
    makes the word of a group of places; where there are several groups they are judged apart and
    must agree.

    Args:
        study: The study, tuned as ``gatedrnn.studies.calibration`` says.
        column: The column that is compared.
        favoured: The cell that the claim favours.
        matched: How the GRU's size was chosen.
        start: ``best``, each cell from its own best start, or ``shipped``, from torch's.
        groups: ``{name: places}``; a place is a value a column, and the ``seeds`` there must be.
        margin: The smallest lead that matters.
        higher: Whether more is better.
        scale: Turns the column into the unit of the margin.
        needed: The share of the places of a group that decides.
        room: The lowest and the highest share of right answers that leaves room to differ, in %.

    Returns:
        The ruling, a finding a place.

    Raises:
        NoResults: A seed, or the tuning, is missing.
    """
    findings = []
    words = []
    for places in groups.values():
        group = []
        for place in places:
            where = {name: value for name, value in place.items() if name != "seeds"}
            lstm, gru = _tuned_pair(study, matched, start, place["seeds"], where)
            ours, others = (lstm, gru) if favoured == "lstm" else (gru, lstm)
            compared = stats.compare(
                *_scores_of(scale, column, higher, ours, others), margin, higher
            )
            accuracies = (cell.right for cell in (lstm, gru))
            judgement = judge_effect(compared, all(room[0] <= a <= room[1] for a in accuracies))
            label = ", ".join(f"{name} {value}" for name, value in where.items())
            group.append(Finding.of(label, compared, margin, judgement))
        words.append(vote(group, needed))
        findings += group
    texts = []
    for finding in findings:
        lead = f"{favoured.upper()} ahead by {finding.difference:.3g}"
        texts.append(f"{finding.label}: {lead} ({finding.judgement})")
    if len(words) > 1:
        judged = zip(groups, words, strict=True)
        texts += [f"{name} {word.lower()}" for name, word in judged]
    return Ruling(_together(words), "; ".join(texts), span(findings), tuple(findings))


@dataclass(frozen=True)
class _Tuned:
    """A cell at the setting that its tuning chose: its judged rows, and how right it was there.

    ``right`` is the share of right answers in validation, mean of the tuning seeds, in %.
    """

    rows: pd.DataFrame
    right: float


def _tuned_pair(study, matched, start, seeds, where, tuned_by=None):
    """LSTM and GRU at their own settings, with the same judged seeds."""
    lstm = _tuned_cell(study, "lstm", "reference", start, seeds, where, tuned_by)
    gru = _tuned_cell(study, "gru", matched, start, seeds, where, tuned_by)
    return lstm, gru


def _tuned_cell(study, cell, matched, start, seeds, where, tuned_by=None):
    """A cell at the start and rate that its tuning chose.

    It was tuned by the column ``tuned_by``, or if that is None by the lowest validation loss.
    """
    place = ", ".join(map(str, (*where.values(), cell, matched)))
    rows = rows_of(study, cell=cell, matched=matched, **where)
    tuned = rows[rows.phase == "tuning"]
    if tuned.empty:
        raise lacking(study, f"no tuning of {place}")
    starts = settings.STARTS if start == "best" else ("default",)
    badness = settings.loss_within() if tuned_by is None else itemgetter(tuned_by)
    chosen = settings.best_settings(tuned, ("cell",), badness, starts)[(cell,)]
    tuned = tuned[_at(tuned, chosen)]
    right = np.nan if tuned_by else np.mean([_right_at_best(curve) for curve in tuned.curve])
    judged = rows[rows.phase.isin(JUDGED) & _at(rows, chosen)].sort_values("seed")
    if list(judged.seed) != list(range(seeds)):
        raise lacking(study, f"{len(judged)} rows for {seeds} seeds of {place}")
    return _Tuned(judged, 100 * right)


def _at(rows, chosen):
    """Which rows are of a setting."""
    return (rows.bias == chosen.bias) & (rows.learning_rate == chosen.learning_rate)


def _right_at_best(curve):
    """The share of right answers in validation where the loss there was lowest."""
    points = evaluations(curve)
    return points.score[points.loss.idxmin()]


def _scores_of(scale, column, higher, *cells):
    """The scores of cells; a run without one has the worst of all of them."""
    scores = [scale * cell.rows[column].to_numpy(float) for cell in cells]
    worst = np.nanmin(scores) if higher else np.nanmax(scores)
    return [np.where(np.isnan(score), worst, score) for score in scores]


def _together(words):
    """The word of groups that are judged apart: mixed only if one is for and one against."""
    if len(set(words)) == 1:
        return words[0]
    if {Word.SUPPORTED, Word.NOT_SUPPORTED} <= set(words) or Word.MIXED in words:
        return Word.MIXED
    return Word.INCONCLUSIVE


@rule
def reach(
    study: str,
    matched: str,
    start: str,
    places: list[dict[str, Any]],
    near: int,
    far: int,
    margin: float,
    needed: str,
    control: dict[str, Any],
) -> Ruling:
    """Does the LSTM gain more from what lies far back in a text?

    What a cell gains is the fall of its loss when it is shown ``far`` characters in place of
    ``near``. A place supports if the LSTM gains more by the margin, interval above 0; it refutes if
    the GRU does or if the two are shown equal; it has no room if neither gains as much as the
    margin. ``vote`` makes the word. The measure itself is on trial, too: on a text with planted far
    dependencies the LSTM must gain more than a plain RNN, which is known to forget. If it does not,
    nothing can be told.

    Args:
        study: The study, tuned as ``gatedrnn.studies.calibration`` says.
        matched: How the GRU's size was chosen.
        start: ``best``, each cell from its own best start, or ``shipped``, from torch's.
        places: A value a column, and the ``seeds`` there must be.
        near: Characters of the short context.
        far: Characters of the long one.
        margin: The smallest difference that matters, in nats a character.
        needed: The share of the places that decides.
        control: The ``study`` of the planted text and its ``seeds``.

    Returns:
        The ruling, a finding a place and one of the control.

    Raises:
        NoResults: A seed, or the tuning, is missing.
    """
    findings = []
    for place in places:
        where = {name: value for name, value in place.items() if name != "seeds"}
        cells = _tuned_pair(study, matched, start, place["seeds"], where)
        lstm, gru = (_gains(cell, near, far) for cell in cells)
        compared = stats.compare(lstm, gru, margin)
        judgement = judge_effect(compared, max(lstm.mean(), gru.mean()) >= margin)
        label = ", ".join(f"{name} {value}" for name, value in where.items())
        findings.append(Finding.of(label, compared, margin, judgement))
    gated = _tuned_cell(control["study"], "lstm", "reference", start, control["seeds"], {})
    plain = _tuned_cell(control["study"], "rnn", "hidden size", "shipped", control["seeds"], {})
    seen = stats.compare(_gains(gated, near, far), _gains(plain, near, far), margin)
    works = judge_effect(seen) == "supports"
    word = vote(findings, needed) if works else Word.COULD_NOT_TELL
    texts = []
    for finding in findings:
        texts.append(f"{finding.label}: {finding.difference:.3g} nats ({finding.judgement})")
    texts.append(f"control, LSTM less RNN: {seen.difference:.3g} nats")
    judgement = "control seen" if works else "control not seen"
    control_finding = Finding.of("planted text, LSTM less RNN", seen, margin, judgement)
    return Ruling(word, "; ".join(texts), span(findings), (*findings, control_finding))


def _gains(cell, near, far):
    """How many nats a character each seed gains from the long context."""
    losses = [dict(json.loads(text)) for text in cell.rows.by_context]
    return np.array([loss[near] - loss[far] for loss in losses])


@rule
def carried(matched: str, start: str, streams: dict[str, int], ratio: float, needed: str) -> Ruling:
    """Has the GRU the smaller error on a stream, its state carried along, each cell calibrated?

    A stream supports if the GRU's error over the whole stream is so many times the LSTM's or less,
    geometric mean over seeds, with an interval below 1; it refutes if the interval lies above that
    ratio; it has no room if neither cell is better than the last sample as the forecast. ``vote``
    makes the word. The plain RNN and the linear forecast stand beside them in the effect.

    Args:
        matched: How the GRU's size was chosen.
        start: ``best``, each cell from its own best start, or ``shipped``, from torch's.
        streams: ``{stream: seeds}``.
        ratio: The largest ratio that supports, GRU over LSTM.
        needed: The share of the streams that decides.

    Returns:
        The ruling, a finding a stream; the effect is the ratio.

    Raises:
        NoResults: A seed, or the tuning, is missing.
    """
    findings = []
    texts = []
    for stream, seeds in streams.items():
        where = {"stream": stream}
        lstm, gru = _tuned_pair("carried", matched, start, seeds, where, "log_mse")
        plain = _tuned_cell(
            "carried", "rnn", "hidden size", "shipped", seeds, where, tuned_by="log_mse"
        )
        value, low, high = _ratio_of_means(gru.rows.mse.to_numpy(), lstm.rows.mse.to_numpy())
        judgement = judge_ratio(value, low, high, ratio)
        best = min(_log_mean(lstm.rows.mse), _log_mean(gru.rows.mse))
        if best >= _log_mean(lstm.rows.persistence):
            judgement = "no room"
        findings.append(Finding(stream, value, low, high, ratio, judgement))
        beside = {"RNN": plain.rows.mse, "least squares": lstm.rows.least_squares}
        ratios = [
            f"{name} {np.exp(_log_mean(mse) - _log_mean(lstm.rows.mse)):.2f}"
            for name, mse in beside.items()
        ]
        texts.append(f"{stream}: GRU {value:.2f} ({judgement}), {', '.join(ratios)}")
    effect = f"error, LSTM = 1; {'; '.join(texts)}"
    return Ruling(vote(findings, needed, con=("refutes",)), effect, span(findings), tuple(findings))


def _log_mean(values):
    """The logarithm of the geometric mean."""
    return np.log(values.to_numpy(float)).mean()


@rule
def streams_served(
    matched: str,
    kernels: list[str],
    loads: list[str],
    widths: list[int],
    processes: int,
    least: int,
    gain: float,
) -> Ruling:
    """Can one core serve more streams with the GRU?

    At a deadline and under a load the effect is how many times as many streams the GRU serves,
    geometric mean over the sizes at which both serve enough to count; the interval is over
    processes. It supports if that is the gain or more, interval above 1; it refutes if the interval
    lies below the gain. A kernel supports the claim if some deadline does, and speaks against it if
    all refute; the kernels are judged apart and must agree.

    Args:
        matched: How the GRU's size was chosen.
        kernels: The kernels.
        loads: What else the machine does.
        widths: The LSTM's numbers of units.
        processes: How many there must be.
        least: The fewest streams of a cell that count: below, one more is no gain of a tenth.
        gain: The smallest gain that matters.

    Returns:
        The ruling, a finding a kernel, load and deadline.

    Raises:
        NoResults: A process is missing.
    """
    findings = []
    words = []
    for kernel in kernels:
        of_kernel = []
        for load in loads:
            places = [
                _served(
                    {"kernel": kernel, "load": load, "width": width, "matched": matched}, processes
                )
                for width in widths
            ]
            for deadline in places[0][0]:
                logs = [
                    np.log(gru[deadline]) - np.log(lstm[deadline])
                    for lstm, gru in places
                    if min(np.median(lstm[deadline]), np.median(gru[deadline])) >= least
                ]
                label = f"{kernel}, {load}, {deadline:g} ms"
                of_kernel.append(_gain_finding(label, logs, processes, gain))
        n = count(of_kernel)
        if n["supports"]:
            words.append(Word.SUPPORTED)
        elif n["refutes"] == len(of_kernel) - n["no room"] > 0:
            words.append(Word.NOT_SUPPORTED)
        else:
            words.append(Word.INCONCLUSIVE)
        findings += of_kernel
    texts = []
    for kernel, word in zip(kernels, words, strict=True):
        counted = [f for f in findings if f.label.startswith(kernel) and f.judgement != "no room"]
        most = max((f.difference for f in counted), default=np.nan)
        texts.append(f"{kernel} at most {most:.2f} times as many ({word.lower()})")
    return Ruling(_together(words), f"streams, GRU: {'; '.join(texts)}", "", tuple(findings))


def _served(where, processes):
    """The streams of both cells by deadline, a value a process each, never below 1."""
    rows = rows_of("deadlines", **where).dropna(subset=["lstm_streams", "gru_streams"])
    if rows.seed.nunique() != processes or len(rows) != processes:
        found = ", ".join(map(str, where.values()))
        raise lacking("deadlines", f"{len(rows)} of {processes} processes of {found}")
    cells = []
    for cell in ("lstm", "gru"):
        curves = [dict(json.loads(text)) for text in rows[f"{cell}_streams"]]
        served = {}
        for deadline in curves[0]:
            served[deadline] = np.maximum([curve[deadline] for curve in curves], 1)
        cells.append(served)
    return cells


def _gain_finding(label, logs, processes, gain):
    """What a deadline says; ``logs`` has the log ratios of each size, one a process."""
    if not logs:
        return Finding(label, np.nan, np.nan, np.nan, gain, "no room")
    compared = stats.compare(np.mean(logs, axis=0), np.zeros(processes))
    value, low, high = np.exp([compared.difference, compared.low, compared.high])
    if value >= gain and low > 1:
        judgement = "supports"
    elif high < gain:
        judgement = "refutes"
    else:
        judgement = "open"
    return Finding(label, value, low, high, gain, judgement)


@rule
def regret(
    matched: str, start: str, tasks: dict[str, dict[str, Any]], cap: float, saving: float
) -> Ruling:
    """Does the advice save regret against always taking the same cell?

    Regret on a task is how many margins the chosen cell is behind the other, 0 if it is ahead, and
    at most ``cap``, mean over seeds first. The interval of what the advice saves is over tasks.
    Supported if it saves at least ``saving`` margins against always taking the LSTM and against
    always taking the GRU, both intervals above 0; not supported if the interval of one of the two
    lies below ``saving``; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        start: ``best``, each cell from its own best start, or ``shipped``, from torch's.
        tasks: ``{task: its entry}``. An entry has the ``advice``, a cell; a task of the benchmark
            no more; another one its ``study``, ``column``, ``seeds``, ``margin``, ``better``,
            ``scale``, perhaps ``tuned_by``, and a value for each column that tells its rows.
        cap: The largest regret on a task, in margins.
        saving: The smallest saving that matters, in margins a task.

    Returns:
        The ruling, a finding a constant choice, and one a task, the LSTM's lead in margins.

    Raises:
        NoResults: A seed, or a tuning, is missing.
    """
    advised = []
    leads = {}
    for task, entry in tasks.items():
        leads[task] = _lead_in_margins(task, entry, matched, start)
        advised.append(entry["advice"])
    lead = np.array(list(leads.values()))
    losses = {"lstm": np.clip(-lead, 0, cap), "gru": np.clip(lead, 0, cap)}
    followed = np.where(np.array(advised) == "lstm", losses["lstm"], losses["gru"])
    savings = []
    texts = [f"advice {followed.mean():.2f}"]
    for cell, loss in losses.items():
        saved = stats.compare(loss, followed)
        savings.append(Finding.of(f"always {cell.upper()} less advice", saved, saving, ""))
        texts.append(f"always {cell.upper()} {loss.mean():.2f}")
    if all(each.low > 0 and each.difference >= saving for each in savings):
        word = Word.SUPPORTED
    elif any(each.high < saving for each in savings):
        word = Word.NOT_SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings = list(savings)
    for task, cell in zip(leads, advised, strict=True):
        findings.append(Finding.exact(task, leads[task], 1.0, f"advice {cell.upper()}"))
    worst = min(savings, key=lambda each: each.difference)
    interval = f"{worst.label}: {worst.low:.2f} to {worst.high:.2f}"
    return Ruling(word, f"regret in margins: {', '.join(texts)}", interval, tuple(findings))


ENTRY = ("advice", "study", "column", "seeds", "margin", "better", "scale", "tuned_by")


def _lead_in_margins(task, entry, matched, start):
    """The LSTM's mean lead on a task, in margins."""
    if "study" not in entry:
        lstm, gru = calibrated.scores(task, calibrated.arms(task, start, matched))
        return _in_margins(lstm, gru, benchmark()[task])
    where = {name: value for name, value in entry.items() if name not in ENTRY}
    tuned_by = entry.get("tuned_by")
    cells = _tuned_pair(entry["study"], matched, start, entry["seeds"], where, tuned_by)
    higher = entry["better"] == "higher"
    lstm, gru = _scores_of(entry["scale"], entry["column"], higher, *cells)
    return _in_margins(lstm, gru, entry)
