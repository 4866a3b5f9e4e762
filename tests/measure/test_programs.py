"""Programs of a cell that differ in their products: all are one function. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.cells import CELLS
from gatedrnn.measure import programs
from gatedrnn.measure.operators import count_operators


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
    parts = programs.PER_GATE[cell]([x @ w.mT for w in W.split(H)], state, U.split(H))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_products_and_blocks_are_counted():
    seen, blocks = {}, {}
    for variant in programs.VARIANTS:
        run, blocks[variant] = programs.variant(*variant, 4, 1)
        seen[variant] = count_operators(run)["aten::mm"]
    assert blocks == {v: 4 if v[0] == "lstm" else 3 for v in programs.VARIANTS}
    for cell in ("lstm", "cifg"):
        assert seen[cell, "per gate", "-"] > 2 * seen[cell, "one", "-"]
    assert seen["gru", "one", "before"] > seen["gru", "one", "after"]


def test_there_are_the_variants_that_the_rules_ask_for():
    from gatedrnn.claims.rules.performance import VARIANTS

    assert set(programs.VARIANTS) == set(VARIANTS)
