"""How many bytes LSTM, GRU and RNN need: weights, state, kept for backward, peak of a process.

One row is one layer in float32 with 64 inputs. ``weights``: the parameters of torch's layer;
``state``: what one sequence carries from step to step; both are stored under the kernel "native",
and no kernel changes them. ``activations``: what the forward pass over 32 sequences of 100 steps
keeps for the backward pass. ``peak``: by how much a fresh process grows at most during one training
step of the same size. Kernels: ``native``, torch's layer with oneDNN off; ``fused``, torch's layer
with oneDNN on; ``ours``, the loop of ``gatedrnn``. The column ``ran`` says what ran: "fused" if
oneDNN's layer did, else "loop", as for the GRU and the RNN, for which torch has no fused kernel.
All rows but ``peak`` are exact: the same on any machine with the same torch. ``peak`` is of one
process a row; a second one differs by some per cent. It counts whole pages and what the allocator
takes in advance, but not what fits into memory that the process freed before. It needs Linux;
elsewhere it is missing.

Rule of C19, fixed before the runs. At H = 128, LSTM over GRU of the same hidden size: the bytes of
the weights, of the state, and of the activations on both of torch's kernels. Supported: each of the
four is at least 10 % larger for the LSTM. Not supported: none is. Mixed: some are. ``peak`` and
``ours`` are shown and decide nothing.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import torch
from torch import nn

from gatedrnn import Recurrent
from gatedrnn.measure.memory import kept, peak
from gatedrnn.measure.operators import count_operators
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.studies.protocol import MACHINE, machine

KEYS = ["quantity", "cell", "kernel", "hidden_size"]
COLUMNS = ["bytes", "ran", "B", "T", "I", *MACHINE]
CELLS = ("lstm", "gru", "rnn")
KERNELS = ("native", "fused", "ours")
SIZES = (16, 32, 64, 128, 256, 512)
B = 32  # sequences
T = 100  # steps
INPUTS = 64


def grid(store: Store) -> list[dict]:
    """Every row of the study."""
    kinds = [
        *product(("weights", "state"), CELLS, ("native",)),
        *product(("activations", "peak"), CELLS, KERNELS),
    ]
    return [dict(zip(KEYS, (*kind, H), strict=True)) for kind in kinds for H in SIZES]


PHASES = [grid]


@contextmanager
def built(cell: str, kernel: str, hidden_size: int) -> Iterator[nn.Module]:
    """The layer, in float32, inside a ``with`` block where the kernel of that name runs."""
    names = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    with onednn(kernel == "fused"):
        if kernel == "ours":
            layer = Recurrent(cell, INPUTS, hidden_size, dtype=torch.float32)
            layer.fast = False  # the loop that is printed in the book
        else:
            layer = names[cell](INPUTS, hidden_size, batch_first=True, dtype=torch.float32)
        yield layer


def peak_of_training_step(cell: str, kernel: str, hidden_size: int) -> int:
    """Bytes by which this process grows at most in one training step; Linux only."""
    torch.set_num_threads(1)
    with built(cell, kernel, hidden_size) as layer:
        x = torch.randn(B, T, INPUTS, dtype=torch.float32)
        # With the whole batch: loads the code that is loaded at first use.
        layer(x[:, :2])[0].sum().backward()

        def step():
            layer(x)[0].sum().backward()

        return peak(step)


def peak_of_child(cell: str, kernel: str, hidden_size: int) -> int | None:
    """``peak_of_training_step`` in a fresh process; None where it cannot be measured."""
    if sys.platform != "linux":
        return None
    code = (
        f"from {__name__} import peak_of_training_step; "
        f"print(peak_of_training_step({cell!r}, {kernel!r}, {hidden_size}))"
    )
    command = [sys.executable, "-c", code]
    return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def state_bytes(layer: nn.Module, x: torch.Tensor) -> int:
    """The bytes that the layer carries from step to step."""
    _, state = layer(x)
    parts = state if isinstance(state, tuple) else (state,)
    return sum(part.nbytes for part in parts)


def measure(call: dict) -> list[dict]:
    """The one row of a call."""
    torch.set_num_threads(1)
    quantity = call["quantity"]
    chosen = (call["cell"], call["kernel"], call["hidden_size"])
    sizes = {"B": B, "T": T, "I": INPUTS}
    if quantity == "state":
        sizes |= {"B": 1, "T": 1}
    with built(*chosen) as layer:
        x = torch.zeros(sizes["B"], sizes["T"], INPUTS, dtype=torch.float32)
        if quantity == "weights":
            size = sum(p.nbytes for p in layer.parameters())
        elif quantity == "state":
            size = state_bytes(layer, x)
        elif quantity == "activations":
            size = sum(kept(layer, x))
        else:
            size = peak_of_child(*chosen)
        fused = "aten::mkldnn_rnn_layer" in count_operators(lambda: layer(x))
    return [call | {"bytes": size, "ran": "fused" if fused else "loop"} | sizes | machine()]
