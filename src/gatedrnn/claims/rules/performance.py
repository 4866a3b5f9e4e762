"""The rules of the claims about performance (C13-C20, C28). No torch."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from gatedrnn import stats
from gatedrnn.claims import calibrated
from gatedrnn.claims.register import benchmark, panel
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
    Finding,
    Ruling,
    Word,
    agree,
    count,
    judge_effect,
    judge_ratio,
    rule,
    span,
    tally,
    vote,
)

# of the factorial: cell, products, and whether the reset gate acts before or after its product
VARIANTS = [
    *product(["gru"], ["one", "per gate"], ["after", "before"]),
    *product(["cifg", "lstm"], ["one", "per gate"], ["-"]),
]
FOUR = np.array([cell == "lstm" for cell, _, _ in VARIANTS])  # which of them have four blocks


@rule
def comparable(matched: str, needed: int, against: int, tuning_seeds: int) -> Ruling:
    """Does the GRU score the same as the LSTM?

    Supported if the scores are equivalent on enough tasks of the panel; not supported if the GRU is
    worse, by at least the margin and with an interval without 0, on enough; else mixed if each cell
    is better somewhere, and inconclusive if not. A task out of its informative range counts for
    neither.

    Args:
        matched: How the GRU's size was chosen.
        needed: How many equivalent tasks are enough for the claim.
        against: On how many tasks the GRU has to be worse.
        tuning_seeds: How many tuning runs there must be of each cell at its learning rate.

    Returns:
        The ruling, a finding a task, in the unit of its score.

    Raises:
        NoResults: A run is missing.
        ValueError: Scores have the wrong unit.
    """
    findings = [_panel_finding(task, matched, tuning_seeds, "equivalent") for task in panel()]
    return _panel_ruling(findings, ["equivalent"], needed, against)


@rule
def not_inferior(matched: str, needed: int, against: int, tuning_seeds: int) -> Ruling:
    """Is the GRU shown not to be worse than the LSTM by the margin?

    As ``comparable``, but the tasks that count for the claim are those where the GRU is better, or
    shown not to be worse.

    Args:
        matched: How the GRU's size was chosen.
        needed: How many such tasks are enough for the claim.
        against: On how many tasks the GRU has to be worse.
        tuning_seeds: How many tuning runs there must be of each cell at its learning rate.

    Returns:
        The ruling, a finding a task, in the unit of its score.

    Raises:
        NoResults: A run is missing.
        ValueError: Scores have the wrong unit.
    """
    findings = [_panel_finding(task, matched, tuning_seeds, "not worse") for task in panel()]
    return _panel_ruling(findings, ["not worse", "GRU better"], needed, against)


def _panel_finding(task, matched, tuning_seeds, tie):
    """Which cell is better on a task; ``tie`` names what is asked where neither is."""
    entry = panel()[task]
    lstm, gru = final_scores("panel", task, matched)
    compared = stats.compare(gru, lstm, entry["margin"], entry["better"] == "higher")
    shown = {"equivalent": compared.equivalent, "not worse": compared.not_worse}
    if not _informative(task, matched, tuning_seeds):
        judgement = "out of range"
    elif compared.low > 0 and compared.difference >= compared.margin:
        judgement = "GRU better"
    elif compared.high < 0 and compared.difference <= -compared.margin:
        judgement = "LSTM better"
    elif shown[tie]:
        judgement = tie
    else:
        judgement = "open"
    return Finding.of(task, compared, compared.margin, judgement)


def _panel_ruling(findings, accepted, needed, against):
    """The ruling from the panel's tasks; the ``accepted`` judgements count for the claim."""
    n = count(findings)
    if sum(n[judgement] for judgement in accepted) >= needed:
        word = Word.SUPPORTED
    elif n["LSTM better"] >= against:
        word = Word.NOT_SUPPORTED
    elif n["GRU better"] and n["LSTM better"]:
        word = Word.MIXED
    else:
        word = Word.INCONCLUSIVE
    effect = f"of {len(findings)} tasks {tally(findings)}; GRU better on {n['GRU better']}"
    return Ruling(word, effect, span(findings, "margins"), tuple(findings))


