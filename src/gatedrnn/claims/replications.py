"""Published results repeated at a small size: what was measured, and whether it holds.

The criteria were committed before the studies ran. ``table(name)`` derives all of them from
``results/`` at every call; NoResults while a row is missing. What differs from the paper is said in
the docstring of each. R1 to R8 are trainings. A1 to A4 are arithmetic, which must come out exactly:
they need no stored row. No torch.

Several replications have two studies: a first one with little tuning, and one of the second
protocol (``NEXT``), whose rows are read as soon as those that a criterion needs are there.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gatedrnn import results, settings, stats
from gatedrnn.claims.rows import SEEDS, arm, lacking, rows_of

REPLICATIONS: dict[str, Callable[[], Iterator["Criterion"]]] = {}  # R1 to R8
ARITHMETIC: dict[str, Callable[[], Iterator["Criterion"]]] = {}  # A1 to A4
# Studies of the second protocol: each replication reads them once the rows it needs are there.
NEXT: tuple[str, ...] = (
    "benchmark",
    "characters",
    "chorales",
    "copy_memory",
    "counters",
    "memorised",
    "sums",
)
MATCHED = {"lstm": "reference", "gru": "hidden size", "rnn": "hidden size"}  # at equal hidden size
BLOCKS = {"lstm": 4, "gru": 3}  # of weights, one a gate and one for the candidate
LSTM = ("lstm", "reference")
GRU = ("gru", "parameters")
RNN = ("rnn", "hidden size")
FEW = 5  # seeds of the studies of music, copying, language and ablations
CHORALE_SEEDS = {"small": SEEDS, "large": FEW}
# What the papers print, as far as it could be looked up.
PUBLISHED = {
    "A1": "two layers of 600: GRU 4,323,600, LSTM 5,764,800; whole models 14,187,786, 15,628,986",
    "A2": "minGRU 33, 22, 17, 13 %, minLSTM 38, 25, 19, 15 % (quoted, not looked up again)",
    "A3": "T = 1000: LSTM 0.0204, GRU 0.0197, RNN 0.0202",
    "A4": "T = 600: LSTM 0.164, RNN 0.177, GRU 0.000053",
    "R1": "the authors' LSTM, trained on n up to 100, takes n = 1000; their GRU does not",
    "R2": "JSB Chorales: LSTM 8.45, GRU 8.43, RNN 8.91 (Bai et al.); GRU 8.54 (Chung et al.)",
    "R3": "T = 600: LSTM 0.164, RNN 0.177, GRU 0.000053; chrono speeds the LSTM up",
    "R4": "T = 1000: LSTM 0.0204, GRU 0.0197, doing nothing 0.0204; with chrono an LSTM copies",
    "R5": "GRU ahead of LSTM ahead of RNN at small sizes (their table could not be looked up)",
    "R6": "forget gate and output activation matter most; coupled gates lose nothing",
    "R7": "LSTM solves regular and counter tasks and not reversal (15 tasks, 20,910 models)",
    "R8": "about 5 bits a parameter, nearly the same for all cells",
}


@dataclass(frozen=True)
class Criterion:
    """A statement that the paper makes, what was measured, and whether the statement holds."""

    criterion: str
    measured: str
    holds: bool


def replication(function: Callable[[], Iterator[Criterion]]) -> Callable[[], Iterator[Criterion]]:
    """Make a function a replication: ``r1`` becomes R1.

    Args:
        function: Yields the criteria.

    Returns:
        The function, unchanged.
    """
    REPLICATIONS[function.__name__.upper()] = function
    return function


def arithmetic(function: Callable[[], Iterator[Criterion]]) -> Callable[[], Iterator[Criterion]]:
    """Make a function an exact check of published arithmetic: ``a1`` becomes A1.

    Args:
        function: Yields the criteria.

    Returns:
        The function, unchanged.
    """
    ARITHMETIC[function.__name__.upper()] = function
    return function


def everything() -> dict[str, Callable[[], Iterator[Criterion]]]:
    """All replications by their names: the trainings, then the arithmetic."""
    return {**REPLICATIONS, **ARITHMETIC}


def table(name: str) -> pd.DataFrame:
    """The criteria of a replication.

    Args:
        name: One of ``everything``, such as ``R1``.

    Returns:
        The columns criterion, measured, and holds ("pass" or "fail").

    Raises:
        NoResults: A row is missing.
    """
    rows = []
    for found in everything()[name]():
        rows.append((found.criterion, found.measured, "pass" if found.holds else "fail"))
    return pd.DataFrame(rows, columns=["criterion", "measured", "holds"])


def title(name: str) -> str:
    """Who published what is repeated: the first line of a replication's docstring."""
    return everything()[name].__doc__.splitlines()[0]


