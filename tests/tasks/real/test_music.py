"""Chorales: whole pieces, cuts from random starts, the order control, the reference."""

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.real import music
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.music import Chorales


def same(a, b):
    return all(torch.equal(*pair) for pair in zip(a, b, strict=True))


def unpadded(batch):
    return [(x[m], y[m]) for x, y, m in zip(*batch, strict=True)]


def test_chorales_ask_for_the_next_step_of_whole_pieces():
    rolls = {roll.tobytes() for roll in loaders.chorales().values()}
    seen = []
    for name, size in zip(PARTS, (213, 71, 71), strict=True):
        pieces = unpadded(Chorales().part(name))
        assert len(pieces) == size
        for x, y in pieces:
            assert torch.equal(x[1:], y[:-1])
            seen.append(torch.cat([x, y[-1:]]).float().numpy().tobytes())
    assert len(set(seen)) == 355
    assert set(seen) == rolls
    assert not any(
        batch.y[~batch.mask].any() for batch in (Chorales().part("test"), Chorales().part("valid"))
    )


def test_chorale_batches_are_cuts_of_training_pieces_from_random_starts():
    def packed(x, y):
        return torch.cat([x, y[-1:]]).to(torch.uint8).numpy().tobytes()  # 88 bytes a step

    pieces, places = [packed(*piece) for piece in unpadded(Chorales().part("train"))], []
    for step in range(4):
        for x, y in unpadded(Chorales().batch(tasks.generator(0, step), 60, 10)):
            assert len(x) == 10
            cut = packed(x, y)
            found = [
                (place // 88, len(p) // 88 - 11)
                for p in pieces
                if (place := p.find(cut)) >= 0 == place % 88
            ]
            places.append(found[0])  # fails if no piece holds it
    starts = [start for start, _ in places]
    assert min(starts) == 0
    assert max(starts) > 60
    assert any(start == last for start, last in places)
    assert np.mean([start / last for start, last in places]) == pytest.approx(0.5, abs=0.06)


def test_shuffled_chorales_hold_the_same_steps_in_another_fixed_order():
    plain, mixed, again = (Chorales(shuffled).part("test") for shuffled in (False, True, True))
    assert same(mixed, again)
    assert torch.equal(plain.mask, mixed.mask)

    def whole(batch, k):
        return torch.cat([batch.x[k, :1], batch.y[k][batch.mask[k]]])

    for k in range(len(plain.x)):
        steps = [
            sorted(row.numpy().tobytes() for row in whole(batch, k)) for batch in (plain, mixed)
        ]
        assert steps[0] == steps[1]
        assert not torch.equal(whole(plain, k), whole(mixed, k))
    assert torch.equal(mixed.x[:, 1:][mixed.mask[:, 1:]], mixed.y[:, :-1][mixed.mask[:, 1:]])


def test_the_reference_of_the_chorales_is_the_entropy_of_key_frequencies():
    def keys(name):
        return np.concatenate([y.numpy() for _, y in unpadded(Chorales().part(name))])

    p = (keys("train").sum(0) + 1) / (len(keys("train")) + 2)
    nats = -(keys("test") * np.log(p) + (1 - keys("test")) * np.log(1 - p)).sum(1).mean()
    assert Chorales().reference() == pytest.approx(nats)


def test_each_piece_is_shuffled_in_an_order_of_its_own(monkeypatch):
    roll = torch.eye(88)[:30]  # no two steps are alike
    split = {name: np.array([0, 1, 2]) for name in PARTS}
    monkeypatch.setattr(music, "pieces", lambda: ([roll, roll, roll], split))
    batch = Chorales(shuffled=True).part("valid")
    orders = torch.cat([batch.x, batch.y[:, -1:]], 1).argmax(-1)
    assert (orders.sort(1).values == torch.arange(30)).all()
    assert len(orders.unique(dim=0)) == 3
    assert (orders != torch.arange(30)).any(1).all()
