"""The studies that measure times: whole, of one machine, comparing what they say they compare. No time is asserted."""

import numpy as np
import pytest
import torch

from gatedrnn import cli, reproducible, results, sweep
from gatedrnn.cells import CELLS
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies import protocol as training
from gatedrnn.studies.performance import engine, factorial, speed, updates

STUDIES = {"speed": speed, "factorial": factorial, "updates": updates, "engine": engine}
FUSED = "aten::mkldnn_rnn_layer"


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.parametrize("name", STUDIES)
def test_stored_rows_are_whole_and_of_one_machine(name):
    study, rows = STUDIES[name], results.read(name)
    asked = {tuple(config[key] for key in study.KEYS) for config in study.grid(None)}
    assert set(rows[study.KEYS].itertuples(index=False, name=None)) == asked
    assert len(rows) == len(asked)
    assert list(rows) == [*study.KEYS, *study.COLUMNS, "error"]
    assert rows["error"].isna().all()
    assert len(rows[["cpu", "torch", "blas"]].drop_duplicates()) == 1
    assert (rows.threads == 1).all()


@pytest.mark.parametrize(
    ("comparison", "fused"), [("default", True), ("native", False), ("compiled", False)]
)
def test_the_speed_study_names_the_kernel_that_ran(comparison, fused):
    (row,) = speed.measure(dict(zip(speed.KEYS, (comparison, "inference", 8, 3, 2), strict=True)))
    assert set(row) == {*speed.KEYS, *speed.COLUMNS}
    assert row["lstm_fused"] == (fused and torch.backends.mkldnn.is_available())
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
    assert row["ratio"] == pytest.approx(row["gru_median_ms"] / row["lstm_median_ms"])
    for cell in ("gru", "lstm"):
        assert row[f"{cell}_q25_ms"] <= row[f"{cell}_median_ms"] <= row[f"{cell}_q75_ms"]
    assert 5 <= row["rounds"] <= 30


def test_a_readable_and_a_compiled_candidate_are_two_things():
    """A step of the readable loop is many operators, a compiled sequence only what prepares it."""
    count = {}
    for comparison in ("loop", "compiled"):
        for cell, run in speed.candidates(comparison, "inference", 8, 30, 2).items():
            count[comparison, cell] = sum(count_operators(run).values())
    assert min(count["loop", c] for c in ("gru", "lstm")) > 5 * max(
        count["compiled", c] for c in ("gru", "lstm")
    )


def test_training_runs_backward_and_inference_does_not():
    for mode, trains in (("training", True), ("inference", False), ("step", False)):
        seen = count_operators(
            speed.candidates("native", mode, 4, 3 if mode != "step" else 1, 1)["gru"]
        )
        assert any("backward" in name for name in seen) is trains


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_before", "cifg"])
def test_products_one_by_one_compute_the_same_cell(cell):
    """All variants of a cell are the same function; only then does a difference in time mean anything."""
    torch.set_default_dtype(torch.float64)
    H, B = 5, 3
    W, U = torch.randn(len(CELLS[cell].gates) * H, 4), torch.randn(len(CELLS[cell].gates) * H, H)
    state, x = tuple(torch.randn(B, H) for _ in CELLS[cell].states), torch.randn(B, 4)
    whole, _ = CELLS[cell].step(x @ W.mT, state, {"U": U, "b_hn": torch.zeros(H)})
    parts = factorial.PER_GATE[cell]([x @ w.mT for w in W.split(H)], state, U.split(H))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_the_factorial_counts_products_and_blocks():
    seen, blocks = {}, {}
    for variant in factorial.VARIANTS:
        run, blocks[variant] = factorial.variant(*variant, 4, 1)
        seen[variant] = count_operators(run)["aten::mm"]
    assert blocks == {v: 4 if v[0] == "lstm" else 3 for v in factorial.VARIANTS}
    for cell in ("lstm", "cifg"):
        assert seen[cell, "per gate", "-"] > 2 * seen[cell, "one", "-"]
    assert seen["gru", "one", "before"] > seen["gru", "one", "after"]


def test_the_factorial_has_the_variants_that_its_rule_asks_for():
    from gatedrnn.claims.rules.performance import VARIANTS

    assert set(factorial.VARIANTS) == set(VARIANTS)