def main(say: Callable[[str], None] = print) -> None:
    """Print all replications, as ``gatedrnn replications`` does.

    Args:
        say: Takes a line.
    """
    for kind, names in (("trainings", REPLICATIONS), ("arithmetic", ARITHMETIC)):
        marks = []
        for name in names:
            marks += _told(name, say)
        say(f"{kind}: {marks.count('pass')} of {len(marks)} criteria pass")


def _told(name, say):
    """Print a replication; the marks of its criteria, none if a row is missing."""
    say(f"{name}  {title(name)}")
    say(f"    published: {PUBLISHED[name]}")
    try:
        found = table(name)
    except results.NoResults as error:
        say(f"    no result: {error}")
        return []
    for row in found.itertuples():
        say(f"    {row.holds}  {row.criterion}: {row.measured}")
    return list(found.holds)


def _newest(*readers):
    """What the first of these functions returns whose rows are stored.

    NoResults, which says how to make the rows of the first study, if there are none at all.
    """
    missing = None
    for reader in readers:
        try:
            return reader()
        except results.NoResults as error:
            missing = missing or error
    raise missing


def _best_arm(study, by, column, seeds, **where):
    """The final rows at the setting that the tuning chose for these values, one value a seed."""
    rows = rows_of(study, phase="tuning", **where)
    if rows.empty:
        raise lacking(study, f"no tuning of {', '.join(map(str, where.values()))}")
    (chosen,) = settings.best_settings(rows, by, settings.loss_within()).values()
    setting = {"bias": chosen.bias, "learning_rate": chosen.learning_rate}
    return arm(study, column, seeds, phase="final", **setting, **where).astype(float)


def _with_interval(compared, digits):
    """A difference with its interval, as text."""
    ends = f"[{compared.low:+.{digits}f}, {compared.high:+.{digits}f}]"
    return f"{compared.difference:+.{digits}f} {ends}"


def _within(compared, margin):
    """Whether the interval lies within the margin on both sides."""
    return compared.low > -margin and compared.high < margin


@replication
def r1() -> Iterator[Criterion]:
    """Weiss, Goldberg and Yahav 2018: an LSTM counts, a GRU does not.

    10 units, words up to n = 100, ten seeds. The criteria are read on batches of 32 words, as first
    planned, and on all 100 words at every step, where the one GRU is torch's. The rows of
    ``counters`` (tuned recipes, 20,000 steps, horizons to 1,000), else of ``counting`` (one recipe,
    2,400 steps, horizons to 500).

    Yields:
        The criteria.
    """
    yield from _counting_criteria("drawn", ["gru", "gru_before", "gru_noreset"])
    yield from _counting_criteria("all", ["gru"])


def _counting_criteria(words, variants):
    """The criteria of R1 for one way to train, over these variants of the GRU."""
    lstm, *others = _newest(
        lambda: [_tuned_horizon(words, cell) for cell in ("lstm", *variants)],
        lambda: [_horizon(words, cell) for cell in ("lstm", *variants)],
    )
    largest = max(horizon.max() for horizon in others)
    best = lstm.max()
    middle = np.median(lstm)
    many = (lstm >= 150).sum()
    yield Criterion(f"{words} words: best LSTM seed counts to 256 or more", f"{best}", best >= 256)
    yield Criterion(
        f"{words} words: LSTM's median horizon is 150 or more", f"{middle:g}", middle >= 150
    )
    yield Criterion(
        f"{words} words: half of the LSTM's seeds or more reach 150",
        f"{many} of {SEEDS}",
        many >= SEEDS / 2,
    )
    yield Criterion(
        f"{words} words: no seed of a GRU, whatever its reset gate, passes 130",
        f"largest {largest}",
        largest <= 130,
    )


def _tuned_horizon(words, cell):
    """Up to which n each seed counts with the tuned recipe."""
    where = {"words": words, "cell": cell, "matched": MATCHED.get(cell, "hidden size")}
    return arm("counters", "horizon", phase="final", **where)


def _horizon(words, cell):
    """Up to which n each seed counts with the first recipe."""
    matched = MATCHED.get(cell, "hidden size")
    where = {"words": words, "cell": cell, "matched": matched, "bias": "default"}
    return arm("counting", "horizon", **where)


