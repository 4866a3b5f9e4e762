"""The tasks on real data: what they ask, against the loaders; the parts stay apart; shares are
nested; references.
"""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.data import loaders as datasets
from gatedrnn.tasks.real import text as realtasks
from gatedrnn.tasks.real.base import count, first_share
from gatedrnn.tasks.real.images import PixelDigits, _images
from gatedrnn.tasks.real.motion import Watch, _motions
from gatedrnn.tasks.real.music import Chorales, _pieces
from gatedrnn.tasks.real.speech import SpokenDigits
from gatedrnn.tasks.real.text import Characters, texts
from gatedrnn.tasks.real.traffic import Traffic, hours
from gatedrnn.training.train import Config, train

PARTS = ("train", "valid", "test")
LENGTHS = {Chorales: 30, Characters: 40, Traffic: 72, Watch: 50, PixelDigits: 98, SpokenDigits: 50}
each_task = pytest.mark.parametrize("kind", LENGTHS)
each_new = pytest.mark.parametrize("kind", [Chorales, Characters, Traffic, Watch, PixelDigits])
CACHES = (hours, _motions, texts, _pieces, _images)


@pytest.fixture
def fresh():
    """Empty caches, before and after: the test changes what the loaders return."""
    for phase in (1, 2):
        for cache in CACHES:
            cache.cache_clear()
        if phase == 1:
            yield


def draw(task, size=8, seed=0, step=0, length=None):
    return task.batch(tasks.generator(seed, step), size, length or LENGTHS[type(task)])


def rows(batch):
    """The sequences of a batch as bytes, padding and all."""
    return [x.numpy().tobytes() for x in batch.x]


def same(a, b):
    return all(torch.equal(*pair) for pair in zip(a, b, strict=True))


# What all have in common.


@each_task
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_dtypes_and_finite_values(kind, dtype):
    torch.set_default_dtype(dtype)
    task, length = kind(), LENGTHS[kind]
    for x, y, mask in [draw(task), *(task.part(name, length) for name in PARTS)]:
        assert x.shape[1] <= length
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
def test_a_batch_is_a_function_of_the_generator_alone(kind):
    state = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the global generator
    first = draw(kind(), seed=3, step=4)
    draw(kind(), seed=9)
    assert same(first, draw(kind(), seed=3, step=4))
    assert rows(first) != rows(draw(kind(), seed=3, step=5))
    assert torch.equal(torch.random.get_rng_state(), state[0])
    assert np.random.get_state()[1].tolist() == state[1]  # noqa: NPY002
    wanted = [tensor.clone() for tensor in first]
    for tensor in first:
        tensor.zero_()  # what a caller does to a batch reaches no other
    assert same(wanted, draw(kind(), seed=3, step=4))


@each_task
def test_a_part_is_always_the_same_and_is_not_shared_with_the_caller(kind):
    part = kind().part("valid", LENGTHS[kind])
    wanted = [tensor.clone() for tensor in part]
    for tensor in part:
        tensor.zero_()
    assert same(wanted, kind().part("valid", LENGTHS[kind]))


@each_task
def test_the_whole_length_is_the_default(kind):
    assert same(kind().part("valid"), kind().part("valid", kind().whole))


@each_task
def test_wrong_arguments_are_refused(kind):
    for share in (0, -0.1, 1.01, math.nan, True, "1", None):
        with pytest.raises(ValueError, match="share must be a number above 0 and at most 1, not"):
            kind(share=share)
    with pytest.raises(ValueError, match="part must be one of train, valid, test, not 'dev'"):
        kind().part("dev")
    for call in (
        lambda: kind().part("test", 0),
        lambda: draw(kind(), length=-1),
        lambda: kind().part("test", 2.5),
    ):
        with pytest.raises(
            ValueError, match=f"length of {kind.__name__} must be a whole number from"
        ):
            call()
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        kind().batch(np.random.default_rng(0), 4, LENGTHS[kind])


@pytest.mark.parametrize(
    ("kind", "length"), [(Watch, 51), (PixelDigits, 99), (Traffic, 24), (Traffic, 1001)]
)
def test_a_length_that_the_data_do_not_have_is_refused(kind, length):
    with pytest.raises(
        ValueError,
        match=f"length of {kind.__name__} must be a whole number from {kind().shortest} to",
    ):
        kind().part("valid", length)


