"""The study of strings of digits: what is judged at which end, with which noise and cut."""

import torch

from gatedrnn.studies.applications import strings


def test_at_ends_counts_each_end_alone():
    """A model that answers right everywhere but at the second end."""
    task = strings.TASKS["three"]
    batch = task.part("test", 10)
    order = batch.mask.cumsum(1) * batch.mask

    class Oracle:
        def __call__(self, x):
            right = torch.nn.functional.one_hot(batch.y, 10).float()
            wrong = right.roll(1, -1)
            return torch.where((order == 2)[..., None], wrong, right)[None], None

    assert strings.at_ends(Oracle(), task, 10).tolist() == [[1.0, 0.0, 1.0]]


def test_noise_and_cuts_reach_the_strings_that_are_tested(monkeypatch):
    asked = []

    def ends(model, task, length=strings.LENGTH):
        asked.append((task.noise, length))
        return torch.ones(1, task.count)

    monkeypatch.setattr(strings, "at_ends", ends)
    strings.tested(None, strings.TASKS["three"])
    assert asked == [
        (0.0, 40),
        *((n, 40) for n in strings.NOISES),
        *((0.0, k) for k in strings.CUTS),
    ]
