"""The study of streams: a stored stream comes out again, and its blocks add up."""

import json

import numpy as np
import pytest
import torch

from gatedrnn import reproducible, results
from gatedrnn.studies.applications import online
from gatedrnn.tasks import streams


@pytest.fixture(autouse=True)
def _single():
    reproducible(dtype=torch.float32)


def stored():
    return results.Store(results.folder() / "online.csv", online.KEYS, [*online.COLUMNS, "error"])


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, -1])
def test_a_stored_stream_comes_out_the_same_again(place, monkeypatch):
    """The first samples, before rounding has grown."""
    store = stored()
    call = [call for phase in online.PHASES for call in phase(store)][place]
    make = streams.STREAMS[call["stream"]]
    monkeypatch.setitem(
        streams.STREAMS, call["stream"], lambda seed: make(seed)[: streams.WARM + 100]
    )
    rows = store.rows()
    for row in online.measure(call):
        mine = rows[np.logical_and.reduce([rows[key] == row[key] for key in online.KEYS])]
        np.testing.assert_allclose(
            json.loads(row["blocks"]), json.loads(mine.blocks.item())[:2], rtol=0.02, atol=1e-4
        )


def test_blocks_add_up_to_the_error():
    for row in stored().rows().itertuples():
        assert np.mean(json.loads(row.blocks)) == pytest.approx(row.mse, rel=1e-3)
        assert row.log_mse == pytest.approx(np.log(row.mse))
