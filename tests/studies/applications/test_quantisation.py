"""The study of quantised weights: bytes by hand, and by how much a weight moves."""

import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure.quantise import matrices
from gatedrnn.studies.applications import quantisation
from gatedrnn.training.train import build


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_eight_bits_move_a_weight_by_half_a_step_at_most():
    model = build(
        quantisation.config(
            {
                "phase": "final",
                "width": 8,
                "cell": "gru",
                "matched": "parameters",
                "learning_rate": 0.01,
                "seeds": [0, 1],
            }
        )
    )
    before = [p.clone() for p in model.parameters()]
    quantisation.quantise(model)
    rounded = {id(p) for p in matrices(model)}
    for old, new in zip(before, model.parameters(), strict=True):
        if id(new) not in rounded:
            assert torch.equal(old, new)
            continue
        step = old.abs().amax(-1, keepdim=True) / 127
        assert ((old - new).abs() <= step / 2 + 1e-7).all()
        assert not torch.equal(old, new)
        assert max(len(row.unique()) for row in new.flatten(0, 1)) <= 255
        assert torch.allclose(old.abs().amax(-1), new.abs().amax(-1))


def test_bytes_by_hand():
    """8 LSTM units, 13 inputs, 10 classes.

    32 rows of 13 + 8 weights and 10 of 8; 42 biases; 32 + 32 + 10 scales.
    """
    row = (
        results.read("quantisation")
        .query("phase == 'final' and width == 8 and cell == 'lstm'")
        .iloc[0]
    )
    weights = 32 * 21 + 80
    assert row.bytes == 4 * (weights + 42)
    assert row.bytes_int8 == weights + 4 * (42 + 74)


def test_every_weight_matrix_is_rounded_and_no_bias():
    model = SequenceModel("gru", 13, 8, 10, seeds=2)
    before = {name: p.clone() for name, p in model.named_parameters()}
    quantisation.quantise(model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"recurrent.W", "recurrent.U", "V"}
