"""The fast path of LSTM and GRU on a CPU: one compiled loop over seeds and time, by numba.

It computes what the readable loop of ``recurrent`` computes, in values and in gradients, to
rounding. It is fast because a seed's weights and one step of its state stay in the cache, and
because each step is one matrix product and one pass:

- input, a one and hidden state stand in one block, ``stacked = [x_t; 1; h_{t-1}]`` of shape ``(K,
  B)`` with K = I + 1 + H, so one product with ``M = [W, b, U]`` gives all gates, and one product
  gives the gradients of all three;
- the batch is the last axis, so a gate is one contiguous run of H * B numbers, which the compiler
  turns into vector instructions;
- the weight gradients are summed over several steps by one product.

numba needs no compiler at the reader's. The first call of a dtype compiles for some seconds; the
result is kept on disk beside this file. Without numba (``pip install "gatedrnn[fast]"``), or where
it is switched off or finds no folder to write to, this module raises ImportError and the layers run
their readable loop. The matrix products go to SciPy's OpenBLAS, which is set to one thread here:
they are too small to share.
"""

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
import scipy.linalg  # noqa: F401 - loads the OpenBLAS that numba's np.dot calls, to be set below
import torch
from numba import njit, types
from numba.extending import overload
from threadpoolctl import ThreadpoolController
from torch import Tensor

if numba.config.DISABLE_JIT:
    raise ImportError("numba's compiler is switched off: NUMBA_DISABLE_JIT is set")

ThreadpoolController().select(internal_api="openblas").limit(limits=1, user_api="blas")
COLUMNS = 256  # steps times batch that one product of weight gradients sums over
_ROWS = torch.contiguous_format
_INSTEAD = "set layer.fast = False before the call"


def kernel(function: Callable) -> Callable:
    """The function, to be compiled when it is first called and kept on disk.

    The flag "contract" allows fused multiply-add. Full fast-math would let the compiler cancel the
    rounding trick in ``_exp``.

    Raises:
        ImportError: numba finds no folder to keep it in, and would compile in every process anew.
    """
    try:
        return njit(cache=True, error_model="numpy", fastmath={"contract", "nsz"})(function)
    except (RuntimeError, OSError) as error:
        message = "numba finds no folder for its cache, so LSTM and GRU run their readable loop"
        warnings.warn(f"{message}; NUMBA_CACHE_DIR can name one ({error})", stacklevel=2)
        raise ImportError(message) from error


def _exp(x):
    """exp(x), so written that a loop over it becomes vectors; x is held within its range."""


@overload(_exp, inline="always")
def _typed_exp(x):
    """e^x = 2^n e^r with n = round(x / ln 2).

    Adding 1.5 * 2^23 (2^52) rounds x / ln 2 to n and leaves n in the last bits of the sum, from
    where a shift makes it the exponent of 2^n. e^r, |r| <= ln 2 / 2, is a Taylor sum.
    """
    single = x == types.float32
    real = np.float32 if single else np.float64
    whole = np.int32 if single else np.int64
    largest = real(87 if single else 708)
    magic = real(1.5 * 2.0 ** (23 if single else 52))
    log2 = real(1 / math.log(2))
    # ln 2 in two parts, the first with trailing zeros, so that n times it is exact
    high = real(0.693359375 if single else 6.93145751953125e-1)
    low = real(math.log(2) - float(high) if single else 1.42860682030941723212e-6)
    offset = whole(127 if single else 1023)
    shift = whole(23 if single else 52)
    c = tuple(real(1 / math.factorial(k)) for k in range(14))

    def short(r):
        total = c[7]
        total = total * r + c[6]
        total = total * r + c[5]
        total = total * r + c[4]
        total = total * r + c[3]
        total = total * r + c[2]
        total = total * r + c[1]
        return total * r + c[0]

    def long(r):
        total = c[13]
        total = total * r + c[12]
        total = total * r + c[11]
        total = total * r + c[10]
        total = total * r + c[9]
        total = total * r + c[8]
        total = total * r + c[7]
        total = total * r + c[6]
        total = total * r + c[5]
        total = total * r + c[4]
        total = total * r + c[3]
        total = total * r + c[2]
        total = total * r + c[1]
        return total * r + c[0]

    taylor = njit(short if single else long, inline="always", fastmath={"contract"})

    def exp(x):
        x = -largest if x < -largest else x  # in this order a NaN stays one
        x = largest if x > largest else x
        shifted = x * log2 + magic
        n = shifted - magic
        bits = (real(shifted).view(whole) + offset) << shift
        return taylor(x - n * high - n * low) * whole(bits).view(real)

    return exp


