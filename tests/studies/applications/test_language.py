"""The study of the character model: the useful context of losses that are known."""

import numpy as np
import pytest

from gatedrnn.studies.applications import language


def test_useful_context_is_where_95_percent_of_the_gain_is():
    losses = [3.0] + [1.0] * (len(language.CONTEXTS) - 1)
    assert language.useful(losses) == pytest.approx(2**0.95)
    falling = np.linspace(3, 1, len(language.CONTEXTS)).tolist()
    k = 0.95 * (len(language.CONTEXTS) - 1)
    left, right = language.CONTEXTS[int(k)], language.CONTEXTS[int(k) + 1]
    assert language.useful(falling) == pytest.approx(left * (right / left) ** (k % 1))
    bumpy = [3.0, 1.0, 1.5] + [1.0] * (len(language.CONTEXTS) - 3)
    assert language.useful(bumpy) == pytest.approx(2**0.95), "noise after the gain does not undo it"
