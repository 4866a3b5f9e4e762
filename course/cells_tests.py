"""The hidden tests of the assignment `cells`: fresh random inputs and the values that must come out.

The reference is written in numpy, apart from the book's cells and from torch, so that the three check one another.
A test is built to see one mistake and no other where that is possible: most use a batch of one sample, so that a mixed
batch costs the test of the batch alone; the tests of the GRU's candidate hold z at one half, so that a swapped z does
not cost those as well. Expected values stay in this process: the students' code gets the arguments only.
"""

import math
from dataclasses import dataclass

import numpy as np

from course.child import STEPS

I, H = 3, 4


@dataclass(frozen=True)
class Previous:
    """An argument: that part of the result of the case before."""

    part: int


@dataclass(frozen=True)
class Step:
    """An argument: one of ``child.STEPS``, by name."""

    name: str


@dataclass(frozen=True)
class Case:
    """One call and its result. ``pure``: the call must leave its arguments as they were."""

    args: tuple
    expected: object
    pure: bool = False


@dataclass(frozen=True)
class Test:
    """Points for a list of cases that must all pass; the texts are what the student reads."""

    part: str
    name: str
    says: str
    hint: str
    cases: tuple[Case, ...]
    points: int = 1


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(x, h, c, W, U, b):
    i, f, g, o = np.split(x @ W.T + h @ U.T + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, W, U, b, b_hn):
    xr, xz, xn = np.split(x @ W.T + b, 3, axis=-1)
    hr, hz, hn = np.split(h @ U.T, 3, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + r * (hn + b_hn)) + z * h


def unroll(step, x, state):
    outputs = []
    for t in range(x.shape[1]):
        state = step(x[:, t], state)
        outputs.append(state[0])
    return np.stack(outputs, axis=1), state


def count_parameters(kind, inputs, hidden):
    blocks, extra = {"lstm": (4, 0), "gru": (3, hidden)}[kind]
    return blocks * hidden * (inputs + hidden + 1) + extra


