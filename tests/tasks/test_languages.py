"""Formal languages, memory operations, sums and sources: examples by hand, perfect answers, answers without memory."""

import math
import random
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
import torch

from gatedrnn.tasks.arithmetic import Addition
from gatedrnn.tasks.base import CERTAIN, generator, loss
from gatedrnn.tasks.languages import AnBn, AnBnCn, BucketSort, CycleNavigation, Dyck1, ReverseString
from gatedrnn.tasks.memory import Control, DelayedXor
from gatedrnn.tasks.sources import Markov, RandomWalk, _table

KINDS = [
    AnBnCn(),
    Dyck1(),
    CycleNavigation(),
    ReverseString(),
    BucketSort(),
    DelayedXor(),
    Addition(),
]
KINDS += [Control(kind) for kind in Control.kinds]
TASKS = [*KINDS, Markov(3)]
names = lambda task: getattr(task, "kind", type(task).__name__)
each_task = pytest.mark.parametrize("task", TASKS, ids=names)
LENGTH = {"AnBnCn": 6, "Addition": 2}
length_of = lambda task: LENGTH.get(type(task).__name__, 7)


def draw(task, size=8, length=None, step=0):
    return task.batch(generator(0, step), size, length or length_of(task))


def one_hot(symbols, size):
    return torch.nn.functional.one_hot(torch.tensor([symbols]), size).to(torch.get_default_dtype())


def answers(task, x):
    return task.oracle(x)[0].argmax(-1).tolist()


@pytest.mark.parametrize("task", KINDS, ids=names)
def test_the_oracle_solves_the_task(task):
    batch = draw(task, 200)
    assert loss(task.loss, task.oracle(batch.x), batch) < 1e-30
    assert (
        loss(task.loss, task.oracle(batch.x).flip(-1), batch) > 1
    )  # the wrong way round it does not


@each_task
def test_the_baseline_is_the_best_answer_that_sees_the_step_and_the_input(task):
    """The entropy of the answers, given the input and the number of the step, counted in many sequences."""
    batch = draw(task, 20_000)
    counts, T = defaultdict(lambda: np.zeros(task.output_size)), batch.x.shape[1]
    inputs = [tuple(x) for x in batch.x.flatten(0, 1).tolist()]
    for k, (x, y, scored) in enumerate(
        zip(inputs, batch.y.flatten(), batch.mask.flatten(), strict=True)
    ):
        if scored:
            counts[x, k % T][y] += 1
    seen = np.array(list(counts.values()))
    shares = seen / seen.sum(1, keepdims=True)
    entropy = -(seen * np.log(np.where(shares > 0, shares, 1))).sum() / seen.sum()
    assert task.baseline(length_of(task)) == pytest.approx(entropy, abs=0.02)


def words(N):
    for n in range(1, N + 1):
        word = "#" + "a" * n + "b" * n + "c" * n + "#"
        yield 1, word, [word[t + 1] if t > n else None for t in range(3 * n + 1)]


def brackets(T):
    for text in product((1, -1), repeat=T):
        depths = np.cumsum([0, *text]).tolist()
        if min(depths) == 0:
            yield (
                0.5 ** sum(depth > 0 for depth in depths[:-1]),
                text,
                [depth == 0 for depth in depths[1:]],
            )


def walks(T, answer):
    for moves in product((-1, 0, 1), repeat=T):
        yield 1, moves, [answer(sum(moves[: t + 1])) for t in range(T)]


def sorts(n, symbols):
    for text in product(range(symbols), repeat=n):
        yield 1, "?" * 2 * n, [None] * n + sorted(text)


def commands(T, chances):
    for text, values in product(product(chances, repeat=T - 1), product((-1, 1), repeat=T)):
        memory, answers = 0, []
        for command, value in zip(("write", *text), values, strict=True):
            memory = {"write": value, "clear": 0, "wait": memory}[command]
            answers.append(memory)
        yield (
            math.prod(chances[c] for c in text),
            list(zip(values, ("write", *text), strict=True)),
            answers,
        )