def _informative(task, matched, tuning_seeds):
    """Whether both cells' accuracy on the tuning seeds lies within the task's range."""
    entry = panel()[task]
    if "range" not in entry:
        return True
    lowest, highest = entry["range"]
    cells = both_cells("panel", task, matched)
    accuracies = [_tuning_accuracy(task, final, tuning_seeds) for final in cells]
    return all(lowest <= accuracy <= highest for accuracy in accuracies)


def _tuning_accuracy(task, final, tuning_seeds):
    """The validation accuracy in % at the best loss, mean over the tuning seeds."""
    columns = ["task", "cell", "bias", "learning_rate"]  # a cell is tuned once, at one size
    where = final.loc[0, columns].to_dict()
    rows = rows_of("panel", phase="tuning", **where)
    if len(rows) != tuning_seeds:
        raise lacking("panel", f"{len(rows)} of {tuning_seeds} tuning runs of {where}")
    best = [_best_score(curve) for curve in rows.curve if isinstance(curve, str)]
    if max(best, default=0) > 1:
        raise ValueError(
            f"results/panel.csv: valid_score in the curves of {task} must be a fraction, not {best}"
        )
    return 100 * sum(best) / tuning_seeds


def _best_score(curve):
    """The validation score at the best validation loss; 0 if no loss is finite."""
    points = evaluations(curve)
    if not np.isfinite(points.loss).any():
        return 0.0
    return points.score[np.nanargmin(points.loss)]


@rule
def small_data(
    matched: str, tasks: list[str], small: list[float], full: float, needed: int
) -> Ruling:
    """Does the GRU lead on small data, and by more than on all data?

    A task supports if the lead on small data is at least the margin, and larger than on all data,
    both intervals above 0; it refutes if the lead is shown below the margin, or smaller than on
    all data. Supported or not supported if enough tasks say so and none the other way; mixed if
    there are both; else inconclusive.

    Args:
        matched: How the GRU's size was chosen.
        tasks: Tasks of the panel.
        small: The small shares of the data, over which the lead is averaged.
        full: The share that is all of the data.
        needed: How many tasks are enough.

    Returns:
        The ruling, two findings a task: the lead on small data, and how much larger it is than on
        all, in the unit of the task's score.

    Raises:
        NoResults: A run is missing.
    """
    leads = []
    changes = []
    for task in tasks:
        lead, change = _small_data_findings(task, matched, small, full)
        leads.append(lead)
        changes.append(change)
    n = count(leads)
    if n["supports"] and n["refutes"]:
        word = Word.MIXED
    elif n["supports"] >= needed:
        word = Word.SUPPORTED
    elif n["refutes"] >= needed:
        word = Word.NOT_SUPPORTED
    else:
        word = Word.INCONCLUSIVE
    findings = [finding for both in zip(leads, changes, strict=True) for finding in both]
    effect = f"of {len(tasks)} tasks {tally(leads)}"
    return Ruling(word, effect, span(findings, "margins"), tuple(findings))


def _small_data_findings(task, matched, small, full):
    """The GRU's lead on small data, and how much larger it is than on all, judged together."""
    margin = panel()[task]["margin"]
    lead = np.mean([_lead_at(task, matched, share) for share in small], axis=0)
    few = stats.compare(lead, np.zeros_like(lead), margin)
    change = stats.compare(lead, _lead_at(task, matched, full))
    if few.difference >= few.margin and few.low > 0 and change.low > 0:
        judgement = "supports"
    elif few.high < few.margin or change.high < 0:
        judgement = "refutes"
    else:
        judgement = "open"
    return (
        Finding.of(f"{task}, small data", few, few.margin, judgement),
        Finding.of(f"{task}, small - all", change, few.margin, judgement),
    )


