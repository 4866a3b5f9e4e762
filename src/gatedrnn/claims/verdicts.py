"""The verdicts on the claims, derived from ``results/`` at every call and stored nowhere.

A verdict is one of the words of ``ruling.Word``, *No result* while a row that its rule needs is
missing. No torch.
"""

import json
from dataclasses import astuple, dataclass, fields

import pandas as pd

from gatedrnn import results
from gatedrnn.claims.register import Claim, load
from gatedrnn.claims.ruling import RULES, Finding, Word
from gatedrnn.results import NoResults, read

COLUMNS = [field.name for field in fields(Finding)]  # of a verdict's details


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim.

    Attributes:
        id: That of the claim.
        verdict: The word.
        effect: What was measured, as text; without a result, why there is none.
        interval: Between which values it lies, as text.
        figure: The figure that shows it.
        details: The findings, a row a task, kernel or quantity, with the columns of
            ``ruling.Finding``.
    """

    id: str
    verdict: Word
    effect: str
    interval: str
    figure: str
    details: pd.DataFrame


def verdict(claim: Claim) -> Verdict:
    """The verdict on a claim, from the rows stored now.

    Args:
        claim: One of ``load()``. Its regime alone decides; the words of its secondary regimes are
            printed in the effect.

    Returns:
        The verdict, No result if a row is missing.

    Raises:
        ValueError: A stored row makes no sense.
    """
    try:
        for study in claim.study:
            read(study)
        ruling = RULES[claim.rule](**claim.regime, **claim.parameters)
    except NoResults as missing:
        reason = _without_folder(missing)
        return Verdict(claim.id, Word.NO_RESULT, reason, "", claim.figure, _frame([]))
    effect = "; ".join([ruling.effect, *(_secondary(claim, regime) for regime in claim.secondary)])
    details = _frame(ruling.findings)
    return Verdict(claim.id, ruling.word, effect, ruling.interval, claim.figure, details)


def _secondary(claim, regime):
    """What the rule says in another regime, as text."""
    changed = []
    for key, value in regime.items():
        if claim.regime.get(key) != value:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            changed.append(f"{key} {text}")
    try:
        word = RULES[claim.rule](**regime, **claim.parameters).word
    except NoResults as missing:
        word = f"{Word.NO_RESULT}, {_without_folder(missing)}"
    return f"secondary ({', '.join(changed)}): {word}"


def _frame(findings):
    """The findings as a table of plain values."""
    rows = []
    for finding in findings:
        *numbers, judgement = astuple(finding)
        rows.append([*numbers, str(judgement)])
    return pd.DataFrame(rows, columns=COLUMNS)


def _without_folder(missing):
    """The reason without the place of the repository on this machine."""
    return str(missing).replace(f"{results.folder().parent}/", "")


def table() -> pd.DataFrame:
    """All verdicts, a row a claim.

    Returns:
        The columns id, verdict, claim, effect, interval, chapter and figure.
    """
    rows = []
    for claim in load():
        found = verdict(claim)
        rows.append(
            {
                "id": claim.id,
                "verdict": str(found.verdict),
                "claim": claim.claim,
                "effect": found.effect,
                "interval": found.interval,
                "chapter": claim.chapter,
                "figure": claim.figure,
            }
        )
    return pd.DataFrame(rows)


def to_json() -> str:
    """All verdicts for other programs: a JSON list, an object a claim.

    Returns:
        The columns of ``table``, the quoted sentence of the article, and the findings.
    """
    entries = []
    for claim, row in zip(load(), table().to_dict("records"), strict=True):
        parts = verdict(claim).details
        parts = parts.astype(object).where(parts.notna(), None).to_dict("records")
        entries.append(row | {"quote": claim.quote, "endpoint": claim.endpoint, "parts": parts})
    return json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False)


def main(as_json: bool = False) -> None:
    """Print the verdicts, as ``gatedrnn verdicts`` does.

    Args:
        as_json: As JSON, with the parts that each verdict was made from.
    """
    if as_json:
        print(to_json())
        return
    for row in table().itertuples():
        interval = _bracketed(row.interval)
        measured = f"{row.effect}{interval}; {row.chapter}, {row.figure}"
        print(f"{row.id:4} {row.verdict:14} {row.claim:56} {measured}")


def _bracketed(interval):
    """The interval behind an effect; nothing if there is none."""
    return f" ({interval})" if interval else ""


def of_chapter(chapter: str) -> list[Claim]:
    """The claims that a chapter settles.

    Args:
        chapter: Its path without the ending, such as ``performance/speed``.

    Returns:
        One claim or more, in the order of the file.

    Raises:
        ValueError: There is none.
    """
    claims = [claim for claim in load() if claim.chapter == chapter]
    if not claims:
        raise ValueError(f"no claim belongs to the chapter {chapter!r}; see chapter in claims.yml")
    return claims


def article(chapter: str) -> str:
    """What the article says in a chapter's claims, and what was measured.

    Args:
        chapter: Its path without the ending, such as ``performance/speed``.

    Returns:
        A list in Markdown, an item a claim.

    Raises:
        ValueError: No claim belongs to the chapter.
    """
    lines = []
    for claim in of_chapter(chapter):
        found = verdict(claim)
        endpoint = f"{claim.endpoint[0].upper()}{claim.endpoint[1:]}"
        measured = f"{endpoint}: {found.effect}{_bracketed(found.interval)}."
        lines.append(f'- **{claim.id}: {found.verdict}.** "{claim.quote}". {measured}')
    return "\n".join(lines)


def glue_verdicts(chapter: str) -> None:
    """Glue ``verdict-C07`` and the like, the word alone, for each claim that a chapter settles.

    Args:
        chapter: Its path without the ending, such as ``performance/speed``.

    Raises:
        ValueError: No claim belongs to the chapter.
    """
    from myst_nb import glue  # takes a second, and only notebooks need it

    for claim in of_chapter(chapter):
        glue(f"verdict-{claim.id}", str(verdict(claim).verdict), display=False)
