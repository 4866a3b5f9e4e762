"""The study of corners: errors at each length, and what the claim asks for."""

import json

import torch

from gatedrnn import reproducible
from gatedrnn.claims import register
from gatedrnn.studies.memory import corners
from gatedrnn.training.train import train


def test_errors_are_the_share_of_wrong_steps(monkeypatch):
    monkeypatch.setattr(corners, "LENGTHS", (20, 40))
    monkeypatch.setattr(corners, "TESTED", 400)
    reproducible(dtype=torch.float32)
    call = {"task": "latch", "cell": "gru", "matched": "parameters", "bias": "one", "steps": 100}
    run = train(corners.config(call | {"learning_rate": 0.01, "seeds": [0, 1]}), progress=False)
    run.model.V.data.zero_()
    run.model.a.data.zero_()
    run.model.a.data[0, 1] = 1  # "zero", which a latch never is
    always, other = (json.loads(row["errors"]) for row in corners.errors(run))
    assert always == {"20": 1.0, "40": 1.0}
    assert 0 < other["40"] < 1  # outputs that are all equal name the first class


def test_the_claim_asks_for_what_is_trained():
    (claim,) = [c for c in (*register.load_next(), *register.load()) if "corners" in c.study]
    asked = claim.parameters
    assert sorted(asked["need"] + asked["tie"]) == sorted(corners.TASKS)
    assert tuple(asked["lengths"]) == corners.LENGTHS
    assert (asked["loss"], asked["tested"]) == (corners.MARGIN, corners.TESTED)
    assert asked["seeds"] == len(corners.SEEDS)
