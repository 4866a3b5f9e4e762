"""Which operators ran: the fused kernel, the backward pass, and nothing that did not run."""

import pytest
import torch

from gatedrnn import LSTM
from gatedrnn.measure.operators import Operator, count_operators, operators
from gatedrnn.reproduce import onednn

FUSED = "aten::mkldnn_rnn_layer"


def test_which_kernel_ran():
    """torch's CPU build has a fused kernel for its LSTM in float32, and for nothing else; ours
    never uses it.
    """
    x = torch.randn(5, 2, 3, dtype=torch.float32)
    lstm, gru = (kind(3, 4, dtype=torch.float32) for kind in (torch.nn.LSTM, torch.nn.GRU))
    ours, double = LSTM(3, 4, dtype=torch.float32), torch.nn.LSTM(3, 4, dtype=torch.float64)
    available = torch.backends.mkldnn.is_available()
    assert (FUSED in count_operators(lambda: lstm(x))) == available
    assert FUSED not in count_operators(lambda: ours(x))
    assert FUSED not in count_operators(lambda: gru(x))
    assert FUSED not in count_operators(lambda: double(x.double()))
    with onednn(False):
        assert FUSED not in count_operators(lambda: lstm(x))
    assert (FUSED in count_operators(lambda: lstm(x))) == available


def test_it_names_only_what_ran():
    x = torch.randn(3, 3)
    seen = count_operators(lambda: (x @ x @ x).tanh())
    assert seen == {"aten::mm": 2, "aten::tanh": 1}
    assert all(name.startswith("aten::") for name in seen)


def test_it_sees_the_backward_pass_inside_the_call():
    x = torch.randn(2, 3, requires_grad=True)
    assert "aten::tanh_backward" in count_operators(lambda: x.tanh().sum().backward())
    loss = x.tanh().sum()
    assert "aten::tanh_backward" not in count_operators(lambda: x.tanh().sum())
    assert "aten::tanh_backward" in count_operators(loss.backward)
    lstm, x = torch.nn.LSTM(3, 4, dtype=torch.float32), torch.randn(5, 2, 3, dtype=torch.float32)
    fused = "aten::mkldnn_rnn_layer_backward" in count_operators(
        lambda: lstm(x)[0].sum().backward()
    )
    assert fused == torch.backends.mkldnn.is_available()
    with onednn(False):
        seen = count_operators(lambda: lstm(x)[0].sum().backward())
    assert {"aten::mm", "aten::sigmoid_backward"} <= set(seen)


def test_it_leaves_out_operators_that_are_not_of_aten():
    """An optimiser's step is wrapped in a record of the profiler's own."""
    weight = torch.ones(2, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.1)
    weight.sum().backward()
    seen = count_operators(optimiser.step)
    assert seen
    assert all(name.startswith("aten::") for name in seen)


def test_it_changes_no_value():
    layer, x = torch.nn.GRU(3, 4), torch.randn(5, 2, 3)
    seen = []
    count_operators(lambda: seen.append(layer(x)[0]))
    torch.testing.assert_close(seen[0], layer(x)[0], rtol=0, atol=0)


def test_it_writes_nothing(capfd):
    count_operators(lambda: torch.ones(2) + 1)
    assert capfd.readouterr() == ("", "")


def test_it_after_a_failure(capfd):
    with pytest.raises(ZeroDivisionError):
        count_operators(lambda: 1 / 0)
    assert "aten::add" in count_operators(lambda: torch.ones(2) + 1)


def test_operators_come_in_order_with_the_size_of_their_result():
    a = torch.ones(2, 3)
    b = torch.ones(3, 4)
    seen = operators(lambda: (a @ b).add_(1).max(dim=1))
    assert seen == [Operator("aten::mm", 8), Operator("aten::add_", 8), Operator("aten::max", 0)]
    assert [operator.kind for operator in seen] == ["mm", "add", "max"]
