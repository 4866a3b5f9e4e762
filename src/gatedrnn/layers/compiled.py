"""The fast path of LSTM and GRU on a CPU: one compiled loop over seeds and time, forward and backward, by numba.

It computes what the readable loop of ``layer`` computes, in values and in gradients, to rounding. It is fast because a
seed's weights and one step of its state stay in the cache, and because each step is one matrix product and one pass:

- input, a one and hidden state stand in one block ``z_t = [x_t; 1; h_{t-1}]`` of shape ``(K, B)``, K = I + 1 + H, so
  one product with ``M = [W, b, U]`` gives all gates, and one product gives the gradients of all three;
- the batch is the last axis, so a gate is one contiguous run of H * B numbers, which the compiler turns into vectors;
- the weight gradients are summed over several steps by one product.

numba needs no compiler at the reader's; without it (``pip install "gatedrnn[fast]"``) the layers run their loop. The
first call of a dtype compiles for some seconds; the result is kept on disk beside this file. The matrix products go to
SciPy's OpenBLAS, which is set to one thread here: they are too small to share.
"""

import math

import numpy as np
import scipy.linalg  # noqa: F401 - loads the OpenBLAS that numba's np.dot calls, so that it can be set below
import torch
from numba import njit, types
from numba.extending import overload
from threadpoolctl import ThreadpoolController

ThreadpoolController().select(internal_api="openblas").limit(limits=1, user_api="blas")
# "contract" allows fused multiply-add. Full fast-math would let the compiler cancel the rounding trick in `_exp`.
compiled = njit(cache=True, error_model="numpy", fastmath={"contract", "nsz"})
ROWS = torch.contiguous_format
COLUMNS = 256  # steps times batch that one product of weight gradients sums over


def _exp(x):
    """exp(x), written so that a loop over it becomes vector instructions; the argument is held within its range."""


@overload(_exp, inline="always")
def _typed_exp(x):
    """e^x = 2^n e^r with n = round(x / ln 2). Adding 1.5 * 2^23 (2^52) rounds x / ln 2 to n and leaves n in the last
    bits of the sum, from where a shift makes it the exponent of 2^n. e^r, |r| <= ln 2 / 2, is a Taylor sum.
    """
    single = x == types.float32
    real, whole = (np.float32, np.int32) if single else (np.float64, np.int64)
    largest, magic, log2 = (
        real(87 if single else 708),
        real(1.5 * 2.0 ** (23 if single else 52)),
        real(1 / math.log(2)),
    )
    # ln 2 in two parts, the first with trailing zeros, so that n times it is exact
    high = real(0.693359375 if single else 6.93145751953125e-1)
    low = real(math.log(2) - float(high) if single else 1.42860682030941723212e-6)
    offset, shift = whole(127 if single else 1023), whole(23 if single else 52)
    c = tuple(real(1 / math.factorial(k)) for k in range(14))

    def short(r):
        return (
            (((((c[7] * r + c[6]) * r + c[5]) * r + c[4]) * r + c[3]) * r + c[2]) * r + c[1]
        ) * r + c[0]

    def long(r):
        tail = (((((c[13] * r + c[12]) * r + c[11]) * r + c[10]) * r + c[9]) * r + c[8]) * r + c[7]
        return (
            (((((tail * r + c[6]) * r + c[5]) * r + c[4]) * r + c[3]) * r + c[2]) * r + c[1]
        ) * r + c[0]

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
    """1 / (1 + exp(-x))"""


@overload(_sigmoid, inline="always")
def _typed_sigmoid(x):
    one = np.float32(1) if x == types.float32 else np.float64(1)
    return lambda x: one / (one + _exp(-x))


def _tanh(x):
    """2 sigmoid(2x) - 1"""


@overload(_tanh, inline="always")
def _typed_tanh(x):
    one, two = (
        (np.float32(1), np.float32(2)) if x == types.float32 else (np.float64(1), np.float64(2))
    )
    return lambda x: two / (one + _exp(-two * x)) - one


