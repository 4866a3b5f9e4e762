"""Streams and learning on them: what a forecast may know, the simple forecasts, and the streams
themselves.
"""

import numpy as np
import pytest
import torch

from gatedrnn import reproducible
from gatedrnn.data import loaders
from gatedrnn.layers import initialise
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.tasks import streams
from gatedrnn.tasks.streams import PART, WARM
from gatedrnn.training import online
from gatedrnn.training.online import WINDOW


@pytest.fixture(autouse=True)
def _double():
    reproducible()


@pytest.mark.parametrize(
    ("name", "shape"), [("switching", (4000, 1)), ("mackey-glass", (4000, 1)), ("arm", (4200, 6))]
)
def test_streams_are_scaled_by_their_beginning_alone_and_differ_by_seed(name, shape):
    stream = streams.STREAMS[name](1)
    assert stream.shape == shape
    assert torch.allclose(stream[:WARM].mean(0), torch.zeros(shape[1]).double(), atol=1e-9)
    assert torch.allclose(stream[:WARM].std(0, correction=0), torch.ones(shape[1]).double())
    assert torch.equal(stream, streams.STREAMS[name](1))
    assert not torch.equal(stream, streams.STREAMS[name](2))
    assert stream.isfinite().all()


def test_the_arm_is_the_subject_of_the_seed_and_another_recording_for_tuning():
    watch = loaders.watch()
    recordings = [
        watch.sequences[k][::2] for k in np.flatnonzero((watch.subjects == 4) & (watch.labels == 2))
    ]
    for seed, recording in ((3, recordings[0]), (103, recordings[1])):
        part = streams.arm(seed)[1200:1800].numpy()
        wanted = np.resize(recording, (600, 6))
        slope = np.corrcoef(part.ravel(order="F")[:600], wanted[:, 0])[0, 1]
        assert slope == pytest.approx(1, abs=1e-9)


def test_the_switching_series_obeys_its_coefficients():
    x = streams.switching(0)[:, 0].numpy()
    for k, (a, b) in enumerate(((1.6, -0.8), (-0.6, 0.3), (0.2, -0.9), (1.2, -0.4))):
        part = x[k * PART + 3 : (k + 1) * PART]
        lags = np.stack(
            [
                x[k * PART + 2 : (k + 1) * PART - 1],
                x[k * PART + 1 : (k + 1) * PART - 2],
                np.ones(997),
            ],
            1,
        )
        fitted = np.linalg.lstsq(lags, part, rcond=None)[0]
        np.testing.assert_allclose(fitted[:2], [a, b], atol=0.12)


def short(name="switching", seeds=(0, 1), samples=WARM + 60):
    return torch.stack([streams.STREAMS[name](seed)[:samples] for seed in seeds])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_no_forecast_knows_what_comes(cell):
    stream = short()
    errors = online.learn(stream, cell, 5, 0.01, (0, 1))
    changed = stream.clone()
    changed[:, WARM + 30 :] += 3.0
    other = online.learn(changed, cell, 5, 0.01, (0, 1))
    assert torch.equal(errors[:, :30], other[:, :30])
    assert (errors[:, 30] != other[:, 30]).all()


def test_seeds_together_are_each_alone():
    stream = short()
    both = online.learn(stream, "gru", 5, 0.01, (0, 1))
    alone = online.learn(stream[1:], "gru", 5, 0.01, (1,))
    assert torch.allclose(both[1:], alone, atol=1e-12)


def test_it_learns_and_without_learning_it_does_not():
    stream = short(samples=WARM + 600)
    learned, fixed = (online.learn(stream, "lstm", 8, rate, (0, 1)) for rate in (0.01, 1e-30))
    assert (learned[:, -200:].mean(1) < 0.8 * fixed[:, -200:].mean(1)).all()


def test_persistence_by_hand():
    stream = torch.arange(WARM + 5.0).double()[:, None] ** 2
    wanted = [(2 * t - 1) ** 2 for t in range(WARM, WARM + 5)]
    assert online.persistence(stream).tolist() == wanted


def test_recursive_least_squares_is_weighted_least_squares():
    """Each forecast is that of the weighted ridge regression on everything before it, computed in
    one go.
    """
    stream, forget = streams.switching(0)[: WARM + 3], 0.99
    found, x = online.least_squares(stream, forget), stream[:, 0].numpy()
    for t in range(WARM, WARM + 3):
        rows = np.stack([np.append(x[k - WINDOW : k], 1.0) for k in range(WINDOW, t)])
        weight = forget ** np.arange(t - WINDOW)[::-1]
        prior = 0.1 * forget ** (t - WINDOW) * np.eye(WINDOW + 1)
        w = np.linalg.solve((rows.T * weight) @ rows + prior, (rows.T * weight) @ x[WINDOW:t])
        error = (x[t] - np.append(x[t - WINDOW : t], 1.0) @ w) ** 2
        assert found[t - WARM].item() == pytest.approx(error, rel=1e-6)


