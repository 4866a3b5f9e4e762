"""The study of ablations: what the ladder trains."""

from gatedrnn import cost
from gatedrnn.studies.memory import ablations


def test_the_cells_of_the_ladder_have_equal_parameters_and_chrono_starts():
    ladder = [ablations.config(call) for call in ablations.tuning(None) if call["part"] == "ladder"]
    assert {config.bias for config in ladder} == {"chrono"}
    sizes = [cost.parameters(c.cell, c.task.input_size, c.hidden_size) for c in ladder]
    assert max(sizes) / min(sizes) < 1.08
