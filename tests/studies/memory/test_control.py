"""The study of control: lengths of the test, and the floor of a source."""

import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.memory import control
from gatedrnn.tasks.base import generator, loss


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_control_is_judged_at_four_times_the_length(monkeypatch):
    seen = []
    monkeypatch.setattr(control, "STEPS", 100)
    monkeypatch.setattr(
        control,
        "judge",
        lambda run, length: seen.append(length) or [{"loss": 0, "accuracy": 0}] * 2,
    )
    call = {
        "phase": "final",
        "cell": "lstm",
        "matched": "reference",
        "learning_rate": 0.01,
        "seeds": [0, 1],
    }
    for task in ("latch", "markov 2"):
        control.measure(call | {"task": task})
    assert seen == [200, 100]


def test_the_loss_of_a_source_is_at_least_its_floor():
    rows = results.read("control")
    markov = rows[rows.task.str.startswith("markov") & (rows.phase == "final")]
    floor = control.TASKS["markov 1"].floor
    assert floor == pytest.approx(loss_of_the_source(), abs=0.01)
    assert markov.loss.min() > floor - 0.01


def loss_of_the_source():
    task = control.TASKS["markov 1"]
    batch = task.batch(generator(0, 1), 2000, 100)
    return loss(task.loss, task.oracle(batch.x), batch).item()
