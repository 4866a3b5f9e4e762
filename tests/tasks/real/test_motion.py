"""Exercises of the arm: windows, scaling, shares, the constant answer."""

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.motion import Watch, motions


def test_watch_windows_are_those_of_the_subjects_of_the_part():
    sequences, labels, subjects, _ = loaders.watch()
    frames = np.concatenate(
        [s[::2] for s, who in zip(sequences, subjects, strict=True) if who <= 6]
    )
    mean, deviation = frames.mean(0), frames.std(0)
    for name, who, size in [
        ("train", range(1, 7), 2669),
        ("valid", (7, 8), 1006),
        ("test", (9, 10), 1002),
    ]:
        wanted, classes = [], []
        for k in np.flatnonzero(np.isin(subjects, who)):
            s = (sequences[k][::2] - mean) / deviation
            wanted += [s[start : start + 50] for start in range(0, len(s) - 49, 25)]
            classes += [labels[k]] * ((len(s) - 25) // 25)
        part = Watch().part(name)
        assert len(wanted) == size
        np.testing.assert_allclose(part.x, np.stack(wanted), atol=1e-12)
        assert (part.y == torch.tensor(classes)[:, None]).all()
        assert part.mask.nonzero()[:, 1].unique().tolist() == [49]
        cut = Watch().part(name, 20)
        assert torch.equal(cut.x, part.x[:, :20])
        assert cut.mask.nonzero()[:, 1].unique().tolist() == [19]


def test_watch_is_scaled_by_its_training_subjects_alone(monkeypatch, fresh):
    before = [Watch().part(name).x for name in PARTS]
    watch = loaders.watch()
    moved = [
        s if who <= 6 else 100 * s + 7
        for s, who in zip(watch.sequences, watch.subjects, strict=True)
    ]
    monkeypatch.setattr(loaders, "watch", lambda: watch._replace(sequences=moved))
    fresh()
    after = [Watch().part(name).x for name in PARTS]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, False]


def test_a_share_of_the_watch_takes_whole_recordings_of_every_exercise():
    recordings, labels = motions()[1:3]
    for share, each in [(0.01, 1), (0.25, 3), (0.5, 6)]:
        kept = np.unique(recordings[Watch(share=share)._items("train")])
        assert torch.bincount(labels[kept]).tolist() == [each] * 7
        windows = np.isin(recordings, kept).sum()
        assert len(Watch(share=share).part("train").x) == windows


def test_the_constant_answer_of_the_watch_is_its_most_frequent_exercise():
    part = Watch().part("test")
    answer = Watch().constant().expand(*part.mask.shape, -1)
    counts = torch.bincount(Watch().part("train").y[:, 0])
    assert torch.softmax(Watch().constant(), 0).tolist() == pytest.approx(
        ((counts + 1) / (2669 + 7)).tolist()
    )
    right = (part.y[:, 0] == counts.argmax()).double().mean()
    assert tasks.score("cross_entropy", answer, part).item() == pytest.approx(right.item())
    assert 0.15 < right < 0.18