def _lead_at(task, matched, share):
    """The GRU's lead at a share of the data, one a seed."""
    lstm, gru = final_scores("small_data", task, matched, share)
    return gru - lstm if panel()[task]["better"] == "higher" else lstm - gru


@rule
def convergence(
    source: str,
    matched: str,
    bias: str,
    ratio: float,
    solved: float,
    needed: str,
    tasks: list[str] | None = None,
) -> Ruling:
    """Does the GRU need fewer steps to a threshold?

    A task supports if the ratio of restricted mean steps is small enough and its interval below 1;
    it refutes if the interval lies above that ratio. A task on which no seed of either cell gets
    there does not count. ``vote`` makes the word.

    Args:
        source: The study.
        matched: How the GRU's size was chosen.
        bias: The bias at the start.
        ratio: The largest ratio that supports, GRU over LSTM.
        solved: The share of the loss of doing nothing at which a task is solved.
        needed: The share of the tasks that decides.
        tasks: Tasks of the panel; all of them if there is none.

    Returns:
        The ruling, a finding a task; the effect is the ratio.

    Raises:
        NoResults: A run is missing.
        ValueError: The runs of a task differ in their number of steps.
    """
    findings = []
    for task in tasks or panel():
        lstm, gru, limit = times_to_threshold(source, task, matched, bias, solved)
        value, low, high = stats.restricted_ratio(gru, lstm, limit)
        judgement = judge_ratio(value, low, high, ratio)
        if np.isinf([lstm, gru]).all():
            judgement = "not reached"
        findings.append(Finding(task, value, low, high, ratio, judgement))
    reached = [finding for finding in findings if finding.judgement != "not reached"]
    effect = f"of {len(findings)} tasks {tally(findings)}"
    interval = span(reached) if reached else ""
    return Ruling(vote(findings, needed), effect, interval, tuple(findings))


@rule
def same_score(start: str, matched: str, needed: str) -> Ruling:
    """Does the GRU score as well as the LSTM, each calibrated?

    A task counts for the claim if the scores are shown equal within the margin, or the GRU is
    better by at least the margin with an interval above 0; against it if the GRU is that much
    worse. ``vote`` makes the word. The interval is over seeds: single test items are not stored.

    Args:
        start: ``best`` or ``shipped``, as in ``calibrated.arms``.
        matched: How the GRU's size was chosen.
        needed: The share of the tasks with room that decides.

    Returns:
        The ruling, a finding a task, in the unit of its score.

    Raises:
        NoResults: A run is missing.
    """
    findings = [_score_finding(task, start, matched, one_sided=False) for task in benchmark()]
    word = vote(findings, needed, ("supports", "equal"), ("refutes",))
    return _score_ruling(word, findings)


@rule
def no_loss(start: str, matched: str, needed: str) -> Ruling:
    """Is the GRU shown not to be worse than the LSTM, each calibrated?

    As ``same_score``, but a task also counts for the claim where the GRU is shown not to be worse
    by the margin (one test at 5 %).

    Args:
        start: ``best`` or ``shipped``, as in ``calibrated.arms``.
        matched: How the GRU's size was chosen.
        needed: The share of the tasks with room that decides.

    Returns:
        The ruling, a finding a task, in the unit of its score.

    Raises:
        NoResults: A run is missing.
    """
    findings = [_score_finding(task, start, matched, one_sided=True) for task in benchmark()]
    word = vote(findings, needed, ("supports", "equal", "not worse"), ("refutes",))
    return _score_ruling(word, findings)


def _score_finding(task, start, matched, one_sided):
    """What the scores of a task say."""
    entry = benchmark()[task]
    pair = calibrated.arms(task, start, matched)
    lstm, gru = calibrated.scores(task, pair)
    compared = stats.compare(gru, lstm, entry["margin"], entry["better"] == "higher")
    judgement = judge_effect(compared, calibrated.has_room(task, pair))
    if one_sided and judgement == "open" and compared.not_worse:
        judgement = "not worse"
    return Finding.of(task, compared, compared.margin, judgement)