def _sigmoid(x):
    """1 / (1 + exp(-x))."""


@overload(_sigmoid, inline="always")
def _typed_sigmoid(x):
    one = np.float32(1) if x == types.float32 else np.float64(1)

    def sigmoid(x):
        return one / (one + _exp(-x))

    return sigmoid


def _tanh(x):
    """2 sigmoid(2x) - 1."""


@overload(_tanh, inline="always")
def _typed_tanh(x):
    one = np.float32(1) if x == types.float32 else np.float64(1)
    two = np.float32(2) if x == types.float32 else np.float64(2)

    def tanh(x):
        return two / (one + _exp(-two * x)) - one

    return tanh


@kernel
def _lstm_forward(M, stacked, c, gates):
    """Write the gates, the cell state and, into ``stacked``, the hidden state of every step.

    Args:
        M: ``(S, 4H, K)``: W, b and U, their blocks i f g o.
        stacked: ``(S, T+1, K, B)``; its last H rows are written from step 1 on.
        c: ``(S, T+1, H, B)``, written from step 1 on.
        gates: ``(S, T, 4H, B)``, written.
    """
    S, T, G, B = gates.shape
    H = G // 4
    n = H * B
    for s in range(S):
        for t in range(T):
            np.dot(M[s], stacked[s, t], gates[s, t])
            blocks = gates[s, t].reshape(-1)
            i = blocks[:n]
            f = blocks[n : 2 * n]
            g = blocks[2 * n : 3 * n]
            o = blocks[3 * n :]
            before = c[s, t].reshape(-1)
            now = c[s, t + 1].reshape(-1)
            h = stacked[s, t + 1, -H:].reshape(-1)
            for j in range(n):
                i[j] = _sigmoid(i[j])
                f[j] = _sigmoid(f[j])
                g[j] = _tanh(g[j])
                o[j] = _sigmoid(o[j])
                now[j] = f[j] * before[j] + i[j] * g[j]
                h[j] = o[j] * _tanh(now[j])


