"""Sources of known order: their tables, what the best prediction can do, and from when on."""

import math
from itertools import product

import pytest
import torch

from gatedrnn import tasks
from gatedrnn.tasks.base import CERTAIN, loss
from gatedrnn.tasks.sources import Markov, RandomWalk, table

ORDERS = range(1, 9)


def draw(task, size, length):
    return task.batch(tasks.generator(0, 0), size, length)


def chance_of_one(order, symbols):
    """By the table; the oldest of the last ``order`` symbols is the highest digit."""
    return table(order)[int("".join(str(symbol) for symbol in symbols[-order:]), 2)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_source_depends_on_its_oldest_symbol_and_on_each_between(order):
    chances = table(order)
    assert set(chances) == {0.1, 0.9}
    for k in range(order):
        pairs = chances.reshape(-1, 2, 2**k)
        assert (pairs[:, 0] != pairs[:, 1]).any()


def test_the_source_is_predicted_to_its_floor():
    task, batch = Markov(2), draw(Markov(2), 2000, 200)
    found = loss(task.loss, task.oracle(batch.x), batch).item()
    assert task.floor == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert found == pytest.approx(task.floor * 199 / 200 + math.log(2) / 200, abs=0.005)
    shifted = batch._replace(y=batch.y.roll(1, 1))
    assert loss(task.loss, task.oracle(batch.x), shifted) > found + 0.1
    assert task.oracle(batch.x).abs().max() < CERTAIN


def sources(order, T):
    """All sequences of T + 1 symbols that are seen, after all beginnings that are not."""
    for text in product((0, 1), repeat=order + T + 1):
        chance = 1.0
        for t in range(order, len(text)):
            one = chance_of_one(order, text[:t])
            chance *= one if text[t] else 1 - one
        yield chance, text[order:-1], text[order + 1 :]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_baseline_is_exact_over_all_sequences(order, exact):
    assert Markov(order).baseline(5) == pytest.approx(exact(sources(order, 5)), abs=1e-12)


@pytest.mark.parametrize("order", [0, 9, 2.5])
def test_orders_out_of_range_are_refused(order):
    with pytest.raises(ValueError, match="order must be a whole number from 1 to 8"):
        Markov(order)


def test_a_random_walk_takes_independent_steps():
    batch = draw(RandomWalk(), 400, 50)
    steps = (batch.y - batch.x)[..., 0]
    assert torch.equal(batch.x[:, 1:], batch.y[:, :-1])
    assert abs(steps.var() - 1) < 0.03
    assert abs(steps.mean()) < 0.03
    assert abs((steps[:, 1:] * steps[:, :-1]).mean()) < 0.03  # no step knows the last one
    assert abs(batch.x[:, 0].var() - 1) < 0.2  # the first position is a step, too
    found = loss("mse", RandomWalk().oracle(batch.x), batch)
    assert found == pytest.approx(RandomWalk.floor, abs=0.03)
    assert RandomWalk().baseline(50) == RandomWalk.floor


@pytest.mark.parametrize("order", ORDERS)
def test_the_oracle_uses_the_table_as_soon_as_it_has_seen_enough_symbols(order):
    """Not a step later, and even odds before."""
    symbols = [1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1]
    x = torch.nn.functional.one_hot(torch.tensor([symbols]), 2).double()
    wanted = [0.5] * (order - 1)
    for t in range(order - 1, len(symbols)):
        wanted.append(chance_of_one(order, symbols[: t + 1]))
    ones = Markov(order).oracle(x)[0].exp()[:, 1]
    assert ones.tolist() == pytest.approx(wanted)