def test_on_white_noise_nothing_beats_the_mean():
    """The leak test: there is no skill where there is none to have."""
    noise = torch.randn(1, 1500, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for errors in (
        online.learn(noise, "gru", 8, 0.003, (0,))[0],
        online.least_squares(noise[0], 0.999),
    ):
        assert errors[-1000:].mean() > 0.97 * noise[0, -1000:].square().mean()


def test_mackey_glass_is_its_equation():
    x, n = np.zeros(400 + 30 * 2 * PART), 400
    x[:n] = 1.2 + 0.1 * np.random.default_rng(5).standard_normal(n)
    for k in range(n, len(x)):
        old = x[k - 1 - 10 * (17, 23)[(k - n) // 30 // PART]]
        x[k] = x[k - 1] + 0.1 * (0.2 * old / (1 + old**10) - 0.1 * x[k - 1])
    wanted = x[n + 29 :: 30]
    wanted = (wanted - wanted[:WARM].mean()) / wanted[:WARM].std()
    np.testing.assert_allclose(streams.mackey_glass(5, 2 * PART)[:, 0], wanted, atol=1e-9)


def test_one_step_of_learning_by_hand():
    stream, rate = streams.STREAMS["switching"](0)[None, : WARM + 2], 0.01
    found = online.learn(stream, "gru", 5, rate, (0,))[0]
    model, own = SequenceModel("gru", 1, 5, 1, seeds=1), initialise.per_seed((0,))
    initialise.uniform(model.recurrent, own)
    model.initialise_readout(own)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for t in (WARM, WARM + 1):
        change = model(stream[:, None, t - 20 : t])[0][0, 0, -1]
        error = (stream[0, t - 1] + change - stream[0, t]).square().mean()
        assert found[t - WARM].item() == pytest.approx(error.item(), rel=1e-12)
        optimiser.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_forecast_does_not_depend_on_the_sample_it_forecasts(cell):
    """The error of sample t is (f - x)^2; with x + 3 it is (f - x - 3)^2. From both follows f - x,
    if f is the same.
    """
    stream = torch.stack([streams.STREAMS["switching"](seed)[: WARM + 40] for seed in (0, 1)])
    changed = stream.clone()
    changed[:, WARM + 30] += 3.0
    a, b = (online.learn(x, cell, 5, 0.01, (0, 1))[:, 30] for x in (stream, changed))
    assert torch.allclose(a, ((a - b + 9) / 6) ** 2, rtol=1e-6)


def test_bad_input_is_refused():
    with pytest.raises(
        ValueError, match="seed of arm must be from 0 to 9, or from 100 to 109, not 10"
    ):
        streams.arm(10)
    with pytest.raises(ValueError, match="streams must have more than 200 samples, not 200"):
        online.learn(torch.zeros(1, 200, 1), "gru", 4, 0.01, (0,))


# A state that is carried along.


def carried_errors(stream, seeds=(3,), **options):
    streams_of_all = stream.expand(len(seeds), *stream.shape)
    return online.learn_carried(streams_of_all, "gru", 5, 0.01, seeds, **options)


def short_stream():
    return streams.switching(1)[: WARM + 40]


def test_a_carried_forecast_knows_all_samples_before_and_none_after():
    stream = short_stream()
    errors = carried_errors(stream)
    later = stream.clone()
    later[WARM + 20] += 1
    changed = carried_errors(later)
    assert torch.equal(errors[:, :20], changed[:, :20])
    assert not torch.equal(errors[:, 20:21], changed[:, 20:21])
    earlier = stream.clone()
    earlier[WARM - 2 * WINDOW] += 1  # further back than any window
    assert not torch.equal(errors[:, :1], carried_errors(earlier)[:, :1])


def test_carried_nets_learn_alone_as_they_do_together():
    stream = short_stream()
    together = carried_errors(stream, (3, 4), bias="chrono")
    for place, seed in enumerate((3, 4)):
        alone = carried_errors(stream, (seed,), bias="chrono")
        torch.testing.assert_close(together[place : place + 1], alone)


def test_a_carried_net_learns_the_last_change_of_a_straight_line():
    line = torch.linspace(-1, 6, WARM + 400).double()[:, None]
    errors = carried_errors(line)
    assert errors[0, -50:].mean() < 0.1 * errors[0, :10].mean()


def test_a_carried_stream_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="more than 200 samples"):
        carried_errors(streams.switching(1)[:WARM])
