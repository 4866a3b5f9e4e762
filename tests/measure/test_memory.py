"""The study of memory: by hand for one size, and every stored row but the peaks made again."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from gatedrnn import results
from gatedrnn.studies.performance import memory
from gatedrnn.studies.performance.memory import B, I, T, kept, measure

GRID = memory.grid(None)
EXACT = [config for config in GRID if config["quantity"] != "peak"]


def size(quantity, cell, kernel="native", hidden_size=128):
    (row,) = measure(dict(zip(memory.KEYS, (quantity, cell, kernel, hidden_size), strict=True)))
    return row["bytes"]


class Squared(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(10, dtype=torch.float32))

    def forward(self, x):
        a = x * self.w  # keeps x and w, and w is a parameter
        return (a * a).sum() + (a[:2] * 3.0).exp().sum()  # keeps a, twice, and the result of exp


def test_kept_counts_a_piece_of_memory_once():
    x = torch.ones(10, dtype=torch.float32)
    assert sorted(kept(Squared(), x)) == [8, 40, 40]


def test_kept_counts_all_of_what_a_part_holds():
    class Part(nn.Module):
        def forward(self, x):
            return (
                (x * 2.0).exp()[:3].square().sum()
            )  # keeps the result of exp, and three numbers of it

    assert kept(Part(), torch.ones(10, dtype=torch.float32, requires_grad=True)) == [40]


def test_weights_by_hand():
    H = 128
    assert size("weights", "lstm") == 4 * 4 * (
        I * H + H * H + 2 * H
    )  # 4 bytes, 4 blocks, two biases
    assert size("weights", "gru") == 4 * 3 * (I * H + H * H + 2 * H)
    assert size("weights", "rnn") == 4 * 1 * (I * H + H * H + 2 * H)


def test_state_by_hand():
    assert [size("state", cell) for cell in ("lstm", "gru", "rnn")] == [4 * 256, 4 * 128, 4 * 128]


@pytest.mark.parametrize(
    ("cell", "kernel", "vectors"), [("lstm", "native", 7), ("lstm", "ours", 7), ("gru", "ours", 5)]
)
def test_activations_by_hand(cell, kernel, vectors):
    assert size("activations", cell, kernel) == 4 * B * T * (I + vectors * 128)


def test_the_gru_of_torch_keeps_a_whole_product_for_a_third_of_it():
    """r, z, n, h, and U h of all three blocks, of which only that of n is needed."""
    assert size("activations", "gru", "native") == 4 * B * T * (I + (4 + 3) * 128)


def test_the_rnn_keeps_its_states_and_the_first_one():
    for kernel in memory.KERNELS:
        assert size("activations", "rnn", kernel) == 4 * B * (T * I + (T + 1) * 128)


def test_the_row_says_what_ran():
    ran = {(c["cell"], c["kernel"]): measure(c)[0]["ran"] for c in EXACT if c["hidden_size"] == 16}
    assert {key for key, value in ran.items() if value == "fused"} == {("lstm", "fused")}
    assert set(ran.values()) == {"fused", "loop"}


def test_the_fused_kernel_keeps_more():
    assert size("activations", "lstm", "fused") > 2 * size("activations", "lstm", "native")
    assert size("activations", "gru", "fused") == size("activations", "gru", "native")


def test_every_row_once():
    kinds = {tuple(config.values()) for config in GRID}
    assert len(kinds) == len(GRID) == 6 * (3 + 3 + 9 + 9)
    assert all(list(config) == memory.KEYS for config in GRID)
    assert list(measure(GRID[0])[0]) == memory.KEYS + memory.COLUMNS


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_peak_is_that_of_the_step_alone():
    """And not hidden below a higher record, such as that of an import or of the process that started this one."""
    peaks = []
    for H in (16, 256):
        before = "import torch; torch.ones(10**8); from gatedrnn.studies.memory import peak; "
        code = [sys.executable, "-c", before + f"print(peak('lstm', 'native', {H}))"]
        peaks.append(
            int(subprocess.run(code, stdout=subprocess.PIPE, text=True, check=True).stdout)
        )
    small, large = peaks
    assert (
        4 * B * T * 7 * 256 < large < 10 * 4 * B * T * 7 * 256
    )  # at least what is kept, at most ten times that
    assert small < large / 4


@pytest.mark.parametrize("config", EXACT, ids=lambda config: "-".join(map(str, config.values())))
def test_a_stored_row_is_made_again(config):
    rows = results.read("memory")
    (stored,) = rows[(rows[memory.KEYS] == list(config.values())).all(axis=1)].to_dict("records")
    (row,) = measure(config)
    assert {key: stored[key] for key in ("bytes", "ran", "B", "T", "I")} == {
        key: row[key] for key in ("bytes", "ran", "B", "T", "I")
    }