@pytest.mark.parametrize(
    ("kind", "size"), [(Chorales, 213), (Watch, 2669), (PixelDigits, 3500), (SpokenDigits, 2100)]
)
def test_a_batch_holds_no_item_twice_unless_the_share_is_smaller_than_the_batch(kind, size):
    drawn = draw(kind(), size)
    assert (
        len(set(rows(drawn))) > 0.99 * size
    )  # a cut may make two items equal, a repeat would cost a third of them
    for share in (1, 0.01):
        with pytest.raises(
            ValueError, match=f"batch_size must be at most {size}, the size of the training part"
        ):
            draw(kind(share=share), size + 1)
    small = draw(kind(share=0.001), size, length=kind().whole)
    assert len(small.x) == size
    if kind is not Chorales:  # whose starts are random
        assert set(rows(small)) == set(rows(kind(share=0.001).part("train")))


@each_task
def test_two_steps_of_training_run(kind):
    task = kind(share=0.05)
    run = train(
        Config(task, "gru", 3, min(25, LENGTHS[kind]), (0, 1), 2, batch_size=4, evaluate_every=2),
        progress=False,
    )
    assert np.isfinite(run.history[["train_loss", "loss", "score"]].to_numpy()).all()
    assert run.history.score.between(0, 1).all()


# Shares.


def test_count_rounds_up_and_ignores_the_error_of_floating_point():
    assert 0.07 * 100 > 7
    assert [
        count(0.07, 100),
        count(0.1, 210),
        count(0.101, 210),
        count(1e-6, 5),
        count(1.0, 5),
    ] == [7, 21, 22, 1, 5]


def test_shares_are_nested_and_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    before = set()
    for share, sizes in [
        (0.01, [1, 1, 1]),
        (0.1, [5, 3, 2]),
        (0.35, [18, 11, 7]),
        (1.0, [50, 30, 20]),
    ]:
        kept = first_share(np.arange(100), labels, share)
        assert np.bincount(labels[kept]).tolist() == sizes
        assert before < set(kept)
        assert kept.tolist() == sorted(kept)
        before = set(kept)
    assert first_share(np.arange(100), labels, 0.1).tolist() != [
        *range(5),
        50,
        51,
        52,
        80,
        81,
    ]  # a random order


@pytest.mark.parametrize("kind", [Chorales, Watch, PixelDigits, SpokenDigits])
def test_a_share_of_a_task_is_nested_and_is_all_that_is_drawn(kind):
    quarter, half, whole = (kind(share=share).part("train", 20) for share in (0.25, 0.5, 1))
    assert set(rows(quarter)) < set(rows(half)) < set(rows(whole))
    assert len(quarter.x) == pytest.approx(0.25 * len(whole.x), rel=0.1)
    for name in ("valid", "test"):
        assert same(kind(share=0.25).part(name), kind().part(name))
    if kind is not Chorales:
        for step in range(30):
            assert set(rows(draw(kind(share=0.25), 16, step=step, length=20))) <= set(rows(quarter))


def test_shares_keep_the_classes_equal():
    for task, sizes in [(PixelDigits(share=0.01), [4] * 10), (SpokenDigits(share=0.1), [21] * 10)]:
        assert torch.bincount(task.part("train").y[:, 0]).tolist() == sizes


# Chorales.


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
        for x, y in unpadded(draw(Chorales(), 60, step=step, length=10)):
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


# Characters.


def texts(batch):
    symbols = np.array(list(Characters().symbols))
    return [
        "".join(symbols[[*x.argmax(-1).tolist(), y[-1]]])
        for x, y in zip(batch.x, batch.y, strict=True)
    ]


def part_text(first, last):
    return "\n\n".join(
        text for name, text in loaders.speeches().items() if first <= int(name[:4]) <= last
    )


WHOLE = {
    "train": (1790, 1833, 1_117_339),
    "valid": (1834, 1836, 245_920),
    "test": (1837, 1839, 218_814),
}


