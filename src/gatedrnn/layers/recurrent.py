"""Recurrent layers over whole sequences: ``RNN``, ``LSTM``, ``GRU`` and ``Recurrent(cell, ...)``."""

from functools import partialmethod

import torch
import torch.nn.functional as F
from torch import nn

from gatedrnn.cells import get_cell
from gatedrnn.layers import initialise

try:
    from gatedrnn.layers import compiled
    from gatedrnn.layers import compiled as kernels
except ImportError:  # numba is not installed: the readable loop does everything
    kernels = None


class Recurrent(nn.Module):
    """One recurrent layer, called like ``nn.LSTM(..., batch_first=True)``, for one model or for S models at once.
    ``output, state = layer(x)`` or ``layer(x, state)``; ``output, state, gates = layer(x, trace=True)``.

    ======  ======================================================================================
    x       ``(B, T, I)``; with ``seeds=S`` also ``(S, B, T, I)``, each model its own data
    output  ``(B, T, H)``; with seeds ``(S, B, T, H)``: the hidden state of every step
    state   ``h`` or ``(h, c)``, each ``(S, B, H)``, S = 1 without seeds: as torch's for one layer
    gates   a dict, one tensor shaped like the output for each gate (and for ``c``)
    ======  ======================================================================================

    ``cell`` is a name of ``gatedrnn.cells.CELLS``; ``seeds`` is S, or None for one model without that axis. Parameters
    (S = 1 without seeds): ``W (S, G*H, I)``, ``U (S, G*H, H)``, ``b (S, G*H)``, and the cell's own vectors ``(S, H)``.
    There is one bias a block, not torch's two, of which only the sum acts; but the reset gate of the GRU multiplies the
    recurrent term of the candidate alone, so ``b_hn``, inside that product, cannot be merged. An unknown cell, a size
    below 1, or an input or state whose shape or dtype does not fit is a ValueError.

    LSTM and GRU on a CPU take the compiled loop of ``kernels``, equal to the readable one to rounding, unless a trace
    is asked for or numba is missing. ``layer.fast = False`` makes them take the readable loop, which every other cell
    takes and which, unlike the compiled one, can be differentiated twice.
    """

    fast = True

    def __init__(self, cell, input_size, hidden_size, seeds=None, dtype=None):
        super().__init__()
        self.cell = get_cell(cell)
        S = 1 if seeds is None else seeds
        for name, size in {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "seeds": S,
        }.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")
        self.input_size, self.hidden_size, self.seeds = input_size, hidden_size, seeds
        I, H, rows = input_size, hidden_size, len(self.cell.gates) * hidden_size
        shapes = {
            "W": (S, rows, I),
            "U": (S, rows, H),
            "b": (S, rows),
            **dict.fromkeys(self.cell.vectors, (S, H)),
        }
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, dtype=dtype)))
        initialise.uniform(self)

    def extra_repr(self):
        seeds = f", seeds={self.seeds}" if self.seeds else ""
        return (
            f"{self.cell.name}, input_size={self.input_size}, hidden_size={self.hidden_size}{seeds}"
        )

    def forward(self, x, state=None, trace=False):
        x = self._check_input(x)
        state = self._check_state(x, state)
        if not trace and self._is_compiled(x):
            output, *state = compiled.Fused.apply(x, self._weights(), *state)
        else:
            output, state, gates = self._loop(x, state)
        output, state = (
            output if self.seeds else output.squeeze(0),
            tuple(state) if len(state) > 1 else state[0],
        )
        if not trace:
            return output, state
        stacked = {name: torch.stack([step[name] for step in gates], dim=-2) for name in gates[0]}
        return output, state, {k: v if self.seeds else v.squeeze(0) for k, v in stacked.items()}

    def _loop(self, x, state):
        """The readable path: project the whole input once, then step through time."""
        T, p, outputs, gates = x.shape[-2], dict(self.named_parameters()), [], []
        x = x.transpose(1, 2).flatten(1, 2)  # (S or 1, T*B, I): one matrix product for all steps
        x = x @ p["W"].mT + p["b"][:, None]  # (S, T*B, G*H)
        for x_t in x.unflatten(1, (T, -1)).unbind(1):  # T times (S, B, G*H)
            state, step = self.cell.step(x_t, state, p)
            outputs.append(state[0])
            gates.append(step)
        return torch.stack(outputs, dim=2), state, gates

    def _is_compiled(self, x):
        """Whether ``kernels`` has this cell and can take this input."""
        known = self.cell.name in ("lstm", "gru") and x.dtype in (torch.float32, torch.float64)
        return self.fast and known and x.device.type == "cpu" and kernels is not None

    def _weights(self):
        """All weights in one ``(S, 4H, I + 1 + H)``, as ``kernels`` reads them: the columns of x, of one, and of h."""
        M = torch.cat([self.W, self.b[..., None], self.U], -1)
        if self.cell.name == "lstm":
            return M
        gates, H, I1 = M[:, : 2 * self.hidden_size], self.hidden_size, self.input_size + 1
        hidden = torch.cat(
            [M.new_zeros(len(M), H, I1 - 1), self.b_hn[..., None], self.U[:, 2 * H :]], -1
        )
        return torch.cat([gates, hidden, F.pad(M[:, 2 * H :, :I1], (0, H))], 1)

    def _check_input(self, x):
        shape, wanted = tuple(x.shape), "(B, T, I) or (S, B, T, I)" if self.seeds else "(B, T, I)"
        if x.ndim not in ((3, 4) if self.seeds else (3,)):
            raise ValueError(
                f"input must be {wanted}, not of shape {shape}; use x[None] for a single sequence"
            )
        if x.ndim == 4 and shape[0] != self.seeds:
            raise ValueError(
                f"input has {shape[0]} on its seed axis, the layer has seeds={self.seeds}: {shape}"
            )
        if shape[-1] != self.input_size:
            raise ValueError(
                f"input has {shape[-1]} features, the layer has input_size={self.input_size}: {shape}"
            )
        if 0 in shape[-3:-1]:
            raise ValueError(f"input {shape} is empty: the batch and the length must be at least 1")
        if x.dtype != self.W.dtype:
            raise ValueError(
                f"input is {x.dtype}, the layer is {self.W.dtype}; use x.to(layer.W.dtype)"
            )
        return x if x.ndim == 4 else x[None]

    def _check_state(self, x, state):
        shape = (len(self.W), x.shape[1], self.hidden_size)
        if state is None:
            return tuple(x.new_zeros(shape) for _ in self.cell.states)
        state = state if isinstance(state, tuple) else (state,)
        given, names = [tuple(part.shape) for part in state], ", ".join(self.cell.states)
        if given != [shape] * len(self.cell.states):
            raise ValueError(
                f"state of {self.cell.name} must be ({names}), each of shape {shape}; given: {given}"
            )
        return state


class RNN(Recurrent):
    """The plain tanh RNN, ``RNN(input_size, hidden_size, seeds=None, dtype=None)``, a ``Recurrent``."""

    __init__ = partialmethod(Recurrent.__init__, "rnn")


class LSTM(Recurrent):
    """torch's LSTM (no peepholes), ``LSTM(input_size, hidden_size, seeds=None, dtype=None)``, a ``Recurrent``."""

    __init__ = partialmethod(Recurrent.__init__, "lstm")


class GRU(Recurrent):
    """torch's GRU: z keeps, reset after. ``GRU(input_size, hidden_size, seeds=None, dtype=None)``, a ``Recurrent``."""

    __init__ = partialmethod(Recurrent.__init__, "gru")
