"""``gatedrnn bench``: this machine beside the stored rows, and the engine measured anew."""

import pytest
import torch

from gatedrnn import cli, reproducible, results
from gatedrnn.studies import bench
from gatedrnn.studies.performance import engine, speed


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.slow
def test_the_readers_table_shows_stored_and_new_side_by_side(monkeypatch, capsys):
    monkeypatch.setattr(bench, "SHAPES", bench.SHAPES[:2] + bench.SHAPES[-1:])
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    quick = engine.measure
    monkeypatch.setattr(
        engine, "measure", lambda config, rounds: quick(config | {"hidden_size": 4}, rounds=2)
    )
    table = bench.beside_stored()
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
    assert set(bench.SHAPES) <= stored


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
