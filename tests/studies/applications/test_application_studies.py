"""The studies of applications: what they measure is what they say; streams and latencies are stored in full."""

import json
import os

import numpy as np
import psutil
import pytest
import torch

from gatedrnn import reproducible, results, sweep
from gatedrnn.data import loaders
from gatedrnn.layers.sequence_model import SequenceModel
from gatedrnn.studies.applications import forecasting, language, latency, strings
from gatedrnn.studies.applications import online as online_study
from gatedrnn.studies.applications import quantisation as devices
from gatedrnn.tasks import streams
from gatedrnn.tasks.real.traffic import Traffic
from gatedrnn.training.train import build


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def stored(study):
    name = study.__name__.rpartition(".")[2]
    return results.Store(results.folder() / f"{name}.csv", study.KEYS, [*study.COLUMNS, "error"])


@pytest.mark.parametrize(
    "study", [online_study, latency], ids=lambda s: s.__name__.rpartition(".")[2]
)
def test_every_run_is_stored_once_and_none_failed(study):
    store = stored(study)
    asked = [run for phase in study.PHASES for config in phase(store) for run in sweep.runs(config)]
    assert all(run in store for run in asked)
    assert len(store.rows()) == len(asked)
    assert store.rows()["error"].isna().all()


def test_a_stored_stream_comes_out_the_same_again(monkeypatch):
    store = stored(online_study)
    calls = [call for phase in online_study.PHASES for call in phase(store)]
    call = calls[np.random.default_rng().integers(len(calls))]
    make = streams.STREAMS[call["stream"]]
    monkeypatch.setitem(
        streams.STREAMS, call["stream"], lambda seed: make(seed)[: streams.WARM + 100]
    )
    rows = store.rows()
    for row in online_study.measure(call):
        mine = rows[np.logical_and.reduce([rows[key] == row[key] for key in online_study.KEYS])]
        np.testing.assert_allclose(
            json.loads(row["blocks"]), json.loads(mine.blocks.item())[:2], rtol=0.02, atol=1e-4
        )


def test_blocks_add_up_to_the_error():
    for row in stored(online_study).rows().itertuples():
        assert np.mean(json.loads(row.blocks)) == pytest.approx(row.mse, rel=1e-3)
        assert row.log_mse == pytest.approx(np.log(row.mse))


def test_percentiles_of_a_latency_are_in_order():
    rows = stored(latency).rows()
    for cell in ("lstm", "gru"):
        assert (rows[f"{cell}_p50"] <= rows[f"{cell}_p99"]).all()
        assert (rows[f"{cell}_p99"] <= rows[f"{cell}_worst"]).all()
    assert rows.ratio.to_numpy() == pytest.approx(
        (rows.lstm_p50 / rows.gru_p50).to_numpy(), rel=1e-3
    )


def test_a_busy_machine_counts_and_stops_counting():
    counting = lambda: len(psutil.Process().children())
    before = counting()
    with latency.busy("busy"):
        assert counting() == before + os.cpu_count()
        assert all(child.is_running() for child in psutil.Process().children())
    assert counting() == before
    with latency.busy("alone"):
        assert counting() == before


def test_eight_bits_move_a_weight_by_half_a_step_at_most():
    model = build(
        devices.config(
            {
                "phase": "final",
                "width": 8,
                "cell": "gru",
                "matched": "parameters",
                "learning_rate": 0.01,
                "seeds": [0, 1],
            }
        )
    )
    before = [p.clone() for p in model.parameters()]
    devices.quantise(model)
    matrices = {id(p) for p in devices.matrices(model)}
    for old, new in zip(before, model.parameters(), strict=True):
        if id(new) not in matrices:
            assert torch.equal(old, new)
            continue
        step = old.abs().amax(-1, keepdim=True) / 127
        assert ((old - new).abs() <= step / 2 + 1e-7).all()
        assert not torch.equal(old, new)
        assert max(len(row.unique()) for row in new.flatten(0, 1)) <= 255
        assert torch.allclose(old.abs().amax(-1), new.abs().amax(-1))


def test_bytes_by_hand():
    """8 LSTM units, 13 inputs, 10 classes: 32 rows of 13 + 8 weights and 10 of 8; 42 biases; 32 + 32 + 10 scales."""
    row = stored(devices).rows().query("phase == 'final' and width == 8 and cell == 'lstm'").iloc[0]
    weights = 32 * 21 + 80
    assert row.bytes == 4 * (weights + 42)
    assert row.bytes_int8 == weights + 4 * (42 + 74)


