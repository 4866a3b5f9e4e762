"""Spoken digits and strings of them: the split, batches, the scale, the order control, noise."""

import hashlib

import numpy as np
import pytest
import torch

from gatedrnn import GRU, tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.real.speech import DigitStrings, SpokenDigits, digits_split


@pytest.fixture(scope="module")
def recordings():
    return loaders.digits()


@pytest.fixture(scope="module")
def split(recordings):
    return digits_split(recordings.labels)


def test_the_split_is_stratified_disjoint_and_complete(recordings, split):
    assert {name: len(part) for name, part in split.items()} == {
        "train": 2100,
        "valid": 300,
        "test": 600,
    }
    for name, each in [("train", 210), ("valid", 30), ("test", 60)]:
        assert np.bincount(recordings.labels[split[name]]).tolist() == [each] * 10
        assert (np.diff(split[name]) > 0).all()
    assert sorted(np.concatenate(list(split.values()))) == list(range(3000))


def test_the_split_of_the_stored_results_stays_the_same(recordings, split):
    indices = np.concatenate([split[name] for name in ("train", "valid", "test")]).astype("<i8")
    assert hashlib.sha256(indices.tobytes()).hexdigest()[:16] == "4ba9fa2771d551da"
    np.random.default_rng(5).random(3)
    assert np.array_equal(digits_split(recordings.labels)["test"], split["test"])


def frames_of(batch):
    """The recordings of a batch, without their padding."""
    lengths = batch.mask.long().argmax(1) + 1
    return [x[:length] for x, length in zip(batch.x, lengths, strict=True)]


def contents(sequences):
    return {s.numpy().tobytes() for s in sequences}


def test_batches_come_from_the_training_part_alone():
    task = SpokenDigits()
    train, valid, test = (
        contents(frames_of(task.part(name))) for name in ("train", "valid", "test")
    )
    assert (len(train), len(valid), len(test)) == (2100, 300, 600)
    drawn = frames_of(task.batch(tasks.generator(0, 0), 2100, 92))
    assert contents(drawn) == train
    assert not train & (valid | test)
    assert not valid & test
    seen = set()
    for step in range(200):
        seen |= contents(frames_of(task.batch(tasks.generator(1, step), 64, 92)))
    assert len(seen) > 0.98 * len(train)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("length", [1, 5, 12, 92, 1000])
def test_batch_pads_after_the_end_and_scores_the_last_frame(shuffled, length, recordings, split):
    x, y, mask = batch = SpokenDigits(shuffled).batch(tasks.generator(0, 1), 40, length)
    lengths = torch.tensor([len(s) for s in frames_of(batch)])
    assert x.shape == (40, lengths.max(), 13)
    assert lengths.max() <= length
    assert (mask.sum(1) == 1).all()
    padding = torch.arange(x.shape[1]) >= lengths[:, None]
    assert (x[padding] == 0).all()
    assert (x[~padding] != 0).all()
    assert (y == y[:, :1]).all()
    train = sorted(min(len(recordings.sequences[i]), length) for i in split["train"])
    whole = SpokenDigits(shuffled).part("train", length)
    assert sorted(len(s) for s in frames_of(whole)) == train


def test_a_batch_of_one_recording():
    batch = SpokenDigits().batch(tasks.generator(0, 1), 1, 50)
    assert batch.x.shape[0] == batch.y.shape[0] == batch.mask.sum() == 1
    assert 0 <= batch.y[batch.mask].item() <= 9


@pytest.mark.parametrize("name", ["train", "valid", "test"])
def test_a_part_holds_its_recordings_in_order_with_their_labels(name, recordings, split):
    part = SpokenDigits().part(name)
    train = np.concatenate([recordings.sequences[i] for i in split["train"]]).astype(np.float64)
    mean, deviation = train.mean(0), train.std(0)
    assert part.y[:, 0].tolist() == recordings.labels[split[name]].tolist()
    for i, frames in zip(split[name], frames_of(part), strict=True):
        expected = (recordings.sequences[i] - mean) / deviation
        np.testing.assert_allclose(frames, expected, rtol=1e-12, atol=1e-12)


def test_labels_of_a_batch_belong_to_its_recordings():
    task = SpokenDigits()
    whole = task.part("train")
    known = {
        f.numpy().tobytes(): y
        for f, y in zip(frames_of(whole), whole.y[:, 0].tolist(), strict=True)
    }
    batch = task.batch(tasks.generator(4, 2), 500, 92)
    for frames, y in zip(frames_of(batch), batch.y[:, 0].tolist(), strict=True):
        assert y == known[frames.numpy().tobytes()]
    assert len(set(batch.y[:, 0].tolist())) == 10


