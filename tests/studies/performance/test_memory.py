"""The study of memory: by hand for one size, and every stored row but the peaks made again."""

import subprocess
import sys

import pytest

from gatedrnn import results
from gatedrnn.studies.performance import memory
from gatedrnn.studies.performance.memory import INPUTS, B, T, measure

GRID = memory.grid(None)
EXACT = [config for config in GRID if config["quantity"] != "peak"]


def size(quantity, cell, kernel="native", hidden_size=128):
    (row,) = measure(dict(zip(memory.KEYS, (quantity, cell, kernel, hidden_size), strict=True)))
    return row["bytes"]


def test_weights_by_hand():
    H = 128
    assert size("weights", "lstm") == 4 * 4 * (
        INPUTS * H + H * H + 2 * H
    )  # 4 bytes, 4 blocks, two biases
    assert size("weights", "gru") == 4 * 3 * (INPUTS * H + H * H + 2 * H)
    assert size("weights", "rnn") == 4 * 1 * (INPUTS * H + H * H + 2 * H)


def test_state_by_hand():
    assert [size("state", cell) for cell in ("lstm", "gru", "rnn")] == [4 * 256, 4 * 128, 4 * 128]


@pytest.mark.parametrize(
    ("cell", "kernel", "vectors"), [("lstm", "native", 7), ("lstm", "ours", 7), ("gru", "ours", 5)]
)
def test_activations_by_hand(cell, kernel, vectors):
    assert size("activations", cell, kernel) == 4 * B * T * (INPUTS + vectors * 128)


def test_the_gru_of_torch_keeps_a_whole_product_for_a_third_of_it():
    """r, z, n, h, and U h of all three blocks, of which only that of n is needed."""
    assert size("activations", "gru", "native") == 4 * B * T * (INPUTS + (4 + 3) * 128)


def test_the_rnn_keeps_its_states_and_the_first_one():
    for kernel in memory.KERNELS:
        assert size("activations", "rnn", kernel) == 4 * B * (T * INPUTS + (T + 1) * 128)


def test_the_row_says_what_ran():
    ran = {(c["cell"], c["kernel"]): measure(c)[0]["ran"] for c in EXACT if c["hidden_size"] == 16}
    assert {key for key, value in ran.items() if value == "fused"} == {("lstm", "fused")}
    assert set(ran.values()) == {"fused", "loop"}


def test_the_fused_kernel_keeps_more():
    assert size("activations", "lstm", "fused") > 2 * size("activations", "lstm", "native")
    assert size("activations", "gru", "fused") == size("activations", "gru", "native")


def test_every_row_once():
    kinds = {tuple(config.values()) for config in GRID}
    assert len(kinds) == len(GRID)
    assert all(list(config) == memory.KEYS for config in GRID)
    assert list(measure(GRID[0])[0]) == memory.KEYS + memory.COLUMNS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_peak_is_that_of_the_step_alone():
    """And not hidden below a higher record, that of an import or of the process above."""
    peaks = []
    for H in (16, 256):
        code = (
            "import torch; torch.ones(10**8); "
            "from gatedrnn.studies.performance.memory import peak_of_training_step; "
            f"print(peak_of_training_step('lstm', 'native', {H}))"
        )
        command = [sys.executable, "-c", code]
        peaks.append(
            int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
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
