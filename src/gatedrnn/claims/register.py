"""``claims.yml``: the tasks of the panel and the claims, as they were written before the runs. No torch."""

from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parents[3] / "claims.yml"


def register():
    """All of ``claims.yml``, {"panel": ..., "claims": ...}."""
    return _parsed(FILE.read_text(encoding="utf-8"))


_parsed = cache(
    yaml.safe_load
)  # parsing takes longer than most rules, and each rule asks for several tasks


def panel():
    """The tasks of the panel, {name: its entry in ``claims.yml``}; a ValueError names a task that is wrong."""
    tasks = register()["panel"]
    for name, task in tasks.items():
        needed = {
            "unit",
            "better",
            "margin",
            "seeds",
            "do_nothing" if "do_nothing" in task else "loss_margin",
        }
        if set(task) - {"range"} != needed or task["better"] not in ("higher", "lower"):
            raise ValueError(
                f"panel, {name}: give {sorted(needed)}, perhaps range; better is higher or lower: {task}"
            )
        if (
            min(task["margin"], task.get("loss_margin", 1), task.get("do_nothing", 1)) <= 0
            or task["seeds"] < 2
        ):
            raise ValueError(
                f"panel, {name}: margins and losses must be above 0, the seeds at least 2: {task}"
            )
    return tasks
