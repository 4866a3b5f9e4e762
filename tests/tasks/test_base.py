"""What all tasks share: seeded draws, loss, score, refusals, the registry; ``Varied``."""

import math
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.tasks.base import Batch, Task, Varied, find_tasks, whole_number
from gatedrnn.tasks.languages import Parity
from gatedrnn.tasks.memory import Adding, Copy
from gatedrnn.training.train import Config, evaluation_batch

# The generator.


def test_seeds_steps_and_streams_give_different_numbers():
    numbers = {
        tuple(torch.rand(4, generator=tasks.generator(seed, step, stream)).tolist())
        for seed in range(20)
        for step in range(20)
        for stream in ("train", "test")
    }
    assert len(numbers) == 20 * 20 * 2
    assert tasks.generator(1, 2).initial_seed() != tasks.generator(2, 1).initial_seed()
    assert tasks.generator(0, 0, "train").initial_seed() == tasks.generator(0, 0).initial_seed()


@pytest.mark.parametrize("along", ["seed", "step"])
def test_neighbours_are_mixed_well(along):
    first = torch.stack(
        [
            torch.rand(8, generator=tasks.generator(**{"seed": 1, "step": 1, along: k}))
            for k in range(2000)
        ]
    )
    assert (first.mean(0) - 0.5).abs().max() < 5 * (1 / 12 / 2000) ** 0.5
    neighbours = torch.stack([first[:-1, 0], first[1:, 0]]).corrcoef()[0, 1]
    assert abs(neighbours) < 5 / 2000**0.5


def test_the_stream_of_the_stored_results_stays_the_same():
    assert tasks.generator(0, 0).initial_seed() == 1028437303
    assert tasks.generator(9, 4000, "evaluate").initial_seed() == 2518920422


# Loss and score.


def random_case(kind, leading=(), B=3, T=5, outputs=4):
    """A prediction, and targets that it does not know."""
    prediction = torch.randn(*leading, B, T, outputs)
    if kind == "cross_entropy":
        y = torch.randint(0, outputs, (B, T))
    elif kind == "bernoulli":
        y = torch.randint(0, 2, (B, T, outputs)).double()
    else:
        y = torch.randn(B, T, outputs)
    return prediction, Batch(torch.zeros(B, T, 2), y, torch.rand(B, T) < 0.5)


def by_hand(kind, prediction, target):
    """The loss of a step and how right it is, in plain Python."""
    if kind == "cross_entropy":
        right = prediction.index(max(prediction)) == target
        return math.log(sum(math.exp(v) for v in prediction)) - prediction[target], right
    pairs = list(zip(prediction, target, strict=True))
    if kind == "bernoulli":  # a key that sounds has the probability 1 / (1 + exp(-logit))
        losses = [math.log(1 + math.exp(-v if sounds else v)) for v, sounds in pairs]
        return sum(losses), np.mean([(v > 0) == bool(sounds) for v, sounds in pairs])
    errors = [v - wanted for v, wanted in pairs]
    right = all(abs(error) < 0.04 for error in errors)
    if kind == "mse":
        return np.mean([error**2 for error in errors]), right
    return np.mean([abs(error) for error in errors]), right


@pytest.mark.parametrize("kind", tasks.KINDS)
@pytest.mark.parametrize("own", [False, True], ids=["shared batch", "own batches"])
def test_loss_and_score_are_means_over_the_scored_steps(kind, own):
    prediction, batch = random_case(kind, (2,))
    if own:
        other = random_case(kind)[1]
        batch = Batch(*(torch.stack(pair) for pair in zip(batch, other, strict=True)))
    if kind in ("mse", "mae"):
        prediction[:, 0] = batch.y[..., 0, :, :] + torch.tensor(
            [0.03, -0.03, 0.03, -0.03]
        )  # some right answers
    losses, scores = tasks.loss(kind, prediction, batch), tasks.score(kind, prediction, batch)
    assert losses.shape == scores.shape == (2,)
    for s in range(2):
        y, mask = (batch.y[s], batch.mask[s]) if own else (batch.y, batch.mask)
        steps = [
            by_hand(kind, prediction[s, b, t].tolist(), y[b, t].tolist())
            for b, t in mask.nonzero().tolist()
        ]
        wanted_loss, wanted_score = np.mean(steps, axis=0)
        assert losses[s].item() == pytest.approx(wanted_loss, rel=1e-12)
        assert scores[s].item() == pytest.approx(wanted_score)
        alone = Batch(None, y, mask)
        assert tasks.loss(kind, prediction[s], alone).item() == pytest.approx(
            losses[s].item(), rel=1e-12
        )
    assert 0 < scores.max() < 1


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_unscored_steps_count_for_nothing(kind):
    prediction, batch = random_case(kind)
    changed = prediction.clone()
    changed[~batch.mask] = torch.nan
    assert torch.equal(tasks.loss(kind, prediction, batch), tasks.loss(kind, changed, batch))
    assert torch.equal(tasks.score(kind, prediction, batch), tasks.score(kind, changed, batch))
    prediction.requires_grad_()
    tasks.loss(kind, prediction, batch).backward()
    assert (prediction.grad[~batch.mask] == 0).all()
    assert (prediction.grad[batch.mask] != 0).all()