@replication
def r2() -> Iterator[Criterion]:
    """Chorales after Chung et al. 2014 and Bai, Kolter and Koltun 2018, on JSB-like data.

    Other pieces, another split, so only orders and differences count. The rows of ``chorales`` (ten
    seeds of the small models; dropout for the large ones), else of ``music`` (five seeds, without
    dropout).

    Yields:
        The criteria.
    """
    for size in ("small", "large"):
        compared = _chorales(size, "gru", "lstm")
        yield Criterion(
            f"{size}: GRU against LSTM, interval within 0.10 nats",
            f"{_with_interval(compared, 3)} nats",
            _within(compared, 0.1),
        )
    ahead = _chorales("small", "gru", "lstm")
    yield Criterion(
        "small: the GRU ahead of the LSTM, interval above 0",
        f"{ahead.difference:+.3f}",
        ahead.low > 0,
    )
    for cell in ("lstm", "gru"):
        compared = _chorales("small", cell, "rnn")
        yield Criterion(
            f"small: {cell.upper()} ahead of the tanh RNN by 0.05 nats, interval above 0",
            f"{_with_interval(compared, 3)} nats",
            compared.difference >= 0.05 and compared.low > 0,
        )


def _chorales(size, cell, other):
    """By how many nats a cell is ahead of another."""
    losses = _newest(
        lambda: [_nats("chorales", CHORALE_SEEDS[size], size, name) for name in (cell, other)],
        lambda: [_nats("music", FEW, size, name) for name in (cell, other)],
    )
    return stats.compare(*losses, higher_is_better=False)


def _nats(study, seeds, size, cell):
    """The test loss of the chorales, one a seed."""
    return arm(study, "nats", seeds, phase="final", size=size, cell=cell).astype(float)


@replication
def r3() -> Iterator[Criterion]:
    """Adding at length 200, after Bai, Kolter and Koltun 2018 and Tallec and Ollivier 2018.

    32 units for the LSTM, 37 for the GRU, 2,000 steps of 32 sequences, where the papers have 130
    and 150.

    Yields:
        The criteria.
    """
    gru = {"cell": "gru", "matched": "parameters", "bias": "default"}
    lstm = {"cell": "lstm", "matched": "reference", "bias": "default"}
    chrono = {"cell": "lstm", "matched": "reference", "bias": "chrono"}
    rnn = {"cell": "rnn", "matched": "hidden size", "bias": "default"}

    small = int((_adding("test_error", gru) < 1e-3).sum())
    yield Criterion(
        "GRU: test error below 0.001 in 8 of 10 seeds", f"{small} of {SEEDS}", small >= 8
    )
    limit = _adding("steps", gru)[0]
    slow = _steps_to_solve(lstm, limit)
    ratio = np.median(slow) / np.median(_steps_to_solve(gru, limit))
    unsolved = (slow >= limit).sum()
    yield Criterion(
        "LSTM, default bias: median steps at least 1.5 times the GRU's",
        f"{ratio:.2f}, {unsolved} of {SEEDS} LSTM seeds unsolved",
        ratio >= 1.5,
    )
    solved = int((_adding("solved_at", chrono) >= 0).sum())
    yield Criterion(
        "LSTM with chrono initialisation solves it in 8 of 10 seeds",
        f"{solved} of {SEEDS}",
        solved >= 8,
    )
    middle = np.median(_adding("test_error", rnn).astype(float))
    yield Criterion(
        "RNN: median test error within 5 % of 1/6", f"{middle:.4f}", np.abs(middle * 6 - 1) <= 0.05
    )


def _adding(column, where):
    """A column of adding at length 200, one value a seed."""
    return arm("long_range", column, phase="final", task="adding", length=200, **where)


def _steps_to_solve(where, limit):
    """The steps to solve adding, one a seed; the limit if it never did."""
    solved_at = _adding("solved_at", where)
    return np.where(solved_at < 0, limit, solved_at)