@kernel
def _lstm_backward(M, stacked, c, gates, dout, dh, dc, dM, dx):
    """Walk back through the steps and sum the gradients.

    Args:
        M: As in the forward pass, like ``stacked``, ``c`` and ``gates``.
        stacked: See there.
        c: See there.
        gates: See there.
        dout: ``(S, T, H, B)``, the gradient of every hidden state.
        dh: ``(S, H, B)``: in, the gradient of the last hidden state; out, of the first.
        dc: The same of the cell state.
        dM: As M: in, zeros; out, the gradient.
        dx: ``(S, T, I, B)``, written; empty if nobody asks for it.
    """
    S, T, G, B = gates.shape
    H = G // 4
    K = stacked.shape[2]
    n = H * B
    one = stacked.dtype.type(1)
    steps = max(1, COLUMNS // B)
    d_gates = np.empty((G, B), stacked.dtype)
    d_blocks = d_gates.reshape(-1)
    di = d_blocks[:n]
    df = d_blocks[n : 2 * n]
    dg = d_blocks[2 * n : 3 * n]
    do = d_blocks[3 * n :]
    # Some steps side by side, which one product sums up. The zeros stand for the steps that the
    # last group lacks.
    many_d = np.empty((G, steps * B), stacked.dtype)
    many_stacked = np.zeros((K, steps * B), stacked.dtype)
    product = np.empty((G, K), stacked.dtype)
    for s in range(S):
        M_transposed = M[s].T.copy()
        dh_now = dh[s].reshape(-1)
        dc_now = dc[s].reshape(-1)
        many_d[:] = 0
        for t in range(T - 1, -1, -1):
            blocks = gates[s, t].reshape(-1)
            i = blocks[:n]
            f = blocks[n : 2 * n]
            g = blocks[2 * n : 3 * n]
            o = blocks[3 * n :]
            before = c[s, t].reshape(-1)
            now = c[s, t + 1].reshape(-1)
            from_above = dout[s, t].reshape(-1)
            for j in range(n):
                tanh_c = _tanh(now[j])
                d_h = dh_now[j] + from_above[j]
                d_c = dc_now[j] + d_h * o[j] * (one - tanh_c * tanh_c)
                di[j] = d_c * g[j] * i[j] * (one - i[j])
                df[j] = d_c * before[j] * f[j] * (one - f[j])
                dg[j] = d_c * i[j] * (one - g[j] * g[j])
                do[j] = d_h * tanh_c * o[j] * (one - o[j])
                dc_now[j] = d_c * f[j]
            np.dot(M_transposed[-H:], d_gates, dh[s])
            if dx.size:
                np.dot(M_transposed[: -H - 1], d_gates, dx[s, t])
            slot = t % steps * B
            many_d[:, slot : slot + B] = d_gates
            many_stacked[:, slot : slot + B] = stacked[s, t]
            if slot == 0:
                np.dot(many_d, many_stacked.T, product)
                dM[s] += product


@kernel
def _gru_forward(M, stacked, gates):
    """As ``_lstm_forward``. The blocks are r, z, the candidate's recurrent and its input part."""
    S, T, G, B = gates.shape
    H = G // 4
    n = H * B
    first_h = stacked.shape[2] - H  # the row of the hidden state, behind the input and the one
    for s in range(S):
        M_input_part = M[s, 3 * H :, :first_h].copy()
        for t in range(T):
            np.dot(M[s, : 3 * H], stacked[s, t], gates[s, t, : 3 * H])
            np.dot(M_input_part, stacked[s, t, :first_h], gates[s, t, 3 * H :])
            blocks = gates[s, t].reshape(-1)
            r = blocks[:n]
            z = blocks[n : 2 * n]
            recurrent = blocks[2 * n : 3 * n]
            candidate = blocks[3 * n :]  # takes the place of its input part
            before = stacked[s, t, first_h:].reshape(-1)
            h = stacked[s, t + 1, first_h:].reshape(-1)
            for j in range(n):
                r[j] = _sigmoid(r[j])
                z[j] = _sigmoid(z[j])
                candidate[j] = _tanh(candidate[j] + r[j] * recurrent[j])
                h[j] = candidate[j] + z[j] * (before[j] - candidate[j])


@kernel
def _gru_backward(M, stacked, gates, dout, dh, dM, dx):
    """As ``_lstm_backward``."""
    S, T, G, B = gates.shape
    H = G // 4
    K = stacked.shape[2]
    n = H * B
    first_h = K - H
    one = stacked.dtype.type(1)
    steps = max(1, COLUMNS // B)
    d_gates = np.empty((G, B), stacked.dtype)
    d_blocks = d_gates.reshape(-1)
    dr = d_blocks[:n]
    dz = d_blocks[n : 2 * n]
    d_recurrent = d_blocks[2 * n : 3 * n]
    d_candidate = d_blocks[3 * n :]
    many_d = np.empty((G, steps * B), stacked.dtype)
    many_stacked = np.zeros((K, steps * B), stacked.dtype)
    product = np.empty((3 * H, K), stacked.dtype)
    product_input_part = np.empty((H, first_h), stacked.dtype)
    dh_through_U = np.empty((H, B), stacked.dtype)
    through_U = dh_through_U.reshape(-1)
    dx_input_part = np.empty((first_h - 1, B), stacked.dtype)
    for s in range(S):
        M_transposed = M[s, : 3 * H].T.copy()
        M_input_part_transposed = M[s, 3 * H :, : first_h - 1].T.copy()
        dh_now = dh[s].reshape(-1)
        many_d[:] = 0
        for t in range(T - 1, -1, -1):
            blocks = gates[s, t].reshape(-1)
            r = blocks[:n]
            z = blocks[n : 2 * n]
            recurrent = blocks[2 * n : 3 * n]
            candidate = blocks[3 * n :]
            before = stacked[s, t, first_h:].reshape(-1)
            from_above = dout[s, t].reshape(-1)
            for j in range(n):
                d_h = dh_now[j] + from_above[j]
                d_candidate[j] = d_h * (one - z[j]) * (one - candidate[j] * candidate[j])
                d_recurrent[j] = d_candidate[j] * r[j]
                dr[j] = d_candidate[j] * recurrent[j] * r[j] * (one - r[j])
                dz[j] = d_h * (before[j] - candidate[j]) * z[j] * (one - z[j])
                dh_now[j] = d_h * z[j]
            np.dot(M_transposed[first_h:], d_gates[: 3 * H], dh_through_U)
            for j in range(n):
                dh_now[j] += through_U[j]
            if dx.size:
                np.dot(M_transposed[: first_h - 1], d_gates[: 3 * H], dx[s, t])
                np.dot(M_input_part_transposed, d_gates[3 * H :], dx_input_part)
                dx[s, t] += dx_input_part
            slot = t % steps * B
            many_d[:, slot : slot + B] = d_gates
            many_stacked[:, slot : slot + B] = stacked[s, t]
            if slot == 0:
                np.dot(many_d[: 3 * H], many_stacked.T, product)
                np.dot(many_d[3 * H :], many_stacked[:first_h].T, product_input_part)
                dM[s, : 3 * H] += product
                dM[s, 3 * H :, :first_h] += product_input_part


class Fused(torch.autograd.Function):
    """The compiled loop as an operation of torch: ``output, *last = Fused.apply(x, M, *state)``.

    With two states it is an LSTM, M's blocks i f g o; with one a GRU, its blocks r, z, the
    recurrent and the input part of n. Every call has buffers of its own, so that two graphs can be
    alive at once, and hands out copies, so that what a caller does to the output spoils no
    gradient. It can be differentiated once.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, M: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Run the loop.

        Args:
            ctx: What torch gives to both passes.
            x: ``(S or 1, B, T, I)``; one input may be shared by all models.
            M: ``(S, 4H, K)``, all weights, K = I + 1 + H.
            *state: ``h`` or ``h, c``, each ``(S, B, H)``.

        Returns:
            The hidden states ``(S, B, T, H)`` and the last state, as the state given.
        """
        S, G, K = M.shape
        B, T, inputs = x.shape[1:]
        H = G // 4
        stacked = x.new_empty(S, T + 1, K, B)
        stacked[:, :T, :inputs] = x.permute(0, 2, 3, 1)
        stacked[:, :, inputs] = 1.0
        stacked[:, 0, inputs + 1 :] = state[0].mT
        gates = x.new_empty(S, T, G, B)
        if len(state) == 2:
            c = x.new_empty(S, T + 1, H, B)
            c[:, 0] = state[1].mT
            saved = [M.contiguous(), stacked, c, gates]
            run = _lstm_forward
        else:
            saved = [M.contiguous(), stacked, gates]
            run = _gru_forward
        run(*(part.detach().numpy() for part in saved))
        ctx.save_for_backward(*saved)
        ctx.shared = len(x) < S
        ctx.set_materialize_grads(False)
        hidden = stacked[:, 1:, inputs + 1 :].permute(0, 3, 1, 2)
        # A copy with the batch still the innermost in memory: what follows then sums in the same
        # order as ever.
        output = x.new_empty_strided((S, B, T, H), (T * H * B, 1, H * B, B)).copy_(hidden)
        last = [stacked[:, T, inputs + 1 :].mT.clone(memory_format=_ROWS)]
        if len(state) == 2:
            last.append(c[:, T].mT.clone(memory_format=_ROWS))
        return output, *last

    @staticmethod
    def backward(ctx: Any, dout: Tensor | None, *dlast: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of x, M and the state, from those of the output and of the last state."""
        # create_graph=True: without this, a second derivative could be missing unseen
        if torch.is_grad_enabled():
            raise RuntimeError(f"the compiled loop cannot be differentiated twice: {_INSTEAD}")
        if any(_is_batched(gradient) for gradient in (dout, *dlast)):
            raise RuntimeError(f"the compiled loop cannot walk back in a batch: {_INSTEAD}")
        M, stacked, *rest = ctx.saved_tensors
        S, T, G, B = rest[-1].shape
        H = G // 4
        inputs = stacked.shape[2] - H - 1

        def given(gradient: Tensor | None, shape: tuple, order: tuple) -> Tensor:
            """A copy with the batch last, which the kernel may overwrite; zeros for None."""
            if gradient is None:
                return stacked.new_zeros(shape)
            return gradient.permute(order).clone(memory_format=_ROWS)

        dout = given(dout, (S, T, H, B), (0, 2, 3, 1))
        dstate = [given(gradient, (S, H, B), (0, 2, 1)) for gradient in dlast]
        dM = torch.zeros_like(M)
        x_counts = ctx.needs_input_grad[0]
        dx = stacked.new_empty((S, T, inputs, B) if x_counts else (0, 0, 0, 0))
        run = _lstm_backward if len(dstate) == 2 else _gru_backward
        run(*(part.numpy() for part in (M, stacked, *rest, dout, *dstate, dM, dx)))
        dx = dx.permute(0, 3, 1, 2) if x_counts else None
        if x_counts and ctx.shared:
            dx = dx.sum(0, keepdim=True)
        return dx, dM, *(gradient.mT for gradient in dstate)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Forward-mode differentiation, which the loop has not."""
        raise RuntimeError(f"the compiled loop has no forward-mode derivative: {_INSTEAD}")


def _is_batched(gradient: Tensor | None) -> bool:
    """Whether it stands for many gradients at once, as in a vectorized Jacobian."""
    if gradient is None:
        return False
    functorch = torch._C._functorch
    return functorch.is_batchedtensor(gradient) or functorch.is_legacy_batchedtensor(gradient)


def _run_once(cell: str, dtype: torch.dtype) -> None:
    """Load or compile the kernels of a cell, by one step of one unit forward and back."""
    real = np.float32 if dtype == torch.float32 else np.float64
    M = np.ones((1, 4, 3), real)
    stacked = np.ones((1, 2, 3, 1), real)
    c = np.ones((1, 2, 1, 1), real)
    gates = np.ones((1, 1, 4, 1), real)
    dout = np.ones((1, 1, 1, 1), real)
    dh = np.ones((1, 1, 1), real)
    dc = np.ones((1, 1, 1), real)
    dM = np.zeros((1, 4, 3), real)
    dx = np.ones((1, 1, 1, 1), real)
    if cell == "lstm":
        _lstm_forward(M, stacked, c, gates)
        _lstm_backward(M, stacked, c, gates, dout, dh, dc, dM, dx)
    else:
        _gru_forward(M, stacked, gates)
        _gru_backward(M, stacked, gates, dout, dh, dM, dx)


@cache
def works(cell: str, dtype: torch.dtype) -> bool:
    """Whether the kernels of a cell, "lstm" or "gru", run: a cache file may have been cut short."""
    try:
        _run_once(cell, dtype)
    except Exception as error:  # whatever a broken file makes of reading it
        folder = _lstm_forward.stats.cache_path
        warnings.warn(
            f"the compiled {cell} cannot be loaded ({type(error).__name__}: {error}), so the "
            f"layers run their readable loop; deleting numba's files in {folder} may help",
            stacklevel=2,
        )
        return False
    return True


def compile_all() -> None:
    """Compile everything for float32 and float64, about half a minute, so that no reader waits."""
    for cell in ("lstm", "gru"):
        for dtype in (torch.float32, torch.float64):
            _run_once(cell, dtype)
