"""What the first edition said of each claim, what was wrong, and what the second says. No torch.

``deviations.yml`` holds the reasons, ``results/first_edition/verdicts.csv`` the words of the first
edition. The words of today are derived.
"""

import pandas as pd
import yaml

from gatedrnn import results
from gatedrnn.claims.register import FILE, load, load_next
from gatedrnn.claims.verdicts import verdict

REASONS = FILE.with_name("deviations.yml")
FIELDS = {"wrong", "changed"}
WAITS = "waits for its rows"


def reasons() -> dict[str, dict[str, str]]:
    """Why claims are asked again.

    Returns:
        ``{claim: {"wrong": ..., "changed": ...}}``, in the order of the file.

    Raises:
        ValueError: An entry has other fields, or belongs to no claim.
    """
    entries = yaml.safe_load(REASONS.read_text(encoding="utf-8"))
    known = {claim.id for claim in [*load(), *load_next()]}
    for id, entry in entries.items():
        if id not in known or set(entry) != FIELDS:
            raise ValueError(f"deviations.yml, {id}: give {sorted(FIELDS)} of a claim: {entry}")
    return entries


def first_words() -> dict[str, str]:
    """The words of the first edition, ``{claim: word}``."""
    path = results.folder() / "first_edition" / "verdicts.csv"
    return pd.read_csv(path, index_col="id").verdict.to_dict()


def table() -> pd.DataFrame:
    """The claims that are asked again.

    Returns:
        A row a claim: id, claim, first (the word of the first edition), wrong, changed, and now:
        the word of today or, while new rows are missing, that the claim waits for them.
    """
    waiting = {claim.id for claim in load_next()}
    first = first_words()
    claims = {claim.id: claim for claim in load()}
    rows = []
    for id, reason in reasons().items():
        now = WAITS if id in waiting else str(verdict(claims[id]).verdict)
        row = {"id": id, "claim": claims[id].claim, "first": first[id]}
        rows.append(row | reason | {"now": now})
    return pd.DataFrame(rows)