def _score_ruling(word, findings):
    """The ruling from the tasks; the range is over tasks, each in its own margins."""
    effect = f"of {len(findings)} tasks {tally(findings)}"
    return Ruling(word, effect, f"range over tasks {span(findings, 'margins')}", tuple(findings))


@rule
def fewer_steps(start: str, matched: str, mark: str, ratio: float, needed: str) -> Ruling:
    """Does the GRU need fewer steps than the LSTM, each calibrated?

    A task supports if the ratio of restricted mean steps is small enough and its interval below 1;
    it refutes if the interval lies above that ratio. A task has no room if no seed of either cell
    gets to its mark, or if every seed is there at the first evaluation. ``vote`` makes the word.

    Args:
        start: ``best`` or ``shipped``, as in ``calibrated.arms``.
        matched: How the GRU's size was chosen.
        mark: ``common`` or ``own``, as in ``calibrated.times``.
        ratio: The largest ratio that supports, GRU over LSTM.
        needed: The share of the tasks with room that decides.

    Returns:
        The ruling, a finding a task; the effect is the ratio.

    Raises:
        NoResults: A run is missing.
    """
    findings = [_steps_finding(task, start, matched, mark, ratio) for task in benchmark()]
    word = vote(findings, needed, con=("refutes",))
    effect = f"of {len(findings)} tasks {tally(findings)}"
    return Ruling(word, effect, f"range over tasks {span(findings)}", tuple(findings))


def _steps_finding(task, start, matched, mark, ratio):
    """How many times as many steps the GRU needs on a task."""
    pair = calibrated.arms(task, start, matched)
    lstm, gru = calibrated.times(task, pair, mark)
    limit = pair[0].steps
    value, low, high = stats.restricted_ratio(gru, lstm, limit)
    both = np.concatenate([lstm, gru])
    judgement = judge_ratio(value, low, high, ratio)
    if np.isinf(both).all() or both.max() <= calibrated.first_evaluation(pair[0]):
        judgement = "no room"
    return Finding(task, value, low, high, ratio, judgement)


@rule
def lead_on_little(
    start: str,
    matched: str,
    margins: dict[str, float],
    shares: list[float],
    subsets: int,
    seeds: int,
    needed: str,
) -> Ruling:
    """Does the GRU lead on little data, and by more than on all of it?

    The lead on little data is averaged over the small shares and over the seeds of a subset; its
    interval is over subsets, which vary with their data and their seeds. A task supports if that
    lead is at least the margin, and larger than the one on all data, both intervals above 0; it
    refutes if the lead is shown to lie below the margin (one test at 5 %), or to be smaller than on
    all data. ``vote`` makes the word.

    Args:
        start: ``best`` or ``shipped``, as in ``calibrated.arms``.
        matched: How the GRU's size was chosen.
        margins: ``{task: the smallest lead that matters}``.
        shares: The small shares of the data.
        subsets: How many subsets there must be,
        seeds: and how many seeds on each.
        needed: The share of the tasks with room that decides.

    Returns:
        The ruling, two findings a task: the lead on little data, which counts, and how much larger
        it is than on all, in the unit of the task's score.

    Raises:
        NoResults: A run is missing.
    """
    leads, changes = [], []
    for task, margin in margins.items():
        little = [
            calibrated.on_share(task, share, start, matched, subsets, seeds) for share in shares
        ]
        pair = calibrated.arms(task, start, matched)
        lead, change = _little_findings(task, margin, little, calibrated.scores(task, pair))
        leads.append(lead)
        changes.append(change)
    findings = [finding for both in zip(leads, changes, strict=True) for finding in both]
    effect = f"of {len(leads)} tasks {tally(leads)}"
    word = vote(leads, needed, con=("refutes",))
    return Ruling(word, effect, f"range over tasks {span(findings, 'margins')}", tuple(findings))


