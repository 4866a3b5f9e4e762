"""The assignment `cells`: its hidden tests, fresh random inputs and the values that must come out.

The reference is written in numpy, apart from the book's cells and from torch, so that the three
check one another. A test is built to see one mistake and no other where that is possible: most use
a batch of one sample, so that a mixed batch costs the test of the batch alone; the tests of the
GRU's candidate hold z at one half, so that a swapped z does not cost those as well. Sizes differ
from case to case, so that a size written into a function shows. Expected values stay in the
grader's process: the students' code gets the arguments only.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from course.grading.cases import Case, Previous, Step, Test

# Steps to unroll. They are no LSTM and no GRU, and work on torch tensors and on numpy arrays.
STEPS = {
    "leaky": "def step(x, state): return (0.5 * state[0] + x,)",
    "pair": (
        "def step(x, state): return (0.5 * state[0] + 0.25 * state[1] + x, 0.5 * state[1] - x)"
    ),
}
# What does the work ready-made. Its use is reported: a name cannot be forbidden by reading a text.
READY_MADE = {
    "LSTM", "LSTMCell", "GRU", "GRUCell", "RNN", "RNNCell", "RNNBase", "RNNCellBase",
    "lstm", "lstm_cell", "gru", "gru_cell", "quantized_lstm", "quantized_gru",
    "_VF", "_C", "gatedrnn", "keras", "eval", "exec", "compile", "subprocess", "ctypes",
}  # fmt: skip


# The reference


def sigmoid(a: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-a))


def lstm_step(x, h, c, W, U, b):
    """One step of an LSTM; the blocks are i, f, g, o."""
    i, f, g, o = np.split(x @ W.T + h @ U.T + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, W, U, b, b_hn):
    """One step of a GRU that resets after the product; the blocks are r, z, n."""
    xr, xz, xn = np.split(x @ W.T + b, 3, axis=-1)
    hr, hz, hn = np.split(h @ U.T, 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + r * (hn + b_hn)) + z * h


def unroll(step: Callable, x: np.ndarray, state: tuple) -> tuple:
    """The outputs of a step over x ``(B, T, I)``, and the last state."""
    outputs = []
    for t in range(x.shape[1]):
        state = step(x[:, t], state)
        outputs.append(state[0])
    return np.stack(outputs, axis=1), state


def count_parameters(kind: str, inputs: int, hidden: int) -> int:
    """Parameters of a layer with one bias a block."""
    blocks, extra = {"lstm": (4, 0), "gru": (3, hidden)}[kind]
    return blocks * hidden * (inputs + hidden + 1) + extra


def to_update_convention(W, U, b):
    """The weights of a GRU whose z takes the new state where ours keeps the old one."""
    sign = np.repeat([1, -1, 1], len(b) // 3)
    return sign[:, None] * W, sign[:, None] * U, sign * b


def half_life_bias(n: int) -> float:
    """The bias at which a gate keeps one half after n steps."""
    return -math.log(2 ** (1 / n) - 1)


def step_of(name: str) -> Callable:
    """The function that a name in ``STEPS`` stands for."""
    space = {}
    exec(STEPS[name], space)
    return space["step"]


# Inputs


def sizes(rng: Generator) -> tuple[int, int]:
    """An input size and a hidden size, never the same."""
    inputs, hidden = rng.permutation(np.arange(2, 7))[:2].tolist()
    return inputs, hidden


def draw(rng: Generator, *shapes: tuple) -> list[np.ndarray]:
    """Numbers of either sign, none of them so near 0 that a wrong sign could hide."""
    drawn = []
    for shape in shapes:
        sign = rng.choice([-1, 1], shape)
        drawn.append(sign * rng.uniform(0.3, 1.5, shape))
    return drawn


def blocks(values: tuple, hidden: int) -> np.ndarray:
    """One factor for each block of rows."""
    return np.repeat(np.array(values, dtype=float), hidden)


def lstm_case(rng, B=1, matrices=1.0, bias=(1, 1, 1, 1), pure=False):
    """One step of an LSTM, its matrices and the blocks of its bias scaled."""
    inputs, H = sizes(rng)
    rows = 4 * H
    x, h, c, W, U, b = draw(rng, (B, inputs), (B, H), (B, H), (rows, inputs), (rows, H), (rows,))
    args = (x, h, c, matrices * W, matrices * U, blocks(bias, H) * b)
    return Case(args, lstm_step(*args), pure)


def gru_case(rng, B=1, w=(1, 1, 1), u=(1, 1, 1), bias=(1, 1, 1), b_hn=1.0, pure=False):
    """One step of a GRU, the blocks of its weights scaled."""
    inputs, H = sizes(rng)
    rows = 3 * H
    x, h, W, U, b, v = draw(rng, (B, inputs), (B, H), (rows, inputs), (rows, H), (rows,), (H,))
    W, U = blocks(w, H)[:, None] * W, blocks(u, H)[:, None] * U
    args = (x, h, W, U, blocks(bias, H) * b, b_hn * v)
    return Case(args, gru_step(*args), pure)


def unroll_case(rng, name, states, T, zero=False, pure=False):
    """A sequence of T steps from a state of so many tensors, zero or not."""
    B = 2
    _, H = sizes(rng)
    x, *state = draw(rng, (B, T, H), *[(B, H)] * states)
    state = tuple(part * (not zero) for part in state)
    return Case((Step(name), x, state), unroll(step_of(name), x, state), pure)


def pieces(rng):
    """One sequence in two calls; the second starts from the state that the first returned."""
    _, H = sizes(rng)
    x, h = draw(rng, (2, 6, H), (2, H))
    first, state = unroll(step_of("leaky"), x[:, :2], (h,))
    second, last = unroll(step_of("leaky"), x[:, 2:], state)
    return (
        Case((Step("leaky"), x[:, :2], (h,)), (first, state)),
        Case((Step("leaky"), x[:, 2:], Previous(1)), (second, last)),
    )


def update_case(rng, bias=1.0, pure=False):
    """Weights of a GRU to convert."""
    inputs, H = sizes(rng)
    W, U, b = draw(rng, (3 * H, inputs), (3 * H, H), (3 * H,))
    args = (W, U, bias * b)
    return Case(args, to_update_convention(*args), pure)


def count_cases(rng, kind):
    """Two layers to count."""
    drawn = rng.permutation(np.arange(2, 60))[:4].tolist()
    pairs = (drawn[:2], drawn[2:])
    return tuple(Case((kind, *pair), count_parameters(kind, *pair)) for pair in pairs)


def half_life_cases(rng, low, high):
    """Two half-lives in a range."""
    return tuple(Case((n,), half_life_bias(n)) for n in rng.integers(low, high, 2).tolist())


# Tests: for each function rows of name, what it looks at, hint, cases


def count_tests(rng):
    """Each cell."""
    hint = "Add the sizes of W, U and b; b has one entry a row, and the result is an int."
    says = "three blocks, one bias a block, and b_hn"
    return (
        ("LSTM", "four blocks, one bias a block", hint, count_cases(rng, "lstm")),
        ("GRU", says, f"{hint} b_hn comes on top.", count_cases(rng, "gru")),
    )


def lstm_tests(rng):
    """Each part of the step, then the whole of it, then a batch."""
    forget = lstm_case(rng, matrices=0, bias=(0, 1, 0, 0))
    keeps = "Block 2 of b is f, and f multiplies c."
    order = (
        "The blocks stand in the order i, f, g, o; g goes through tanh, the others through sigma; "
        "b is added once."
    )
    products = "Both products: x @ W.T + h @ U.T."
    matrices = lstm_case(rng, bias=(0, 0, 0, 0))
    whole = "h uses the new c; b is added once; build new tensors, do not write into h or c."
    says = "everything random, the inputs stay as they were"
    batch = (
        "No mean, sum or reshape over axis 0: a row of the result comes from that row of x, h "
        "and c."
    )
    return (
        ("forget gate", "a bias on f, all else zero", keeps, (forget,)),
        ("gate order", "matrices zero, all biases random", order, (lstm_case(rng, matrices=0),)),
        ("matrices", "biases zero", products, (matrices,)),
        ("whole step", says, whole, (lstm_case(rng, pure=True),)),
        ("batch", "five samples at once, each as if alone", batch, (lstm_case(rng, B=5),)),
    )


def gru_tests(rng):
    """Each part of the step, then the whole of it on a batch."""
    none, half = (0, 0, 0), (1, 0, 1)  # half: no weights in the block of z, so z = 1/2
    keep = gru_case(rng, w=none, u=none, bias=(0, 1, 0), b_hn=0)
    reset = gru_case(rng, w=half, u=half, bias=none, b_hn=0)
    inside = gru_case(rng, w=half, u=none, bias=half)
    keeps = "h' = (1 - z) * n + z * h: z near 1 keeps the old state."
    order = "The blocks stand in the order r, z, n; n goes through tanh; b is added once."
    after = "First U_n h, then times r; not U_n (r * h)."
    bias = "r multiplies U_n h + b_hn, so b_hn cannot be added to b."
    batch = "A row of the result comes from that row of x and h; build new tensors."
    says = "five samples, each as if alone; inputs stay"
    blocks_alone = gru_case(rng, w=none, u=none, b_hn=0)
    return (
        ("z keeps", "a bias on z, all else zero", keeps, (keep,)),
        ("block order", "matrices and b_hn zero", order, (blocks_alone,)),
        ("reset after the product", "z = 1/2, biases zero", after, (reset,)),
        ("b_hn", "z = 1/2, U zero", bias, (inside,)),
        ("whole step", says, batch, (gru_case(rng, B=5, pure=True),)),
    )


def unroll_tests(rng):
    """One tensor of state, a sequence in two pieces, two tensors of state."""
    steps = (
        "x is (B, T, I): step through axis 1, and stack the first tensor of each state along "
        "axis 1."
    )
    start = "Start from the state you are given; return the state after the last step."
    pair = "Hand the whole tuple to step and take the whole tuple back."
    zero = unroll_case(rng, "leaky", 1, 5, zero=True)
    pairs = (unroll_case(rng, "pair", 2, 4, pure=True), unroll_case(rng, "pair", 2, 1))
    return (
        ("every step", "outputs from a zero state", steps, (zero,)),
        ("two pieces", "a sequence in two calls equals the whole", start, pieces(rng)),
        ("two tensors", "a state (h, c), also for a single step", pair, pairs),
    )


def update_tests(rng):
    """The matrices, the bias, and what the call must leave alone."""
    rows = "Only the rows of z change, in W and in U."
    sign = "sigmoid(-a) = 1 - sigmoid(a), and b is part of a."
    copies = "Work on copies: clone or cat."
    return (
        ("matrices", "b zero", rows, (update_case(rng, bias=0),)),
        ("bias", "everything random", sign, (update_case(rng),)),
        ("inputs stay", "the same after the call", copies, (update_case(rng, pure=True),)),
    )


def half_life_tests(rng):
    """Short and long half-lives: an approximation fails on one of them."""
    solve = "Solve f ** n = 1/2 for f, then sigmoid(b) = f for b; return a float."
    exact = "Do not use f = 1 - 1/n."
    long = half_life_cases(rng, 100, 1000)
    return (
        ("short", "half-lives below 10 steps", solve, half_life_cases(rng, 1, 10)),
        ("long", "half-lives of hundreds of steps", exact, long),
    )


TESTS = {
    "count_parameters": count_tests,
    "lstm_step": lstm_tests,
    "gru_step": gru_tests,
    "unroll": unroll_tests,
    "to_update_convention": update_tests,
    "forget_bias_for_half_life": half_life_tests,
}


def tests(seed: int) -> list[Test]:
    """All tests of the assignment, one point each, their inputs drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    found = []
    for part, make in TESTS.items():
        for row in make(rng):
            found.append(Test(part, *row))
    return found
