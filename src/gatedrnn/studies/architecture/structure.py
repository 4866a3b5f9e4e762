"""Facts about the two cells that need no training: gates, states, parameters, arithmetic. (C01-C04, A1-A4)

One row is one check of one case: ``value`` was counted or computed here, ``expected`` is what the definition, the
closed form or the paper says, and a difference of more than ``tolerance`` contradicts it. Checks, all in float64:
``blocks`` and ``states`` of torch's layers; ``equal``, the largest difference of outputs, states and all gradients
between the registry's equations and torch's layers, random weights; ``edge``, the steps from LSTM to GRU, each with
weights shared: by how much the outputs change (``expected`` 0: a step that changes nothing is none); ``parameters`` of
torch's GRU over its LSTM; ``products``, the same for the multiply-adds of a sequence, counted by torch's FLOP counter
with oneDNN off; ``arithmetic``, the same for all operations of one step, two for a multiply-add and one for each
elementwise result (``expected`` is the ratio of the products); ``published``: whole numbers that papers print;
``minimal``: the two maps of a minGRU (Feng et al. 2024) of ``alpha`` times as many units as inputs, over the matrices
of a GRU; ``do nothing``: the losses of answers without memory, in closed form and, for adding, in a million samples.
"""

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from gatedrnn import Recurrent, cost, reproducible
from gatedrnn.cells import CELLS
from gatedrnn.layers import convert
from gatedrnn.reproduce import onednn
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import Adding, Copy

KEYS, COLUMNS = ["check", "case"], ["value", "expected", "tolerance", "torch"]
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU}
WALK = ("lstm", "cifg", "cifg_no_output", "gru_noreset", "gru")  # one change at a time
SIZES = [(1, 8), (16, 32), (128, 128), (64, 256), (512, 64)]  # inputs, units
DISTILL = {
    "gru": 4_323_600,
    "lstm": 5_764_800,
}  # Madsen 2019: the recurrent parameters of two layers
DISTILL_WHOLE = {"gru": 14_187_786, "lstm": 15_628_986}
WORK = {
    "add": 1,
    "mul": 1,
    "sub": 1,
    "sigmoid": 1,
    "tanh": 1,
    "addcmul": 2,
    "lerp": 3,
}  # operations a result


def checks(store):
    """Every check and case."""
    made = [(check, cell) for check in ("blocks", "states", "equal") for cell in TORCH]
    made += [("edge", f"{a} to {b}") for a, b in zip(WALK, WALK[1:], strict=False)] + [
        ("equal", "end of the walk")
    ]
    made += [
        (check, f"I={I} H={H}")
        for check in ("parameters", "products", "arithmetic")
        for I, H in SIZES
    ]
    made += [("parameters", "I=16 H=32, three layers")]
    made += [
        ("published", f"{part} of {cell}") for part in ("recurrent", "whole") for cell in TORCH
    ]
    made += [("minimal", f"alpha={alpha}") for alpha in (1, 2, 3, 4)]
    made += [("do nothing", task) for task in ("copy", "adding", "adding, sampled")]
    return [{"check": check, "case": case} for check, case in made]


PHASES = [checks]  # some seconds


def measure(config):
    """One check, a row."""
    reproducible()
    value, expected, tolerance = MEASURES[config["check"]](config["case"])
    return [
        config
        | {
            "value": value,
            "expected": expected,
            "tolerance": tolerance,
            "torch": str(torch.__version__),
        }
    ]


def blocks(cell):
    return TORCH[cell](3, 5).weight_hh_l0.shape[0] / 5, len(CELLS[cell].gates), 0


def states(cell):
    _, state = TORCH[cell](3, 5)(torch.randn(7, 2, 3))
    return len(state) if isinstance(state, tuple) else 1, len(CELLS[cell].states), 0


def equal(case):
    """Outputs, states and gradients of our readable loop and of torch's layer with the same weights."""
    ours = walk_layers()[-1] if case == "end of the walk" else convert.from_torch(TORCH[case](3, 5))
    theirs, ours.fast, x = convert.to_torch(ours), False, torch.randn(4, 9, 3)
    found = []
    for layer in (ours, theirs):
        seen, start = x.clone().requires_grad_(), torch.full((1, 4, 5), 0.1).requires_grad_()
        output, state = layer(seen, (start, start) if ours.cell.name == "lstm" else start)
        state = state if isinstance(state, tuple) else (state,)
        total = (output**2).sum() + sum((part**3).sum() for part in state)
        of_inputs = torch.autograd.grad(total, [seen, start], retain_graph=True)
        of_weights = torch.autograd.grad(total, list(layer.parameters()))
        flat = [
            g.reshape(-1) for g in of_weights[:3]
        ]  # of W, U and the bias on the side of the input: both have them
        found.append([output, *state, *of_inputs, *flat])
    return max((a - b).abs().max().item() for a, b in zip(*found, strict=True)), 0, 1e-12