def test_at_ends_counts_each_end_alone():
    """A model that answers right everywhere but at the second end."""
    task = strings.TASKS["three"]
    batch = task.part("test", 10)
    order = batch.mask.cumsum(1) * batch.mask

    class Oracle:
        def __call__(self, x):
            right = torch.nn.functional.one_hot(batch.y, 10).float()
            wrong = right.roll(1, -1)
            return torch.where((order == 2)[..., None], wrong, right)[None], None

    assert strings.at_ends(Oracle(), task, 10).tolist() == [[1.0, 0.0, 1.0]]


def test_useful_context_is_where_95_percent_of_the_gain_is():
    losses = [3.0] + [1.0] * (len(language.CONTEXTS) - 1)
    assert language.useful(losses) == pytest.approx(2**0.95)
    falling = np.linspace(3, 1, len(language.CONTEXTS)).tolist()
    k = 0.95 * (len(language.CONTEXTS) - 1)
    left, right = language.CONTEXTS[int(k)], language.CONTEXTS[int(k) + 1]
    assert language.useful(falling) == pytest.approx(left * (right / left) ** (k % 1))
    bumpy = [3.0, 1.0, 1.5] + [1.0] * (len(language.CONTEXTS) - 3)
    assert language.useful(bumpy) == pytest.approx(2**0.95), "noise after the gain does not undo it"


def test_forecast_errors_and_coverage_of_the_median():
    """A model that answers 0 is the median forecast."""
    task = Traffic(origin=10_000, span=2000)
    model = SequenceModel("gru", 7, 2, 1, seeds=1)
    for p in model.parameters():
        p.data.zero_()
    (row,) = forecasting.tested(model, task)
    assert row["mae"] == pytest.approx(row["median"], rel=1e-5)
    volume = loaders.traffic().traffic_volume.to_numpy()
    test, valid = (
        np.abs(volume - task.forecast)[slice(*task.rows(part))] for part in ("test", "valid")
    )
    assert row["mae"] == pytest.approx(np.nanmean(test), rel=1e-5)
    for level, covered, width in json.loads(row["coverage"]):
        wanted = np.nanquantile(valid, level)
        assert width == pytest.approx(wanted, abs=0.1)
        assert covered == pytest.approx(np.mean(test[~np.isnan(test)] <= wanted), abs=2e-3)


def test_every_weight_matrix_is_rounded_and_no_bias():
    model = SequenceModel("gru", 13, 8, 10, seeds=2)
    before = {name: p.clone() for name, p in model.named_parameters()}
    devices.quantise(model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"recurrent.W", "recurrent.U", "V"}


def test_noise_and_cuts_reach_the_strings_that_are_tested(monkeypatch):
    asked = []
    ends = lambda model, task, length=strings.LENGTH: (
        asked.append((task.noise, length)) or torch.ones(1, task.count)
    )
    monkeypatch.setattr(strings, "at_ends", ends)
    strings.tested(None, strings.TASKS["three"])
    assert asked == [
        (0.0, 40),
        *((n, 40) for n in strings.NOISES),
        *((0.0, k) for k in strings.CUTS),
    ]


def test_a_failed_tuning_seed_is_infinitely_bad(tmp_path):
    store = results.Store(tmp_path / "strings.csv", strings.KEYS, [*strings.COLUMNS, "error"])
    rows = stored(strings).rows().query("phase == 'tuning'")
    best = {
        task: mean.idxmin()
        for task, mean in rows[rows.cell == "lstm"]
        .groupby(["task", "learning_rate"])
        .valid.mean()
        .groupby("task")
    }
    lost = (
        (rows.cell == "lstm")
        & (rows.learning_rate == best["three"][1])
        & (rows.seed == 100)
        & (rows.task == "three")
    )
    rows = rows.assign(valid=rows.valid.mask(lost))
    store.extend(rows.astype(object).where(rows.notna(), None).to_dict("records"))
    chosen = [
        call["learning_rate"]
        for call in strings.final(store)
        if (call["task"], call["cell"]) == ("three", "lstm")
    ]
    assert chosen
    assert best["three"][1] not in chosen
