"""The rules of the claims that need no training (C01-C04).

The rows of the study ``structure`` lie within their tolerance or not. No torch.
"""

from typing import Any

from gatedrnn.claims.rows import lacking, rows_of
from gatedrnn.claims.ruling import Finding, Ruling, Word, rule, span

PRODUCTS_TOLERANCE = 0.01  # of the ratio of multiply-adds


def rows(check: str, number: int) -> list[Any]:
    """The rows of a check.

    Args:
        check: Its name.
        number: How many cases there must be.

    Returns:
        One row a case, its columns as attributes.

    Raises:
        NoResults: There are not so many.
    """
    found = rows_of("structure", check=check).dropna(subset=["value"])
    if len(found) != number:
        raise lacking("structure", f"{len(found)} of {number} cases of the check {check!r}")
    return list(found.itertuples())


def _finding(row):
    """Whether a case lies within its tolerance."""
    judgement = "holds" if abs(row.value - row.expected) <= row.tolerance else "fails"
    return Finding.exact(f"{row.check}, {row.case}", row.value, row.expected, judgement)


@rule
def exact(checks: dict[str, int]) -> Ruling:
    """Does every case of every check lie within its tolerance?

    Supported if all do; not supported if one does not.

    Args:
        checks: ``{check: number of cases}``.

    Returns:
        The ruling, a finding a case.

    Raises:
        NoResults: A case is missing.
    """
    findings = []
    for check, number in checks.items():
        findings += [_finding(row) for row in rows(check, number)]
    failed = [finding.label for finding in findings if finding.judgement == "fails"]
    held = f"{len(findings) - len(failed)} of {len(findings)} checks hold"
    effect = "; ".join([held, *(f"not {label}" for label in failed)])
    word = Word.NOT_SUPPORTED if failed else Word.SUPPORTED
    return Ruling(word, effect, "exact", tuple(findings))


@rule
def edges(steps: int, alone: str) -> Ruling:
    """Does a single change, on the walk from the LSTM to torch's GRU, change the outputs?

    Supported if the named step alone does. Mixed if others do, too. Not supported if another step
    is the first that does, if none does, or if the end of the walk is not torch's GRU.

    Args:
        steps: How many steps the walk has.
        alone: The step that couples the gates.

    Returns:
        The ruling, a finding a step that changes the outputs.

    Raises:
        NoResults: A step or a case of the check ``equal`` is missing.
    """
    findings = []
    for row in rows("edge", steps):
        if row.value > 0:
            findings.append(Finding.exact(row.case, row.value, 0, "changes"))
    arrives = _ends_at_the_gru()
    named_first = bool(findings) and findings[0].label == alone
    if not arrives or not named_first:
        word = Word.NOT_SUPPORTED
    elif len(findings) > 1:
        word = Word.MIXED
    else:
        word = Word.SUPPORTED
    effect = f"{len(findings)} changes lead from the LSTM to torch's GRU"
    return Ruling(word, effect, "exact", tuple(findings))


def _ends_at_the_gru():
    """Whether the end of the walk gives the outputs of torch's GRU."""
    ends = [row for row in rows("equal", 3) if row.case == "end of the walk"]
    return bool(ends) and _finding(ends[0]).judgement == "holds"


@rule
def cheaper(sizes: int, products: float, arithmetic: float) -> Ruling:
    """Does the GRU need less computation a step than the LSTM of as many units?

    Supported if, at each size, its multiply-adds are the expected part of the LSTM's and all of its
    operations fewer than asked. Not supported if neither holds at any size, else mixed.

    Args:
        sizes: How many sizes there must be.
        products: The expected ratio of the multiply-adds, GRU over LSTM.
        arithmetic: The ratio that that of all operations has to stay below.

    Returns:
        The ruling, a finding a size and count.

    Raises:
        NoResults: A size is missing.
    """
    counted = [_finding(row) for row in rows("products", sizes)]
    whole = []
    for row in rows("arithmetic", sizes):
        whole.append(Finding.exact(_finding(row).label, row.value, arithmetic, ""))
    good = [abs(finding.difference - products) <= PRODUCTS_TOLERANCE for finding in counted]
    good += [finding.difference < arithmetic for finding in whole]
    if all(good):
        word = Word.SUPPORTED
    elif any(good):
        word = Word.MIXED
    else:
        word = Word.NOT_SUPPORTED
    effect = f"multiply-adds {span(counted)}, all operations {span(whole)}"
    return Ruling(word, effect, "exact counts", tuple(counted + whole))
