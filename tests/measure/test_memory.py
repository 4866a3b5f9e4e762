"""What a module keeps for its backward pass, and the peak of a process."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from gatedrnn.measure.memory import kept


class Squared(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(10, dtype=torch.float32))

    def forward(self, x):
        a = x * self.w  # keeps x and w, and w is a parameter
        squares = (a * a).sum()  # keeps a, twice
        return squares + (a[:2] * 3.0).exp().sum()  # keeps the result of exp


class Part(nn.Module):
    def forward(self, x):
        # Keeps the result of exp, and three numbers of it.
        return (x * 2.0).exp()[:3].square().sum()


def test_kept_counts_a_piece_of_memory_once():
    x = torch.ones(10, dtype=torch.float32)
    assert sorted(kept(Squared(), x)) == [8, 40, 40]


def test_kept_counts_all_of_what_a_part_holds():
    assert kept(Part(), torch.ones(10, dtype=torch.float32, requires_grad=True)) == [40]


PEAK = """
import torch
from gatedrnn.measure.memory import peak

torch.ones(10**8)  # a record that is higher than what follows
def run():
    return torch.ones({numbers}).sum()
print(peak(run))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_peak_is_that_of_the_call_alone():
    """And not hidden below a higher record, such as that of what the process did before."""
    peaks = []
    for numbers in (1000, 10_000_000):
        code = [sys.executable, "-c", PEAK.format(numbers=numbers)]
        run = subprocess.run(code, stdout=subprocess.PIPE, text=True, check=True)
        peaks.append(int(run.stdout))
    small, large = peaks
    assert 40e6 < large < 50e6  # four bytes a number
    assert small < 5e6
