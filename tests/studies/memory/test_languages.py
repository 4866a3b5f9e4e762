"""The study of languages: an oracle is right, and what is half wrong is seen."""

import json

import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.studies.memory import languages
from gatedrnn.tasks.base import Varied, generator
from gatedrnn.tasks.languages import CycleNavigation, Parity


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def test_lengths_vary_and_validation_has_the_full_length():
    task = Varied(Parity())
    lengths = {task.batch(generator(0, step), 2, 9).x.shape[1] for step in range(200)}
    assert lengths == set(range(1, 10))
    assert task.part("valid", 9).x.shape == (256, 9, 1)
    assert torch.equal(task.part("valid", 9).x, task.part("valid", 9).x)
    with pytest.raises(ValueError, match="length of CycleNavigation"):
        Varied(CycleNavigation()).batch(generator(0, 0), 2, 0)


@pytest.mark.parametrize("name", languages.TASKS)
def test_an_oracle_is_right_on_every_tested_string_and_half_wrong_is_seen(name):
    class Oracle:
        def __call__(self, x):
            task = getattr(languages.TASKS[name], "task", languages.TASKS[name])
            good = task.oracle(x)
            return torch.stack([good, -good]), None

    perfect, wrong = languages.generalised(Oracle(), name)
    assert (perfect["tokens"], perfect["strings"]) == (1, 1)
    assert wrong["strings"] == 0
    assert [n for n, *_ in json.loads(perfect["by_length"])] == list(languages.TESTED[name])
    assert min(languages.TESTED[name]) > languages.LENGTHS[name]
