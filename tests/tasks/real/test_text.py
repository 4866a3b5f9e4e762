"""Text: windows of the years of a part, shares, and the streams of those who read on."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from gatedrnn import tasks
from gatedrnn.data import loaders
from gatedrnn.tasks.base import Batch
from gatedrnn.tasks.real.base import PARTS
from gatedrnn.tasks.real.text import (
    APART,
    ASK,
    EVALUATED,
    KEPT,
    MARK,
    CarriedText,
    Characters,
    PlantedText,
    part,
    planted,
)
from gatedrnn.training.train import Config, training_batch


def draw(task, size, step=0, length=40):
    return task.batch(tasks.generator(0, step), size, length)


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
    batch = Characters().part(name, 100)
    assert (batch.x.sum(-1) == 1).all()
    assert torch.equal(batch.x[:, 1:].argmax(-1), batch.y[:, :-1])
    assert batch.mask.all()
    windows, places = texts(batch), range(0, size - 100, 100)
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


def test_the_constant_answer_counts_the_symbols_of_the_share():
    text = part_text(1790, 1833)[:11_174]
    symbols = Characters().symbols
    wanted = [(text.count(symbol) + 1) / (11_174 + 87) for symbol in symbols]
    assert Characters(share=0.01).constant().exp().tolist() == pytest.approx(wanted)


# Those who read on.

READERS = 4
LENGTH = 50


def joined(batches):
    """What each reader is asked for in successive batches, one after the other, (B, N)."""
    for earlier, later in pairwise(batches):
        assert torch.equal(earlier.y[:, -1], later.x[:, 0].argmax(-1))
    return torch.cat([batch.y for batch in batches], 1)


@pytest.mark.parametrize("shuffled", [False, True])
def test_successive_batches_of_a_stream_join_end_to_end(shuffled):
    task = CarriedText(shuffled=shuffled)
    batches = [task.stream(tasks.generator(3, 0), READERS, LENGTH, step) for step in range(30)]
    read = joined(batches)
    whole = task._text("train", LENGTH)
    endless = torch.cat([whole, whole]).numpy().tobytes()
    starts = [endless.find(reader.numpy().tobytes()) // 8 for reader in read]
    assert min(starts) >= 0
    apart = [(later - earlier) % len(whole) for earlier, later in pairwise(starts)]
    assert apart == [len(whole) // READERS] * (READERS - 1)


def test_a_training_reads_on_in_its_stream_and_every_seed_in_its_own():
    config = Config(CarriedText(), "gru", 3, LENGTH, (0, 1), 30, READERS, evaluate_every=30)
    batches = [training_batch(config, step) for step in range(30)]
    read = [joined([Batch(x[s], y[s], m[s]) for x, y, m in batches]) for s in range(2)]
    endless = part("train").repeat(2).numpy().tobytes()
    for reader in torch.cat(read):
        assert reader.numpy().tobytes() in endless
    assert not torch.equal(read[0], read[1])


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_a_carried_text_are_25_windows_over_its_own_text(name):
    batch = CarriedText().part(name)
    whole = part_text(*WHOLE[name][:2])
    assert batch.y.shape == EVALUATED == (25, 1000)
    starts = [whole.find(window) for window in texts(batch)]
    assert starts[0] == 0
    assert starts[-1] > len(whole) - 1030  # to the end of the part
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert min(gaps) == max(gaps)
    assert min(starts) >= 0


@pytest.mark.parametrize("restart", [-0.1, 1.1, "1", None], ids=repr)
def test_what_is_no_chance_of_a_restart_is_refused(restart):
    with pytest.raises(ValueError, match="restart must be a number from 0 to 1, not"):
        CarriedText(restart=restart)


def test_a_stream_refuses_wrong_arguments():
    task, draws = CarriedText(), tasks.generator(0, 0)
    with pytest.raises(ValueError, match=r"generator must be a torch\.Generator"):
        task.stream(None, 4, 50, 0)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1"):
        task.stream(draws, 0, 50, 0)
    with pytest.raises(ValueError, match="length of CarriedText must be a whole number from 1"):
        task.stream(draws, 4, 0, 0)
    with pytest.raises(ValueError, match="step must be a whole number from 0"):
        task.stream(draws, 4, 50, -1)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_order_control_is_shuffled(name):
    whole = part_text(*WHOLE[name][:2])
    assert not any(window[:50] in whole for window in texts(CarriedText(shuffled=True).part(name)))


# A text with planted dependencies.


@pytest.mark.parametrize("name", PARTS)
def test_each_question_is_answered_by_the_character_after_its_mark(name):
    symbols = np.array(list(Characters().symbols))
    text, before = symbols[planted(name)], symbols[part(name)]
    own = {symbol: set(np.flatnonzero(before == symbol)) for symbol in (MARK, ASK)}
    marks = [k for k in np.flatnonzero(text == MARK) if k not in own[MARK]]
    asks = [k for k in np.flatnonzero(text == ASK) if k not in own[ASK]]
    assert len(marks) == len(asks) > len(text) / (max(APART) + 2)
    distances = np.subtract(asks, marks)
    assert (distances.min(), distances.max()) == APART
    answers = text[np.add(asks, 1)]
    assert (answers == text[np.add(marks, 1)]).all()
    assert set(answers) == set(KEPT)
    changed = np.flatnonzero(text != before)
    written = {k + side for k in (*marks, *asks) for side in (0, 1)}
    assert set(changed) <= written


def test_the_planted_stream_is_that_text():
    batches = [PlantedText().stream(tasks.generator(3, 0), 1, LENGTH, step) for step in range(4)]
    read = joined(batches)[0].numpy().tobytes()
    whole = planted("train")
    assert torch.cat([whole, whole]).numpy().tobytes().find(read) >= 0
