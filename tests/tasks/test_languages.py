"""The formal languages: examples by hand, their samples, baselines over all sequences."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.tasks.languages import (
    AnBn,
    AnBnCn,
    BucketSort,
    CycleNavigation,
    Dyck1,
    Parity,
    ReverseString,
)


def draw(task, length, size=500):
    return task.batch(tasks.generator(0, 0), size, length)


def answers(task, symbols):
    """The classes of the oracle for a sequence of one-hot symbols."""
    x = torch.nn.functional.one_hot(torch.tensor([symbols]), task.input_size).double()
    return task.oracle(x)[0].argmax(-1).tolist()


# Examples and samples.


@pytest.mark.parametrize("task", [AnBn(), AnBnCn()], ids=["two", "three"])
def test_words_are_drawn_with_every_count_up_to_the_length(task):
    assert set(draw(task, 5).x[..., 1].sum(1).tolist()) == {1, 2, 3, 4, 5}
    assert task.words([2, 5]).x[..., 1].sum(1).tolist() == [2, 5]


def test_words_of_two_and_three_letters_by_hand():
    two, three = AnBn().words([2]), AnBnCn().words([2, 1])
    assert two.x[0].argmax(-1).tolist() == [0, 1, 1, 2, 2]
    assert two.y[0].tolist() == [1, 1, 2, 2, 0]
    assert two.mask[0].tolist() == [False] * 3 + [True] * 2
    assert three.x[0].argmax(-1).tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert three.y[0].tolist() == [1, 1, 2, 2, 3, 3, 0]
    assert three.mask[0].tolist() == [False] * 3 + [True] * 4
    assert three.x[1].argmax(-1).tolist() == [0, 1, 2, 3, 0, 0, 0]
    assert three.mask[1].tolist() == [False, False, True, True, False, False, False]


def test_brackets_are_balanced_and_deep():
    signs = draw(Dyck1(), 60, 2000).x @ torch.tensor([1.0, -1.0], dtype=torch.float64)
    depth = signs.cumsum(1)
    assert depth.min() == 0
    assert depth.max() > 8
    free = signs[:, 1:][depth[:, :-1] > 0]  # a fair coin, where a bracket may close
    assert abs(free.mean()) < 0.02


def test_a_cycle_of_three_backwards():
    assert answers(CycleNavigation(3), [0, 0, 0]) == [2, 1, 0]


@pytest.mark.parametrize("counts", [[], [0, 2], [1.5], 3, [[1, 2]]], ids=repr)
def test_words_that_do_not_exist_are_refused(counts):
    for task in (AnBn(), AnBnCn()):
        with pytest.raises(
            ValueError, match="counts must be a list of whole numbers of at least 1"
        ):
            task.words(counts)


def test_defaults():
    assert CycleNavigation() == CycleNavigation(5)
    assert ReverseString() == ReverseString(2) != BucketSort(2)
    assert BucketSort() == BucketSort(5)


# Baselines over all sequences.


def words(letters, longest):
    """All words; before the first b nobody can know."""
    for n in range(1, longest + 1):
        word = "#" + "".join(n * letter for letter in letters) + "#"
        answers = list(word[1:])
        answers[: n + 1] = [None] * (n + 1)
        yield 1, word[:-1], answers


def brackets(T):
    for text in product((1, -1), repeat=T):
        depths = np.cumsum([0, *text]).tolist()
        if min(depths) == 0:
            coins = sum(depth > 0 for depth in depths[:-1])
            yield 0.5**coins, text, [depth == 0 for depth in depths[1:]]


def walks(T, modulus):
    for moves in product((-1, 0, 1), repeat=T):
        yield 1, moves, (np.cumsum(moves) % modulus).tolist()


def bits(T):
    for text in product((0, 1), repeat=T):
        yield 1, text, (np.cumsum(text) % 2).tolist()


def sorts(n, symbols):
    for text in product(range(symbols), repeat=n):
        yield 1, "?" * 2 * n, [None] * n + sorted(text)


EXACT = [(AnBn(), N, words("ab", N)) for N in (1, 2, 3, 4, 7, 12, 41, 100)]
EXACT += [(AnBnCn(), N, words("abc", N)) for N in (1, 2, 7, 40)]
EXACT += [(Dyck1(), T, brackets(T)) for T in (1, 2, 9)]
EXACT += [(CycleNavigation(m), 6, walks(6, m)) for m in (1, 2, 5)]
EXACT += [(BucketSort(k), n, sorts(n, k)) for k, n in ((1, 2), (3, 4), (5, 1), (5, 4))]
EXACT += [(Parity(), T, bits(T)) for T in (1, 2, 6)]


@pytest.mark.parametrize(
    ("task", "length", "sequences"), EXACT, ids=[f"{task}-{length}" for task, length, _ in EXACT]
)
def test_the_baseline_is_exact_over_all_sequences(task, length, sequences, exact):
    assert task.baseline(length) == pytest.approx(exact(sequences), abs=1e-12)


def test_a_baseline_of_classes_that_are_equally_likely():
    for symbols in (2, 7):
        task = ReverseString(symbols)
        assert task.baseline(3) == task.baseline(60) == math.log(symbols)