def walk_layers():
    """One layer for each cell of the walk; blocks of the same role share their weights."""
    role = {
        "f": "keep",
        "z": "keep",
        "g": "candidate",
        "n": "candidate",
        "i": "i",
        "o": "o",
        "r": "r",
    }
    drawn = {name: [torch.randn(5, n) for n in (3, 5, 1)] for name in dict.fromkeys(role.values())}
    layers = []
    for cell in WALK:
        layer = Recurrent(cell, 3, 5)
        for name, part in zip(("W", "U", "b"), range(3), strict=True):
            rows = torch.cat([drawn[role[gate]][part] for gate in layer.cell.gates])
            layer.get_parameter(name).data[0] = rows if name != "b" else rows[:, 0]
        for vector in layer.cell.vectors:
            layer.get_parameter(vector).data.fill_(0.1)
        layers.append(layer)
    return layers


def edge(case):
    before, after = (walk_layers()[WALK.index(cell)] for cell in case.split(" to "))
    torch.manual_seed(1)
    x = torch.randn(4, 9, 3)
    return (before(x)[0] - after(x)[0]).abs().max().item(), 0, 0


def _sizes(case):
    I, H = (int(part.split("=")[1]) for part in case.split(",")[0].split())
    return I, H, 3 if "three layers" in case else 1


def parameters(case):
    I, H, layers = _sizes(case)
    gru, lstm = (
        sum(p.numel() for p in TORCH[cell](I, H, layers).parameters()) for cell in ("gru", "lstm")
    )
    return gru / lstm, 0.75, 0


def products(case):
    I, H, _ = _sizes(case)
    counts = []
    for cell in ("gru", "lstm"):
        with onednn(False), FlopCounterMode(display=False) as counter:
            TORCH[cell](I, H)(torch.randn(10, 2, I))
        counts.append(counter.get_total_flops())
    return counts[0] / counts[1], cost.macs("gru", I, H) / cost.macs("lstm", I, H), 0.01


def arithmetic(case):
    I, H, _ = _sizes(case)
    gru, lstm = (2 * cost.macs(cell, I, H) + elementwise(cell, H) for cell in ("gru", "lstm"))
    return gru / lstm, cost.macs("gru", I, H) / cost.macs("lstm", I, H), 0.15


def elementwise(cell, H):
    """The elementwise operations of one step of one sequence, counted from the operators that it runs."""
    step, G = CELLS[cell].step, len(CELLS[cell].gates)
    state = tuple(torch.randn(1, H) for _ in CELLS[cell].states)
    p = {"U": torch.randn(G * H, H)} | {name: torch.randn(H) for name in CELLS[cell].vectors}
    return sum(
        WORK.get(name, 0) * numbers
        for name, numbers in operators_and_sizes(step, torch.randn(1, G * H), state, p)
    )


def operators_and_sizes(step, *arguments):
    """Pairs (operator, size of its result) of a call."""
    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                seen.append((func._schema.name.split("::")[1].rstrip("_"), result.numel()))
            return result

    with Watch():
        step(*arguments)
    return seen


def published(case):
    """Madsen 2019: 27 symbols in 600 numbers, two layers of 600 units with one bias a block, 16,386 outputs."""
    part, cell = case.split(" of ")
    model = cost.whole_model({"gru": "gru_before"}.get(cell, cell), 600, 600, 27, 16_386, layers=2)
    printed = DISTILL if part == "recurrent" else DISTILL_WHOLE
    return model["recurrent"] if part == "recurrent" else sum(model.values()), printed[cell], 0


def minimal(case):
    alpha, I = int(case.split("=")[1]), 12
    maps = sum(nn.Linear(I, alpha * I, bias=False).weight.numel() for _ in ("z", "candidate"))
    gru = nn.GRU(I, alpha * I, bias=False)
    return maps / sum(p.numel() for p in gru.parameters()), 2 / (3 * (1 + alpha)), 1e-12


def do_nothing(case):
    if (
        case == "copy"
    ):  # a mean over all T + 20 steps, as in the papers; ours scores the ten recalled symbols
        return round(Copy().baseline(1000) * 10 / 1020, 6), 0.020387, 0
    if case == "adding":
        return Adding().baseline(100), 1 / 6, 0
    batch = Adding().batch(generator(0, 0), 1_000_000, 3)
    return (batch.y[batch.mask] - 1).square().mean().item(), 1 / 6, 0.001


MEASURES = {
    "blocks": blocks,
    "states": states,
    "equal": equal,
    "edge": edge,
    "parameters": parameters,
}
MEASURES |= {"products": products, "arithmetic": arithmetic, "published": published}
MEASURES |= {"minimal": minimal, "do nothing": do_nothing}
