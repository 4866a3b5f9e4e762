"""Facts about the two cells that need no training: gates, states, parameters, arithmetic.

For C01 to C04 and A1 to A4. One row is one check of one case: ``value`` was counted or computed
here, ``expected`` is what the definition, the closed form or the paper says, and a difference of
more than ``tolerance`` contradicts it. Checks, all in float64: ``blocks`` and ``states`` of torch's
layers; ``equal``, the largest difference of outputs, states and all gradients between the
registry's equations and torch's layers, random weights; ``edge``, the steps from LSTM to GRU, each
with weights shared: by how much the outputs change (``expected`` 0: a step that changes nothing is
none); ``parameters`` of torch's GRU over its LSTM; ``products``, the same for the multiply-adds of
a sequence, counted by torch's FLOP counter with oneDNN off; ``arithmetic``, the same for all
operations of one step, two for a multiply-add and one for each elementwise result (``expected`` is
the ratio of the products); ``published``: whole numbers that papers print; ``minimal``: the two
maps of a minGRU (Feng et al. 2024) of ``alpha`` times as many units as inputs, over the matrices of
a GRU; ``do nothing``: the losses of answers without memory, in closed form and, for adding, in a
million samples.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gatedrnn import Recurrent, cost, reproducible
from gatedrnn.cells import CELLS
from gatedrnn.layers import convert
from gatedrnn.measure.operators import operators
from gatedrnn.reproduce import onednn
from gatedrnn.results import Store
from gatedrnn.tasks.base import generator
from gatedrnn.tasks.memory import Adding, Copy

KEYS = ["check", "case"]
COLUMNS = ["value", "expected", "tolerance", "torch"]
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU}
WALK = ("lstm", "cifg", "cifg_no_output", "gru_noreset", "gru")  # one change at a time
SIZES = [(1, 8), (16, 32), (128, 128), (64, 256), (512, 64)]  # inputs, units
THREE_LAYERS = "I=16 H=32, three layers"
# Madsen 2019: the recurrent parameters of two layers, and those of the whole model.
PUBLISHED = {
    "recurrent of lstm": 5_764_800,
    "recurrent of gru": 4_323_600,
    "whole of lstm": 15_628_986,
    "whole of gru": 14_187_786,
}
# Operations a result.
WORK = {
    "add": 1,
    "mul": 1,
    "sub": 1,
    "sigmoid": 1,
    "tanh": 1,
    "addcmul": 2,
    "lerp": 3,
}


class Finding(NamedTuple):
    """What a check gives: the value found, the one expected, and by how much they may differ."""

    value: float
    expected: float
    tolerance: float


def checks(store: Store | None) -> list[dict]:
    """Every check and case."""
    made = [(check, cell) for check in ("blocks", "states", "equal") for cell in TORCH]
    made += [("edge", f"{before} to {after}") for before, after in pairwise(WALK)]
    made += [("equal", "end of the walk")]
    made += [
        (check, f"I={inputs} H={H}")
        for check in ("parameters", "products", "arithmetic")
        for inputs, H in SIZES
    ]
    made += [("parameters", THREE_LAYERS)]
    made += [("published", case) for case in PUBLISHED]
    made += [("minimal", f"alpha={alpha}") for alpha in (1, 2, 3, 4)]
    made += [("do nothing", task) for task in ("copy", "adding", "adding, sampled")]
    return [{"check": check, "case": case} for check, case in made]


PHASES = [checks]  # some seconds


def measure(call: dict) -> list[dict]:
    """One check, a row."""
    reproducible()
    found = MEASURES[call["check"]](call["case"])
    return [call | found._asdict() | {"torch": str(torch.__version__)}]


def blocks(cell: str) -> Finding:
    """The gate blocks of torch's layer."""
    H = 5
    return Finding(TORCH[cell](3, H).weight_hh_l0.shape[0] / H, len(CELLS[cell].gates), 0)


def states(cell: str) -> Finding:
    """The state vectors of torch's layer."""
    _, state = TORCH[cell](3, 5)(torch.randn(7, 2, 3))
    return Finding(len(state) if isinstance(state, tuple) else 1, len(CELLS[cell].states), 0)


def equal(case: str) -> Finding:
    """How far our readable loop is from torch's layer of the same weights, gradients included."""
    if case == "end of the walk":
        ours = walk_layers()[-1]
    else:
        ours = convert.from_torch(TORCH[case](3, 5))
    theirs = convert.to_torch(ours)
    ours.fast = False
    x = torch.randn(4, 9, 3)
    pairs = zip(_all_of(ours, ours.cell.name, x), _all_of(theirs, ours.cell.name, x), strict=True)
    return Finding(max((a - b).abs().max().item() for a, b in pairs), 0, 1e-12)