def _little_findings(task, margin, little, whole):
    """The lead on little data, and how much larger it is than that on all data."""
    entry = benchmark()[task]
    sign = 1 if entry["better"] == "higher" else -1
    lstm, gru = np.mean(little, axis=(0, 3))  # of (shares, cells, subsets, seeds)
    few = stats.compare(gru, lstm, margin, entry["better"] == "higher")
    all_lead = sign * (whole[1] - whole[0])
    change, low, high = stats.difference(sign * (gru - lstm), all_lead)
    below = stats.mean_interval(sign * (gru - lstm), 0.90)[1] < margin
    judgement = "open"
    if "range" in entry and max(lstm.mean(), gru.mean()) < entry["range"][0]:
        judgement = "no room"
    elif few.difference >= margin and few.low > 0 and low > 0:
        judgement = "supports"
    elif below or high < 0:
        judgement = "refutes"
    return (
        Finding.of(f"{task}, little data", few, margin, judgement),
        Finding(f"{task}, little - all", change, low, high, margin, judgement),
    )


@rule
def faster(
    modes: list[str],
    kernels: list[str],
    grids: dict[str, dict[str, list[int]]],
    ratio: float,
    needed: float,
    slower: float,
    against: float,
) -> Ruling:
    """Is the GRU faster than the LSTM?

    Each mode on each kernel is judged alone over a grid of shapes. Supported if the ratio of times
    is small enough at enough shapes; not supported if it is large at enough; else inconclusive. All
    of them must agree, or the claim is mixed.

    Args:
        modes: ``training``, ``inference`` or ``step``.
        kernels: The kernels.
        grids: ``{mode: {dimension: its values}}``.
        ratio: The largest ratio that counts as faster, GRU over LSTM.
        needed: The share of the shapes that is enough for the claim.
        slower: The smallest ratio that counts against it.
        against: The share of the shapes that is enough against it.

    Returns:
        The ruling, a finding a mode and kernel: the median and the range of the ratio.

    Raises:
        NoResults: A shape is missing.
        ValueError: A shape is stored twice.
    """
    findings = []
    words = []
    texts = []
    for mode, kernel in product(modes, kernels):
        ratios = values_at("speed", "ratio", grids[mode], mode=mode, comparison=kernel)
        fast_share = np.mean(ratios <= ratio)
        slow_share = np.mean(ratios >= slower)
        if fast_share >= needed:
            word = Word.SUPPORTED
        elif slow_share >= against:
            word = Word.NOT_SUPPORTED
        else:
            word = Word.INCONCLUSIVE
        label = f"{mode}, {kernel}"
        middle = np.median(ratios)
        findings.append(Finding(label, middle, ratios.min(), ratios.max(), ratio, word))
        words.append(word)
        fast = f"at most {ratio:g} at {fast_share:.0%} of shapes"
        slow = f"{slower:g} or more at {slow_share:.0%}"
        texts.append(f"{label}: {fast}, {slow}")
    return Ruling(agree(words), "; ".join(texts), span(findings), tuple(findings))


@rule
def memory(hidden_size: int, ratio: float, quantities: dict[str, list[str]]) -> Ruling:
    """Does the LSTM need more memory than the GRU of as many units?

    Supported if it needs so many times as much of each quantity on each of its kernels; not
    supported if of none; else mixed.

    Args:
        hidden_size: The number of units H.
        ratio: The smallest ratio that counts as more, LSTM over GRU.
        quantities: ``{quantity: its kernels}``.

    Returns:
        The ruling, a finding a quantity and kernel: the ratio.

    Raises:
        NoResults: A count is missing.
    """
    findings = []
    for quantity, kernels in quantities.items():
        for kernel in kernels:
            where = {"quantity": quantity, "kernel": kernel, "hidden_size": hidden_size}
            lstm, gru = values_at("memory", "bytes", {"cell": ["lstm", "gru"]}, **where)
            value = lstm / gru
            judgement = "more" if value >= ratio else "not more"
            findings.append(Finding.exact(f"{quantity}, {kernel}", value, ratio, judgement))
    n = count(findings)
    if not n["not more"]:
        word = Word.SUPPORTED
    elif n["more"]:
        word = Word.MIXED
    else:
        word = Word.NOT_SUPPORTED
    effect = ", ".join(f"{finding.label}: {finding.difference:.3g}" for finding in findings)
    return Ruling(word, effect, "exact counts", tuple(findings))