@replication
def r4() -> Iterator[Criterion]:
    """Copy memory after Arjovsky et al. 2016, Bai et al. 2018 and Tallec and Ollivier 2018.

    Ten symbols after a wait of 200, five seeds; only the ten symbols are scored. The rows of
    ``copy_memory`` (64 units, tuned rate, up to 20,000 steps of 64 sequences from the chrono start,
    5,000 from torch's), else of ``copying`` (60 units, one rate, 3,000 steps of 32 sequences).

    Yields:
        The criteria.
    """
    for cell in ("lstm", "gru"):
        share = _share_of_doing_nothing(cell, "default")
        yield Criterion(
            f"{cell.upper()}, default bias: every seed within 5 % of doing nothing",
            f"{share.min():.3f} to {share.max():.3f} of it",
            share.min() >= 0.95,
        )
    good = int((_share_of_doing_nothing("lstm", "chrono") < 0.5).sum())
    yield Criterion(
        "LSTM with chrono initialisation: below half of it in 3 of 5 seeds",
        f"{good} of {FEW}",
        good >= 3,
    )


def _share_of_doing_nothing(cell, bias):
    """The loss in units of that of doing nothing, one a seed."""
    phase = {"default": "shipped", "chrono": "final"}[bias]
    where = {"phase": phase, "wait": 200, "cell": cell, "bias": bias}
    shares = _newest(
        lambda: arm("copy_memory", "share_of_baseline", FEW, **where),
        lambda: arm("copying", "share_of_baseline", FEW, cell=cell, bias=bias),
    )
    return shares.astype(float)


@replication
def r5() -> Iterator[Criterion]:
    """Character models in the manner of Karpathy, Johnson and Fei-Fei 2015.

    They compared LSTM, RNN and GRU at several sizes on another text; here Adam, equal parameters.
    Their table could not be looked up: the criteria are ours. Our RNN has as many units as the
    LSTM, a quarter of its parameters. Each criterion is read from ``characters`` (12 passes, start
    and rate tuned at each width, ten seeds), else from ``language`` (2.9 passes, five seeds).

    Yields:
        The criteria.
    """
    for width in (64, 128):
        compared = _ahead(width, GRU, LSTM)
        yield Criterion(
            f"{width} units: GRU ahead of the LSTM, interval above 0",
            f"{_with_interval(compared, 4)} nats",
            compared.low > 0,
        )
        compared = _ahead(width, LSTM, RNN)
        yield Criterion(
            f"{width} units: LSTM ahead of the RNN, interval above 0",
            f"{_with_interval(compared, 4)} nats",
            compared.low > 0,
        )


def _ahead(width, model, other):
    """By how many nats a model is ahead of another."""
    losses = _newest(
        lambda: [_tuned_characters(width, *each) for each in (model, other)],
        lambda: [_characters(width, *each) for each in (model, other)],
    )
    return stats.compare(*losses, higher_is_better=False)


def _tuned_characters(width, cell, matched):
    """The test loss in nats a character at the best start and rate, one a seed."""
    where = {"width": width, "cell": cell, "matched": matched, "steps": 4000, "schedule": "cosine"}
    return _best_arm("characters", ("width", "cell", "matched"), "nats", SEEDS, **where)


def _characters(width, cell, matched):
    """The test loss in nats a character, one a seed."""
    where = {"phase": "final", "width": width, "cell": cell, "matched": matched}
    return arm("language", "nats", FEW, **where).astype(float)


@replication
def r6() -> Iterator[Criterion]:
    """Gate ablations after Jozefowicz, Zaremba and Sutskever 2015 and Greff et al. 2017.

    Sums of two numbers, and JSB-like chorales; equal hidden size. The rows of ``sums`` (up to three
    digits, 64 units, 12,000 steps; chorales with 2,000 steps; ten seeds), else of ``ablations`` (up
    to two digits, 32 units, 4,000 steps; chorales with 600 steps; five seeds).

    Yields:
        The criteria.
    """
    sums = _ablated("addition", ["lstm", "no_forget", "rnn", "gru", "lstm, bias 1"])
    compared = stats.compare(sums["no_forget"], sums["rnn"])
    yield Criterion(
        "addition: no forget gate within 5 points of the plain RNN",
        f"{compared.difference:+.1f}",
        abs(compared.difference) <= 5,
    )
    compared = stats.compare(sums["lstm"], sums["no_forget"])
    yield Criterion(
        "addition: no forget gate 20 points or more under the LSTM",
        f"{compared.difference:.1f}",
        compared.difference >= 20,
    )
    compared = stats.compare(sums["lstm, bias 1"], sums["lstm"])
    yield Criterion(
        "addition: forget bias 1 at least the LSTM - 0.5 points",
        f"{compared.difference:+.1f}",
        compared.difference >= -0.5,
    )
    compared = stats.compare(sums["lstm, bias 1"], sums["gru"])
    yield Criterion(
        "addition: forget bias 1 and GRU not shown to differ",
        _with_interval(compared, 1),
        compared.low <= 0 <= compared.high,
    )
    chorales = _ablated("chorales", ["lstm", "cifg", "no_output_tanh"])
    compared = stats.compare(chorales["cifg"], chorales["lstm"])
    yield Criterion(
        "chorales: CIFG - LSTM, interval within 0.05 nats",
        f"{_with_interval(compared, 3)} nats",
        _within(compared, 0.05),
    )
    compared = stats.compare(chorales["no_output_tanh"], chorales["lstm"])
    yield Criterion(
        "chorales: worse without the output tanh, interval above 0",
        f"{_with_interval(compared, 3)} nats",
        compared.low > 0,
    )