def _all_of(layer: nn.Module, cell: str, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, states and all gradients of a layer of five units from a state that is not zero."""
    seen = x.clone().requires_grad_()
    start = torch.full((1, len(x), 5), 0.1).requires_grad_()
    output, state = layer(seen, (start, start) if cell == "lstm" else start)
    state = state if isinstance(state, tuple) else (state,)
    total = (output**2).sum() + sum((part**3).sum() for part in state)
    of_inputs = torch.autograd.grad(total, [seen, start], retain_graph=True)
    of_weights = torch.autograd.grad(total, list(layer.parameters()))
    # Of W, U and the bias on the side of the input: both have them.
    flat = [gradient.reshape(-1) for gradient in of_weights[:3]]
    return [output, *state, *of_inputs, *flat]


def walk_layers() -> list[Recurrent]:
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
    drawn = {}
    for name in dict.fromkeys(role.values()):
        drawn[name] = {"W": torch.randn(5, 3), "U": torch.randn(5, 5), "b": torch.randn(5, 1)}
    layers = []
    for cell in WALK:
        layer = Recurrent(cell, 3, 5)
        for name in ("W", "U", "b"):
            rows = torch.cat([drawn[role[gate]][name] for gate in layer.cell.gates])
            layer.get_parameter(name).data[0] = rows if name != "b" else rows[:, 0]
        for vector in layer.cell.vectors:
            layer.get_parameter(vector).data.fill_(0.1)
        layers.append(layer)
    return layers


def edge(case: str) -> Finding:
    """By how much one step of the walk changes the outputs."""
    before, after = (walk_layers()[WALK.index(cell)] for cell in case.split(" to "))
    torch.manual_seed(1)
    x = torch.randn(4, 9, 3)
    return Finding((before(x)[0] - after(x)[0]).abs().max().item(), 0, 0)


def _sizes(case):
    """The inputs and units in the name of a case."""
    inputs, H = (int(part.split("=")[1]) for part in case.split(",")[0].split())
    return inputs, H


def parameters(case: str) -> Finding:
    """The parameters of torch's GRU over those of its LSTM."""
    layers = 3 if case == THREE_LAYERS else 1
    count = {}
    for cell, layer in TORCH.items():
        count[cell] = sum(p.numel() for p in layer(*_sizes(case), layers).parameters())
    return Finding(count["gru"] / count["lstm"], 0.75, 0)


def _ratio_of_products(case):
    """The multiply-adds of a GRU over those of an LSTM, by the closed form."""
    return cost.macs("gru", *_sizes(case)) / cost.macs("lstm", *_sizes(case))


def products(case: str) -> Finding:
    """The multiply-adds of torch's GRU over those of its LSTM, as torch counts them."""
    inputs, H = _sizes(case)
    count = {}
    for cell in ("gru", "lstm"):
        with onednn(False), FlopCounterMode(display=False) as counter:
            TORCH[cell](inputs, H)(torch.randn(10, 2, inputs))
        count[cell] = counter.get_total_flops()
    return Finding(count["gru"] / count["lstm"], _ratio_of_products(case), 0.01)


def arithmetic(case: str) -> Finding:
    """All operations of a step of a GRU over those of an LSTM."""
    inputs, H = _sizes(case)
    gru, lstm = (2 * cost.macs(cell, inputs, H) + elementwise(cell, H) for cell in ("gru", "lstm"))
    return Finding(gru / lstm, _ratio_of_products(case), 0.15)


def elementwise(cell: str, H: int) -> int:
    """The elementwise operations of one step of one sequence, counted from its operators."""
    step, G = CELLS[cell].step, len(CELLS[cell].gates)
    state = tuple(torch.randn(1, H) for _ in CELLS[cell].states)
    weights = {"U": torch.randn(G * H, H)}
    weights |= {name: torch.randn(H) for name in CELLS[cell].vectors}
    x = torch.randn(1, G * H)
    seen = operators(lambda: step(x, state, weights))
    return sum(WORK.get(operator.kind, 0) * operator.size for operator in seen)


def published(case: str) -> Finding:
    """The parameters of a model of Madsen 2019.

    27 symbols in 600 numbers, two layers of 600 units with one bias a block, 16,386 outputs.
    """
    part, cell = case.split(" of ")
    name = "gru_before" if cell == "gru" else cell
    model = cost.whole_model(name, 600, 600, 27, 16_386, layers=2)
    count = model["recurrent"] if part == "recurrent" else sum(model.values())
    return Finding(count, PUBLISHED[case], 0)


def minimal(case: str) -> Finding:
    """The matrices of a minGRU over those of a GRU."""
    alpha, inputs = int(case.split("=")[1]), 12
    maps = [nn.Linear(inputs, alpha * inputs, bias=False) for _ in ("z", "candidate")]
    gru = nn.GRU(inputs, alpha * inputs, bias=False)
    ratio = sum(m.weight.numel() for m in maps) / sum(p.numel() for p in gru.parameters())
    return Finding(ratio, 2 / (3 * (1 + alpha)), 1e-12)


def do_nothing(case: str) -> Finding:
    """The loss of an answer without memory."""
    if case == "copy":
        # A mean over all T + 20 steps, as in the papers; ours scores the ten recalled symbols.
        return Finding(round(Copy().baseline(1000) * 10 / 1020, 6), 0.020387, 0)
    if case == "adding":
        return Finding(Adding().baseline(100), 1 / 6, 0)
    batch = Adding().batch(generator(0, 0), 1_000_000, 3)
    return Finding((batch.y[batch.mask] - 1).square().mean().item(), 1 / 6, 0.001)


MEASURES = {
    "blocks": blocks,
    "states": states,
    "equal": equal,
    "edge": edge,
    "parameters": parameters,
    "products": products,
    "arithmetic": arithmetic,
    "published": published,
    "minimal": minimal,
    "do nothing": do_nothing,
}
