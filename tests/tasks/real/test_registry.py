"""Every registered task on real data: what its docstring says, its batches, its parts, its shares.

A task without a row in ``EXAMPLES`` turns this file red.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.tasks import real
from gatedrnn.tasks.real.base import PARTS, RealTask
from gatedrnn.training.train import Config, train

# Which steps of a sequence are scored, as the drawings of the docstrings say.


def the_last(x, mask):
    """One step, after which there is nothing but zeros."""
    (scored,) = mask.nonzero().flatten().tolist()
    return not x[scored + 1 :].any() and x[: scored + 1].any()


def every_one(x, mask):
    return mask.all()


def every_one_before_the_padding(x, mask):
    return mask[: mask.sum()].all() and not x[mask.sum() :].any()


def three_of_them(x, mask):
    return mask.sum() == 3 and not x[mask.nonzero().max() + 1 :].any()


def after_24_hours(x, mask):
    return not mask[:24].any()


class Example(NamedTuple):
    """A task and what its docstring says, read by hand.

    ``length`` is that of a batch; ``whole`` the default length of a part; ``sizes`` how many
    sequences the parts have at ``length``; ``scored`` whether the right steps of a sequence are;
    ``items`` how many items the training part has, None if batches are not drawn from items;
    ``fitted`` whether the reference depends on the training data used.
    """

    task: RealTask
    length: int
    whole: int
    sizes: tuple[int, int, int]
    scored: Callable
    items: int | None
    fitted: bool


EXAMPLES = {
    "CarriedText": Example(
        real.CarriedText(), 40, 100, (25, 25, 25), every_one, items=None, fitted=True
    ),
    "Characters": Example(
        real.Characters(), 40, 100, (200, 200, 200), every_one, items=None, fitted=True
    ),
    "Chorales": Example(
        real.Chorales(),
        30,
        192,
        (213, 71, 71),
        every_one_before_the_padding,
        items=213,
        fitted=True,
    ),
    "DigitStrings": Example(
        real.DigitStrings(), 40, 92, (600, 600, 600), three_of_them, items=None, fitted=True
    ),
    "PixelDigits": Example(
        real.PixelDigits(), 98, 98, (3500, 500, 1000), the_last, items=3500, fitted=False
    ),
    "PlantedText": Example(
        real.PlantedText(), 40, 100, (25, 25, 25), every_one, items=None, fitted=True
    ),
    "SpokenDigits": Example(
        real.SpokenDigits(), 50, 92, (2100, 300, 600), the_last, items=2100, fitted=False
    ),
    # of 11,280, 2,000 and 3,520 hours, 48 a window
    "Traffic": Example(
        real.Traffic(), 72, 168, (235, 42, 74), after_24_hours, items=None, fitted=False
    ),
    "Watch": Example(real.Watch(), 50, 50, (2669, 1006, 1002), the_last, items=2669, fitted=True),
}
each_task = pytest.mark.parametrize("name", real.TASKS)
OF_ITEMS = [name for name, example in EXAMPLES.items() if example.items]
FIXED_CUTS = [name for name in OF_ITEMS if name != "Chorales"]  # whose starts are random


def draw(task, size, length, seed=0, step=0):
    return task.batch(tasks.generator(seed, step), size, length)


def rows(batch):
    """The sequences of a batch as bytes, padding and all."""
    return [x.numpy().tobytes() for x in batch.x]


def same(a, b):
    return all(torch.equal(*pair) for pair in zip(a, b, strict=True))


def with_share(name, share):
    return dataclasses.replace(EXAMPLES[name].task, share=share)


def test_every_registered_task_has_an_example_and_nothing_else_has_one():
    assert set(EXAMPLES) == set(real.TASKS)
    for name, example in EXAMPLES.items():
        assert type(example.task) is real.TASKS[name]


@each_task
def test_parts_and_scored_steps_are_those_of_the_docstring(name):
    example = EXAMPLES[name]
    assert example.task.whole == example.whole
    for part, size in zip(PARTS, example.sizes, strict=True):
        batch = example.task.part(part, example.length)
        assert len(batch.x) == size
        assert all(example.scored(x, mask) for x, _, mask in zip(*batch, strict=True))
    batch = draw(example.task, 50, example.length)
    assert all(example.scored(x, mask) for x, _, mask in zip(*batch, strict=True))


@each_task
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_dtypes_and_finite_values(name, dtype):
    torch.set_default_dtype(dtype)
    task, length = EXAMPLES[name].task, EXAMPLES[name].length
    for x, y, mask in [draw(task, 8, length), task.part("valid", length)]:
        assert name in ("CarriedText", "DigitStrings", "PlantedText") or x.shape[1] <= length
        assert x.shape == (*mask.shape, task.input_size)
        assert x.dtype == dtype
        assert x.isfinite().all()
        assert mask.dtype == torch.bool
        assert mask.any()
        if task.loss == "cross_entropy":
            assert y.shape == mask.shape
            assert y.dtype == torch.int64
            assert 0 <= y.min() <= y.max() < task.output_size
        else:
            assert y.shape == (*mask.shape, task.output_size)
            assert y.dtype == dtype
            assert y.isfinite().all()


@each_task
def test_the_default_dtype_changes_the_precision_and_not_what_is_drawn(name):
    example = EXAMPLES[name]
    fine = draw(example.task, 8, example.length)
    torch.set_default_dtype(torch.float32)
    coarse = draw(example.task, 8, example.length)
    assert torch.equal(coarse.x, fine.x.float())
    assert torch.allclose(coarse.y.double(), fine.y.double(), atol=1e-6)
    assert torch.equal(coarse.mask, fine.mask)


@each_task
def test_a_batch_is_a_function_of_the_generator_alone(name):
    def states():
        return torch.random.get_rng_state().tolist(), np.random.get_state()[1].tolist()  # noqa: NPY002

    task, length = EXAMPLES[name].task, EXAMPLES[name].length
    before = states()
    first = draw(task, 8, length, seed=3, step=4)
    draw(task, 8, length, seed=9)
    again = draw(task, 8, length, seed=3, step=4)
    assert same(first, again)
    assert rows(first) != rows(draw(task, 8, length, seed=3, step=5))
    assert rows(first) != rows(draw(task, 8, length, seed=4, step=4))
    assert states() == before
    for tensor in first:
        tensor.zero_()  # what a caller does to a batch reaches no other
    assert same(again, draw(task, 8, length, seed=3, step=4))


@each_task
def test_a_part_is_always_the_same_and_is_not_shared_with_the_caller(name):
    task, length = EXAMPLES[name].task, EXAMPLES[name].length
    part = task.part("valid", length)
    wanted = [tensor.clone() for tensor in part]
    for tensor in part:
        tensor.zero_()
    assert same(wanted, task.part("valid", length))


@each_task
def test_the_whole_length_is_the_default(name):
    task = EXAMPLES[name].task
    assert same(task.part("valid"), task.part("valid", task.whole))


@each_task
def test_wrong_arguments_are_refused(name):
    """Once a task: what else is refused is tested with the base classes."""
    task, length = EXAMPLES[name].task, EXAMPLES[name].length
    with pytest.raises(ValueError, match="share must be a number above 0 and at most 1, not 0"):
        with_share(name, 0)
    with pytest.raises(ValueError, match="part must be one of train, valid, test, not 'dev'"):
        task.part("dev")
    wrong = [task.shortest - 1]
    if task.longest < math.inf:
        wrong.append(task.longest + 1)
    for bad in wrong:
        message = f"length of {name} must be a whole number from {task.shortest} to {task.longest}"
        with pytest.raises(ValueError, match=message):
            task.part("test", bad)
        with pytest.raises(ValueError, match=message):
            draw(task, 8, bad)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1"):
        draw(task, 0, length)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        task.batch(np.random.default_rng(0), 4, length)


@pytest.mark.parametrize("name", OF_ITEMS)
def test_a_batch_holds_no_item_twice_unless_the_share_is_smaller_than_the_batch(name):
    example = EXAMPLES[name]
    size = example.items
    drawn = rows(draw(example.task, size, example.length))
    # a cut may make two items equal, a repeat would cost a third of them
    assert len(set(drawn)) > 0.99 * size
    for share in (1, 0.01):
        message = f"batch_size must be at most {size}, the size of the training part"
        with pytest.raises(ValueError, match=message):
            draw(with_share(name, share), size + 1, example.length)
    small = draw(with_share(name, 0.001), size, example.whole)
    assert len(small.x) == size
    if name in FIXED_CUTS:
        assert set(rows(small)) == set(rows(with_share(name, 0.001).part("train")))


@pytest.mark.parametrize("name", OF_ITEMS)
def test_a_share_is_nested_and_is_all_that_is_drawn(name):
    quarter, half, whole = (
        rows(with_share(name, share).part("train", 20)) for share in (0.25, 0.5, 1)
    )
    assert set(quarter) < set(half) < set(whole)
    assert len(quarter) == pytest.approx(0.25 * len(whole), rel=0.1)
    for part in ("valid", "test"):
        assert same(with_share(name, 0.25).part(part), with_share(name, 1.0).part(part))
    if name in FIXED_CUTS:
        for step in range(30):
            drawn = rows(draw(with_share(name, 0.25), 16, 20, step=step))
            assert set(drawn) <= set(quarter)


@pytest.mark.parametrize("name", FIXED_CUTS)
def test_parts_have_nothing_in_common_and_batches_come_from_the_training_part(name):
    task, length = EXAMPLES[name].task, EXAMPLES[name].whole
    train_, valid, test = (set(rows(task.part(part, length))) for part in PARTS)
    padded = task.part("train", length).x.shape[1]
    for step in range(20):
        x = draw(task, 32, length, step=step).x
        x = torch.nn.functional.pad(x, (0, 0, 0, padded - x.shape[1]))
        assert {sequence.numpy().tobytes() for sequence in x} <= train_
    assert not train_ & valid
    assert not train_ & test
    assert not valid & test


@each_task
def test_a_reference_is_fitted_on_the_share_and_finite(name):
    whole, little = with_share(name, 1.0), with_share(name, 0.002)
    assert math.isfinite(little.reference("valid"))
    assert (whole.reference("valid") != little.reference("valid")) == EXAMPLES[name].fitted
    # what is fitted to strings, whose digits are equally likely, is chance
    assert whole.reference("valid") <= little.reference("valid") + 0.01


@each_task
def test_two_steps_of_training_run(name):
    example = EXAMPLES[name]
    config = Config(
        with_share(name, 0.05),
        "gru",
        3,
        min(25, example.length),
        (0, 1),
        2,
        batch_size=4,
        evaluate_every=2,
    )
    history = train(config, progress=False).history
    assert np.isfinite(history[["train_loss", "loss", "score"]].to_numpy()).all()
    assert history.score.between(0, 1).all()
