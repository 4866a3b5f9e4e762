"""The study of updates: its kernels and models. No time is asserted."""

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.measure.operators import count_operators
from gatedrnn.studies import protocol
from gatedrnn.studies.performance import updates

FUSED = "aten::mkldnn_rnn_layer"


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


@pytest.mark.parametrize("kernel", ["default", "native"])
def test_an_update_trains_on_the_kernel_it_names(kernel):
    run = updates.update("speech", "lstm", 8, kernel)
    assert (FUSED in count_operators(run)) == (
        kernel == "default" and torch.backends.mkldnn.is_available()
    )


def test_updates_has_every_model_that_the_panel_trains():
    asked = {
        (task, cell, protocol.hidden_size(task, cell, m))
        for task in updates.TASKS
        for cell, m in protocol.MODELS
    }
    asked |= {("language", cell, protocol.units(cell, m, 128, 87)) for cell, m in protocol.MODELS}
    assert {(c["task"], c["cell"], c["hidden_size"]) for c in updates.grid(None)} == asked