@pytest.mark.parametrize("name", PARTS)
def test_characters_of_a_part_are_windows_of_its_years_alone(name):
    first, last, size = WHOLE[name]
    text = part_text(first, last)
    assert len(text) == size
    part = Characters().part(name, 100)
    assert (part.x.sum(-1) == 1).all()
    assert torch.equal(part.x[:, 1:].argmax(-1), part.y[:, :-1])
    assert part.mask.all()
    windows, places = texts(part), range(0, size - 100, 100)
    assert len(windows) == 200
    starts = [next(s for s in places if text[s : s + 101] == window) for window in windows]
    assert starts[0] == 0
    assert starts[-1] > size - 201
    gaps = {b - a for a, b in pairwise(starts)}
    assert max(gaps) - min(gaps) <= 100  # evenly spread, none overlaps
    assert min(gaps) >= 100


def test_a_short_part_gives_all_its_windows():
    windows = texts(Characters(share=0.005).part("train", 100))
    assert (
        "".join(window[:-1] for window in windows) == part_text(1790, 1833)[:5500]
    )  # of 5,587 characters


def test_characters_are_drawn_from_the_share_of_the_training_text():
    text = part_text(1790, 1833)
    assert all(
        window in text for step in range(5) for window in texts(draw(Characters(), 64, step=step))
    )
    beginning = text[:11_174]  # 1 %
    windows = [
        window
        for step in range(20)
        for window in texts(draw(Characters(share=0.01), 64, step=step))
    ]
    assert all(window in beginning for window in windows)
    assert max(beginning.find(window) for window in windows) > 10_900
    tiny = texts(draw(Characters(share=1e-6), 200))
    assert {text[:81].find(window) for window in tiny} == set(
        range(41)
    )  # two windows of 40 and one character
    assert len(Characters().symbols) == 87
    assert "&" in Characters().symbols


# Traffic.


def test_traffic_inputs_and_targets_are_those_of_the_docstring():
    frame = loaders.traffic()
    volume, x, y, observed, scale, forecast = frame.traffic_volume.to_numpy(), *hours(12_000, False)
    median = np.array(
        [
            np.nan if t < 672 else safe_median(volume[[t - 168, t - 336, t - 504, t - 672]])
            for t in range(17_520)
        ]
    )
    deviation = volume - median
    np.testing.assert_array_equal(forecast[672:], median[672:])
    train = slice(672, 12_000)
    assert scale == pytest.approx(np.nanstd(deviation[train]))
    level = (median - np.nanmean(median[train])) / np.nanstd(median[train])
    for t in [*range(700, 17_496, 37), *np.flatnonzero(np.isnan(volume))]:
        if not 672 <= t < 17_496:
            continue
        stamp = frame.index[t]
        missing = math.isnan(deviation[t])
        angles = 2 * math.pi * stamp.hour / 24, 2 * math.pi * stamp.weekday() / 7
        wanted = [0 if missing else deviation[t] / scale, not missing, np.nan_to_num(level[t + 24])]
        wanted += [
            math.sin(angles[0]),
            math.sin(angles[1]),
            math.cos(angles[0]),
            math.cos(angles[1]),
        ]
        np.testing.assert_allclose(x[t], wanted, atol=1e-12)
        assert observed[t] == (not math.isnan(deviation[t + 24]))
        assert y[t] == pytest.approx(np.nan_to_num(deviation[t + 24] / scale), abs=1e-12)
    assert Traffic().scale == scale


def safe_median(values):
    known = values[~np.isnan(values)]
    return np.median(known) if len(known) else np.nan


def hours_as_inputs(monkeypatch):
    """Traffic whose input is the number of the hour, all observed."""
    hour = torch.arange(17_520.0)
    monkeypatch.setattr(
        realtasks,
        "_hours",
        lambda *_: (hour[:, None].repeat(1, 7), hour + 24, hour > -1, torch.ones(()), hour),
    )


@pytest.mark.parametrize("length", [25, 72, 168, 1000])
@pytest.mark.parametrize(
    ("name", "first", "end"),
    [("train", 720, 12_000), ("valid", 12_000, 14_000), ("test", 14_000, 17_520)],
)
def test_every_hour_of_a_part_is_scored_once_and_nothing_later_is_seen(
    name, first, end, length, monkeypatch
):
    hours_as_inputs(monkeypatch)
    x, y, mask = Traffic().part(name, length)
    assert y[mask][:, 0].tolist() == list(range(first, end))
    assert (y == x[..., :1] + 24).all()
    assert x.min() >= 672
    assert y.max() < end
    assert not mask[:, :24].any()
    assert (x[:, 1:] - x[:, :-1] == 1).all()