def sums(length):
    kinds = [range(10 ** (size - 1) if size > 1 else 0, 10**size) for size in range(1, length + 1)]
    for ones, twos in product(kinds, kinds):
        for one, two in product(ones, twos):
            answer, wait = str(one + two)[::-1].ljust(length + 1, "e"), len(f"{one}+{two}=")
            yield 1 / len(ones) / len(twos), "?" * (wait + length + 1), [None] * wait + list(answer)


def sources(order, T):
    for text in product((0, 1), repeat=order + T + 1):
        chance = 1.0
        for t in range(order, len(text)):
            one = _table(order)[int("".join(map(str, text[t - order : t])), 2)]
            chance *= one if text[t] else 1 - one
        yield chance, text[order:-1], text[order + 1 :]


@pytest.mark.parametrize(
    ("task", "length", "sequences"),
    [
        *[(AnBnCn(), N, words(N)) for N in (1, 2, 7, 40)],
        *[(Dyck1(), T, brackets(T)) for T in (1, 2, 9)],
        *[(CycleNavigation(m), 6, walks(6, lambda place, m=m: place % m)) for m in (1, 2, 5)],
        *[(BucketSort(k), n, sorts(n, k)) for k, n in ((1, 2), (3, 4), (5, 1), (5, 4))],
        (Control("accumulate"), 7, walks(7, np.sign)),
        (Control("latch"), 5, commands(5, {"wait": 1})),
        (Control("overwrite"), 5, commands(5, {"write": 0.2, "wait": 0.8})),
        (Control("clear"), 5, commands(5, {"write": 0.2, "clear": 0.08, "wait": 0.72})),
        *[(Addition(), length, sums(length)) for length in (1, 2)],
        *[(Markov(order), 5, sources(order, 5)) for order in (1, 2, 3, 4)],
    ],
    ids=lambda value: str(value) if not hasattr(value, "send") else "all",
)
def test_the_baseline_is_exact_over_all_sequences(task, length, sequences):
    cells = defaultdict(lambda: defaultdict(float))
    for chance, inputs, answers in sequences:
        for t, answer in enumerate(answers):
            if answer is not None:
                cells[t, inputs[t]][answer] += chance
    seen = [(p, sum(cell.values())) for cell in cells.values() for p in cell.values()]
    exact = -sum(p * math.log(p / total) for p, total in seen) / sum(p for p, _ in seen)
    assert task.baseline(length) == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(
    ("task", "exact"), [(ReverseString(), 2), (ReverseString(7), 7), (DelayedXor(), 2)], ids=str
)
def test_a_baseline_of_classes_that_are_equally_likely(task, exact):
    assert task.baseline(3) == task.baseline(60) == math.log(exact)


@each_task
def test_batches_depend_on_the_generator_alone(task):
    first, again, other = draw(task), draw(task), draw(task, step=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.x, other.x)
    torch.set_default_dtype(torch.float32)
    single = draw(task)
    assert single.x.dtype == torch.float32
    assert torch.equal(single.x.double(), first.x)
    assert torch.equal(single.y, first.y)


@each_task
def test_longer_ones_have_the_same_form(task):
    for length in (3, 3 if isinstance(task, Addition) else 40):
        batch = draw(task, 4, length)
        assert batch.x.shape[-1] == task.input_size
        assert batch.y.max() < task.output_size
        assert batch.mask.any(1).all()


@each_task
def test_wrong_arguments_are_refused(task):
    for wrong in (-1, 2.5, True, "7"):
        for call in (
            lambda wrong=wrong: draw(task, 4, wrong),
            lambda wrong=wrong: task.baseline(wrong),
        ):
            with pytest.raises(
                ValueError, match=f"length of {type(task).__name__} must be a whole number from "
            ):
                call()
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1"):
        draw(task, 0)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        task.batch(0, 4, 3)


def test_wrong_sizes_are_refused():
    for kind, name in (
        (CycleNavigation, "modulus"),
        (ReverseString, "symbols"),
        (BucketSort, "symbols"),
    ):
        for wrong in (0, 2.5, None):
            with pytest.raises(ValueError, match=f"{name} must be a whole number from 1"):
                kind(wrong)
    with pytest.raises(ValueError, match="order must be a whole number from 1 to 8"):
        Markov(0)
    with pytest.raises(
        ValueError, match="length of Addition must be a whole number from 1 to 3, not 4"
    ):
        draw(Addition(), 4, 4)
    with pytest.raises(ValueError, match="counts must be a list of whole numbers of at least 1"):
        AnBnCn().words([0, 2])
    assert CycleNavigation() == CycleNavigation(5)
    assert ReverseString() == ReverseString(2) != BucketSort(2)
    assert BucketSort() == BucketSort(5)
    assert Markov() == Markov(3)


