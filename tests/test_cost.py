"""Costs in closed form, against the real layers, torch's, a FLOP counter and published counts."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gatedrnn import Recurrent, cost
from gatedrnn.cells import CELLS
from gatedrnn.reproduce import onednn
from gatedrnn.studies.performance.memory import kept

TORCH = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
ONE_MORE = ("rnn", "rnn_relu", "peephole", "no_output", "no_output_tanh", "cifg_no_output")
SIZES = [(1, 1), (3, 5), (7, 2)]


def numel(module):
    return sum(p.numel() for p in module.parameters())


def flops(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_needs_no_torch():
    subprocess.run(
        [sys.executable, "-c", "import sys, gatedrnn.cost; assert 'torch' not in sys.modules"],
        check=True,
    )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("inputs", "H"), SIZES)
def test_parameters_are_those_of_the_layer(cell, inputs, H):
    assert cost.parameters(cell, inputs, H) == numel(Recurrent(cell, inputs, H))
    assert 4 * cost.parameters(cell, inputs, H) == numel(Recurrent(cell, inputs, H, seeds=4))


@pytest.mark.parametrize("cell", TORCH)
@pytest.mark.parametrize(("inputs", "H"), SIZES)
def test_torch_adds_its_second_bias(cell, inputs, H):
    second_bias = len(CELLS[cell].gates) * H - len(CELLS[cell].vectors) * H  # b_hn is a part of it
    assert numel(TORCH[cell](inputs, H)) == cost.parameters(cell, inputs, H) + second_bias


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("inputs", "H"), SIZES)
@pytest.mark.parametrize(("B", "T"), [(1, 1), (2, 6)])
def test_activations_are_what_autograd_keeps(cell, inputs, H, B, T):
    layer = Recurrent(cell, inputs, H)
    layer.fast = False  # the step functions themselves
    numbers = sum(kept(layer, torch.randn(B, T, inputs))) // layer.W.element_size()
    at_the_end = B * H if cell in ONE_MORE else 0
    assert numbers == B * T * cost.activations(cell, inputs, H) + at_the_end


def test_activations_by_hand():
    assert [cost.activations(cell, 3, 10) for cell in ("rnn", "gru", "lstm")] == [13, 53, 73]


@pytest.mark.parametrize(
    ("inputs", "H", "symbols", "outputs", "layers"), [(3, 5, 11, 7, 1), (6, 4, 2, 9, 3)]
)
@pytest.mark.parametrize("cell", CELLS)
def test_whole_model_is_that_of_the_modules(cell, inputs, H, symbols, outputs, layers):
    recurrent = [Recurrent(cell, size, H) for size in [inputs, *[H] * (layers - 1)]]
    parts = cost.whole_model(cell, inputs, H, symbols, outputs, layers)
    assert parts["embedding"] == numel(torch.nn.Embedding(symbols, inputs))
    assert parts["recurrent"] == sum(map(numel, recurrent))
    assert parts["readout"] == numel(torch.nn.Linear(H, outputs))


def test_published_whole_models():
    """The same appendix: 27 symbols, two layers of 600 units, 16,386 outputs."""
    lstm, gru = (
        cost.whole_model(cell, 600, 600, 27, 16_386, layers=2) for cell in ("lstm", "gru_before")
    )
    assert lstm == {"embedding": 16_200, "recurrent": 5_764_800, "readout": 9_847_986}
    assert gru == lstm | {"recurrent": 4_323_600}
    assert (sum(lstm.values()), sum(gru.values())) == (15_628_986, 14_187_786)
    assert round(100 * (1 - sum(gru.values()) / sum(lstm.values())), 1) == 9.2


def test_published_counts():
    """Two layers of 600 units, one bias: Madsen, "Visualizing memorization", Distill 2019."""
    assert 2 * cost.parameters("lstm", 600, 600) == 5_764_800
    assert 2 * cost.parameters("gru_before", 600, 600) == 4_323_600
    assert 2 * (cost.parameters("gru", 600, 600) - 600) == 4_323_600  # ours without b_hn


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seeds", [None, 2])
def test_macs_are_half_the_counted_flops(cell, seeds):
    B, T, inputs, H = 3, 4, 5, 6
    layer, x = Recurrent(cell, inputs, H, seeds=seeds), torch.randn(B, T, inputs)
    layer.fast = False  # the counter does not see into compiled code
    assert flops(lambda: layer(x)) == 2 * cost.macs(cell, inputs, H) * B * T * (seeds or 1)


@pytest.mark.parametrize("cell", TORCH)
def test_macs_are_half_the_counted_flops_of_torch(cell):
    """Without oneDNN: the counter does not see into its fused LSTM."""
    B, T, inputs, H = 3, 4, 5, 6
    layer, x = (
        TORCH[cell](inputs, H, dtype=torch.float32),
        torch.randn(T, B, inputs, dtype=torch.float32),
    )
    with onednn(False):
        assert flops(lambda: layer(x)) == 2 * cost.macs(cell, inputs, H) * B * T


def test_gru_needs_three_quarters_of_the_products():
    for inputs, H in SIZES:
        assert cost.macs("gru", inputs, H) / cost.macs("lstm", inputs, H) == 0.75
        assert cost.parameters("gru_before", inputs, H) / cost.parameters("lstm", inputs, H) == 0.75


@pytest.mark.parametrize("cell", CELLS)
def test_state_is_what_the_layer_returns(cell):
    _, state = Recurrent(cell, 2, 7)(torch.randn(1, 3, 2))
    state = state if isinstance(state, tuple) else (state,)
    assert cost.state(cell, 7) == sum(part.numel() for part in state)


@pytest.mark.parametrize(
    ("inputs", "lstm", "gru"), [(88, 36, 45), (64, 128, 152), (128, 128, 155), (128, 256, 304)]
)
def test_matched_widths(inputs, lstm, gru):
    assert cost.match("gru", cost.parameters("lstm", inputs, lstm), inputs) == gru


@pytest.mark.parametrize(("inputs", "lstm", "gru"), [(10, 60, 70), (2, 130, 150)])
def test_matched_widths_of_small_inputs(inputs, lstm, gru):
    assert cost.match("gru", cost.parameters("lstm", inputs, lstm), inputs) == gru
    assert cost.match("gru", cost.macs("lstm", inputs, lstm), inputs, by="macs") == gru


@pytest.mark.parametrize("by", ["parameters", "macs", "state"])
@pytest.mark.parametrize("cell", CELLS)
def test_match_finds_the_nearest_of_all_sizes(cell, by):
    inputs = 3
    count = {size: cost.COUNTS[by](cell, inputs, size) for size in range(1, 100)}
    for budget in [*range(count[1], count[1] + 80), *count.values()]:
        nearest = min(count, key=lambda size: (abs(count[size] - budget), size))
        assert cost.match(cell, budget, inputs, by) == nearest
    for size in count:
        assert cost.match(cell, count[size], inputs, by) == size


def test_match_takes_the_smaller_of_two_equally_near():
    assert cost.match("lstm", cost.state("gru", 7), 1, by="state") == 3  # 7 lies between 6 and 8


def test_match_by_state_doubles_the_gru():
    assert cost.match("gru", cost.state("lstm", 128), 10, by="state") == 256


def test_whole_numbers_of_numpy_do_not_overflow():
    size = np.int32(60_000)
    assert cost.parameters("lstm", size, size) == 4 * (2 * 60_000**2 + 60_000)
    assert cost.match("lstm", np.int64(cost.parameters("lstm", 10, 10**9)), np.int8(10)) == 10**9


def test_bad_input():
    with pytest.raises(ValueError, match="no cell named 'ltsm'"):
        cost.parameters("ltsm", 3, 4)
    with pytest.raises(ValueError, match="no cell named 'ltsm'"):
        cost.activations("ltsm", 3, 4)
    for bad in (0, -1, 2.0, "3", None):
        with pytest.raises(ValueError, match="input_size must be a whole number"):
            cost.macs("lstm", bad, 4)
        with pytest.raises(ValueError, match="hidden_size must be a whole number"):
            cost.state("lstm", bad)
        with pytest.raises(ValueError, match="budget must be a whole number"):
            cost.match("lstm", bad, 4)
        with pytest.raises(ValueError, match="hidden_size must be a whole number"):
            cost.activations("lstm", 4, bad)
        for name in ("input_size", "hidden_size", "symbols", "outputs", "layers"):
            sizes = dict.fromkeys(("input_size", "hidden_size", "symbols", "outputs", "layers"), 2)
            with pytest.raises(ValueError, match=f"{name} must be a whole number"):
                cost.whole_model("lstm", **sizes | {name: bad})
    with pytest.raises(ValueError, match="by must be one of parameters, macs, state; not 'flops'"):
        cost.match("lstm", 100, 4, by="flops")
    with pytest.raises(
        ValueError, match="one unit of lstm costs 24 parameters already; the budget is 23"
    ):
        cost.match("lstm", 23, 4)