def test_the_tolerance_is_strict_and_needs_every_output():
    batch = Batch(None, torch.zeros(1, 4, 2), torch.ones(1, 4, dtype=torch.bool))
    prediction = torch.tensor([[[0.039, -0.039], [0.041, 0.0], [0.0, -0.041], [0.0, 0.0]]])
    assert tasks.score("mse", prediction, batch) == 0.5


@pytest.mark.parametrize(
    ("kind", "shape", "y", "mask", "message"),
    [
        ("hinge", (3, 5, 4), (3, 5), (3, 5), "loss .hinge."),
        ("cross_entropy", (3, 6, 4), (3, 5), (3, 5), r"\(3, 6, 4\).*\(3, 5\)"),
        ("cross_entropy", (5, 3, 4), (3, 5), (3, 5), "not a prediction"),
        ("cross_entropy", (5, 4), (3, 5), (3, 5), "not a prediction"),
        ("cross_entropy", (3, 5, 4), (3, 5, 4), (3, 5), "not a prediction"),
        ("cross_entropy", (3, 5, 4), (3, 5), (5,), "not a prediction"),
        ("cross_entropy", (3, 5, 4), (5,), (5,), "not a prediction"),
        ("cross_entropy", (2, 3, 5, 4), (3, 3, 5), (3, 3, 5), "not a prediction"),
        ("cross_entropy", (2, 3, 5, 4), (2, 3, 5), (3, 5), "not a prediction"),
        ("mse", (3, 5, 4), (3, 5, 1), (3, 5), "not a prediction"),  # would broadcast
        ("mse", (3, 5, 1), (3, 5), (3, 5), "not a prediction"),  # would broadcast to (3, 5, 5)
        ("mae", (3, 5, 4), (3, 5, 1), (3, 5), "not a prediction"),
        ("bernoulli", (3, 5, 4), (3, 5), (3, 5), "not a prediction"),
        ("bernoulli", (3, 5, 4), (3, 5, 88), (3, 5), "cross_entropy, mse, mae, bernoulli"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(kind, shape, y, mask, message):
    batch = Batch(None, torch.zeros(y, dtype=torch.int64), torch.ones(mask, dtype=torch.bool))
    for function in (tasks.loss, tasks.score):
        with pytest.raises(ValueError, match=message):
            function(kind, torch.zeros(shape), batch)


def test_a_batch_without_scored_steps_is_refused():
    prediction, batch = random_case("mse", (2,))
    nothing = torch.stack([batch.mask, torch.zeros_like(batch.mask)])
    with pytest.raises(ValueError, match="no scored step"):
        tasks.loss("mse", prediction, Batch(None, batch.y.repeat(2, 1, 1, 1), nothing))


# Refusals.


@pytest.mark.parametrize(
    ("seed", "step"), [(-1, 0), (0, -1), (2**32, 0), (0, 2**32), (1.0, 0), (0, None), (True, 0)]
)
def test_seeds_and_steps_out_of_range_are_refused(seed, step):
    with pytest.raises(ValueError, match="(seed|step) must be a whole number from 0 to 4294967295"):
        tasks.generator(seed, step)


@pytest.mark.parametrize("wrong", [0, -3, 2.0, 2.5, True, False, "10", None, math.nan], ids=repr)
def test_what_is_no_whole_number_in_the_range_is_refused(wrong):
    with pytest.raises(
        ValueError, match=f"size must be a whole number from 1 to inf, not {wrong!r}"
    ):
        whole_number("size", wrong)


def test_a_whole_number_is_returned_as_one_of_python():
    for value in (1, 7, np.int64(7), np.uint8(7)):
        assert whole_number("size", value, 1, 7) == value
        assert type(whole_number("size", value)) is int
    with pytest.raises(ValueError, match="size must be a whole number from 1 to 7, not 8"):
        whole_number("size", 8, 1, 7)


def test_a_task_refuses_wrong_arguments():
    draws = tasks.generator(0, 0)
    for length in (0, 2.5, True, "7", None):
        with pytest.raises(
            ValueError, match="length of Parity must be a whole number from 1 to inf"
        ):
            Parity().batch(draws, 4, length)
        with pytest.raises(
            ValueError, match="length of Parity must be a whole number from 1 to inf"
        ):
            Parity().baseline(length)
    for size in (0, -1, 2.0, False):
        with pytest.raises(ValueError, match="batch_size must be a whole number from 1"):
            Parity().batch(draws, size, 7)
    for wrong in (None, 0, torch.manual_seed, np.random.default_rng(0)):
        with pytest.raises(
            ValueError, match=r"must be a torch\.Generator, as from tasks\.generator"
        ):
            Parity().batch(wrong, 4, 7)
    with pytest.raises(
        ValueError, match="length of Adding must be a whole number from 3 to inf, not 2"
    ):
        Adding().batch(draws, 4, 2)


def test_tasks_are_frozen_and_compare_by_value():
    assert Copy() == Copy(10, 8) != Copy(3)
    assert len({Copy(), Copy(10, 8), Adding()}) == 2
    with pytest.raises(FrozenInstanceError):
        Copy().count = 3


def test_numpy_numbers_are_whole_numbers():
    batch = Parity().batch(tasks.generator(np.int64(1), np.int64(2)), np.int64(3), np.int64(4))
    assert torch.equal(batch.x, Parity().batch(tasks.generator(1, 2), 3, 4).x)


# What the class does with the inputs and the oracle of a task.


@dataclass(frozen=True)
class Countdown(Task):
    """Say the sum of all inputs so far, a number of its own for each step."""

    input_size = 1
    output_size = 1
    loss = "mse"
    scored = 2

    def oracle(self, x):
        return x.cumsum(1)

    def _inputs(self, generator, B, T):
        return torch.ones(B, T, 1, dtype=torch.int64)


def test_the_last_steps_are_scored_with_the_answers_of_the_oracle():
    x, y, mask = Countdown().batch(tasks.generator(0, 0), 2, 5)
    assert x.dtype == y.dtype == torch.get_default_dtype()
    assert mask.tolist() == [[False, False, False, True, True]] * 2
    assert y[..., 0].tolist() == [[0, 0, 0, 4, 5]] * 2


# Lengths that vary.


def test_a_varied_task_draws_a_length_for_each_batch():
    task = Varied(Adding())
    lengths = [task.batch(tasks.generator(0, step), 2, 6).x.shape[1] for step in range(60)]
    assert set(lengths) == {3, 4, 5, 6}  # from the shortest of the task to the longest asked for
    assert task.part("valid", 6).x.shape == (256, 6, 2)
    assert (task.input_size, task.output_size, task.loss) == (2, 1, "mse")
    with pytest.raises(ValueError, match="length of Adding"):
        task.batch(tasks.generator(0, 0), 2, 2)


# What is validated on is not what is trained on.


def in_common(batch, others):
    """How many sequences of the batch are among the others."""
    known = {x.numpy().tobytes() for other in others for x in other.x}
    return sum(x.numpy().tobytes() in known for x in batch.x)


def test_no_training_sees_a_sequence_of_the_validation():
    """Real numbers, so that two sequences are equal only if they are the same draw."""
    for task in (Adding(), Varied(Adding())):
        config = Config(task, "gru", 3, 6, (0, 1, 2), 20, batch_size=256, evaluate_every=20)
        held_out = evaluation_batch(config)
        drawn = [task.batch(tasks.generator(s, k), 256, 6) for s in range(3) for k in range(20)]
        assert len({x.numpy().tobytes() for x in held_out.x}) == len(held_out.x) == 256
        assert in_common(drawn[5], drawn) == 256
        assert in_common(held_out, drawn) == 0


def test_parts_of_a_varied_task_are_drawn_apart():
    valid, test = (Varied(Adding()).part(name, 6) for name in ("valid", "test"))
    assert in_common(valid, [Varied(Adding()).part("valid", 6)]) == 256
    assert in_common(valid, [test]) == 0


# The registry.


def test_a_file_with_a_task_is_all_that_a_new_task_needs(tmp_path, monkeypatch):
    package = tmp_path / "shelf"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text(
        "from gatedrnn.tasks.base import Task\n\n\nclass Shared(Task):\n    pass\n"
    )
    (package / "new.py").write_text(
        "from gatedrnn.tasks.languages import Parity\n"
        "from shelf.base import Shared\n\n\n"
        "class Odd(Parity):\n    pass\n\n\n"
        "class _Hidden(Odd):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = find_tasks("shelf", [str(package)])
    assert list(found) == ["Odd"]
    assert issubclass(found["Odd"], Parity)
