"""The study of exact checks and its rules: stored rows come out again, a wrong cell is found."""

import pandas as pd
import pytest
import torch

from gatedrnn import cells, results
from gatedrnn.claims import verdicts
from gatedrnn.studies.architecture import structure

CHECKS = structure.checks(None)


def verdict(id):
    return verdicts.verdict(next(claim for claim in verdicts.load() if claim.id == id)).verdict


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the stored rows."""
    results.read("structure").to_csv(tmp_path / "structure.csv", index=False)
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    return tmp_path


def change(folder, check, case, value):
    rows = pd.read_csv(folder / "structure.csv")
    rows.loc[(rows["check"] == check) & (rows["case"] == case), "value"] = value
    rows.to_csv(folder / "structure.csv", index=False)


@pytest.mark.slow
def test_every_check_is_stored_once_and_comes_out_the_same():
    rows = results.read("structure").set_index(["check", "case"])
    assert len(rows) == len(CHECKS)
    for config in CHECKS:
        (row,), stored = structure.measure(config), rows.loc[(config["check"], config["case"])]
        assert row["value"] == pytest.approx(stored.value, rel=1e-9, abs=1e-12)
        assert (row["expected"], row["tolerance"]) == (stored.expected, stored.tolerance)


def test_the_exact_checks_pass_to_the_digit():
    """A1: integers of Madsen 2019; A2: closed forms of minGRU; A3, A4: losses of doing nothing."""
    rows = results.read("structure")
    a = rows[rows["check"].isin(["published", "minimal", "do nothing"])]
    assert set(a["check"]) == {"published", "minimal", "do nothing"}
    assert ((a.value - a.expected).abs() <= a.tolerance).all()
    assert [round(100 * v) for v in rows[rows["check"] == "minimal"].value] == [33, 22, 17, 13]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_cell_with_two_gates_swapped_is_found(cell, monkeypatch):
    step = cells.CELLS[cell].step

    def swapped(x, state, p):
        order = [1, 0, *range(2, len(cells.CELLS[cell].gates))]

        def mix(rows, axis):
            return torch.cat([rows.chunk(len(order), axis)[k] for k in order], axis)

        return step(mix(x, -1), state, p | {"U": mix(p["U"], -2)})

    assert structure.equal(cell).value < 1e-12
    monkeypatch.setitem(vars(cells.CELLS[cell]), "step", swapped)
    assert structure.equal(cell).value > 1e-3


def test_reset_before_is_not_the_end_of_the_walk(monkeypatch):
    layers = structure.walk_layers()
    assert [layer.cell.name for layer in layers] == list(structure.WALK)
    before = cells.CELLS["gru_before"].step

    def used(x, state, p):
        return before(x + 0 * p["b_hn"].repeat(1, 3)[:, None], state, p)

    monkeypatch.setitem(vars(cells.CELLS["gru"]), "step", used)
    assert structure.equal("end of the walk").value > 1e-3


@pytest.mark.parametrize(
    ("id", "check", "case", "value", "expected"),
    [
        ("C01", "equal", "lstm", 1e-3, "Not supported"),
        ("C01", "states", "gru", 2, "Not supported"),
        ("C02", "equal", "end of the walk", 0.1, "Not supported"),
        ("C02", "edge", "lstm to cifg", 0, "Not supported"),
        ("C02", "edge", "gru_noreset to gru", 0, "Mixed"),
        ("C03", "published", "whole of gru", 14_187_785, "Not supported"),
        ("C03", "parameters", "I=16 H=32", 0.76, "Not supported"),
        ("C04", "products", "I=16 H=32", 0.8, "Mixed"),
        ("C04", "arithmetic", "I=16 H=32", 0.95, "Mixed"),
    ],
)
def test_the_rules_see_a_wrong_row(id, check, case, value, expected, folder):
    assert verdict(id) in ("Supported", "Mixed")
    change(folder, check, case, value)
    assert verdict(id) == expected


def test_one_step_alone_would_support_the_merging(folder):
    for case in ("cifg to cifg_no_output", "cifg_no_output to gru_noreset", "gru_noreset to gru"):
        change(folder, "edge", case, 0)
    assert verdict("C02") == "Supported"


def test_neither_count_is_not_supported(folder):
    for check in ("products", "arithmetic"):
        for inputs, H in structure.SIZES:
            change(folder, check, f"I={inputs} H={H}", 1.0)
    assert verdict("C04") == "Not supported"


@pytest.mark.parametrize("id", ["C01", "C02", "C03", "C04"])
def test_a_missing_row_or_file_is_no_result(id, folder):
    rows = pd.read_csv(folder / "structure.csv")
    check = {"C01": "states", "C02": "edge", "C03": "published", "C04": "arithmetic"}[id]
    rows.drop(index=rows[rows["check"] == check].index[0]).to_csv(
        folder / "structure.csv", index=False
    )
    assert verdict(id) == "No result"
    (folder / "structure.csv").unlink()
    assert verdict(id) == "No result"