@pytest.mark.parametrize(
    ("share", "first"), [(1, 672), (0.1, 12_000 - 1133), (0.001, 12_000 - 144)]
)
def test_traffic_is_drawn_from_the_share_of_the_training_rows(share, first, monkeypatch):
    hours_as_inputs(monkeypatch)
    drawn = [draw(Traffic(share=share), 500, step=step) for step in range(40)]
    seen = torch.cat([batch.x[..., 0] for batch in drawn])
    assert first <= seen.min() < first + 10
    assert 12_000 - 24 - 10 < seen.max() < 12_000 - 24
    assert max(batch.y.max() for batch in drawn) < 12_000
    part = Traffic(share=share).part("train", 72)
    assert (part.x.min(), part.y.max()) == (first, 11_999)


@pytest.mark.parametrize("row", [12_000, 13_100, 14_000, 15_003])
def test_no_input_and_no_earlier_target_knows_the_future(row, monkeypatch, fresh):
    x, y, observed, scale, _ = hours(12_000, False)
    frame = loaders.traffic()
    frame.iloc[row:, frame.columns.get_loc("traffic_volume")] += (
        np.arange(17_520 - row) % 1000 + 500.0
    )
    monkeypatch.setattr(datasets, "traffic", lambda: frame)
    hours.cache_clear()
    x2, y2, observed2, scale2, _ = hours(12_000, False)
    assert scale == scale2
    assert torch.equal(x[:row], x2[:row])
    assert torch.equal(y[: row - 24], y2[: row - 24])
    assert torch.equal(observed, observed2)
    known = observed[row - 24 : row]
    assert (y[row - 24 : row] != y2[row - 24 : row])[known].all()
    assert x[row, 0] != x2[row, 0]


# Watch and pixels.


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
    monkeypatch.setattr(datasets, "watch", lambda: watch._replace(sequences=moved))
    _motions.cache_clear()
    after = [Watch().part(name).x for name in PARTS]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, False]


def test_a_share_of_the_watch_takes_whole_recordings_of_every_exercise():
    recordings, labels = _motions()[1:3]
    for share, each in [(0.01, 1), (0.25, 3), (0.5, 6)]:
        kept = np.unique(recordings[Watch(share=share)._items("train")])
        assert torch.bincount(labels[kept]).tolist() == [each] * 7
        windows = np.isin(recordings, kept).sum()
        assert len(Watch(share=share).part("train").x) == windows


