"""The table of verdicts, the list of a chapter, and files that are missing."""

import shutil
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from made_up import (
    BUDGET,
    FOR,
    store,
    store_factorial,
    store_memory,
    store_small,
    store_speed,
    store_times,
)

from gatedrnn import results
from gatedrnn.claims import verdicts
from gatedrnn.claims.register import load
from gatedrnn.claims.verdicts import article, table, verdict

pytestmark = pytest.mark.usefixtures("folder")  # no test reads the stored results


STORED = results.folder()


STUDIES = {"panel", "small_data", "convergence", "speed", "updates", "memory", "factorial"}


def test_without_results_every_claim_says_what_to_run(folder, capsys):
    found = table()
    assert set(found.verdict) == {"No result"}
    for claim, effect in zip(load(), found.effect, strict=True):
        assert f"gatedrnn run {claim.study[0]}" in effect
        assert str(folder.parent) not in effect
    verdicts.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found)
    for claim, line in zip(load(), lines, strict=True):
        assert line.startswith(claim.id)
        assert line.endswith(f"{claim.chapter}, {claim.figure}")


def test_article_is_a_list_of_the_chapters_claims():
    text = article("performance/speed").splitlines()
    assert [line[:8] for line in text] == ["- **C17:", "- **C18:", "- **C20:"]
    start = '- **C18: No result.** "Simpler, faster training and inference". Time of a whole'
    assert text[1].startswith(start)
    assert "gatedrnn run speed" in text[1]
    with pytest.raises(ValueError, match="no claim belongs to the chapter 'speed'"):
        article("speed")


def test_every_missing_file_is_no_result(folder):
    """Without any one of the files, the claims that name it have no verdict."""
    store_times(folder, [400] * 8)
    store_small(folder, [FOR] * 3)
    store_speed(folder)
    store_memory(folder)
    store_factorial(
        folder,
        dict.fromkeys([32, 64, 128, 256, 512], 1.0),
        dict.fromkeys([32, 64, 128, 256, 512], 1.0),
    )
    updates = pd.DataFrame(product(BUDGET, ["lstm", "gru"], [8, 10], ["default", "native"], [1.0]))
    updates.columns = ["task", "cell", "hidden_size", "kernel", "seconds"]
    store(folder, "updates", updates.to_dict("records"))
    known = [claim for claim in load() if set(claim.study) <= STUDIES]
    assert [verdict(claim).effect for claim in known if verdict(claim).verdict == "No result"] == []
    for study in STUDIES:
        path = Path(folder / f"{study}.csv")
        text = path.read_text()
        path.unlink()
        found = {claim.id: verdict(claim).verdict == "No result" for claim in known}
        assert found == {claim.id: study in claim.study for claim in known}
        path.write_text(text)


def test_the_stored_results_judge_every_claim_and_a_deleted_file_none(folder):
    """On the rows of the repository: no claim without a result, and none with a stale one."""
    for file in STORED.glob("*.csv"):
        shutil.copy(file, folder)
    assert "No result" not in set(table().verdict)
    for study in {study for claim in load() for study in claim.study}:
        (folder / f"{study}.csv").unlink()
        assert {verdict(claim).verdict for claim in load() if study in claim.study} == {"No result"}
        shutil.copy(STORED / f"{study}.csv", folder)
