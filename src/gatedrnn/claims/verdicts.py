"""The register of the article's claims, ``claims.yml``, and their verdicts, derived from ``results/`` by ``rules``.

A verdict is *Supported*, *Not supported*, *Mixed*, *Inconclusive*, or *No result* while a row that the rule needs is
missing. It is derived at every call and stored nowhere. Nothing here imports torch.
"""

import inspect
from dataclasses import dataclass, fields

import pandas as pd

from gatedrnn import results
from gatedrnn.claims.register import panel, register
from gatedrnn.claims.rules import RULES
from gatedrnn.claims.ruling import INCONCLUSIVE, MIXED, NOT_SUPPORTED, SUPPORTED
from gatedrnn.results import NoResults, read

NO_RESULT = "No result"
WORDS = (SUPPORTED, NOT_SUPPORTED, MIXED, INCONCLUSIVE, NO_RESULT)
COLUMNS = ["label", "difference", "low", "high", "margin", "judgement"]  # of a verdict's details


@dataclass(frozen=True)
class Claim:
    """An entry of ``claims.yml``, whose head explains the fields."""

    id: str
    claim: str
    quote: str
    type: str
    chapter: str
    figure: str
    study: list
    endpoint: str
    rule: str
    regime: dict
    secondary: list
    parameters: dict
    expect: str


@dataclass(frozen=True)
class Verdict:
    """``verdict`` is one of WORDS; without a result, ``effect`` says why. ``details``: a row a task, kernel or
    quantity, with COLUMNS; ``low`` and ``high`` are its 95 % interval, or its range for the rules without seeds.
    """

    id: str
    verdict: str
    effect: str
    interval: str
    figure: str
    details: pd.DataFrame


def load():
    """The claims, in the order of the file. A ValueError names the claim, or the task of the panel, that is wrong."""
    names, claims = {field.name for field in fields(Claim)} - {"id"}, []
    panel()
    for id, entry in register()["claims"].items():
        if wrong := sorted(names ^ set(entry)):
            raise ValueError(
                f"claim {id}: the fields {wrong} are missing or unknown; needed are {sorted(names)}"
            )
        claim = Claim(id, **entry)
        if claim.rule not in RULES:
            raise ValueError(f"claim {id}: no rule {claim.rule!r}; there are {', '.join(RULES)}")
        for regime in [claim.regime, *claim.secondary]:
            try:
                inspect.signature(RULES[claim.rule]).bind(**regime, **claim.parameters)
            except TypeError as error:
                raise ValueError(
                    f"claim {id}: regime {regime} and parameters: {error}, in {claim.rule}"
                ) from None
        claims.append(claim)
    return claims


def verdict(claim):
    """The ``Verdict`` on a ``Claim``, from the rows stored now."""
    try:
        for study in claim.study:
            read(study)
        word, effect, interval, details = RULES[claim.rule](**claim.regime, **claim.parameters)
    except NoResults as missing:
        return Verdict(
            claim.id, NO_RESULT, _short(missing), "", claim.figure, pd.DataFrame(columns=COLUMNS)
        )
    for regime in claim.secondary:
        changed = ", ".join(
            _plain(key, value) for key, value in regime.items() if claim.regime.get(key) != value
        )
        try:
            effect += (
                f"; secondary ({changed}): {RULES[claim.rule](**regime, **claim.parameters)[0]}"
            )
        except NoResults as missing:
            effect += f"; secondary ({changed}): {NO_RESULT}, {_short(missing)}"
    return Verdict(
        claim.id, word, effect, interval, claim.figure, pd.DataFrame(details, columns=COLUMNS)
    )


def table():
    """All verdicts, a DataFrame with a row a claim."""
    rows = [
        (c.id, v.verdict, c.claim, v.effect, v.interval, c.chapter, c.figure)
        for c in load()
        for v in [verdict(c)]
    ]
    return pd.DataFrame(
        rows, columns=["id", "verdict", "claim", "effect", "interval", "chapter", "figure"]
    )


def main():
    """Print the verdicts, as ``gatedrnn verdicts`` does."""
    for row in table().itertuples():
        interval = f" ({row.interval})" if row.interval else ""
        print(
            f"{row.id:4} {row.verdict:14} {row.claim:56} {row.effect}{interval}; {row.chapter}, {row.figure}"
        )


def article(chapter):
    """Markdown: a list of the claims that the chapter (``performance/speed``) settles; ValueError if it has none."""
    if not (claims := [claim for claim in load() if claim.chapter == chapter]):
        raise ValueError(f"no claim belongs to the chapter {chapter!r}; see chapter in claims.yml")
    lines = []
    for claim, found in ((claim, verdict(claim)) for claim in claims):
        span = f" ({found.interval})" if found.interval else ""
        measured = f"{claim.endpoint[0].upper()}{claim.endpoint[1:]}: {found.effect}{span}."
        lines.append(f'- **{claim.id}: {found.verdict}.** "{claim.quote}". {measured}')
    return "\n".join(lines)


def _plain(key, value):
    return f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _short(missing):
    """The reason without the place of the repository on this machine."""
    return str(missing).replace(f"{results.folder().parent}/", "")
