"""The study of capacity: bits of known cases, and that what can be learned is learned."""

import numpy as np
import pytest
import torch

from gatedrnn import cost, reproducible, results
from gatedrnn.studies.performance import capacity


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_stored_bits_of_known_cases():
    assert capacity.stored_bits(100, 0) == 100
    assert capacity.stored_bits(100, 50) == 0
    assert capacity.stored_bits(100, 70) == 0
    assert capacity.stored_bits(1000, 110) == pytest.approx(
        1000 * (1 - 0.49992), abs=0.1
    )  # h(0.11) is near one half


def test_a_small_set_is_learned_and_random_labels_of_another_seed_are_not():
    assert capacity.learn("gru", 4, 20, [0, 1], 300) == [0, 0]
    assert min(capacity.learn("gru", 4, 400, [0], 1)) > 100


def test_capacity_rows_are_whole_and_add_up():
    for row in results.read("capacity").itertuples():
        assert row.parameters == cost.parameters(row.cell, 4, row.hidden_size) + row.hidden_size + 1
        assert row.strings == np.ceil(row.labels_per_parameter * row.parameters)
        assert row.bits_per_parameter == pytest.approx(
            capacity.stored_bits(row.strings, row.wrong) / row.parameters
        )