def test_pixels_are_read_in_pairs_from_left_to_right_and_top_to_bottom():
    pixels, labels = loaders.mnist()
    by_image = {}
    for image, label in zip(pixels[::250].astype(float), labels[::250], strict=True):
        pooled = [
            [image[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() / 255 for c in range(14)]
            for r in range(14)
        ]
        steps = np.array(
            [[pooled[t // 7][2 * (t % 7)], pooled[t // 7][2 * (t % 7) + 1]] for t in range(98)]
        )
        by_image[steps.round(9).tobytes()] = label
    found = 0
    for name, each in zip(PARTS, (350, 50, 100), strict=True):
        part = PixelDigits().part(name)
        assert torch.bincount(part.y[:, 0]).tolist() == [each] * 10
        assert part.x.shape == (10 * each, 98, 2)
        assert 0 <= part.x.min() <= part.x.max() <= 1
        assert part.mask.nonzero()[:, 1].unique().tolist() == [97]
        for x, y in zip(part.x, part.y, strict=True):
            label = by_image.get(x.numpy().round(9).tobytes())
            found += label is not None
            assert label in (None, y[0])
    assert found == len(by_image) == 20
    assert len({row for name in PARTS for row in rows(PixelDigits().part(name))}) == 5000


# References.


def test_references_are_those_that_were_measured():
    assert Chorales().reference() == pytest.approx(10.7118, abs=1e-4)
    assert Characters().reference("test", 1000) / math.log(2) == pytest.approx(4.2856, abs=1e-4)
    traffic = Traffic()
    assert [round(traffic.scale * traffic.reference(name), 1) for name in ("valid", "test")] == [
        285.2,
        196.5,
    ]
    assert Watch().reference() == pytest.approx(1.9331, abs=1e-4)
    assert PixelDigits().reference() == pytest.approx(math.log(10))
    assert SpokenDigits().reference() == pytest.approx(math.log(10))


def test_the_reference_of_the_traffic_is_the_error_of_the_median_forecast():
    volume = loaders.traffic().traffic_volume
    median = pd.concat([volume.shift(hours) for hours in (168, 336, 504, 672)], axis=1).median(
        axis=1
    )
    error = (volume - median).abs().iloc[14_000:].mean()
    for length in (25, 168, 500):
        assert Traffic().scale * Traffic().reference("test", length) == pytest.approx(error)


def test_the_reference_of_the_chorales_is_the_entropy_of_key_frequencies():
    def keys(name):
        return np.concatenate([y.numpy() for _, y in unpadded(Chorales().part(name))])

    p = (keys("train").sum(0) + 1) / (len(keys("train")) + 2)
    nats = -(keys("test") * np.log(p) + (1 - keys("test")) * np.log(1 - p)).sum(1).mean()
    assert Chorales().reference() == pytest.approx(nats)


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


@each_new
def test_a_reference_is_fitted_on_the_share_and_finite(kind):
    whole, little = kind().reference("valid"), kind(share=0.002).reference("valid")
    assert math.isfinite(little)
    assert (whole == little) == (
        kind in (Traffic, PixelDigits)
    )  # deviation 0, equal classes: nothing to fit
    assert whole <= little


def test_tasks_are_compared_by_value():
    assert Traffic() == Traffic(share=1.0) != Traffic(share=0.5)
    assert SpokenDigits(True).shuffled
    with pytest.raises(dataclasses.FrozenInstanceError):
        Watch().share = 0.5


def test_a_tail_is_blank_and_the_answer_is_asked_for_at_its_end():
    plain, waiting = PixelDigits().part("valid"), PixelDigits(tail=5).part("valid")
    assert waiting.x.shape[1] == plain.x.shape[1] + 5
    assert torch.equal(waiting.x[:, :98], plain.x)
    assert not waiting.x[:, 98:].any()
    assert waiting.mask.nonzero()[:, 1].unique().tolist() == [102]
    cut = PixelDigits(tail=5).part("valid", 45)  # the last 5 of the 45 steps are blank
    assert torch.equal(cut.x[:, :40], plain.x[:, :40])
    assert not cut.x[:, 40:].any()
    with pytest.raises(ValueError, match="tail must be a whole number from 0"):
        PixelDigits(tail=-1)
    with pytest.raises(
        ValueError, match="length of PixelDigits must be a whole number from 6 to 103"
    ):
        PixelDigits(tail=5).part("valid", 5)


@pytest.mark.parametrize(("origin", "span"), [(8000, 2000), (12_000, 2000), (14_000, 3520)])
def test_an_origin_moves_all_parts_and_the_scale(origin, span, monkeypatch, fresh):
    task, volume = Traffic(origin=origin, span=span), loaders.traffic().traffic_volume.to_numpy()
    assert [task.rows(part) for part in PARTS] == [
        (672, origin - 2000),
        (origin - 2000, origin),
        (origin, origin + span),
    ]
    assert task.scale == pytest.approx(np.nanstd((volume - task.forecast)[672 : origin - 2000]))
    hours_as_inputs(monkeypatch)
    for part in PARTS:
        _, y, mask = task.part(part, 120)
        first, end = task.rows(part)
        assert y[mask][:, 0].tolist() == list(range(first + 48 * (part == "train"), end))


def test_plain_traffic_knows_no_median():
    task, volume = Traffic(plain=True), loaders.traffic().traffic_volume.to_numpy()
    mean, deviation = np.nanmean(volume[672:12_000]), np.nanstd(volume[672:12_000])
    assert task.forecast[700:] == pytest.approx(mean)
    assert task.scale == pytest.approx(deviation)
    x, y, observed, *_ = task._data
    known = observed[:-24].numpy() & (np.arange(17_496) >= 672)
    np.testing.assert_allclose(
        y[:-24].numpy()[known], ((volume[24:] - mean) / deviation)[known], atol=1e-12
    )
    assert x[700:, 2].abs().max() < 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plain": 1}, "plain must be True or False"),
        ({"origin": 4000}, "origin must be a whole number from 4672"),
        ({"origin": 17_000}, "span must be a whole number from 24 to 520, not 3520"),
        ({"span": 23}, "span must be a whole number from 24"),
    ],
)
def test_wrong_origins_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Traffic(**options)


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