@rule
def gates(hidden_size: list[int], batch_size: list[int], share: float) -> Ruling:
    """Is it the number of gates that makes a step slow?

    The measure is the part of the variance of log time, within hidden size and batch size, that
    lies between three and four blocks. It is judged over all sizes, at the smallest hidden size and
    at the largest; supported if it is above the share, and the three must agree, or the claim is
    mixed.

    Args:
        hidden_size: The hidden sizes H.
        batch_size: The batch sizes B.
        share: The share of the variance that must be passed.

    Returns:
        The ruling, three findings; their ranges are those over the single sizes.

    Raises:
        NoResults: A variant is missing.
    """
    sums = {}
    for H in hidden_size:
        sums[H] = np.array([_between_blocks(H, B) for B in batch_size])
    smallest = min(hidden_size)
    largest = max(hidden_size)
    findings = [
        _share_between("all sizes", np.concatenate(list(sums.values())), share),
        _share_between(f"H = {smallest}", sums[smallest], share),
        _share_between(f"H = {largest}", sums[largest], share),
    ]
    texts = []
    for finding in findings:
        texts.append(f"{finding.label}: {finding.difference:.0%} ({finding.judgement})")
    word = agree([finding.judgement for finding in findings])
    return Ruling(word, ", ".join(texts), f"strata {span(findings)}", tuple(findings))


def _share_between(label, sums, share):
    """The share of the variance between the blocks, from sums of squares, (sizes, 2)."""
    between, total = sums.T
    value = between.sum() / total.sum()
    single = between / total
    word = Word.SUPPORTED if value > share else Word.NOT_SUPPORTED
    return Finding(label, value, single.min(), single.max(), share, word)


def _between_blocks(hidden_size, batch_size):
    """Sums of squares of log seconds at one size: between three and four blocks, and in total."""
    variants = pd.MultiIndex.from_tuples(VARIANTS, names=["cell", "products", "reset"])
    found = rows_of("factorial", hidden_size=hidden_size, batch_size=batch_size)
    rows = found.set_index(variants.names)
    if set(rows.seconds.dropna().index) != set(variants) or len(rows) != len(variants):
        raise lacking(
            "factorial",
            f"{len(rows)} of {len(variants)} variants at hidden size {hidden_size}, "
            f"batch size {batch_size}",
        )
    logs = np.log(rows.seconds)
    centre = logs.mean()
    means = logs.groupby(rows.blocks.to_numpy()).transform("mean")
    return ((means - centre) ** 2).sum(), ((logs - centre) ** 2).sum()


@rule
def quality_for_time(matched: str, kernels: list[str], tasks: list[str], needed: str) -> Ruling:
    """Has the GRU the lower loss in the same CPU time?

    The measure is the best validation loss so far, averaged over the time that both cells have. A
    task supports if the interval of the difference lies above 0, and refutes if below; ``vote``
    makes the word of a kernel. The first kernel decides, unless another contradicts it: then the
    claim is mixed.

    Args:
        matched: How the GRU's size was chosen.
        kernels: The kernels whose updates are timed.
        tasks: Tasks of the panel.
        needed: The share of the tasks that decides.

    Returns:
        The ruling, a finding a task and kernel, in loss.

    Raises:
        NoResults: A run or the time of an update is missing.
        ValueError: There is no time at which both cells were evaluated.
    """
    findings = []
    words = []
    texts = []
    for kernel in kernels:
        found = [_loss_over_time(task, matched, kernel) for task in tasks]
        findings += found
        words.append(vote(found, needed))
        texts.append(f"{kernel}: {tally(found)}")
    word = words[0]
    if Word.SUPPORTED in words and Word.NOT_SUPPORTED in words:
        word = Word.MIXED
    return Ruling(word, "; ".join(texts), span(findings, "in loss"), tuple(findings))


