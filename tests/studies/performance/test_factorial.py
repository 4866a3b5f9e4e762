"""The factorial study: what it counts comes out again. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies.performance import factorial


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_launches_and_macs_of_stored_rows_can_be_counted_again():
    rows = results.read("factorial")
    for row in rows.iloc[:: len(rows) // 8].to_dict("records"):
        run, _ = factorial.variant(*(row[key] for key in factorial.KEYS))
        assert sum(count_operators(run).values()) == row["launches"]
        assert row["macs"] == 3 * 20 * row["batch_size"] * row["blocks"] * row["hidden_size"] * (
            64 + row["hidden_size"]
        )
