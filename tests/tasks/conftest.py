"""The loss of the best memoryless answer, counted over all sequences there are."""

import math
from collections import defaultdict

import pytest


def over_all_sequences(sequences):
    """The entropy of the answers, given the input and the number of the step.

    ``sequences`` yields (chance, inputs, answers): inputs and answers by step, None where
    it is not scored. The chances need not add up to 1.
    """
    cells = defaultdict(lambda: defaultdict(float))
    for chance, inputs, answers in sequences:
        for t, answer in enumerate(answers):
            if answer is not None:
                cells[t, inputs[t]][answer] += chance
    lost = 0.0
    everything = 0.0
    for cell in cells.values():
        total = sum(cell.values())
        lost -= sum(chance * math.log(chance / total) for chance in cell.values())
        everything += total
    return lost / everything


@pytest.fixture
def exact():
    return over_all_sequences
