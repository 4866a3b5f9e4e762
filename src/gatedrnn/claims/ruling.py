"""What all rules share: the words of a verdict, what a rule returns, how parts make a whole.

A rule is a function with the decorator ``@rule`` in a module of ``gatedrnn.claims.rules``. It takes
the regime and the parameters of a claim, reads stored rows and returns a ``Ruling``. No torch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

from gatedrnn.stats import Comparison


class Word(StrEnum):
    """The words of a verdict. They print, compare and sort as their text."""

    SUPPORTED = "Supported"
    NOT_SUPPORTED = "Not supported"
    MIXED = "Mixed"
    INCONCLUSIVE = "Inconclusive"
    COULD_NOT_TELL = "Could not tell"  # the task leaves the cells no room to differ
    NO_RESULT = "No result"  # a row that the rule needs is missing

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Finding:
    """What a rule found on one task, kernel, size or quantity.

    Attributes:
        label: What was compared.
        difference: The effect: a difference in the unit of the scores, or a ratio. A positive
            difference favours the article.
        low: The lower end of the effect's 95 % interval, or of its range for rules without seeds.
        high: The upper end.
        margin: The smallest effect that matters, or the value that an exact check expects.
        judgement: What the rule says of this part alone, a word of its own.
    """

    label: str
    difference: float
    low: float
    high: float
    margin: float | None
    judgement: str

    @classmethod
    def of(cls, label: str, compared: Comparison, margin: float | None, judgement: str) -> Self:
        """A finding from a paired comparison."""
        return cls(label, compared.difference, compared.low, compared.high, margin, judgement)

    @classmethod
    def exact(cls, label: str, value: float, margin: float, judgement: str) -> Self:
        """A finding without an interval, since the value does not vary."""
        return cls(label, value, value, value, margin, judgement)


@dataclass(frozen=True)
class Ruling:
    """What a rule returns.

    Attributes:
        word: The verdict.
        effect: What was measured, as text.
        interval: Between which values it lies, as text; empty if there is nothing to say.
        findings: The parts that the word was made from.
    """

    word: Word
    effect: str
    interval: str
    findings: tuple[Finding, ...]


RULES: dict[str, Callable[..., Ruling]] = {}  # filled by the modules of ``rules`` when imported


def rule(function: Callable[..., Ruling]) -> Callable[..., Ruling]:
    """Make a function a rule that ``claims.yml`` can name.

    Args:
        function: The rule. ``long_range`` in the module ``rules/memory.py`` becomes
            ``memory.long_range``.

    Returns:
        The function, unchanged.
    """
    module = function.__module__.rpartition(".")[-1]
    RULES[f"{module}.{function.__name__}"] = function
    return function


def span(findings: Iterable[Finding], unit: str = "") -> str:
    """Where the intervals of all the findings lie, as text.

    Args:
        findings: One finding or more.
        unit: Stands behind the numbers. In ``margins``, each finding counts in units of its own
            margin.

    Returns:
        The lowest low and the highest high. It is a range, not the interval of anything.
    """
    lows = []
    highs = []
    for finding in findings:
        scale = finding.margin if unit == "margins" else 1
        lows.append(finding.low / scale)
        highs.append(finding.high / scale)
    return f"{min(lows):.3g} to {max(highs):.3g} {unit}".rstrip()


def count(findings: Iterable[Finding]) -> Counter:
    """How many findings got each judgement; 0 for a judgement that none got."""
    return Counter(finding.judgement for finding in findings)


def tally(findings: Iterable[Finding]) -> str:
    """How many findings got each judgement, as text, the most frequent first."""
    return ", ".join(f"{n} {judgement}" for judgement, n in count(findings).most_common())


def judge_effect(compared: Comparison, room: bool = True) -> str:
    """What a comparison with a margin says of a claim, alone.

    Args:
        compared: A positive difference favours the claim. It must have a margin.
        room: Whether the task leaves the cells room to differ.

    Returns:
        ``no room`` without it; ``supports`` if the difference is at least the margin and its
        interval above 0; ``refutes`` if it is that large the other way; ``equal`` if it is shown to
        lie within the margin; else ``open``.
    """
    if not room:
        return "no room"
    if compared.low > 0 and compared.difference >= compared.margin:
        return "supports"
    if compared.high < 0 and compared.difference <= -compared.margin:
        return "refutes"
    if compared.equivalent:
        return "equal"
    return "open"


def vote(
    findings: Iterable[Finding],
    share: str | float,
    pro: Sequence[str] = ("supports",),
    con: Sequence[str] = ("refutes", "equal"),
) -> Word:
    """The verdict of parts that count alike, tasks mostly: what at least a share of them says.

    This is the one place where parts become a word. A tie where there was no room to differ is
    evidence for nobody.

    Args:
        findings: The parts. Each judgement in ``pro`` or ``con``, and ``supports``, ``refutes``,
            ``equal`` and ``open``, counts; any other has no room.
        share: The share of those with room that decides, a number or a text such as ``2/3``.
        pro: The judgements that speak for the claim.
        con: Those that speak against it. A claim of a difference has ``equal`` here, a claim that
            there is none has it in ``pro``.

    Returns:
        Could not tell if fewer than half of the parts have room. Supported or Not supported if
        enough of those with room say so; else Mixed where some speak for it and some against, and
        Inconclusive where not.
    """
    n = count(findings)
    counted = sum(n[name] for name in {*pro, *con, "supports", "refutes", "equal", "open"})
    if 2 * counted < n.total() or not counted:
        return Word.COULD_NOT_TELL
    needed = Fraction(share) * counted
    for_it = sum(n[name] for name in pro)
    against = sum(n[name] for name in con)
    if for_it >= needed:
        return Word.SUPPORTED
    if against >= needed:
        return Word.NOT_SUPPORTED
    if for_it and against:
        return Word.MIXED
    return Word.INCONCLUSIVE


def agree(words: Sequence[Word]) -> Word:
    """The verdict of parts that are judged apart: what all of them say, or Mixed."""
    if len(set(words)) == 1:
        return words[0]
    return Word.MIXED


def judge_lead(compared: Comparison, margin: float) -> Word:
    """The verdict on a lead of at least the margin.

    Args:
        compared: A positive difference is a lead.
        margin: The smallest lead that matters.

    Returns:
        Supported if the lead is that large and its interval above 0; Not supported if the interval
        shows it to be smaller; else Inconclusive.
    """
    if compared.low > 0 and compared.difference >= margin:
        return Word.SUPPORTED
    if compared.high < margin:
        return Word.NOT_SUPPORTED
    return Word.INCONCLUSIVE


def judge_ratio(value: float, low: float, high: float, ratio: float) -> str:
    """The judgement on a ratio that the article wants small, GRU over LSTM.

    Args:
        value: The ratio.
        low: The lower end of its interval.
        high: The upper end.
        ratio: The largest ratio that still supports, below 1.

    Returns:
        ``supports`` if the ratio is that small and its interval below 1; ``refutes`` if the
        interval shows it to be larger; else ``open``.
    """
    if value <= ratio and high < 1:
        return "supports"
    if low > ratio:
        return "refutes"
    return "open"