def _ablated(task, cells):
    """The scores of these cells, one a seed, all from one study."""
    length = {"addition": 3, "chorales": 64}[task]
    converged = {"task": task, "length": length}
    short = {"part": "ablation", "task": task}
    return _newest(
        lambda: {cell: _score("sums", SEEDS, cell, converged) for cell in cells},
        lambda: {cell: _score("ablations", FEW, cell, short) for cell in cells},
    )


def _score(study, seeds, cell, where):
    """The score of a cell, one a seed; ``lstm, bias 1`` is an LSTM with a forget bias of 1."""
    bias = "default"
    if cell == "lstm, bias 1":
        cell, bias = "lstm", "one"
    where = where | {"phase": "final", "cell": cell, "bias": bias}
    return arm(study, "score", seeds, **where).astype(float)


@replication
def r7() -> Iterator[Criterion]:
    """A part of the Chomsky hierarchy after Delétang et al. 2023.

    Trained on lengths up to 20, tested on 30 to 100, 32 units of the LSTM, 3,000 steps, ten seeds;
    the share of right steps, of the best seed as in the paper, and the median.

    Yields:
        The criteria.
    """
    yield _at_least("parity", "lstm", 95)
    yield _at_least("sort", "lstm", 85)
    yield _at_most("reverse", "lstm", 75)
    yield _at_least("parity", "rnn", 95)
    yield _at_most("sort", "rnn", 60)
    yield _at_least("parity", "gru", 95)
    rnn, gru, lstm = (_right_steps("sort", cell).max() for cell in ("rnn", "gru", "lstm"))
    yield Criterion(
        "sort: the GRU between the RNN and the LSTM",
        f"{rnn:.1f}, {gru:.1f}, {lstm:.1f}",
        rnn <= gru <= lstm,
    )


def _at_least(task, cell, mark):
    """Whether the best seed gets to the mark."""
    best, text = _best(task, cell)
    return Criterion(f"{task}, {cell.upper()}: best seed >= {mark} %", text, best >= mark)


def _at_most(task, cell, mark):
    """Whether not even the best seed passes the mark."""
    best, text = _best(task, cell)
    return Criterion(f"{task}, {cell.upper()}: best seed <= {mark} %", text, best <= mark)


def _best(task, cell):
    """The share of right steps of the best seed, and it beside the median as text."""
    right = _right_steps(task, cell)
    return right.max(), f"{right.max():.1f} (median {np.median(right):.1f})"


def _right_steps(task, cell):
    """The share of right steps in %, one value a seed."""
    where = {"phase": "final", "task": task, "cell": cell, "matched": MATCHED[cell]}
    return 100 * arm("languages", "tokens", **where).astype(float)


@replication
def r8() -> Iterator[Criterion]:
    """Collins, Sohl-Dickstein and Sussillo 2017: what a cell stores for each of its parameters.

    Random labels of random strings, trained on all at once; the paper tuned every model at length
    and searched for the largest set. The rows of ``memorised`` (rates tuned, 3,000 steps, 8 to 16
    units, ten seeds), else of ``capacity`` (one rate, 1,500 steps, 4 to 12 units, three seeds).

    Yields:
        The criteria.
    """
    most = _newest(
        lambda: _capacities("memorised", SEEDS, (8, 12, 16), (2, 3, 4)),
        lambda: _capacities("capacity", 3, (4, 8, 12), (1, 2, 3, 4, 5)),
    )
    least, highest = most.per.min(), most.per.max()
    yield Criterion(
        "2 to 6 bits a parameter, every cell and size",
        f"{least:.2f} to {highest:.2f}",
        least >= 2 and highest <= 6,
    )
    sizes = most.groupby("hidden_size").per
    apart = (sizes.max() / sizes.min()).max()
    yield Criterion(
        "any two cells of a size within 20 %", f"{100 * (apart - 1):.0f} % apart", apart <= 1.2
    )
    straight = min(_explained(points) for _, points in most.groupby("cell"))
    yield Criterion(
        "linear in the parameters, R^2 above 0.95", f"lowest {straight:.3f}", straight > 0.95
    )


