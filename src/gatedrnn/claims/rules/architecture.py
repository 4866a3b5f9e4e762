"""The rules of the claims that need no training (C01-C04): the rows of the study ``structure``, each within its
tolerance or not. A rule returns what those of ``rules`` return. Nothing here imports torch.
"""

from gatedrnn.claims.rows import lacking, rows_of
from gatedrnn.claims.ruling import MIXED, NOT_SUPPORTED, SUPPORTED, span


def rows(check, number):
    """The rows of a check, a list; NoResults unless there are so many."""
    found = rows_of("structure", check=check).dropna(subset=["value"])
    if len(found) != number:
        raise lacking("structure", f"{len(found)} of {number} cases of the check {check!r}")
    return [*found.itertuples()]


def _detail(row):
    judgement = "holds" if abs(row.value - row.expected) <= row.tolerance else "fails"
    return (f"{row.check}, {row.case}", row.value, row.value, row.value, row.expected, judgement)


def exact(checks):
    """For: every case of every check ``{check: number of cases}`` lies within its tolerance. Against: one does not."""
    details = [_detail(row) for check, number in checks.items() for row in rows(check, number)]
    failed = [row[0] for row in details if row[5] == "fails"]
    text = f"{len(details) - len(failed)} of {len(details)} checks hold" + "".join(
        f"; not {name}" for name in failed
    )
    return NOT_SUPPORTED if failed else SUPPORTED, text, "exact", details


def edges(steps, alone):
    """For: of the ``steps`` of the walk from the LSTM to torch's GRU only the coupling, ``alone``, changes the outputs.
    Mixed: others do, too. Against: the coupling changes nothing, or the end of the walk is not torch's GRU.
    """
    moved = [row for row in rows("edge", steps) if row.value > 0]
    details = [(row.case, row.value, row.value, row.value, 0, "changes") for row in moved]
    end = [row for row in rows("equal", 3) if row.case == "end of the walk"]
    word = MIXED if len(details) > 1 else SUPPORTED if len(details) == 1 else NOT_SUPPORTED
    if not end or _detail(end[0])[5] == "fails" or not details or details[0][0] != alone:
        word = NOT_SUPPORTED
    return word, f"{len(details)} changes lead from the LSTM to torch's GRU", "exact", details


def cheaper(sizes, products, arithmetic):
    """For: GRU over LSTM, the multiply-adds are ``products`` within 0.01 and all operations below ``arithmetic``, at
    each of so many ``sizes``. Against: neither at any size.
    """
    counted = [_detail(row) for row in rows("products", sizes)]
    whole = [(*_detail(row)[:4], arithmetic, "") for row in rows("arithmetic", sizes)]
    good = [abs(row[1] - products) <= 0.01 for row in counted] + [
        row[1] < arithmetic for row in whole
    ]
    word = SUPPORTED if all(good) else MIXED if any(good) else NOT_SUPPORTED
    text = f"multiply-adds {span(counted)}, all operations {span(whole)}"
    return word, text, "exact counts", counted + whole


RULES = {rule.__name__: rule for rule in (exact, edges, cheaper)}