def _loss_over_time(task, matched, kernel):
    """Which cell has the lower loss over time on a task."""
    lstm, gru = losses_over_time(task, matched, kernel)
    compared = stats.compare(gru, lstm, higher_is_better=False)
    if compared.low > 0:
        judgement = "supports"
    elif compared.high < 0:
        judgement = "refutes"
    else:
        judgement = "open"
    return Finding.of(f"{task}, {kernel}", compared, None, judgement)


@rule
def time_ratio(
    modes: list[str],
    kernels: list[str],
    grids: dict[str, dict[str, list[int]]],
    ratio: float,
    processes: int,
    needed: str,
) -> Ruling:
    """Is the GRU faster than the LSTM, by an interval over processes?

    A shape supports if the ratio of times, the geometric mean over processes, is small enough and
    its interval below 1; it refutes if the interval lies above that ratio. ``vote`` makes the word
    of a mode on a kernel from its shapes; all of them must agree, or the claim is mixed.

    Args:
        modes: ``training``, ``inference`` or ``step``.
        kernels: The kernels.
        grids: ``{mode: {dimension: its values}}``.
        ratio: The largest ratio that counts as faster, GRU over LSTM.
        processes: How many there must be.
        needed: The share of the shapes that decides.

    Returns:
        The ruling, a finding a mode and kernel: the geometric mean over shapes, with its interval
        over processes.

    Raises:
        NoResults: A shape is missing.
    """
    findings, texts = [], []
    for mode, kernel in product(modes, kernels):
        levels = {"process": list(range(processes))} | grids[mode]
        values = values_at("layer_times", "ratio", levels, mode=mode, comparison=kernel)
        logs = np.log(values).reshape(processes, -1)
        shapes = [_ratio_finding("", column, ratio) for column in logs.T]
        whole = _ratio_finding(f"{mode}, {kernel}", logs.mean(axis=1), ratio)
        word = vote(shapes, needed, con=("refutes",))
        findings.append(replace(whole, judgement=word))
        texts.append(f"{whole.label}: of {len(shapes)} shapes {tally(shapes)}")
    word = agree([finding.judgement for finding in findings])
    return Ruling(word, "; ".join(texts), span(findings), tuple(findings))


def _ratio_finding(label, logs, ratio):
    """The geometric mean of ratios, one a process, with its interval."""
    low, high = np.exp(stats.mean_interval(logs))
    value = np.exp(logs.mean())
    judgement = judge_ratio(value, low, high, ratio)
    return Finding(label, float(value), float(low), float(high), ratio, judgement)


@rule
def gates_cause(
    hidden_size: list[int], batch_size: list[int], share: float, processes: int
) -> Ruling:
    """Is it the number of gates that makes a step slow, whichever programs are compared?

    The measure is the part of the variance of log time, within hidden size and batch size, that
    lies between three and four blocks, mean over processes. It supports if its interval lies above
    the share, four blocks are slower, and no program could be left out without its falling to that
    share; it flips if one could, and refutes if the interval lies below the share or four blocks
    are faster. It is judged over all sizes, at the smallest hidden size and at the largest, which
    must agree.

    Args:
        hidden_size: The hidden sizes H.
        batch_size: The batch sizes B.
        share: The share of the variance that must be passed.
        processes: How many there must be.

    Returns:
        The ruling, three findings: the share, with its interval over processes.

    Raises:
        NoResults: A program is missing.
    """
    logs = np.log(_program_seconds(hidden_size, batch_size, processes))
    places = {"all sizes": slice(None), f"H = {min(hidden_size)}": [0]}
    places[f"H = {max(hidden_size)}"] = [len(hidden_size) - 1]
    findings, texts = [], []
    for label, sizes in places.items():
        some = logs[:, sizes]
        shares = _shares(some, list(range(len(VARIANTS))))
        low, high = stats.mean_interval(shares)
        without = []
        for left_out in range(len(VARIANTS)):
            kept = [place for place in range(len(VARIANTS)) if place != left_out]
            without.append(_shares(some, kept).mean())
        slower = some[..., FOUR].mean() > some[..., ~FOUR].mean()
        if high < share or not slower:
            judgement = "refutes"
        elif low > share:
            judgement = "supports" if min(without) > share else "flips"
        else:
            judgement = "open"
        findings.append(Finding(label, float(shares.mean()), low, high, share, judgement))
        texts.append(
            f"{label}: {shares.mean():.0%}, {min(without):.0%} to {max(without):.0%} with a "
            f"program left out ({judgement})"
        )
    word = vote(findings, 1, con=("refutes", "flips"))
    return Ruling(word, "; ".join(texts), f"range over sizes {span(findings)}", tuple(findings))