def _capacities(study, seeds, sizes, ratios):
    """The largest mean number of bits of each cell and size, over the numbers of labels."""
    where = {"phase": "final"} if study == "memorised" else {}
    rows = []
    for cell in ("rnn", "gru", "lstm"):
        for size in sizes:
            found = []
            for ratio in ratios:
                place = {"cell": cell, "hidden_size": size, "labels_per_parameter": ratio}
                found.append(arm(study, "bits", seeds, **place, **where).mean())
            count = rows_of(study, cell=cell, hidden_size=size).parameters.iloc[0]
            best = max(found)
            rows.append((cell, size, count, best, best / count))
    return pd.DataFrame(rows, columns=["cell", "hidden_size", "parameters", "bits", "per"])


def _explained(points):
    """R^2 of a straight line through the bits of a cell, against its parameters."""
    return np.corrcoef(points.parameters, points.bits)[0, 1] ** 2


@arithmetic
def a1() -> Iterator[Criterion]:
    """Madsen 2019, Distill: the parameters of an autocompletion model.

    27 symbols, embedded in 600 numbers, two layers of 600 units, 16,386 outputs; one bias.

    Yields:
        The criteria.
    """
    around = 27 * 600 + 600 * 16_386 + 16_386
    published = {"gru": (4_323_600, 14_187_786), "lstm": (5_764_800, 15_628_986)}
    for cell, (recurrent, whole) in published.items():
        blocks = BLOCKS[cell]
        ours = 2 * blocks * (600 * 600 + 600 * 600 + 600)
        yield Criterion(f"{cell.upper()}, recurrent layers", f"{ours:,}", ours == recurrent)
        yield Criterion(
            f"{cell.upper()}, whole model", f"{ours + around:,}", ours + around == whole
        )


@arithmetic
def a2() -> Iterator[Criterion]:
    """Feng et al. 2024: the parameters of minGRU and minLSTM, as shares of those of GRU and LSTM.

    The inputs have d numbers, the state 1, 2, 3 or 4 times as many; without biases.

    Yields:
        The criteria.
    """
    kept = {"minGRU": ("gru", 2, (33, 22, 17, 13)), "minLSTM": ("lstm", 3, (38, 25, 19, 15))}
    for name, (cell, matrices, published) in kept.items():
        shares = []
        for ratio in (1, 2, 3, 4):
            inputs, units = 1000, 1000 * ratio
            full = BLOCKS[cell] * (inputs * units + units * units)
            shares.append(100 * matrices * inputs * units / full)
        rounded = tuple(math.floor(share + 0.5) for share in shares)
        text = ", ".join(f"{share:.1f}" for share in shares)
        yield Criterion(f"{name}: the same whole percentages", f"{text} %", rounded == published)


@arithmetic
def a3() -> Iterator[Criterion]:
    """Bai, Kolter and Koltun 2018, Table 1: copying after 1,000 steps, the loss of doing nothing.

    Ten symbols of eight, the loss averaged over all 1,020 steps.

    Yields:
        The criteria.
    """
    nothing = 10 * math.log(8) / 1020
    yield Criterion(
        "the published LSTM, 0.0204, is at the loss of doing nothing to three figures",
        f"{nothing:.6f}",
        float(f"{nothing:.3g}") == 0.0204,
    )


@arithmetic
def a4() -> Iterator[Criterion]:
    """Bai, Kolter and Koltun 2018, Table 1: adding, the error of doing nothing.

    The variance of the sum of two uniform numbers, 1/6, and its estimate from a million sums.

    Yields:
        The criteria.
    """
    nothing = 1 / 6
    sums = np.random.default_rng(0).random((1_000_000, 2)).sum(1)
    drawn = sums.var()
    yield Criterion(
        "1/6, and drawn the same within 1 %", f"{drawn:.5f}", abs(drawn / nothing - 1) < 0.01
    )
    for cell, error, allowed in (("LSTM", 0.164, 2), ("RNN", 0.177, 6)):
        off = 100 * abs(error / nothing - 1)
        yield Criterion(
            f"the published {cell}, {error}, is within {allowed} % of it: unsolved",
            f"{off:.0f} % off",
            round(off) <= allowed,
        )
