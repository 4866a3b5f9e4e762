"""The factorial study: all variants of a cell are one function. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.cells import CELLS
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies.performance import factorial


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_before", "cifg"])
def test_products_one_by_one_compute_the_same_cell(cell):
    """All variants of a cell are one function; only then does a difference in time mean a thing."""
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
    rows = results.read("factorial")
    for row in rows.iloc[:: len(rows) // 8].to_dict("records"):
        run, _ = factorial.variant(*(row[key] for key in factorial.KEYS))
        assert sum(count_operators(run).values()) == row["launches"]
        assert row["macs"] == 3 * 20 * row["batch_size"] * row["blocks"] * row["hidden_size"] * (
            64 + row["hidden_size"]
        )
