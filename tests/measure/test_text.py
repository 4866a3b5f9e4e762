"""The character model on a whole text: carried state, bits, context, and the n-gram reference."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.measure import ngrams, text
from gatedrnn.tasks import real
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.real import text as text_task
from gatedrnn.tasks.real.text import EVALUATED, Characters, part
from gatedrnn.training.train import Config, train, training_batch


def model(cell="lstm", seeds=2):
    torch.manual_seed(0)
    return SequenceModel(cell, 87, 6, 87, seeds=seeds).double()


def test_a_stream_reads_on_where_the_last_batch_ended():
    task, train_text = real.CarriedText(), part("train")
    batches = [task.stream(generator(3, 0), 4, 50, step) for step in range(4)]
    for earlier, later in zip(batches, batches[1:], strict=False):
        assert torch.equal(earlier.y[:, -1], later.x[:, 0].argmax(-1))
    joined = torch.cat([batch.y for batch in batches], 1)
    whole = train_text.repeat(2).numpy().tobytes()
    assert all(reader.numpy().tobytes() in whole for reader in joined)
    other = task.stream(generator(4, 0), 4, 50, 0)
    assert not torch.equal(other.y, batches[0].y)


def test_a_reader_goes_on_at_the_beginning_of_the_text():
    task = real.CarriedText()
    n = len(part("train"))
    around = task.stream(generator(0, 0), 1, 100, math.ceil(n / 100))
    first = task.stream(generator(0, 0), 1, 100, 0)
    shift = 100 * math.ceil(n / 100) - n
    assert torch.equal(around.y[0, : 100 - shift], first.y[0, shift:])


def test_the_validation_is_the_same_whatever_the_length():
    task = real.CarriedText()
    assert torch.equal(task.part("valid", 10).x, task.part("valid", 100).x)
    assert task.part("valid", 10).y.shape == EVALUATED


def test_shuffled_text_has_the_same_characters():
    plain, mixed = real.CarriedText(), real.CarriedText(shuffled=True)
    for name in ("train", "valid"):
        a, b = (task._text(name, 100) for task in (plain, mixed))
        assert torch.equal(a.sort()[0], b.sort()[0])
        assert (a == b).double().mean() < 0.1


@dataclass(frozen=True)
class Reset(real.CarriedText):
    """The same batches, but nothing is carried."""

    carried = False

    def batch(self, generator_, B, length):
        step = Reset.step
        Reset.step += 1
        return self.stream(generator(0, 0), B, length, step)


def config(task, cell, steps=6):
    return Config(task, cell, 6, 20, (0, 1), steps, batch_size=4, evaluate_every=2)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_training_carries_the_state_and_cuts_the_gradient(cell, monkeypatch):
    """By hand with one long pass: the values of step k are those of reading everything before it
    with the weights of then; here without learning, so that the weights stay, the loss of each step
    is that of the whole in one go.
    """
    monkeypatch.setattr(text_task, "EVALUATED", (2, 50))
    c = replace(config(real.CarriedText(restart=0), cell), learning_rate=1e-30, evaluate_every=1)
    history = train(c, progress=False).history
    parts = [training_batch(c, step) for step in range(7)]
    x, y = (torch.cat([getattr(part, name) for part in parts], 2) for name in ("x", "y"))
    from gatedrnn.training.train import build

    with torch.no_grad():
        logits = build(c)(x)[0]
    losses = F.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="none").view(y.shape)
    for s in (0, 1):
        by_step = losses[s].mean(0).view(7, 20).mean(1)
        np.testing.assert_allclose(history[history.seed == s].train_loss, by_step, rtol=1e-9)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_carried_run_resumes_bit_for_bit(cell, tmp_path, monkeypatch):
    monkeypatch.setattr(text_task, "EVALUATED", (2, 50))
    whole = train(config(real.CarriedText(), cell), progress=False)
    train(config(real.CarriedText(), cell, steps=4), tmp_path / "run.pt", progress=False)
    resumed = train(config(real.CarriedText(), cell), tmp_path / "run.pt", progress=False)
    assert resumed.history.equals(whole.history)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_nats_is_the_loss_of_reading_on(monkeypatch):
    some, net = part("test")[:2001], model()
    found = text.nats(net, some, readers=4, chunk=130)
    x, y = some[:2000].view(4, 500), some[1:].view(4, 500)
    with torch.no_grad():
        logits = net(F.one_hot(x, 87).double())[0]
    wanted = torch.stack([F.cross_entropy(one.flatten(0, -2), y.flatten()) for one in logits])
    assert torch.allclose(found, wanted, atol=1e-10)


def test_loss_by_context_by_hand():
    some, net = part("test")[:400], model()
    found = text.by_context(net, some, [1, 5, 30], positions=7, at_once=3)
    places = torch.linspace(30, 399, 7).long()
    for j, k in enumerate([1, 5, 30]):
        with torch.no_grad():
            losses = [
                F.cross_entropy(
                    net(F.one_hot(some[p - k : p], 87).double()[None])[0][:, 0, -1],
                    some[p].expand(2),
                    reduction="none",
                )
                for p in places
            ]
        assert torch.allclose(found[:, j], torch.stack(losses).mean(0), atol=1e-10)


def test_shuffling_keeps_the_last_characters_and_the_counts():
    some, net = part("test")[:400], model()
    plain = text.by_context(net, some, [30], positions=7)
    mixed = text.by_context(net, some, [30, 5, 30], positions=7, shuffled=True)
    assert torch.equal(mixed[:, :1], plain)  # nothing is left to shuffle
    assert torch.equal(mixed[:, 2], mixed[:, 0])
    assert not torch.allclose(mixed[:, 1], plain[:, 0])


def test_shuffled_windows_are_permutations(monkeypatch):
    seen = []

    class Spy:
        V, a = torch.zeros(1, 87, 2), torch.zeros(1, 87)

        def recurrent(self, x):
            seen.append(x[0].argmax(-1))
            return torch.zeros(*x.shape[:3], 2), None

    some = part("test")[:400]
    text.by_context(Spy(), some, [4, 30], positions=7, shuffled=True, at_once=7)
    mixed, whole = seen
    assert torch.equal(mixed[:, -4:], whole[:, -4:])
    assert torch.equal(mixed.sort(1)[0], whole.sort(1)[0])
    assert not torch.equal(mixed, whole)


def plain_witten_bell(train_text, test_text, longest):
    """The docstring of ``witten_bell`` in plain Python."""
    after = defaultdict(Counter)
    for n in range(longest):
        for t in range(n, len(train_text)):
            after[tuple(train_text[t - n : t])][train_text[t]] += 1
    history, bits = train_text[len(train_text) - longest + 1 :], np.zeros(longest)
    line = [*history, *test_text]
    for t in range(len(history), len(line)):
        p = 1 / 87
        for n in range(longest):
            seen = after.get(tuple(line[t - n : t]), Counter())
            total = sum(seen.values())
            if total:
                p = (seen[line[t]] + len(seen) * p) / (total + len(seen))
            bits[n] -= math.log2(p)
    return bits / len(test_text)


def test_witten_bell_is_its_docstring():
    train_text, test_text = part("train")[:3000], part("test")[:200]
    found = ngrams.witten_bell(train_text, test_text, 4)
    np.testing.assert_allclose(
        found, plain_witten_bell(train_text.tolist(), test_text.tolist(), 4), rtol=1e-12
    )


def test_witten_bell_on_the_messages():
    """Measured once with another program; the reference of the chapter."""
    found = ngrams.witten_bell(part("train"), part("test"), 7)
    np.testing.assert_allclose(found, [4.285, 3.344, 2.581, 1.962, 1.668, 1.593, 1.618], atol=5e-4)


def test_probabilities_of_an_n_gram_add_up_to_one():
    train_text = part("train")[:2000]
    total = 0.0
    for c in range(87):
        total += 2 ** -ngrams.witten_bell(train_text, torch.tensor([c]), 3)[2]
    assert total == pytest.approx(1, abs=1e-9)


def test_the_parts_are_those_of_the_characters():
    assert "".join(Characters().symbols[c] for c in part("test")[:12].tolist()).isprintable()
    assert [len(part(name)) for name in ("train", "valid", "test")] == [1_117_339, 245_920, 218_814]


def test_the_readers_start_evenly_spaced():
    whole, batch = part("train"), real.CarriedText().stream(generator(3, 0), 4, 100, 0)
    line = "".join(map(chr, whole.tolist()))
    starts = [line.find("".join(map(chr, y.tolist()))) for y in batch.y]
    assert min(starts) >= 0
    assert [(b - a) % len(whole) for a, b in zip(starts, starts[1:], strict=False)] == [
        len(whole) // 4
    ] * 3


def test_the_validation_windows_are_spread_over_the_whole_part():
    line = "".join(map(chr, part("valid").tolist()))
    starts = [
        line.find("".join(map(chr, y.tolist()))) - 1 for y in real.CarriedText().part("valid").y
    ]
    assert starts[0] == 0
    assert len(line) - starts[-1] - 1001 < 25
    assert len({b - a for a, b in zip(starts, starts[1:], strict=False)}) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: real.CarriedText(shuffled="no"), "shuffled must be True or False, not 'no'"),
        (lambda t: real.CarriedText(share=0), "share must be a number above 0"),
        (lambda t: t.stream(None, 4, 50, 0), r"generator must be a torch\.Generator"),
        (lambda t: t.stream(generator(0, 0), 0, 50, 0), "batch_size must be a whole number from 1"),
        (
            lambda t: t.stream(generator(0, 0), 4, 0, 0),
            "length of CarriedText must be a whole number from 1 to 10000",
        ),
        (lambda t: t.stream(generator(0, 0), 4, 50, -1), "step must be a whole number from 0"),
        (lambda t: t.part("dev"), "part must be one of train, valid, test, not 'dev'"),
        (lambda t: part("dev"), "part must be one of train, valid, test, not 'dev'"),
        (
            lambda t: ngrams.witten_bell(torch.arange(80), torch.arange(80), 10),
            "longest must be a whole number from 1 to 9",
        ),
        (
            lambda t: ngrams.witten_bell(torch.arange(3), torch.arange(80), 5),
            "longest must be a whole number from 1 to 3",
        ),
        (
            lambda t: text.by_context(model(), torch.arange(30), [5, 30]),
            "longer than the longest context, 30 characters",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(real.CarriedText())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_restart_empties_the_state_of_a_reader_and_of_no_other(cell, monkeypatch):
    monkeypatch.setattr(text_task, "EVALUATED", (2, 50))
    seen, plain = [], SequenceModel.forward

    def watch(self, x, state=None, factors=None):
        if state is not None:
            seen.append(
                torch.stack(state if isinstance(state, tuple) else (state,)).abs().sum((0, -1)) == 0
            )
        return plain(self, x, state, factors)

    monkeypatch.setattr(SequenceModel, "forward", watch)
    for chance, low, high in ((0, 0, 0), (0.5, 0.35, 0.65), (1, 1, 1)):
        seen.clear()
        c = replace(config(real.CarriedText(restart=chance), cell, steps=20), batch_size=8)
        train(c, progress=False)
        assert low <= torch.stack(seen).double().mean() <= high
    with pytest.raises(ValueError, match="restart must be a number from 0 to 1, not 2"):
        real.CarriedText(restart=2)