@each_task
def test_only_the_given_generator_is_drawn_from(task):
    def states():
        _, key, *rest = np.random.get_state()  # noqa: NPY002 - the global generator is what this test watches
        return torch.random.get_rng_state().tolist(), key.tolist(), rest, random.getstate()

    before = states()
    task.oracle(draw(task).x)
    task.baseline(3)
    assert states() == before


@pytest.mark.parametrize(
    "task", [AnBnCn(), Dyck1(), CycleNavigation(), *map(Control, Control.kinds), Markov()], ids=str
)
def test_an_answer_depends_on_nothing_that_comes_later(task):
    x = task.words([5] * 8).x if isinstance(task, AnBn) else draw(task).x
    for t in range(x.shape[1] - 1):
        mixed = torch.cat([x[:, : t + 1], x.flip(1)[:, t + 1 :]], 1)
        assert torch.equal(task.oracle(mixed)[:, t], task.oracle(x)[:, t])


def test_words_of_two_and_three_letters_by_hand():
    two, three = AnBn().words([2]), AnBnCn().words([2, 1])
    assert two.x[0].argmax(-1).tolist() == [0, 1, 1, 2, 2]
    assert three.x[0].argmax(-1).tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert three.y[0].tolist() == [1, 1, 2, 2, 3, 3, 0]
    assert three.mask[0].tolist() == [False] * 3 + [True] * 4
    assert three.x[1].argmax(-1).tolist() == [0, 1, 2, 3, 0, 0, 0]
    assert three.mask[1].tolist() == [False, False, True, True, False, False, False]


def test_brackets_by_hand():
    assert answers(Dyck1(), one_hot([0, 0, 1, 1, 0, 0], 2)) == [0, 0, 0, 1, 0, 0]
    depth = (draw(Dyck1(), 300, 60).x @ torch.tensor([1.0, -1.0], dtype=torch.float64)).cumsum(1)
    assert depth.min() == 0
    assert depth.max() > 8


def test_cycle_sort_and_reverse_by_hand():
    assert answers(CycleNavigation(), one_hot([2, 2, 1, 0, 2, 2], 3)) == [1, 2, 2, 1, 2, 3]
    assert answers(CycleNavigation(3), one_hot([0, 0, 0], 3)) == [2, 1, 0]
    assert answers(BucketSort(), one_hot([3, 0, 4, 0, 5, 5, 5, 5], 6))[4:] == [0, 0, 3, 4]
    assert answers(ReverseString(), one_hot([1, 0, 0, 2, 2, 2], 3))[3:] == [0, 0, 1]
    assert draw(BucketSort(), 3, 4).mask.tolist() == [[False] * 4 + [True] * 4] * 3


def test_delayed_exclusive_or_by_hand():
    x = torch.tensor([[[1.0, 1], [-1, 0], [-1, 0], [-1, 1]], [[1.0, 1], [-1, 0], [-1, 0], [1, 1]]])
    assert DelayedXor().oracle(x)[:, -1].argmax(-1).tolist() == [1, 0]
    batch = draw(DelayedXor(), 500, 9)
    assert batch.x.shape[1] == 10
    assert batch.mask.sum() == 500
    assert batch.x[..., 1].tolist() == [[1.0] + [0.0] * 8 + [1.0]] * 500
    assert batch.x[..., 0].abs().eq(1).all()
    assert batch.y[:, -1].tolist() == [int(a != b) for a, b in batch.x[:, [0, -1], 0].tolist()]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("accumulate", [2, 1, 0, 0, 1, 2]), ("latch", [2] * 6), ("overwrite", [2, 2, 0, 0, 2, 2])],
)
def test_control_by_hand(kind, expected):
    value = [1, -1, -1, 0, 1, 1] if kind == "accumulate" else [1, -1, -1, 1, 1, -1]
    write = {"accumulate": [0] * 6, "latch": [1, 0, 0, 0, 0, 0], "overwrite": [1, 0, 1, 0, 1, 0]}[
        kind
    ]
    x = torch.tensor([list(zip(value, write, [0] * 6, strict=True))], dtype=torch.float64)
    assert answers(Control(kind), x) == expected


