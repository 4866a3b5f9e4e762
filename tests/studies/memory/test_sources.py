"""The study of sources: their strings, their chances, and what there is to gain."""

import numpy as np
import pytest
import torch

from gatedrnn.claims import register
from gatedrnn.studies.memory import sources
from gatedrnn.studies.memory.sources import Lags, Repeated
from gatedrnn.tasks.base import generator, loss


def phrases(text):
    """How many phrases the parsing of Ziv and Lempel 1978 finds."""
    seen, phrase = set(), ()
    for symbol in text:
        phrase = (*phrase, symbol)
        if phrase not in seen:
            seen.add(phrase)
            phrase = ()
    return len(seen) + bool(phrase)


@pytest.mark.parametrize("complexity", sources.LEVELS["phrases"])
def test_a_string_has_its_phrases(complexity):
    for source in sources.SOURCES:
        assert phrases(sources.string(complexity, source).tolist()) == complexity
    assert len(sources.string(complexity, 0)) > complexity


def test_a_repeated_string_is_read_from_anywhere_and_predicted_once_it_is_recognised():
    task = Repeated(12, 0)
    batch = task.batch(generator(0, 0), 50, 64)
    text = sources.string(12, 0).tolist()
    rounds = "".join(map(str, text * 6))
    for x in batch.x.argmax(-1).tolist():
        assert "".join(map(str, x)) in rounds
    chances = task.oracle(batch.x).softmax(-1)
    assert chances.gather(-1, batch.y[..., None])[:, 30:].min() > 0.99
    assert torch.allclose(chances.sum(-1), torch.ones(50, 64))


def test_lags_are_drawn_with_the_chances_of_their_oracle():
    task = Lags(2, 1)
    batch = task.batch(generator(0, 0), 4000, 8)
    last, before = batch.x[:, 5].argmax(-1), batch.x[:, 4].argmax(-1)
    effects = sources.weights(2, 1)
    chances = task.oracle(batch.x)[:, 5].softmax(-1)
    for one in range(4):
        for two in range(4):
            here = (last == one) & (before == two)
            if here.sum() < 20:
                continue
            logits = effects[0, one] + effects[1, two]
            right = np.exp(logits) / np.exp(logits).sum()
            np.testing.assert_allclose(chances[here][0], right, rtol=1e-4)
            drawn = torch.bincount(batch.y[here, 5], minlength=4) / here.sum()
            np.testing.assert_allclose(drawn, right, atol=4 * 0.5 / here.sum().sqrt().item())


@pytest.mark.parametrize("task", [Lags(6, 0), Lags(12, 1), Repeated(12, 0), Repeated(96, 1)])
def test_there_is_something_to_gain(task):
    test = task.batch(generator(0, 0, "test"), 200, sources.LENGTH)
    frequencies = torch.bincount(test.y.flatten(), minlength=4) / test.y.numel()
    nothing = -(frequencies * frequencies.log()).sum()
    assert loss(task.loss, task.oracle(test.x), test) < nothing - 0.2


def test_the_claim_asks_for_what_is_trained():
    (claim,) = [c for c in (*register.load_next(), *register.load()) if "sources" in c.study]
    asked = {family: tuple(levels) for family, levels in claim.parameters["families"].items()}
    assert asked == sources.LEVELS
    assert tuple(claim.parameters["sources"]) == sources.SOURCES
    assert claim.parameters["loss"] == sources.MARGIN