def to_update_convention(W, U, b):
    sign = np.repeat([1, -1, 1], len(b) // 3)
    return sign[:, None] * W, sign[:, None] * U, sign * b


def half_life_bias(n):
    return -math.log(2 ** (1 / n) - 1)


def draw(rng, *shapes):
    """Normal numbers, none of them so near 0 that a wrong sign could hide."""
    return [rng.choice([-1, 1], shape) * rng.uniform(0.3, 1.5, shape) for shape in shapes]


def blocks(values, H=H):
    """One factor for each block of H rows."""
    return np.repeat(np.array(values, dtype=float), H)


def lstm_case(rng, B=1, matrices=1.0, bias=(1, 1, 1, 1), pure=False):
    x, h, c, W, U, b = draw(rng, (B, I), (B, H), (B, H), (4 * H, I), (4 * H, H), (4 * H,))
    args = (x, h, c, matrices * W, matrices * U, blocks(bias) * b)
    return Case(args, lstm_step(*args), pure)


def gru_case(rng, B=1, w=(1, 1, 1), u=(1, 1, 1), bias=(1, 1, 1), b_hn=1.0, pure=False):
    x, h, W, U, b, v = draw(rng, (B, I), (B, H), (3 * H, I), (3 * H, H), (3 * H,), (H,))
    args = (x, h, blocks(w)[:, None] * W, blocks(u)[:, None] * U, blocks(bias) * b, b_hn * v)
    return Case(args, gru_step(*args), pure)


def unroll_case(rng, name, states, T, zero=False, pure=False):
    B = 2
    x, *state = draw(rng, (B, T, H), *[(B, H)] * states)
    state = tuple(s * (not zero) for s in state)
    return Case((Step(name), x, state), unroll(STEPS[name], x, state), pure)


def pieces(rng):
    """One sequence in two calls; the second starts from the state that the first returned."""
    x, h = draw(rng, (2, 6, H), (2, H))
    first, state = unroll(STEPS["leaky"], x[:, :2], (h,))
    second, last = unroll(STEPS["leaky"], x[:, 2:], state)
    return (
        Case((Step("leaky"), x[:, :2], (h,)), (first, state)),
        Case((Step("leaky"), x[:, 2:], Previous(1)), (second, last)),
    )


def update_case(rng, bias=1.0, pure=False):
    W, U, b = draw(rng, (3 * H, I), (3 * H, H), (3 * H,))
    args = (W, U, bias * b)
    return Case(args, to_update_convention(*args), pure)


def count_cases(rng, kind):
    sizes = rng.permutation(np.arange(2, 60))[:4].tolist()
    return tuple(
        Case((kind, *pair), count_parameters(kind, *pair)) for pair in (sizes[:2], sizes[2:])
    )


def half_life_cases(rng, low, high):
    return tuple(Case((n,), half_life_bias(n)) for n in rng.integers(low, high, 2).tolist())


def count_tests(rng):
    hint = "Add the sizes of W, U and b; b has one entry a row, and the result is an int."
    return (
        ("LSTM", "four blocks, one bias a block", hint, count_cases(rng, "lstm")),
        (
            "GRU",
            "three blocks, one bias a block, and b_hn",
            hint + " b_hn comes on top.",
            count_cases(rng, "gru"),
        ),
    )


def lstm_tests(rng):
    forget = lstm_case(rng, matrices=0, bias=(0, 1, 0, 0))
    order = "The blocks stand in the order i, f, g, o; g goes through tanh, the others through sigma; b is added once."
    whole = "h uses the new c; b is added once; build new tensors, do not write into h or c."
    batch = "No mean, sum or reshape over axis 0: a row of the result comes from that row of x, h and c."
    return (
        (
            "forget gate",
            "a bias on f, all else zero",
            "Block 2 of b is f, and f multiplies c.",
            (forget,),
        ),
        ("gate order", "matrices zero, all biases random", order, (lstm_case(rng, matrices=0),)),
        (
            "matrices",
            "biases zero",
            "Both products: x @ W.T + h @ U.T.",
            (lstm_case(rng, bias=(0, 0, 0, 0)),),
        ),
        (
            "whole step",
            "everything random, the inputs stay as they were",
            whole,
            (lstm_case(rng, pure=True),),
        ),
        ("batch", "five samples at once, each as if alone", batch, (lstm_case(rng, B=5),)),
    )


def gru_tests(rng):
    none, half = (0, 0, 0), (1, 0, 1)  # half: no weights in the block of z, so z = 1/2
    keep = gru_case(rng, w=none, u=none, bias=(0, 1, 0), b_hn=0)
    reset = gru_case(rng, w=half, u=half, bias=none, b_hn=0)
    inside = gru_case(rng, w=half, u=none, bias=half)
    order = "The blocks stand in the order r, z, n; n goes through tanh; b is added once."
    batch = "A row of the result comes from that row of x and h; build new tensors."
    return (
        (
            "z keeps",
            "a bias on z, all else zero",
            "h' = (1 - z) * n + z * h: z near 1 keeps the old state.",
            (keep,),
        ),
        ("block order", "matrices and b_hn zero", order, (gru_case(rng, w=none, u=none, b_hn=0),)),
        (
            "reset after the product",
            "z = 1/2, biases zero",
            "First U_n h, then times r; not U_n (r * h).",
            (reset,),
        ),
        (
            "b_hn",
            "z = 1/2, U zero",
            "r multiplies U_n h + b_hn, so b_hn cannot be added to b.",
            (inside,),
        ),
        (
            "whole step",
            "five samples, each as if alone; inputs stay",
            batch,
            (gru_case(rng, B=5, pure=True),),
        ),
    )


def unroll_tests(rng):
    steps = "x is (B, T, I): step through axis 1, and stack the first tensor of each state along axis 1."
    start = "Start from the state you are given; return the state after the last step."
    pair = "Hand the whole tuple to step and take the whole tuple back."
    pairs = (unroll_case(rng, "pair", 2, 4, pure=True), unroll_case(rng, "pair", 2, 1))
    return (
        (
            "every step",
            "outputs from a zero state",
            steps,
            (unroll_case(rng, "leaky", 1, 5, zero=True),),
        ),
        ("two pieces", "a sequence in two calls equals the whole", start, pieces(rng)),
        ("two tensors", "a state (h, c), also for a single step", pair, pairs),
    )


def update_tests(rng):
    sign = "sigmoid(-a) = 1 - sigmoid(a), and b is part of a."
    return (
        (
            "matrices",
            "b zero",
            "Only the rows of z change, in W and in U.",
            (update_case(rng, bias=0),),
        ),
        ("bias", "everything random", sign, (update_case(rng),)),
        (
            "inputs stay",
            "the same after the call",
            "Work on copies: clone or cat.",
            (update_case(rng, pure=True),),
        ),
    )


def half_life_tests(rng):
    solve = "Solve f ** n = 1/2 for f, then sigmoid(b) = f for b; return a float."
    return (
        ("short", "half-lives below 10 steps", solve, half_life_cases(rng, 1, 10)),
        (
            "long",
            "half-lives of hundreds of steps",
            "Do not use f = 1 - 1/n.",
            half_life_cases(rng, 100, 1000),
        ),
    )


TESTS = {
    "count_parameters": count_tests,
    "lstm_step": lstm_tests,
    "gru_step": gru_tests,
    "unroll": unroll_tests,
    "to_update_convention": update_tests,
    "forget_bias_for_half_life": half_life_tests,
}


def tests(seed):
    """All tests of the assignment, one point each, their inputs drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    return [Test(part, *row) for part, make in TESTS.items() for row in make(rng)]