@compiled
def _lstm_forward(M, z, c, gates):
    """M (S, 4H, K); z (S, T+1, K, B), whose last H rows are written from step 1 on; c (S, T+1, H, B), written from
    step 1 on; gates (S, T, 4H, B), written.
    """
    S, T, G, B = gates.shape
    n = G // 4 * B
    for s in range(S):
        for t in range(T):
            np.dot(M[s], z[s, t], gates[s, t])
            a = gates[s, t].reshape(-1)
            i, f, g, o = a[:n], a[n : 2 * n], a[2 * n : 3 * n], a[3 * n :]
            before, now, h = (
                c[s, t].reshape(-1),
                c[s, t + 1].reshape(-1),
                z[s, t + 1, -(G // 4) :].reshape(-1),
            )
            for j in range(n):
                i[j], f[j], g[j], o[j] = _sigmoid(i[j]), _sigmoid(f[j]), _tanh(g[j]), _sigmoid(o[j])
                now[j] = f[j] * before[j] + i[j] * g[j]
                h[j] = o[j] * _tanh(now[j])


@compiled
def _lstm_backward(M, z, c, gates, dout, dh, dc, dM, dx):
    """Dout (S, T, H, B); dh, dc (S, H, B): in, the gradients of the last state, out, of the first; dM as M, zero;
    dx (S, T, I, B), or empty if it is not wanted.
    """
    S, T, G, B = gates.shape
    H, K, one = G // 4, z.shape[2], z.dtype.type(1)
    n, steps = H * B, max(1, COLUMNS // B)
    d, many_d, many_z = (
        np.empty((G, B), z.dtype),
        np.empty((G, steps * B), z.dtype),
        np.zeros((K, steps * B), z.dtype),
    )
    flat, part = d.reshape(-1), np.empty((G, K), z.dtype)
    di, df, dg, do = flat[:n], flat[n : 2 * n], flat[2 * n : 3 * n], flat[3 * n :]
    for s in range(S):
        MT, dhs, dcs = M[s].T.copy(), dh[s].reshape(-1), dc[s].reshape(-1)
        many_d[:] = 0
        for t in range(T - 1, -1, -1):
            a, from_above = gates[s, t].reshape(-1), dout[s, t].reshape(-1)
            i, f, g, o = a[:n], a[n : 2 * n], a[2 * n : 3 * n], a[3 * n :]
            before, now = c[s, t].reshape(-1), c[s, t + 1].reshape(-1)
            for j in range(n):
                e, tanh_c = dhs[j] + from_above[j], _tanh(now[j])
                q = dcs[j] + e * o[j] * (one - tanh_c * tanh_c)  # dL/dc_t
                di[j] = q * g[j] * i[j] * (one - i[j])
                df[j] = q * before[j] * f[j] * (one - f[j])
                dg[j] = q * i[j] * (one - g[j] * g[j])
                do[j] = e * tanh_c * o[j] * (one - o[j])
                dcs[j] = q * f[j]
            np.dot(MT[-H:], d, dh[s])
            if dx.size:
                np.dot(MT[: -H - 1], d, dx[s, t])
            slot = t % steps * B
            many_d[:, slot : slot + B] = d
            many_z[:, slot : slot + B] = z[s, t]
            if slot == 0:
                np.dot(many_d, many_z.T, part)
                dM[s] += part


@compiled
def _gru_forward(M, z, gates):
    """As ``_lstm_forward``. The blocks of M and of ``gates`` are r, z, the candidate's recurrent and its input part."""
    S, T, G, B = gates.shape
    H = G // 4
    n, I1 = H * B, z.shape[2] - H
    for s in range(S):
        N = M[s, 3 * H :, :I1].copy()
        for t in range(T):
            np.dot(M[s, : 3 * H], z[s, t], gates[s, t, : 3 * H])
            np.dot(N, z[s, t, :I1], gates[s, t, 3 * H :])
            a = gates[s, t].reshape(-1)
            r, u, q, x = a[:n], a[n : 2 * n], a[2 * n : 3 * n], a[3 * n :]
            before, h = z[s, t, I1:].reshape(-1), z[s, t + 1, I1:].reshape(-1)
            for j in range(n):
                r[j], u[j] = _sigmoid(r[j]), _sigmoid(u[j])
                x[j] = _tanh(x[j] + r[j] * q[j])  # the candidate takes the place of its input part
                h[j] = x[j] + u[j] * (before[j] - x[j])


@compiled
def _gru_backward(M, z, gates, dout, dh, dM, dx):
    """As ``_lstm_backward``."""
    S, T, G, B = gates.shape
    H, K, one = G // 4, z.shape[2], z.dtype.type(1)
    n, I1, steps = H * B, K - H, max(1, COLUMNS // B)
    d, many_d, many_z = (
        np.empty((G, B), z.dtype),
        np.empty((G, steps * B), z.dtype),
        np.zeros((K, steps * B), z.dtype),
    )
    flat, part, part_n, back = (
        d.reshape(-1),
        np.empty((3 * H, K), z.dtype),
        np.empty((H, I1), z.dtype),
        np.empty((H, B), z.dtype),
    )
    dr, du, dq, dn, through = (
        flat[:n],
        flat[n : 2 * n],
        flat[2 * n : 3 * n],
        flat[3 * n :],
        back.reshape(-1),
    )
    for s in range(S):
        MT, NT, dhs = M[s, : 3 * H].T.copy(), M[s, 3 * H :, : I1 - 1].T.copy(), dh[s].reshape(-1)
        extra = np.empty((I1 - 1, B), z.dtype)
        many_d[:] = 0
        for t in range(T - 1, -1, -1):
            a, before, from_above = (
                gates[s, t].reshape(-1),
                z[s, t, I1:].reshape(-1),
                dout[s, t].reshape(-1),
            )
            r, u, q, x = a[:n], a[n : 2 * n], a[2 * n : 3 * n], a[3 * n :]
            for j in range(n):
                e = dhs[j] + from_above[j]
                dn[j] = e * (one - u[j]) * (one - x[j] * x[j])
                dq[j] = dn[j] * r[j]
                dr[j] = dn[j] * q[j] * r[j] * (one - r[j])
                du[j] = e * (before[j] - x[j]) * u[j] * (one - u[j])
                dhs[j] = e * u[j]
            np.dot(MT[I1:], d[: 3 * H], back)
            for j in range(n):
                dhs[j] += through[j]
            if dx.size:
                np.dot(MT[: I1 - 1], d[: 3 * H], dx[s, t])
                np.dot(NT, d[3 * H :], extra)
                dx[s, t] += extra
            slot = t % steps * B
            many_d[:, slot : slot + B] = d
            many_z[:, slot : slot + B] = z[s, t]
            if slot == 0:
                np.dot(many_d[: 3 * H], many_z.T, part)
                np.dot(many_d[3 * H :], many_z[:I1].T, part_n)
                dM[s, : 3 * H] += part
                dM[s, 3 * H :, :I1] += part_n


class Fused(torch.autograd.Function):
    """``Fused.apply(x, M, *state) -> (output, *last state)``: x (S or 1, B, T, I), M (S, 4H, K), states (S, B, H). With
    two states it is an LSTM, M's blocks i f g o; with one a GRU, blocks r, z, recurrent and input part of n. Every call
    has buffers of its own, so that two graphs can be alive at once. It can be differentiated once.
    """

    @staticmethod
    def forward(ctx, x, M, *state):
        (S, G, K), (B, T, I) = M.shape, x.shape[1:]
        z, gates = x.new_empty(S, T + 1, K, B), x.new_empty(S, T, G, B)
        z[:, :T, :I], z[:, :, I], z[:, 0, I + 1 :] = x.permute(0, 2, 3, 1), 1.0, state[0].mT
        saved = [M.contiguous(), z]
        if len(state) == 2:
            saved.append(x.new_empty(S, T + 1, G // 4, B))
            saved[2][:, 0] = state[1].mT
        saved.append(gates)
        (_lstm_forward if len(state) == 2 else _gru_forward)(
            *(part.detach().numpy() for part in saved)
        )
        ctx.save_for_backward(*saved)
        ctx.shared = len(x) < S
        ctx.set_materialize_grads(False)
        output = z[:, 1:, I + 1 :].permute(0, 3, 1, 2)
        last = [z[:, T, I + 1 :], *(c[:, T] for c in saved[2:-1])]
        return output, *(part.mT.clone(memory_format=ROWS) for part in last)

    @staticmethod
    def backward(ctx, dout, *dlast):
        if (
            torch.is_grad_enabled()
        ):  # create_graph=True: without this, a second derivative could be missing unseen
            raise RuntimeError(
                "the compiled loop cannot be differentiated twice: set layer.fast = False before the call"
            )
        M, z, *rest = ctx.saved_tensors
        (S, T, G, B), I = rest[-1].shape, z.shape[2] - M.shape[1] // 4 - 1
        given = lambda d, shape, order: (
            z.new_zeros(shape) if d is None else d.permute(order).clone(memory_format=ROWS)
        )
        dout = given(dout, (S, T, G // 4, B), (0, 2, 3, 1))
        dstate = [
            given(d, (S, G // 4, B), (0, 2, 1)) for d in dlast
        ]  # copies: the kernel overwrites them
        dM, dx = (
            torch.zeros_like(M),
            z.new_empty((S, T, I, B) if ctx.needs_input_grad[0] else (0, 0, 0, 0)),
        )
        kernel = _lstm_backward if len(dstate) == 2 else _gru_backward
        kernel(*(part.numpy() for part in (M, z, *rest, dout, *dstate, dM, dx)))
        dx = dx.permute(0, 3, 1, 2) if dx.numel() else None
        return (
            dx.sum(0, keepdim=True) if ctx.shared and dx is not None else dx,
            dM,
            *(d.mT for d in dstate),
        )


def compile_all():
    """Compile everything for float32 and float64, about half a minute; kept on disk, so that no reader waits for it."""
    for dtype in (torch.float32, torch.float64):
        x, M, h = (
            torch.zeros(*shape, dtype=dtype) for shape in ((1, 1, 1, 1), (1, 4, 3), (1, 1, 1))
        )
        for state in ((h,), (h, h)):
            Fused.apply(x.requires_grad_(), M.requires_grad_(), *state)[0].sum().backward()
