"""Every registered task: an example read by hand, its data, its floor, its ceiling, its refusals.

A task without a row in ``EXAMPLES`` turns this file red.
"""

import dataclasses
import math
import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch

from gatedrnn import tasks

# What each docstring says, without torch: a sequence in, {scored step: answer} out.


def classes(x):
    """One-hot rows (T, I) as a list of class numbers."""
    assert (x.sum(-1) == 1).all()
    return x.argmax(-1).tolist()


def read_adding(task, x):
    values, markers = x.T.tolist()
    marked = [value for value, marker in zip(values, markers, strict=True) if marker == 1]
    assert len(marked) == 2
    return {len(x) - 1: sum(marked)}


def read_addition(task, x):
    text = "".join("0123456789+=?"[symbol] for symbol in classes(x))
    one, two = text[: text.index("=")].split("+")
    assert (one, two) == (str(int(one)), str(int(two)))  # no leading zero
    first = text.index("=") + 1
    answer = str(int(one) + int(two))[::-1].ljust((len(x) - 3) // 3 + 1, "e")
    return {first + k: "0123456789e".index(symbol) for k, symbol in enumerate(answer)}


def read_copy(task, x):
    word = classes(x)[: task.count]
    return {len(x) - task.count + k: symbol for k, symbol in enumerate(word)}


def read_delayed_recall(task, x):
    return {len(x) - 1: classes(x)[0]}


def read_delayed_xor(task, x):
    signs, flags = x.T.tolist()
    first, last = [sign for sign, flag in zip(signs, flags, strict=True) if flag == 1]
    return {len(x) - 1: int(first != last)}


def read_parity(task, x):
    bits = [int(bit) for bit in x[:, 0]]
    return {t: sum(bits[: t + 1]) % 2 for t in range(len(bits))}


def read_word(letters):
    def read(task, x):
        word = "".join(f"#{letters}"[symbol] for symbol in classes(x))
        n = word.count("a")
        whole = "#" + "".join(n * letter for letter in letters) + "#"
        assert word == whole.ljust(len(word), "#")[: len(word)]
        end = len(letters) * n
        return {t: f"#{letters}".index(whole[t + 1]) for t in range(n + 1, end + 1)}

    return read


def read_brackets(task, x):
    answers = {}
    depth = 0
    for t, bracket in enumerate(classes(x)):
        depth += 1 if bracket == 0 else -1
        assert depth >= 0
        answers[t] = int(depth == 0)
    return answers


def read_cycle(task, x):
    moves = [symbol - 1 for symbol in classes(x)]
    return {t: sum(moves[: t + 1]) % task.modulus for t in range(len(moves))}


def read_half(task, x):
    """The word of the first half; nothing else stands in the second."""
    symbols = classes(x)
    half = len(symbols) // 2
    assert symbols[half:] == [task.symbols] * half
    return symbols[:half]


def read_reverse(task, x):
    word = read_half(task, x)
    return {len(word) + k: symbol for k, symbol in enumerate(reversed(word))}


def read_sort(task, x):
    word = read_half(task, x)
    return {len(word) + k: symbol for k, symbol in enumerate(sorted(word))}


def read_flip_flop(task, x):
    answers = {}
    memory = [None] * task.bits
    for t, pulses in enumerate(x.tolist()):
        memory = [pulse or old for old, pulse in zip(memory, pulses, strict=True)]
        answers[t] = sum(2**k for k, sign in enumerate(memory) if sign == 1)
    return answers


def read_control(task, x):
    """The kind "clear", which has all commands."""
    answers = {}
    memory = 0
    for t, (value, write, clear) in enumerate(x.tolist()):
        assert not (write and clear)
        if write:
            memory = value
        if clear:
            memory = 0
        answers[t] = int(memory) + 1
    return answers


def read_markov(task, x):
    """The target is the next input; that of the last step is not among them."""
    symbols = classes(x)
    return dict(enumerate([*symbols[1:], None]))


def read_walk(task, x):
    places = x[:, 0].tolist()
    return dict(enumerate([*places[1:], None]))


# The drawings of the docstrings: rows of symbols, each of an alphabet.


def one_hot(row, alphabet):
    """The inputs (T, I) that a row of symbols stands for."""
    symbols = alphabet.split()
    places = torch.tensor([symbols.index(symbol) for symbol in row.split()])
    return torch.nn.functional.one_hot(places, len(symbols)).to(torch.get_default_dtype())


def channels(*rows):
    """The inputs (T, I) of one row for each channel, of numbers, + for 1, - for -1, . for 0."""
    values = {"+": 1.0, "-": -1.0, ".": 0.0}
    columns = []
    for row in rows:
        columns.append([values[v] if v in values else float(v) for v in row.split()])
    return torch.tensor(columns, dtype=torch.get_default_dtype()).T


class Example(NamedTuple):
    """A small task, so that every case occurs in a few thousand sequences, and its drawing.

    ``rows`` are the inputs as drawn, ``target`` the answers; ``encode`` makes x of the rows;
    ``answers`` is the alphabet of the answers, None for numbers; ``perfect`` the loss of the
    oracle.
    """

    task: tasks.Task
    length: int
    read: Callable
    rows: tuple[str, ...]
    target: str
    encode: Callable
    answers: str | None
    perfect: float = 0.0


def symbols(alphabet):
    def encode(row):
        return one_hot(row, alphabet)

    return encode


ENTROPY = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
EXAMPLES = {
    "Adding": Example(
        tasks.Adding(),
        9,
        read_adding,
        (".3 .9 .1 .5 .7 .2", "0 1 0 1 0 0"),
        "- - - - - 1.4",
        channels,
        None,
    ),
    "Addition": Example(
        tasks.Addition(),
        2,
        read_addition,
        ("4 7 + 8 = ? ? ? ?",),
        "- - - - - 5 5 e -",
        symbols("0 1 2 3 4 5 6 7 8 9 + = ?"),
        "0 1 2 3 4 5 6 7 8 9 e",
    ),
    "AnBn": Example(
        tasks.AnBn(),
        7,
        read_word("ab"),
        ("# a a a b b b",),
        "- - - - b b #",
        symbols("# a b"),
        "# a b",
    ),
    "AnBnCn": Example(
        tasks.AnBnCn(),
        6,
        read_word("abc"),
        ("# a a b b c c",),
        "- - - b c c #",
        symbols("# a b c"),
        "# a b c",
    ),
    "BucketSort": Example(
        tasks.BucketSort(),
        4,
        read_sort,
        ("3 0 4 0 ? ? ? ?",),
        "- - - - 0 0 3 4",
        symbols("0 1 2 3 4 ?"),
        "0 1 2 3 4",
    ),
    "Control": Example(
        tasks.Control("clear"),
        7,
        read_control,
        ("+ - - + -", "1 0 0 0 1", "0 0 1 0 0"),
        "2 2 1 1 0",
        channels,
        "0 1 2",
    ),
    "Copy": Example(
        tasks.Copy(3, 4),
        4,
        read_copy,
        ("3 1 2 . . . > . . .",),
        "- - - - - - - 3 1 2",
        symbols("0 1 2 3 . >"),
        "0 1 2 3",
    ),
    "CycleNavigation": Example(
        tasks.CycleNavigation(),
        7,
        read_cycle,
        ("+ + 0 - + +",),
        "1 2 2 1 2 3",
        symbols("- 0 +"),
        "0 1 2 3 4",
    ),
    "DelayedRecall": Example(
        tasks.DelayedRecall(4, 4),
        6,
        read_delayed_recall,
        ("C a d b b a ?",),
        "- - - - - - C",
        symbols("A B C D a b c d ?"),
        "A B C D",
    ),
    "DelayedXor": Example(
        tasks.DelayedXor(),
        5,
        read_delayed_xor,
        ("+ - - + - -", "1 0 0 0 0 1"),
        "- - - - - 1",
        channels,
        "0 1",
    ),
    "Dyck1": Example(
        tasks.Dyck1(),
        7,
        read_brackets,
        ("( ( ) ) ( (",),
        "0 0 0 1 0 0",
        symbols("( )"),
        "0 1",
    ),
    "FlipFlop": Example(
        tasks.FlipFlop(2, 4),
        8,
        read_flip_flop,
        ("+ . . - . . +", "- . + . . . ."),
        "1 1 3 2 2 2 3",
        channels,
        "0 1 2 3",
    ),
    "Markov": Example(
        tasks.Markov(),
        8,
        read_markov,
        ("0 1 1 0",),
        "1 1 0 1",
        symbols("0 1"),
        "0 1",
        perfect=(6 * ENTROPY + 2 * math.log(2)) / 8,  # two symbols are too few
    ),
    "Parity": Example(
        tasks.Parity(), 7, read_parity, ("1 0 1 1 0 1",), "1 1 0 1 1 0", channels, "0 1"
    ),
    "RandomWalk": Example(
        tasks.RandomWalk(),
        5,
        read_walk,
        ("0.3 1.1 0.7 -0.2",),
        "1.1 0.7 -0.2 0.9",
        channels,
        None,
        perfect=1.0,
    ),
    "ReverseString": Example(
        tasks.ReverseString(),
        3,
        read_reverse,
        ("1 0 0 ? ? ?",),
        "- - - 0 0 1",
        symbols("0 1 ?"),
        "0 1",
    ),
}
each_task = pytest.mark.parametrize("name", tasks.TASKS)


def draw(example, size=64, seed=0, step=0):
    return example.task.batch(tasks.generator(seed, step), size, example.length)


def as_answer(symbol, example):
    return float(symbol) if example.answers is None else example.answers.split().index(symbol)


def test_every_registered_task_has_an_example_and_nothing_else_has_one():
    assert set(EXAMPLES) == set(tasks.TASKS)
    for name, example in EXAMPLES.items():
        assert type(example.task) is tasks.TASKS[name]


@each_task
def test_the_drawing_of_the_docstring_is_right(name):
    example = EXAMPLES[name]
    described = " ".join(tasks.TASKS[name].__doc__.split())
    for row in (*example.rows, example.target):
        assert row in described or " ".join(row.split()) in described
    x = example.encode(*example.rows)
    drawn = {}
    for t, symbol in enumerate(example.target.split()):
        if symbol != "-":
            drawn[t] = as_answer(symbol, example)
    read = example.read(example.task, x)
    assert list(read) == list(drawn)
    for t, answer in read.items():
        assert answer is None or answer == pytest.approx(drawn[t])
    if example.perfect == 0:
        prediction = example.task.oracle(x[None])[0]
        answers = prediction[:, 0] if example.answers is None else prediction.argmax(-1)
        assert {t: answers[t].item() for t in drawn} == pytest.approx(drawn)


@each_task
def test_targets_and_scored_steps_are_those_of_the_docstring(name):
    example = EXAMPLES[name]
    for x, y, mask in zip(*draw(example, 200), strict=True):
        answers = example.read(example.task, x)
        assert mask.nonzero().flatten().tolist() == list(answers)
        for t, answer in answers.items():
            assert answer is None or y[t].item() == answer


@each_task
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(name, dtype):
    example = EXAMPLES[name]
    torch.set_default_dtype(dtype)
    for task, length in [(example.task, example.length), (example.task, example.task.shortest)]:
        x, y, mask = task.batch(tasks.generator(0, 0), 5, length)
        assert x.shape == (5, x.shape[1], task.input_size)
        assert x.dtype == dtype
        assert mask.shape == x.shape[:2]
        assert mask.dtype == torch.bool
        assert mask.any(1).all()
        if task.loss == "cross_entropy":
            assert y.shape == mask.shape
            assert y.dtype == torch.int64
            assert 0 <= y.min() <= y.max() < task.output_size
        else:
            assert y.shape == (*mask.shape, task.output_size)
            assert y.dtype == dtype


@each_task
def test_the_default_dtype_changes_the_precision_and_not_the_numbers(name):
    fine = draw(EXAMPLES[name])
    torch.set_default_dtype(torch.float32)
    coarse = draw(EXAMPLES[name])
    assert torch.equal(coarse.x, fine.x.float())
    assert torch.allclose(coarse.y.double(), fine.y.double(), atol=1e-6)
    assert torch.equal(coarse.mask, fine.mask)


@each_task
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_oracle_solves_the_task(name, dtype):
    example = EXAMPLES[name]
    task = example.task
    torch.set_default_dtype(dtype)
    batch = draw(example, 200 if example.perfect == 0 else 20_000)
    prediction = task.oracle(batch.x)
    assert prediction.shape == (*batch.mask.shape, task.output_size)
    assert prediction.dtype == dtype
    found = tasks.loss(task.loss, prediction, batch).item()
    if example.perfect:
        assert found == pytest.approx(example.perfect, rel=0.02)
    else:
        assert found <= 1e-6
        assert tasks.score(task.loss, prediction, batch) == 1


def table_of_the_input(task, fit, batch):
    """The best function of (step, current input) for the scored steps of ``fit``, on ``batch``."""
    rows = [torch.cat([b.mask.nonzero()[:, 1:], b.x[b.mask]], 1) for b in (fit, batch)]
    cases, case = torch.cat(rows).unique(dim=0, return_inverse=True)
    seen, asked = case.split([len(part) for part in rows])
    counts = torch.zeros(len(cases), task.output_size)
    counts.index_put_((seen, fit.y[fit.mask]), torch.ones(len(seen)), accumulate=True)
    prediction = torch.zeros(*batch.x.shape[:2], task.output_size)
    prediction[batch.mask] = counts.clamp(min=1e-30).log()[asked]
    return prediction


def regression_on_the_input(task, fit, batch):
    """The best parabola of the current input at each scored step of ``fit``, on ``batch``."""
    prediction = torch.zeros_like(batch.y)
    for t in fit.mask[0].nonzero().flatten().tolist():
        x, fresh = fit.x[:, t], batch.x[:, t]
        design = torch.cat([x, x**2, torch.ones(len(x), 1)], 1)
        weights = torch.linalg.lstsq(design, fit.y[:, t], driver="gelsd").solution
        prediction[:, t] = torch.cat([fresh, fresh**2, torch.ones(len(x), 1)], 1) @ weights
    return prediction


@each_task
def test_the_baseline_is_reached_by_an_answer_that_sees_the_input_and_the_step(name):
    example = EXAMPLES[name]
    task = example.task
    best = table_of_the_input if task.loss == "cross_entropy" else regression_on_the_input
    fit, fresh = draw(example, 20_000), draw(example, 20_000, step=1)
    found = tasks.loss(task.loss, best(task, fit, fresh), fresh).item()
    assert found == pytest.approx(task.baseline(example.length), rel=0.02)


@each_task
def test_a_batch_depends_on_its_generator_and_on_nothing_else(name):
    def states():
        _, key, *rest = np.random.get_state()  # noqa: NPY002 - the global generator is watched
        return torch.random.get_rng_state().tolist(), key.tolist(), rest, random.getstate()

    example = EXAMPLES[name]
    before = states()
    first = draw(example, seed=3, step=7)
    draw(example, seed=3, step=8)
    example.task.oracle(first.x)
    example.task.baseline(example.length)
    assert states() == before
    torch.rand(5)
    again = draw(example, seed=3, step=7)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(draw(example, seed=3, step=8).x, first.x)
    assert not torch.equal(draw(example, seed=4, step=7).x, first.x)


@each_task
def test_wrong_arguments_are_refused(name):
    """Once a task: what else is refused is tested with the base class."""
    example = EXAMPLES[name]
    task = example.task
    wrong = [task.shortest - 1]
    if task.longest < math.inf:
        wrong.append(task.longest + 1)
    for length in wrong:
        message = f"length of {name} must be a whole number from {task.shortest} to {task.longest}"
        with pytest.raises(ValueError, match=message):
            task.batch(tasks.generator(0, 0), 4, length)
        with pytest.raises(ValueError, match=message):
            task.baseline(length)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1"):
        task.batch(tasks.generator(0, 0), 0, example.length)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        task.batch(None, 4, example.length)
    for field in dataclasses.fields(task):
        for value in (0, 1.5, None):
            with pytest.raises(ValueError, match=f"{field.name} must be "):
                dataclasses.replace(task, **{field.name: value})


# Where every step is scored, or asked for what comes next.
AT_ONCE = ("AnBn", "AnBnCn", "Control", "CycleNavigation", "Dyck1", "FlipFlop", "Markov", "Parity")


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_answer_depends_on_nothing_that_comes_later(name):
    example = EXAMPLES[name]
    x = draw(example, 8).x
    answers = example.task.oracle(x)
    for t in range(x.shape[1] - 1):
        mixed = torch.cat([x[:, : t + 1], x.roll(1, 0).flip(1)[:, t + 1 :]], 1)
        assert torch.equal(example.task.oracle(mixed)[:, t], answers[:, t])