def test_launches_and_macs_of_stored_rows_can_be_counted_again():
    rows = results.read("factorial").sample(3, random_state=np.random.default_rng())
    for row in rows.to_dict("records"):
        run, _ = factorial.variant(*(row[key] for key in factorial.KEYS))
        assert sum(count_operators(run).values()) == row["launches"]
        assert row["macs"] == 3 * 20 * row["batch_size"] * row["blocks"] * row["hidden_size"] * (
            64 + row["hidden_size"]
        )


@pytest.mark.parametrize("kernel", ["default", "native"])
def test_an_update_trains_on_the_kernel_it_names(kernel):
    run = updates.update("speech", "lstm", 8, kernel)
    assert (FUSED in count_operators(run)) == (
        kernel == "default" and torch.backends.mkldnn.is_available()
    )


def test_updates_has_every_model_that_the_panel_trains():
    asked = {
        (task, cell, training.hidden_size(task, cell, m))
        for task in updates.TASKS
        for cell, m in training.MODELS
    }
    asked |= {("language", cell, training.units(cell, m, 128, 87)) for cell, m in training.MODELS}
    assert {(c["task"], c["cell"], c["hidden_size"]) for c in updates.grid(None)} == asked


def test_the_engine_does_the_same_work_in_all_its_forms():
    """Ten of torch's layers, and ten seeds of ours: as many parameters (torch keeps a second bias), as many outputs."""
    S, H = engine.S, 16
    for cell, (theirs, ours) in engine.CELLS.items():
        count = sum(p.numel() for p in theirs(engine.I, H).parameters())
        both = 3 if cell == "gru" else 4
        assert S * (count - both * H + (H if cell == "gru" else 0)) == sum(
            p.numel() for p in ours(engine.I, H, seeds=S).parameters()
        )
    found = engine.candidates("gru", 16)
    assert set(found) == set(engine.CANDIDATES)
    assert count_operators(found["products"])["aten::bmm"] == 2 * engine.T + 1


def test_the_readers_table_shows_stored_and_new_side_by_side(monkeypatch, capsys):
    monkeypatch.setattr(engine, "QUICK", engine.QUICK[:2] + engine.QUICK[-1:])
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    quick = engine.measure
    monkeypatch.setattr(
        engine, "measure", lambda config, rounds: quick(config | {"hidden_size": 4}, rounds=2)
    )
    table = engine.beside_stored()
    assert list(table) == ["ratio", "of", "here", "stored"]
    assert len(table) == 5
    stored = results.read("engine").set_index(engine.KEYS).loc[("gru", 32)]
    assert table.stored.iloc[-1].startswith(f"{stored.compiled_ratio:.2f} [")
    torch.set_num_threads(2)
    cli.main(["bench"])
    here, there = [
        line
        for line in capsys.readouterr().out.splitlines()
        if line.startswith(("here:", "stored:"))
    ]
    assert here.split(", ")[2] == there.split(", ")[2] == "1 thread"


def test_every_shape_of_the_readers_table_is_stored():
    stored = {tuple(config.values()) for config in speed.grid(None)}
    assert set(engine.QUICK) <= stored


def test_renewing_the_engine_replaces_the_rows_only_when_all_are_there(tmp_path, monkeypatch):
    old = results.read("engine")
    path = tmp_path / "engine.csv"
    old.to_csv(path, index=False)
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    rows = iter(old.drop(columns="error").to_dict("records"))

    def measure(config):
        row = next(rows)
        if broken and config["hidden_size"] == 64:
            raise RuntimeError("no memory")
        return [row | {"torch_ms": 1.0}]

    monkeypatch.setattr(engine, "measure", measure)
    for broken in (True, False):
        rows = iter(old.drop(columns="error").to_dict("records"))
        if broken:
            with pytest.raises(SystemExit, match="some measurements failed"):
                cli.main(["bench", "--renew"])
            assert (results.read("engine").torch_ms == old.torch_ms).all()
        else:
            cli.main(["bench", "--renew"])
            assert (results.read("engine").torch_ms == 1.0).all()
    assert not list(tmp_path.glob("*.new.csv"))


def test_grids_name_each_run_once():
    for study in STUDIES.values():
        runs = [tuple(run.values()) for config in study.grid(None) for run in sweep.runs(config)]
        assert len(runs) == len(set(runs))
