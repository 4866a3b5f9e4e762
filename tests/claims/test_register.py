"""The register of claims: its form, and what a wrong entry says."""

import json
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import yaml
from made_up import (
    TASKS,
)

from gatedrnn import studies
from gatedrnn.claims import register
from gatedrnn.claims.register import load, panel
from gatedrnn.claims.ruling import RULES, Word

pytestmark = pytest.mark.usefixtures("folder")  # no test reads the stored results


def test_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, gatedrnn.claims; assert 'torch' not in sys.modules"],
        check=True,
    )


def test_register_is_valid():
    found = load()
    assert [claim.id for claim in found] == [f"C{n:02}" for n in (*range(1, 29), 33)]
    for claim in found:
        assert set(claim.study) <= set(studies.STUDIES)
        assert re.fullmatch(r"[a-z]+/[a-z_]+", claim.chapter)
        assert claim.figure.startswith("fig-")
        assert claim.rule in RULES
        assert claim.expect.endswith(".")
    assert list(panel()) == TASKS
    assert all(task["margin"] > 0 and task.get("loss_margin", 1) > 0 for task in panel().values())
    with pytest.raises(FrozenInstanceError):
        found[0].rule = "faster"


def test_no_verdict_is_typed():
    text = register.FILE.read_text(encoding="utf-8").lower()
    assert not [word for word in Word if re.search(rf"\b{word.lower()}\b", text)]


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (
            ("claims", "C13", "colour"),
            "red",
            "claim C13: the fields .'colour'. are missing or unknown",
        ),
        (
            ("claims", "C14", "quote"),
            None,
            "claim C14: the fields .'quote'. are missing or unknown",
        ),
        (
            ("claims", "C15", "rule"),
            "guess",
            "claim C15: no rule 'guess'; there are .*performance.comparable",
        ),
        (
            ("claims", "C16", "parameters", "speed"),
            1,
            "claim C16: .* unexpected keyword argument 'speed'",
        ),
        (
            ("claims", "C20", "parameters", "share"),
            None,
            "claim C20: .* missing a required argument: 'share'",
        ),
        (
            ("claims", "C13", "secondary"),
            [{"matched": "x", "y": 1}],
            "claim C13: .* unexpected keyword argument 'y'",
        ),
        (("panel", "speech", "margin"), 0, "panel, speech: margins and losses must be above 0"),
        (
            ("panel", "adding", "do_nothing"),
            -1,
            "panel, adding: margins and losses must be above 0",
        ),
        (("panel", "watch", "seeds"), 1, "panel, watch: .* seeds at least 2"),
        (
            ("panel", "language", "better"),
            "less",
            "panel, language: give .* better is higher or lower",
        ),
        (("panel", "traffic", "loss_margin"), None, "panel, traffic: give"),
    ],
)
def test_a_wrong_register_names_the_entry(where, value, message, tmp_path, monkeypatch):
    """None removes the entry."""
    wrong = yaml.safe_load(register.FILE.read_text(encoding="utf-8"))
    *path, last = where
    entry = wrong
    for key in path:
        entry = entry[key]
    entry[last] = value
    if value is None:
        del entry[last]
    monkeypatch.setattr(register, "FILE", tmp_path / "claims.yml")
    register.FILE.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load()


def test_every_figure_of_a_claim_is_in_its_chapter():
    for claim in load():
        notebook = json.loads(
            (register.FILE.parent / "chapters" / f"{claim.chapter}.ipynb").read_text(
                encoding="utf-8"
            )
        )
        figures = {
            cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            for cell in notebook["cells"]
        }
        assert claim.figure in figures, claim.id
