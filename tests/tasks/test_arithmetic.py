"""Sums: their samples, the baseline over all problems."""

from itertools import product

import pytest

from gatedrnn import tasks
from gatedrnn.tasks.arithmetic import Addition


def problems(length):
    """The text of each problem that is drawn."""
    x = Addition().batch(tasks.generator(0, 0), 4000, length).x.argmax(-1)
    return ["".join("0123456789+=?"[symbol] for symbol in row) for row in x.tolist()]


def test_each_number_of_digits_is_equally_likely_and_each_number_of_so_many():
    texts = problems(2)
    assert {len(text) for text in texts} == {9}
    for pick in (0, 1):
        numbers = [text[: text.index("=")].split("+")[pick] for text in texts]
        short = [number for number in numbers if len(number) == 1]
        assert len(short) / 4000 == pytest.approx(0.5, abs=0.03)
        assert set(short) == set("0123456789")
        assert set(numbers) - set(short) == {str(number) for number in range(10, 100)}


def test_the_numbers_of_a_problem_are_independent():
    sizes = [[len(n) for n in text[: text.index("=")].split("+")] for text in problems(2)]
    for pair in product((1, 2), repeat=2):
        assert sizes.count(list(pair)) / 4000 == pytest.approx(0.25, abs=0.03)


def sums(length):
    """All problems; each number of digits is equally likely."""
    of_size = [range(0, 10), range(10, 100)][:length]
    for ones, twos in product(of_size, of_size):
        for one, two in product(ones, twos):
            wait = len(f"{one}+{two}=")
            answer = str(one + two)[::-1].ljust(length + 1, "e")
            chance = 1 / len(ones) / len(twos)
            yield chance, "?" * (wait + length + 1), [None] * wait + list(answer)


@pytest.mark.parametrize("length", [1, 2])
def test_the_baseline_is_exact_over_all_sums(length, exact):
    assert Addition().baseline(length) == pytest.approx(exact(sums(length)), abs=1e-12)
