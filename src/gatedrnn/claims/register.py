"""``claims.yml``: the panel's tasks and the claims, as written before the runs. No torch."""

import inspect
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gatedrnn.claims.ruling import RULES

FILE = Path(__file__).resolve().parents[3] / "claims.yml"
NEXT = FILE.with_name("claims-next.yml")


@dataclass(frozen=True)
class Claim:
    """An entry of ``claims.yml``, whose head explains the fields."""

    id: str
    claim: str
    quote: str
    type: str
    chapter: str
    figure: str
    study: list[str]
    endpoint: str
    rule: str
    regime: dict[str, Any]
    secondary: list[dict[str, Any]]
    parameters: dict[str, Any]
    expect: str


@cache
def _parsed(text):
    """The content of the file, kept: to parse it takes longer than most rules."""
    return yaml.safe_load(text)


def register() -> dict[str, Any]:
    """All of ``claims.yml``, ``{"panel": ..., "claims": ...}``."""
    return _parsed(FILE.read_text(encoding="utf-8"))


def panel() -> dict[str, dict[str, Any]]:
    """The tasks of the panel.

    Returns:
        ``{name: its entry in claims.yml}``.

    Raises:
        ValueError: A task is wrong; the message names it.
    """
    return _tasks("panel")


def benchmark() -> dict[str, dict[str, Any]]:
    """The tasks of the second edition's benchmark, with the fields of those of the panel.

    Returns:
        ``{name: its entry in claims.yml}``.

    Raises:
        ValueError: A task is wrong; the message names it.
    """
    return _tasks("benchmark")


def _tasks(section):
    tasks = register()[section]
    for name, task in tasks.items():
        _check_task(section, name, task)
    return tasks


def _check_task(section, name, task):
    """ValueError unless the entry has its fields, and values that make sense."""
    needed = {"unit", "better", "margin", "seeds"}
    needed.add("do_nothing" if "do_nothing" in task else "loss_margin")
    if set(task) - {"range"} != needed or task["better"] not in ("higher", "lower"):
        raise ValueError(
            f"{section}, {name}: give {sorted(needed)}, perhaps range; "
            f"better is higher or lower: {task}"
        )
    smallest = min(task["margin"], task.get("loss_margin", 1), task.get("do_nothing", 1))
    if smallest <= 0 or task["seeds"] < 2:
        raise ValueError(
            f"{section}, {name}: margins and losses must be above 0, the seeds at least 2: {task}"
        )


def load() -> list[Claim]:
    """The claims, in the order of the file.

    Returns:
        One ``Claim`` an entry, each with a rule that exists and takes its regimes and parameters.

    Raises:
        ValueError: A claim, or a task of the panel, is wrong; the message names it.
    """
    panel()
    return [_claim(id, entry) for id, entry in register()["claims"].items()]


def load_next() -> list[Claim]:
    """The claims whose new rule is written and whose new rows are not all stored yet.

    They stand in ``claims-next.yml``, which has the form of ``claims.yml``. A rule is committed
    there before its study runs, and is tried on made-up worlds; the entry moves to ``claims.yml``
    when the rows are complete.

    Returns:
        One ``Claim`` an entry; none if there is no such file.

    Raises:
        ValueError: A claim is wrong; the message names it.
    """
    if not NEXT.exists():
        return []
    entries = _parsed(NEXT.read_text(encoding="utf-8"))["claims"]
    return [_claim(id, entry) for id, entry in (entries or {}).items()]


def _claim(id, entry):
    """The claim of an entry; ValueError if a field or the rule is wrong."""
    names = {field.name for field in fields(Claim)} - {"id"}
    wrong = sorted(names ^ set(entry))
    if wrong:
        raise ValueError(
            f"claim {id}: the fields {wrong} are missing or unknown; needed are {sorted(names)}"
        )
    claim = Claim(id, **entry)
    if claim.rule not in RULES:
        raise ValueError(f"claim {id}: no rule {claim.rule!r}; there are {', '.join(RULES)}")
    for regime in [claim.regime, *claim.secondary]:
        _check_regime(claim, regime)
    return claim


def _check_regime(claim, regime):
    """ValueError unless the rule takes this regime with the claim's parameters."""
    try:
        inspect.signature(RULES[claim.rule]).bind(**regime, **claim.parameters)
    except TypeError as error:
        raise ValueError(
            f"claim {claim.id}: regime {regime} and parameters: {error}, in {claim.rule}"
        ) from None