def test_scaling_uses_the_training_part_alone(monkeypatch, fresh, recordings, split):
    scaled = torch.cat(frames_of(SpokenDigits().part("train")))
    assert scaled.mean(0).abs().max() < 1e-10
    assert (scaled.std(0, correction=0) - 1).abs().max() < 1e-10
    before = SpokenDigits().part("train"), SpokenDigits().part("test"), SpokenDigits().part("valid")
    held_out = {*split["valid"], *split["test"]}
    moved = [100 * s + 7 if i in held_out else s for i, s in enumerate(recordings.sequences)]
    monkeypatch.setattr(loaders, "digits", lambda: recordings._replace(sequences=moved))
    fresh()
    after = SpokenDigits().part("train"), SpokenDigits().part("test"), SpokenDigits().part("valid")
    assert torch.equal(before[0].x, after[0].x)
    assert not torch.allclose(before[1].x, after[1].x)
    assert not torch.allclose(before[2].x, after[2].x)


def test_what_stands_after_the_end_changes_no_scored_answer():
    x, _, mask = batch = SpokenDigits().part("valid")
    model = GRU(13, 6)
    answers = model(x)[0][mask]
    padding = mask.long().cumsum(1).roll(1, 1) == 1
    padding[:, 0] = False
    noisy = torch.where(padding[..., None], torch.randn_like(x), x)
    assert not torch.equal(noisy, x)
    assert torch.equal(model(noisy)[0][mask], answers)
    for frames, answer in list(zip(frames_of(batch), answers, strict=True))[:20]:
        assert torch.allclose(model(frames[None])[0][0, -1], answer, atol=1e-12)


def test_shuffled_frames_are_the_same_frames_in_another_fixed_order():
    plain, shuffled = SpokenDigits().part("test", 20), SpokenDigits(shuffled=True).part("test", 20)
    assert torch.equal(plain.y, shuffled.y)
    assert torch.equal(plain.mask, shuffled.mask)
    same = 0
    for a, b in zip(frames_of(plain), frames_of(shuffled), strict=True):
        assert torch.equal(
            a[a[:, 0].argsort()], b[b[:, 0].argsort()]
        )  # whole frames moved, none mixed
        same += torch.equal(a, b)
    assert same < 5
    again = SpokenDigits(shuffled=True).part("test", 20)
    assert torch.equal(shuffled.x, again.x)
    first = [
        b.tolist().index(a[0].tolist())
        for a, b in zip(frames_of(plain), frames_of(shuffled), strict=True)
    ]
    assert len(set(first)) > 10  # each recording has an order of its own


def test_protocol_and_dtype():
    task = SpokenDigits()
    assert (task.input_size, task.output_size, task.loss) == (13, 10, "cross_entropy")
    assert task == SpokenDigits() != SpokenDigits(shuffled=True)
    torch.set_default_dtype(torch.float32)
    batch = task.batch(tasks.generator(0, 0), 8, 92)
    assert batch.x.dtype == torch.float32
    assert batch.y.dtype == torch.int64
    prediction = torch.nn.functional.one_hot(batch.y, 10) * 100.0
    assert tasks.loss(task.loss, prediction, batch) < 1e-6
    assert tasks.score(task.loss, prediction, batch) == 1
    assert tasks.loss(task.loss, torch.zeros_like(prediction), batch).item() == pytest.approx(
        np.log(10)
    )


def test_noise_is_added_to_every_coefficient_and_stays_the_same():
    plain, noisy, double = (SpokenDigits(noise=noise).part("test") for noise in (0.0, 0.5, 1.0))
    lengths = plain.mask.double().argmax(1) + 1
    inside = torch.arange(plain.x.shape[1]) < lengths[:, None]
    added = (noisy.x - plain.x)[inside]
    assert torch.equal(plain.mask, noisy.mask)
    assert torch.allclose((double.x - plain.x)[inside], 2 * added, atol=1e-6)
    assert abs(added.std() - 0.5) < 0.01
    assert abs(added.mean()) < 0.01
    assert not noisy.x[~inside].any()
    assert torch.equal(noisy.x, SpokenDigits(noise=0.5).part("test").x)


def training_frames(split, recordings):
    part = SpokenDigits().part("train")
    return zip(frames_of(part), recordings.labels[split["train"]], strict=True)


