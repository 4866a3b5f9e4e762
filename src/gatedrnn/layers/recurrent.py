"""Recurrent layers over whole sequences: ``RNN``, ``LSTM``, ``GRU``, ``Recurrent(cell, ...)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gatedrnn.cells import CELLS, get_cell
from gatedrnn.layers import initialise

if TYPE_CHECKING:
    from gatedrnn.cells import Gates, State

try:
    from gatedrnn.layers import compiled
except ImportError:  # numba is missing or cannot work here: the readable loop does everything
    compiled = None

COMPILED_CELLS = (CELLS["lstm"], CELLS["gru"])
COMPILED_DTYPES = (torch.float32, torch.float64)


class Recurrent(nn.Module):
    """One recurrent layer, called like ``nn.LSTM(..., batch_first=True)``, for one or for S models.

    ``output, state = layer(x)`` or ``layer(x, state)``; ``output, state, gates = layer(x,
    trace=True)``.

    The parameters are ``W (S, G*H, I)``, ``U (S, G*H, H)``, ``b (S, G*H)``, and the cell's own
    vectors ``(S, H)``, with S = 1 for one model. There is one bias a block, not torch's two, of
    which only the sum acts; but the reset gate of the GRU multiplies the recurrent term of the
    candidate alone, so ``b_hn``, inside that product, cannot be merged.

    LSTM and GRU on a CPU take the compiled loop of ``gatedrnn.layers.compiled``, equal to the
    readable one to rounding, unless a trace is asked for or numba is missing. ``layer.fast =
    False`` makes them take the readable loop, which every other cell takes. It can be
    differentiated twice, transformed by ``torch.func`` and exported; what the compiled one cannot
    do takes the readable one by itself or says so.

    Attributes:
        cell: The ``gatedrnn.cells.Cell``.
        input_size: I.
        hidden_size: H.
        seeds: S, or None for one model without that axis.
        fast: Whether the compiled loop may be taken.
    """

    fast = True

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        *,
        seeds: int | None = None,
        dtype: torch.dtype | None = None,
    ):
        """Draw the parameters from torch's own start, ``initialise.uniform``.

        Args:
            cell: A name in ``gatedrnn.cells.CELLS``.
            input_size: I, the features of a step.
            hidden_size: H, the units.
            seeds: S for so many models at once, or None for one model without that axis.
            dtype: Of the parameters; by default torch's.

        Raises:
            ValueError: The cell is unknown, or a size is not a whole number of at least 1.
        """
        super().__init__()
        self.cell = get_cell(cell)
        models = 1 if seeds is None else seeds
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "seeds": models}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.seeds = seeds
        rows = len(self.cell.gates) * hidden_size
        shapes = {
            "W": (models, rows, input_size),
            "U": (models, rows, hidden_size),
            "b": (models, rows),
        }
        for vector in self.cell.vectors:
            shapes[vector] = (models, hidden_size)
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, dtype=dtype)))
        initialise.uniform(self)

    def extra_repr(self) -> str:
        """What stands between the brackets when the layer is printed."""
        sizes = f"input_size={self.input_size}, hidden_size={self.hidden_size}"
        seeds = f", seeds={self.seeds}" if self.seeds else ""
        return f"{self.cell.name}, {sizes}{seeds}"

    def weights(self) -> dict[str, Tensor]:
        """The weights by name, read once: pruning or a parametrization may compute them anew."""
        return {name: getattr(self, name) for name in ("W", "U", "b", *self.cell.vectors)}

    def forward(
        self, x: Tensor, state: Tensor | State | None = None, trace: bool = False
    ) -> tuple[Tensor, Tensor | State] | tuple[Tensor, Tensor | State, Gates]:
        """Run the layer over whole sequences.

        Args:
            x: ``(B, T, I)``, shared by all models; with ``seeds=S`` also ``(S, B, T, I)``, each
                model its own data.
            state: The state before the first step, as it is returned; zeros if it is left out.
            trace: Whether to return the gates, too.

        Returns:
            ``output, state``, and with a trace ``gates``:

            - output: ``(B, T, H)``, with seeds ``(S, B, T, H)``: the hidden state of every step.
            - state: ``h`` or ``(h, c)`` after the last step, each ``(S, B, H)``, S = 1 without
              seeds: as torch's for one layer.
            - gates: A tensor shaped like the output for each gate (and for ``c``), by name.

        Raises:
            ValueError: The shape, the dtype or the kind of the input or the state does not fit.
        """
        weights = self.weights()
        x = self._check_input(x, weights["W"].dtype)
        state = self._check_state(x, state, weights["W"])
        gates = None
        if not trace and self._is_compiled(x, *state, *weights.values()):
            output, *state = compiled.Fused.apply(x, self._all_in_one(weights), *state)
        else:
            output, state, gates = self._loop(x, state, weights)
        output = self._without_seeds(output)
        state = tuple(state) if len(state) > 1 else state[0]
        if not trace:
            return output, state
        shown = {}
        for name in gates[0]:
            stacked = torch.stack([step[name] for step in gates], dim=-2)
            shown[name] = self._without_seeds(stacked)
        return output, state, shown

    def _without_seeds(self, values: Tensor) -> Tensor:
        """``(S, B, T, H)``, or ``(B, T, H)`` of the one model."""
        return values if self.seeds else values.squeeze(0)

    def _loop(
        self, x: Tensor, state: State, weights: dict[str, Tensor]
    ) -> tuple[Tensor, State, list[Gates]]:
        """The readable path: project the whole input once, then step through time."""
        T = x.shape[-2]
        x = x.transpose(1, 2).flatten(1, 2)  # (S or 1, T*B, I): one matrix product for all steps
        x = x @ weights["W"].mT + weights["b"][:, None]  # (S, T*B, G*H)
        outputs = []
        gates = []
        for x_t in x.unflatten(1, (T, -1)).unbind(1):  # T times (S, B, G*H)
            state, step = self.cell.step(x_t, state, weights)
            outputs.append(state[0])
            gates.append(step)
        return torch.stack(outputs, dim=2), state, gates

    def _is_compiled(self, x: Tensor, *others: Tensor) -> bool:
        """Whether the compiled loop has this cell and can take these tensors in this place."""
        if compiled is None or not self.fast or self.cell not in COMPILED_CELLS:
            return False
        if x.dtype not in COMPILED_DTYPES or x.device.type != "cpu":
            return False
        # Its arrays hold numbers only: not what stands for numbers while torch transforms or
        # records.
        if torch._C._are_functorch_transforms_active() or torch.jit.is_tracing():
            return False
        if torch.compiler.is_compiling():
            return False
        if any(type(tensor) not in (Tensor, nn.Parameter) for tensor in (x, *others)):
            return False
        return compiled.works(self.cell.name, x.dtype)

    def _all_in_one(self, weights: dict[str, Tensor]) -> Tensor:
        """All weights ``(S, 4H, K)`` for the compiled loop: the columns of x, a one, and h."""
        M = torch.cat([weights["W"], weights["b"][..., None], weights["U"]], -1)
        if self.cell.name == "lstm":
            return M
        # The candidate's recurrent part and its input part are two blocks, each with zeros for the
        # other's columns.
        H = self.hidden_size
        first_h = self.input_size + 1
        U_n = weights["U"][:, 2 * H :]
        no_input = M.new_zeros(len(M), H, first_h - 1)
        recurrent_part = torch.cat([no_input, weights["b_hn"][..., None], U_n], -1)
        input_part = F.pad(M[:, 2 * H :, :first_h], (0, H))
        return torch.cat([M[:, : 2 * H], recurrent_part, input_part], 1)

    def _check_input(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """The input as ``(S or 1, B, T, I)``, or a ValueError in words."""
        if isinstance(x, nn.utils.rnn.PackedSequence):
            raise ValueError(
                "input is a PackedSequence; use pad_packed_sequence(x, batch_first=True)[0]"
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"input must be a tensor, not {type(x).__name__}; use torch.as_tensor(x)"
            )
        shape = tuple(x.shape)
        wanted = "(B, T, I) or (S, B, T, I)" if self.seeds else "(B, T, I)"
        axes = (3, 4) if self.seeds else (3,)
        if x.ndim not in axes:
            raise ValueError(
                f"input must be {wanted}, not of shape {shape}; use x[None] for a single sequence"
            )
        if x.ndim == 4 and shape[0] != self.seeds:
            raise ValueError(
                f"input has {shape[0]} on its seed axis, the layer has seeds={self.seeds}: {shape}"
            )
        if shape[-1] != self.input_size:
            raise ValueError(
                f"input has {shape[-1]} features, "
                f"the layer has input_size={self.input_size}: {shape}"
            )
        if 0 in shape[-3:-1]:
            raise ValueError(f"input {shape} is empty: the batch and the length must be at least 1")
        if x.dtype != dtype:
            raise ValueError(f"input is {x.dtype}, the layer is {dtype}; use x.to(layer.W.dtype)")
        return x if x.ndim == 4 else x[None]

    def _check_state(self, x: Tensor, state: Tensor | State | None, W: Tensor) -> State:
        """The state as a tuple, zeros for None, or a ValueError in words."""
        shape = (len(W), x.shape[1], self.hidden_size)
        if state is None:
            return tuple(x.new_zeros(shape) for _ in self.cell.states)
        if isinstance(state, Tensor):
            state = (state,)
        names = ", ".join(self.cell.states)
        wanted = f"state of {self.cell.name} must be ({names}), each of shape {shape}"
        kind = type(state).__name__
        if not isinstance(state, tuple):
            raise ValueError(f"{wanted}, a tensor or a tuple of tensors; given: a {kind}")
        kinds = [type(part).__name__ for part in state]
        if not all(isinstance(part, Tensor) for part in state):
            raise ValueError(f"{wanted}, a tensor or a tuple of tensors; given: {kinds}")
        given = [tuple(part.shape) for part in state]
        if given != [shape] * len(self.cell.states):
            raise ValueError(f"{wanted}; given: {given}")
        for part in state:
            if part.dtype != W.dtype:
                raise ValueError(
                    f"state is {part.dtype}, the layer is {W.dtype}; use h.to(layer.W.dtype)"
                )
        return state


class RNN(Recurrent):
    """The plain tanh RNN, a ``Recurrent``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        seeds: int | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__("rnn", input_size, hidden_size, seeds=seeds, dtype=dtype)


class LSTM(Recurrent):
    """torch's LSTM (no peepholes), a ``Recurrent``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        seeds: int | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__("lstm", input_size, hidden_size, seeds=seeds, dtype=dtype)


class GRU(Recurrent):
    """torch's GRU: z keeps, the reset comes after the product. A ``Recurrent``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        seeds: int | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__("gru", input_size, hidden_size, seeds=seeds, dtype=dtype)