def test_clear_empties_until_the_next_write():
    x = torch.tensor(
        [[[1, 1, 0], [-1, 0, 0], [-1, 0, 1], [1, 0, 0], [-1, 1, 0]]], dtype=torch.float64
    )
    assert answers(Control("clear"), x) == [2, 2, 1, 1, 0]
    flags = draw(Control("clear"), 500, 50).x[..., 1:]
    assert (flags.sum(-1) <= 1).all()
    assert flags[:, 0, 0].all()
    assert flags.mean((0, 1)).tolist() == pytest.approx(
        [0.2 * 49 / 50 + 1 / 50, 0.8 * 0.1 * 49 / 50], abs=0.01
    )
    with pytest.raises(
        ValueError, match="kind must be one of accumulate, latch, overwrite, clear, not 'keep'"
    ):
        Control("keep")


def test_sums_by_hand():
    task, text = Addition(), [4, 7, 10, 8, 11, 12, 12, 12, 12]  # 47 + 8 = 55
    assert answers(task, one_hot(text, 13))[5:8] == [5, 5, 10]
    batch = draw(task, 2000, 2)
    for x, y, mask in zip(batch.x[:200].argmax(-1).tolist(), batch.y, batch.mask, strict=False):
        plus, equals = x.index(10), x.index(11)
        one, two = (int("".join(map(str, part))) for part in (x[:plus], x[plus + 1 : equals]))
        digits = [int(d) for d in reversed(str(one + two))]
        assert y[mask].tolist() == digits + [10] * (3 - len(digits))
        assert str(one) + str(two) == "".join(
            map(str, x[:plus] + x[plus + 1 : equals])
        )  # no leading zero
    sizes = {x.index(10) for x in batch.x.argmax(-1).tolist()}
    assert sizes == {1, 2}


@pytest.mark.parametrize("order", range(1, 9))
def test_a_source_depends_on_its_oldest_symbol_and_on_each_between(order):
    table = _table(order)
    assert set(table) == {0.1, 0.9}
    for k in range(order):
        pairs = table.reshape(-1, 2, 2**k)
        assert (pairs[:, 0] != pairs[:, 1]).any()


def test_the_source_is_predicted_to_its_floor():
    task, batch = Markov(2), draw(Markov(2), 2000, 200)
    found = loss(task.loss, task.oracle(batch.x), batch).item()
    assert task.floor == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))
    assert found == pytest.approx(task.floor * 199 / 200 + math.log(2) / 200, abs=0.005)
    shifted = batch._replace(y=batch.y.roll(1, 1))
    assert loss(task.loss, task.oracle(batch.x), shifted) > found + 0.1
    assert task.oracle(batch.x).abs().max() < CERTAIN
    with pytest.raises(ValueError, match="order must be a whole number from 1 to 8"):
        Markov(9)


def test_a_random_walk_by_hand():
    batch = RandomWalk().batch(generator(0, 0), 400, 50)
    steps = (batch.y - batch.x)[..., 0]
    assert batch.x.shape == batch.y.shape == (400, 50, 1)
    assert torch.equal(batch.x[:, 1:], batch.y[:, :-1])
    assert batch.mask.all()
    assert abs(steps.var() - 1) < 0.03
    assert abs(steps.mean()) < 0.03
    assert abs((steps[:, 1:] * steps[:, :-1]).mean()) < 0.03  # no step knows the last one
    assert loss("mse", RandomWalk().oracle(batch.x), batch) == pytest.approx(
        RandomWalk.floor, abs=0.03
    )
    assert RandomWalk().baseline(50) == RandomWalk.floor
    with pytest.raises(ValueError, match="length of RandomWalk must be a whole number from 1"):
        RandomWalk().batch(generator(0, 0), 4, 0)
