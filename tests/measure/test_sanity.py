"""Every probe is 0 for the right program and far from 0 for the wrong one."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatedrnn import GRU, LSTM
from gatedrnn.measure import sanity

B, T, INPUTS, H = 4, 7, 3, 5
LENGTHS = [7, 3, 5, 1]
NEAR, FAR = 1e-12, 1e-2


@pytest.fixture
def x():
    return torch.randn(B, T, INPUTS)


def one(kind=nn.GRU, **options):
    return kind(INPUTS, H, batch_first=True, **options)


def packed(layer, x):
    return layer(
        nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    )[1]


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_samples_talk_when_batch_first_is_forgotten(kind, x):
    right, wrong = one(kind), kind(INPUTS, H)
    assert sanity.samples_independent(lambda x: right(x)[0], x) < NEAR
    assert sanity.samples_independent(lambda x: wrong(x)[0], x) > FAR
    assert sanity.samples_independent(lambda x: wrong(x)[0], x.transpose(0, 1), batch_axis=1) < NEAR


def test_samples_talk_through_a_reshape_a_missing_axis_and_a_carried_state(x):
    time_first, carrying = nn.GRU(INPUTS, H), one()

    def transposed(x):
        return time_first(x.transpose(0, 1))[0].transpose(0, 1)

    def reshaped(x):
        return time_first(x.reshape(T, B, INPUTS))[0].reshape(B, T, H)

    assert sanity.samples_independent(transposed, x) < NEAR
    assert sanity.samples_independent(reshaped, x) > FAR

    series, as_features, univariate = x[..., 0], nn.GRU(T, H), nn.GRU(1, H, batch_first=True)
    assert sanity.samples_independent(lambda x: univariate(x[..., None])[0][:, -1], series) < NEAR
    assert sanity.samples_independent(lambda x: as_features(x)[0], series) > FAR

    def in_batches(x, carry):
        outputs, state = [], None
        for batch in x.split(2):
            output, state = carrying(batch, state if carry else None)
            outputs.append(output)
        return torch.cat(outputs)

    assert sanity.samples_independent(lambda x: in_batches(x, carry=False), x) < NEAR
    assert sanity.samples_independent(lambda x: in_batches(x, carry=True), x) > FAR


def test_batch_statistics_couple_samples_in_training_only(x):
    norm = nn.BatchNorm1d(INPUTS)

    def call(x):
        return norm(x.mT).mT

    assert sanity.samples_independent(call, x) > FAR
    norm.eval()
    assert sanity.samples_independent(call, x) < NEAR


def test_a_single_sample_is_refused(x):
    with pytest.raises(ValueError, match=r"axis 0 of \(1, 7, 3\) has length 1"):
        sanity.samples_independent(lambda x: x, x[:1])


def test_padding_is_read_by_the_last_column_and_by_the_backward_half(x):
    layer, both, last = one(), one(bidirectional=True), torch.tensor(LENGTHS) - 1
    assert sanity.ignores_padding(lambda x: layer(x)[0][range(B), last], x, LENGTHS) < NEAR
    assert sanity.ignores_padding(lambda x: packed(layer, x), x, LENGTHS) < NEAR
    assert sanity.ignores_padding(lambda x: layer(x)[0][:, -1], x, LENGTHS) > FAR
    one_too_far = (last + 1).clamp(max=T - 1)  # reads the first step of the padding and no other
    assert sanity.ignores_padding(lambda x: layer(x)[0][range(B), one_too_far], x, LENGTHS) > FAR
    assert sanity.ignores_padding(lambda x: packed(both, x), x, LENGTHS) < NEAR
    assert sanity.ignores_padding(lambda x: both(x)[0][range(B), last], x, LENGTHS) > FAR


def test_padding_counted_in_a_score(x):
    real = torch.arange(T) < torch.tensor(LENGTHS)[:, None]
    target = torch.randint(0, INPUTS, (B, T))

    def hits(x):
        return (x.argmax(-1) == target).double()

    assert sanity.ignores_padding(lambda x: hits(x)[real].mean(), x, LENGTHS) < NEAR
    assert sanity.ignores_padding(lambda x: hits(x).mean(), x, LENGTHS) > FAR


def test_outputs_that_know_the_future(x):
    forward, both = one(), one(bidirectional=True)
    for step in range(1, T):
        assert sanity.causal(lambda x: forward(x)[0], x, step) < NEAR
        assert sanity.causal(lambda x: both(x)[0], x, step) > FAR
        assert (
            sanity.causal(lambda x: x - x.mean(1, keepdim=True), x, step) > FAR
        )  # a scaler fitted on everything


def test_what_differs_from_call_to_call(x):
    layer, deep, drop = one(), one(num_layers=2, dropout=0.5), nn.Dropout(0.5)
    assert sanity.repeats(lambda x: layer(x)[0], x) == 0
    assert sanity.repeats(lambda x: layer(x, torch.randn(1, B, H))[0], x) > FAR
    assert sanity.repeats(drop, x) > FAR
    assert sanity.repeats(drop.eval(), x) == 0
    assert sanity.repeats(lambda x: deep(x)[0], x) > FAR
    with pytest.warns(UserWarning, match="dropout"):
        shallow = one(dropout=0.5)
    assert shallow.training
    assert (
        sanity.repeats(lambda x: shallow(x)[0], x) == 0
    )  # the argument does nothing with one layer


@pytest.mark.parametrize("split", range(1, T))
@pytest.mark.parametrize(
    "make", [lambda: one(nn.LSTM), one, lambda: LSTM(INPUTS, H), lambda: GRU(INPUTS, H)]
)
def test_chunked_equals_whole(make, split, x):
    layer = make()
    assert sanity.chunked_equals_whole(layer, x, split) < NEAR
    assert (
        sanity.chunked_equals_whole(lambda x, state: layer(x), x, split) > FAR
    )  # the state is dropped


def test_unread_steps(x):
    layer, both = one(), one(bidirectional=True)
    assert sanity.unread_steps(lambda x: layer(x)[0][:, -1], x) == 0
    assert sanity.unread_steps(lambda x: layer(x)[0][:, 2], x) == T - 3
    assert sanity.unread_steps(lambda x: both(x)[1][-1], x) == 0
    assert sanity.unread_steps(lambda x: both(x)[0][:, 0, H:], x) == 0
    assert sanity.unread_steps(lambda x: both(x)[0][:, -1, H:], x) == T - 1
    assert (
        sanity.unread_steps(lambda x: layer(x[:, 3:], layer(x[:, :3])[1].detach())[0][:, -1], x)
        == 3
    )
    assert sanity.unread_steps(lambda x: packed(layer, x), x) == 0  # one sample reads every step
    assert (
        sanity.unread_steps(lambda x: torch.stack([x.sum(1), -x.sum(1)]), x) == 0
    )  # gradients that could cancel


def test_perfect_loss():
    classes = T  # the case that says nothing: as many steps as classes
    target = torch.randint(0, classes, (B, T))

    def flat(logits, target):
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())

    assert sanity.perfect_loss(flat, target, classes) < NEAR
    assert (
        sanity.perfect_loss(
            lambda logits, target: F.cross_entropy(logits.mT, target), target, classes
        )
        < NEAR
    )
    assert sanity.perfect_loss(F.cross_entropy, target, classes) > 1


@pytest.mark.parametrize("shape", [(B, T, INPUTS), (32, 50, 8)])
def test_an_input_from_the_same_seed_is_still_changed(shape):
    for draw in (torch.randn, torch.rand, torch.zeros):
        torch.manual_seed(0)  # what draws the probe's own noise
        x = draw(shape)
        assert sanity.samples_independent(lambda x: x.cumsum(0), x) > FAR
        assert sanity.ignores_padding(lambda x: x.sum(1), x, [1] * shape[0]) > FAR
        assert sanity.causal(lambda x: x.flip(1), x, 1) > FAR


def test_probes_leave_the_input_and_the_global_generator_alone(x):
    before, state = x.clone(), torch.random.get_rng_state()
    sanity.samples_independent(lambda x: x, x)
    sanity.ignores_padding(lambda x: x, x, LENGTHS)
    sanity.causal(lambda x: x, x, 2)
    sanity.unread_steps(lambda x: x, x)
    assert torch.equal(x, before)
    assert not x.requires_grad
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_largest_movement_is_returned(x):
    """A leak into one number of many must not be averaged away."""

    def leak(x):
        return torch.cat([x[:1], x[:1, :, :1].expand(B - 1, T, INPUTS)])

    def among_zeros(x):
        return F.pad(leak(x), (0, 1000))

    assert sanity.samples_independent(among_zeros, x) == sanity.samples_independent(leak, x) > FAR