def test_strings_are_recordings_one_after_the_other_and_ask_for_the_first(recordings, split):
    task = DigitStrings()
    scaled = torch.cat(frames_of(SpokenDigits().part("train")))
    single = {
        frames[:40].numpy().tobytes(): int(label)
        for frames, label in training_frames(split, recordings)
    }
    assert len(scaled)
    for batch in (task.batch(tasks.generator(0, 0), 30, 40), task.part("train", 40)):
        for x, y, mask in zip(*batch, strict=True):
            first, second, third = (mask.nonzero()[:, 0] + 1).tolist()
            parts = [x[:first], x[first:second], x[second:third]]
            assert single[parts[0].numpy().tobytes()] == y[0]
            assert all(part.numpy().tobytes() in single for part in parts)
            assert (y == y[0]).all()
            assert not x[third:].any()


def test_strings_of_a_part_are_always_the_same_600_and_batches_differ():
    task = DigitStrings(count=2)
    a, b = task.part("test", 40), task.part("test", 40)
    assert torch.equal(a.x, b.x)
    assert len(a.x) == 600
    assert a.mask.sum(1).eq(2).all()
    assert not torch.equal(
        task.batch(tasks.generator(0, 0), 8, 40).y, task.batch(tasks.generator(0, 1), 8, 40).y
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("train", "d43191bba18f2cc9"), ("valid", "2c838a5d421b4131"), ("test", "7598bb5222027c00")],
)
def test_the_strings_of_the_stored_results_stay_the_same(name, wanted):
    batch = DigitStrings().part(name, 40)
    ends = [mask.nonzero()[:, 0].tolist() for mask in batch.mask]
    firsts = [end[0] for end in ends]
    counts = [len(end) for end in ends]
    drawn = np.concatenate([batch.y[:, 0].numpy(), counts, firsts])
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == wanted


def test_a_bag_of_digits_cannot_tell_which_was_first():
    """Knowing which three digits were said is worth 0.43; the first is independent of the
    others.
    """
    batch = DigitStrings().part("test", 40)
    assert torch.bincount(batch.y[:, 0], minlength=10).min() > 30
    n = np.random.default_rng(0).integers(0, 10, (200_000, 3))
    counts = (n[:, :, None] == np.arange(10)).sum(1).max(1) / 3
    assert counts.mean() == pytest.approx(0.43, abs=0.005)


def test_shuffled_strings_mix_the_frames_of_the_whole_string():
    plain, mixed = DigitStrings().part("test", 40), DigitStrings(shuffled=True).part("test", 40)
    assert mixed.mask.sum(1).eq(3).all()

    def first(batch):
        return batch.x[0][: batch.mask[0].nonzero().max() + 1]

    assert torch.equal(plain.y[0], mixed.y[0])
    assert sorted(map(tuple, first(plain).tolist())) == sorted(map(tuple, first(mixed).tolist()))
    assert not torch.equal(first(plain), first(mixed))


def test_shuffled_strings_mix_across_the_recordings():
    plain, mixed = DigitStrings().part("test", 40), DigitStrings(shuffled=True).part("test", 40)
    for k in range(20):
        end = plain.mask[k].nonzero()[0, 0] + 1

        def rows(batch, k=k, end=end):
            return sorted(map(tuple, batch.x[k, :end].tolist()))

        assert rows(plain) != rows(mixed)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpokenDigits(noise=-1), "noise must be a number of at least 0"),
        (lambda: SpokenDigits(noise=True), "noise must be a number of at least 0"),
        (lambda: DigitStrings(count=0), "count must be a whole number from 1"),
    ],
)
def test_wrong_noise_and_count_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_a_part_of_strings_joins_the_noisy_recordings_of_that_part(part):
    batch = SpokenDigits(noise=0.5).part(part)
    ends = batch.mask.double().argmax(1) + 1
    known = {x[: min(int(n), 40)].numpy().tobytes() for x, n in zip(batch.x, ends, strict=True)}
    for x, _, mask in zip(*DigitStrings(noise=0.5).part(part, 40), strict=True):
        first, second, third = (mask.nonzero()[:, 0] + 1).tolist()
        assert {
            piece.numpy().tobytes() for piece in (x[:first], x[first:second], x[second:third])
        } <= known


def test_a_share_of_strings_joins_few_recordings():
    few = DigitStrings(share=0.01)._items("train")
    batch = DigitStrings(share=0.01, count=1).batch(tasks.generator(0, 0), 200, 40)
    assert len({x.numpy().tobytes() for x in batch.x}) <= len(few) == 30
