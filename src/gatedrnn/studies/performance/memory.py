"""How many bytes LSTM, GRU and plain RNN need: weights, state, what is kept for the backward pass, peak of a process.

One row is one layer in float32 with I = 64 inputs. ``weights``: the parameters of torch's layer; ``state``: what one
sequence carries from step to step; both are stored under the kernel "native", and no kernel changes them.
``activations``: what the forward pass over B = 32 sequences of T = 100 steps keeps for the backward pass. ``peak``: by
how much a fresh process grows at most during one training step of the same size. Kernels: ``native``, torch's layer
with oneDNN off; ``fused``, torch's layer with oneDNN on; ``ours``, the loop of ``gatedrnn``. The column ``ran`` says
what ran: "fused" if oneDNN's layer did, else "loop", as for the GRU and the RNN, for which torch has no fused kernel.
All rows but ``peak`` are exact: the same on any machine with the same torch. ``peak`` is of one process a row; a second
one differs by some per cent. It counts whole pages and what the allocator takes in advance, but not what fits into
memory that the process freed before. It needs Linux; elsewhere it is missing.

Rule of C19, fixed before the runs. At H = 128, LSTM over GRU of the same hidden size: the bytes of the weights, of the
state, and of the activations on both of torch's kernels. Supported: each of the four is at least 10 % larger for the
LSTM. Not supported: none is. Mixed: some are. ``peak`` and ``ours`` are shown and decide nothing.
"""

import re
import subprocess
import sys
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import torch
from torch import nn

from gatedrnn import Recurrent
from gatedrnn.measure.operators import count_operators
from gatedrnn.measure.timing import environment
from gatedrnn.reproduce import onednn

B, T, I = 32, 100, 64
CELLS, KERNELS, SIZES = (
    ("lstm", "gru", "rnn"),
    ("native", "fused", "ours"),
    (16, 32, 64, 128, 256, 512),
)
KEYS = ["quantity", "cell", "kernel", "hidden_size"]
COLUMNS = ["bytes", "ran", "B", "T", "I", "cpu", "torch", "threads"]


def grid(store):
    """Every row of the study."""
    kinds = [
        *product(("weights", "state"), CELLS, ("native",)),
        *product(("activations", "peak"), CELLS, KERNELS),
    ]
    return [dict(zip(KEYS, (*kind, H), strict=True)) for kind in kinds for H in SIZES]


PHASES = [grid]


@contextmanager
def built(cell, kernel, hidden_size):
    """The layer, in float32, inside a block where the kernel of that name runs."""
    names = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    with onednn(kernel == "fused"):
        if kernel == "ours":
            layer = Recurrent(cell, I, hidden_size, dtype=torch.float32)
            layer.fast = False  # the loop that is printed in the book
        else:
            layer = names[cell](I, hidden_size, batch_first=True, dtype=torch.float32)
        yield layer


def kept(module, x):
    """What ``module(x)`` keeps for its backward pass: the bytes of each piece of memory, a list. A piece that several
    tensors share counts once, and whole, also if only a part of it was saved; the module's parameters do not count.
    """
    pieces, own = {}, {p.untyped_storage().data_ptr() for p in module.parameters()}

    def save(tensor):
        memory = tensor.untyped_storage()
        pieces[memory.data_ptr()] = memory.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        result = module(
            x
        )  # as long as it lives, so does what it keeps, and no address occurs twice
    del result
    return [size for address, size in pieces.items() if address not in own]


def peak(cell, kernel, hidden_size):
    """Bytes by which this process grows at most in one training step. Linux: it resets the process's own record. (The
    record of ``resource.getrusage`` cannot be reset, and a child begins with that of its parent.)
    """
    torch.set_num_threads(1)
    with built(cell, kernel, hidden_size) as layer:
        x = torch.randn(B, T, I, dtype=torch.float32)
        layer(x[:, :2])[
            0
        ].sum().backward()  # with the whole batch: loads the code that is loaded at first use
        Path("/proc/self/clear_refs").write_text("5")
        before = _highest()
        layer(x)[0].sum().backward()
        return _highest() - before


def _highest():
    """The most memory that this process had since the record was reset, in bytes."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


def _peak_of_child(*layer):
    """``peak`` in a fresh process; None where it cannot be measured."""
    if sys.platform != "linux":
        return None
    code = f"from gatedrnn.studies import memory; print(memory.peak(*{layer}))"
    return int(
        subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
    )


def measure(config):
    """The one row of a configuration, in a list."""
    torch.set_num_threads(1)
    quantity, *layer_of = (config[key] for key in KEYS)
    sizes = {"B": 1, "T": 1, "I": I} if quantity == "state" else {"B": B, "T": T, "I": I}
    with built(*layer_of) as layer:
        x = torch.zeros(sizes["B"], sizes["T"], I, dtype=torch.float32)
        if quantity == "weights":
            size = sum(p.nbytes for p in layer.parameters())
        elif quantity == "state":
            _, state = layer(x)
            size = sum(part.nbytes for part in (state if isinstance(state, tuple) else (state,)))
        else:
            size = sum(kept(layer, x)) if quantity == "activations" else _peak_of_child(*layer_of)
        ran = "fused" if "aten::mkldnn_rnn_layer" in count_operators(lambda: layer(x)) else "loop"
    machine = environment()
    row = config | {"bytes": size, "ran": ran} | sizes
    return [row | {key: machine[key] for key in ("cpu", "torch", "threads")}]