def _program_seconds(hidden_size, batch_size, processes):
    """The seconds of every program, (processes, hidden sizes, batch sizes, programs)."""
    tables = []
    for cell, products, reset in VARIANTS:
        levels = {"process": list(range(processes))}
        levels |= {"hidden_size": hidden_size, "batch_size": batch_size}
        where = {"cell": cell, "products": products, "reset": reset}
        found = values_at("program_times", "seconds", levels, **where)
        tables.append(found.reshape(processes, len(hidden_size), len(batch_size)))
    return np.stack(tables, axis=-1)


def _shares(logs, kept):
    """The share of the variance between the blocks in each process, of the programs kept."""
    logs = logs[..., kept]
    four = FOUR[kept]
    centred = logs - logs.mean(axis=-1, keepdims=True)
    between = four.sum() * centred[..., four].mean(axis=-1) ** 2
    between += (~four).sum() * centred[..., ~four].mean(axis=-1) ** 2
    total = (centred**2).sum(axis=-1)
    return between.sum(axis=(1, 2)) / total.sum(axis=(1, 2))


@rule
def loss_in_time(
    start: str,
    matched: str,
    kernels: list[str],
    tasks: list[str],
    parts: list[float],
    processes: int,
    needed: str,
) -> Ruling:
    """Has the GRU the lower loss after the same CPU time?

    The measure is the lowest validation loss so far, at parts of the time that both cells have, if
    an update lasts as long as the median over processes says. A part of a task supports if the GRU
    is ahead by at least the task's ``loss_margin``, with an interval over seeds above 0; ``vote``
    makes the word of a kernel, and the kernels must agree.

    Args:
        start: ``best`` or ``shipped``, as in ``calibrated.arms``.
        matched: How the GRU's size was chosen.
        kernels: The kernels whose updates are timed.
        tasks: Tasks of the benchmark.
        parts: The parts of the common time.
        processes: How many there must be.
        needed: The share of the tasks and parts that decides.

    Returns:
        The ruling, a finding a task, part and kernel, in loss.

    Raises:
        NoResults: A run or the time of an update is missing.
    """
    pairs = {task: calibrated.arms(task, start, matched) for task in tasks}
    findings, words, texts = [], [], []
    for kernel in kernels:
        found = []
        for task, part in product(tasks, parts):
            losses = calibrated.losses_after(task, pairs[task], kernel, part, processes)
            margin = benchmark()[task]["loss_margin"]
            compared = stats.compare(losses[1], losses[0], margin, higher_is_better=False)
            label = f"{task}, {part:.0%} of the time, {kernel}"
            found.append(Finding.of(label, compared, margin, judge_effect(compared)))
        findings += found
        words.append(vote(found, needed))
        texts.append(f"{kernel}: {tally(found)}")
    interval = f"range over tasks {span(findings, 'margins')}"
    return Ruling(agree(words), "; ".join(texts), interval, tuple(findings))
