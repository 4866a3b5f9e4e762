"""The drawings of the book: every cell in one layout, and the ways in which cells are joined.

A cell is described once, as a ``Drawing``: its gates, its arrows and its lines of code. The places
of the parts are the same for all cells, so two drawings can be compared part by part, and a part
that is gone leaves its place empty. The tests compute a step along the arrows and compare it with
the cell's step function: what is drawn is what is computed.

``write(folder)`` writes all of them as SVG files; ``python -m gatedrnn.draw FOLDER`` does the same.
A file brings its own ground and its own colours for light and dark, so it can stand anywhere.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gatedrnn.cells import CELLS
from gatedrnn.plot import LOOKS

WIDTH = 500  # units; a phone shows about 0.7 pixels a unit, so no text is smaller than SMALL
SMALL = 13
INK = ("#1f2328", "#e8e8e8")  # light, dark
GROUND = ("#ffffff", "#14181e")
FAINT = ("#6a737d", "#9aa4ae")

Point = tuple[float, float]


# ------------------------------------------------------------------------- what a cell consists of


@dataclass(frozen=True)
class Drawing:
    """What is drawn of a cell.

    Attributes:
        cell: The key in ``CELLS``.
        road: The state that is only scaled and added to (``c`` or ``h``), or None.
        gates: The letter of each gate by its place, a key of ``GATES``.
        arrows: Pairs (from, to) of names in ``PLACES``; the road is made of arrows, too.
        code: Pairs (place, line): what is computed there, as Python, in the order of computing.
        note: What to see on the road, a few words.
        description: The drawing in words, for readers who do not see it.
    """

    cell: str
    road: str | None
    gates: dict[str, str]
    arrows: tuple[tuple[str, str], ...]
    code: tuple[tuple[str, str], ...]
    note: str
    description: str


# The role of a gate: its function and the word in its box.
GATES = {
    "keep": ("σ", "forget"),
    "write": ("σ", "input"),
    "candidate": ("tanh", "candidate"),
    "show": ("σ", "output"),
    "reset": ("σ", "reset"),
}
UPDATE = "update"  # what the keeping gate is called when it is z

# The layout: the middle of each part.
ROAD_Y = 58
LANE_H = 312
LANE_X = 338
KEEP, WRITE, CANDIDATE, GATE, OUT = 104, 186, 268, 362, 434  # columns
JOIN = 227  # where the candidate joins the road
SEEN = CANDIDATE + 14  # the way of h to the candidate
TOP = 114  # the row of products
BOXES = 176
NEAR, FAR = 228, 272  # on the way of h to the candidate, near the box and far from it
PLACES: dict[str, Point] = {
    "old": (26, ROAD_Y),
    "new": (474, ROAD_Y),
    "h": (26, LANE_H),
    "h_new": (474, LANE_H),
    "x": (74, 378),
    "keep": (KEEP, BOXES),
    "write": (WRITE, BOXES),
    "candidate": (CANDIDATE, BOXES),
    "show": (GATE, BOXES),
    "reset": (GATE, BOXES),
    "kept": (KEEP, ROAD_Y),
    "rest": (165, TOP),
    "written": (JOIN, TOP),
    "sum": (JOIN, ROAD_Y),
    "squash": (OUT, TOP),
    "shown": (OUT, BOXES),
    "near": (SEEN, NEAR),
    "far": (SEEN, FAR),
}
BOX = (72, 44)
SIGNS = {"kept": "×", "written": "×", "shown": "×", "sum": "+", "rest": "1−"}
R = 13  # the radius of the circles

# The way of an arrow from part to part, as corners.
_LID = BOXES - BOX[1] / 2  # the upper edge of the boxes
_RESET = [(GATE - BOX[0] / 2, BOXES), (315, BOXES)]
_EXIT = [(OUT, LANE_H), (458, LANE_H)]
WAYS: dict[tuple[str, str], list[Point]] = {
    ("keep", "kept"): [(KEEP, _LID), (KEEP, ROAD_Y + R)],
    ("keep", "rest"): [(KEEP, TOP), (165 - R, TOP)],
    ("rest", "written"): [(165 + R, TOP), (JOIN - R, TOP)],
    ("write", "written"): [(WRITE, _LID), (WRITE, TOP), (JOIN - R, TOP)],
    ("candidate", "written"): [(CANDIDATE, _LID), (CANDIDATE, TOP), (JOIN + R, TOP)],
    ("candidate", "h_new"): [(CANDIDATE, _LID), (CANDIDATE, TOP), (OUT, TOP), *_EXIT],
    ("written", "sum"): [(JOIN, TOP - R), (JOIN, ROAD_Y + R)],
    ("sum", "squash"): [(OUT, ROAD_Y), (OUT, TOP - R)],
    ("squash", "shown"): [(OUT, TOP + R), (OUT, BOXES - R)],
    ("squash", "h_new"): [(OUT, TOP + R), *_EXIT],
    ("show", "shown"): [(GATE + BOX[0] / 2, BOXES), (OUT - R, BOXES)],
    ("shown", "h_new"): [(OUT, BOXES + R), *_EXIT],
    ("h", "far"): [(SEEN, LANE_H), (SEEN, FAR + R)],
    ("far", "near"): [(SEEN, FAR - R), (SEEN, NEAR + R)],
    ("near", "candidate"): [(SEEN, NEAR - R), (SEEN, BOXES + BOX[1] / 2)],
    ("reset", "near"): [*_RESET, (315, NEAR), (SEEN + R, NEAR)],
    ("reset", "far"): [*_RESET, (315, FAR), (SEEN + R, FAR)],
}
H_TAP = 14  # h enters a box to the right of its middle, x to the left
X_TAP = -14


def _taps(*gates: str) -> tuple[tuple[str, str], ...]:
    """The arrows of h and x into gates."""
    return tuple((source, gate) for gate in gates for source in ("h", "x"))


_WRITE = (("write", "written"), ("candidate", "written"), ("written", "sum"))
_COUPLED = (("keep", "rest"), ("rest", "written"), ("candidate", "written"), ("written", "sum"))
_ROAD = (("old", "kept"), ("kept", "sum"), ("sum", "new"), ("keep", "kept"))
_SHOW = (("sum", "squash"), ("squash", "shown"), ("show", "shown"), ("shown", "h_new"))
_STORE = "the store: scaled, added to, never squashed"
_STATE = "one state: stored and shown at once"


def _line(letter: str, function: str = "sigmoid") -> str:
    return f"{letter} = {function}(W_{letter} @ x + U_{letter} @ h + b_{letter})"


_SEEN = "At the bottom run the old hidden state h and the input x; every box sees both."
DRAWINGS = {
    drawing.cell: drawing
    for drawing in (
        Drawing(
            cell="rnn",
            road=None,
            gates={"candidate": "n"},
            arrows=(*_taps("candidate"), ("candidate", "h_new")),
            code=(("candidate", "h = tanh(W_n @ x + U_n @ h + b_n)"),),
            note="no road: all of h goes through the tanh",
            description="The plain recurrent cell. The old hidden state h and the input x enter "
            "one box, a tanh, and what comes out is the new hidden state. There is no other way "
            "from the old state to the new one.",
        ),
        Drawing(
            cell="lstm",
            road="c",
            gates={"keep": "f", "write": "i", "candidate": "g", "show": "o"},
            arrows=(*_ROAD, *_taps("keep", "write", "candidate", "show"), *_WRITE, *_SHOW),
            code=(
                ("keep", _line("f")),
                ("write", _line("i")),
                ("candidate", _line("g", "tanh")),
                ("show", _line("o")),
                ("sum", "c = f * c + i * g"),
                ("shown", "h = o * tanh(c)"),
            ),
            note=_STORE,
            description="The LSTM. Along the top runs the cell state c like a road: it is "
            "multiplied by the forget gate f, then the product of the input gate i and the "
            "candidate g joins it by addition. An exit leads down through a tanh and through the "
            "output gate o to the new hidden state h. " + _SEEN,
        ),
        Drawing(
            cell="cifg",
            road="c",
            gates={"keep": "f", "candidate": "g", "show": "o"},
            arrows=(*_ROAD, *_taps("keep", "candidate", "show"), *_COUPLED, *_SHOW),
            code=(
                ("keep", _line("f")),
                ("candidate", _line("g", "tanh")),
                ("show", _line("o")),
                ("sum", "c = f * c + (1 - f) * g"),
                ("shown", "h = o * tanh(c)"),
            ),
            note="what is not kept is replaced",
            description="The LSTM with coupled gates. It has no input gate: one minus the forget "
            "gate f multiplies the candidate g. The road of the cell state c and its exit through "
            "tanh and the output gate o are as in the LSTM.",
        ),
        Drawing(
            cell="cifg_no_output",
            road="c",
            gates={"keep": "f", "candidate": "g"},
            arrows=(
                *_ROAD,
                *_taps("keep", "candidate"),
                *_COUPLED,
                ("sum", "squash"),
                ("squash", "h_new"),
            ),
            code=(
                ("keep", _line("f")),
                ("candidate", _line("g", "tanh")),
                ("sum", "c = f * c + (1 - f) * g"),
                ("squash", "h = tanh(c)"),
            ),
            note="all that is stored is shown",
            description="Coupled gates and no output gate: the exit from the road of "
            "the cell state c leads through a tanh straight to the new hidden state h.",
        ),
        Drawing(
            cell="gru_noreset",
            road="h",
            gates={"keep": "z", "candidate": "n"},
            arrows=(*_ROAD, *_taps("keep", "candidate"), *_COUPLED),
            code=(
                ("keep", _line("z")),
                ("candidate", _line("n", "tanh")),
                ("sum", "h = z * h + (1 - z) * n"),
            ),
            note=_STATE,
            description="The states are merged. The road at the top is the hidden state h itself, "
            "and no exit leads from it. The boxes at the bottom read the state at the beginning of "
            "the road. The update gate z multiplies the old state and one minus z multiplies the "
            "candidate n.",
        ),
        Drawing(
            cell="gru",
            road="h",
            gates={"keep": "z", "candidate": "n", "reset": "r"},
            arrows=(
                *_ROAD,
                *_taps("keep", "reset"),
                *_COUPLED,
                ("x", "candidate"),
                ("h", "far"),
                ("far", "near"),
                ("reset", "near"),
                ("near", "candidate"),
            ),
            code=(
                ("reset", _line("r")),
                ("keep", _line("z")),
                ("far", "u = U_n @ h + b_hn"),
                ("candidate", "n = tanh(W_n @ x + b_n + r * u)"),
                ("sum", "h = z * h + (1 - z) * n"),
            ),
            note=_STATE,
            description="The GRU as libraries compute it. The road at the top is the only state, "
            "h: it is multiplied by the update gate z, and one minus z times the candidate n "
            "joins it by addition. On its way to the candidate the old state first meets the "
            "matrix U, then the reset gate r multiplies the result.",
        ),
        Drawing(
            cell="gru_before",
            road="h",
            gates={"keep": "z", "candidate": "n", "reset": "r"},
            arrows=(
                *_ROAD,
                *_taps("keep", "reset"),
                *_COUPLED,
                ("x", "candidate"),
                ("h", "far"),
                ("far", "near"),
                ("reset", "far"),
                ("near", "candidate"),
            ),
            code=(
                ("reset", _line("r")),
                ("keep", _line("z")),
                ("far", "s = r * h"),
                ("candidate", "n = tanh(W_n @ x + U_n @ s + b_n)"),
                ("sum", "h = z * h + (1 - z) * n"),
            ),
            note=_STATE,
            description="The GRU of the first paper. All is as in the GRU of the libraries but "
            "the order of two parts: on its way to the candidate the old state is first "
            "multiplied by the reset gate r, and only then meets the matrix U.",
        ),
    )
}


# The walk from the LSTM to the GRU: what each change takes away is drawn faintly. The last change,
# the reset gate, takes nothing away.
WALK = {"cifg": "lstm", "cifg_no_output": "cifg", "gru_noreset": "cifg_no_output"}
GONE = {
    "cifg": "Dotted outlines show what the LSTM had here: the box of its input gate.",
    "cifg_no_output": "Dotted outlines show what CIFG had here: the box of the output gate, "
    "and the multiplication on the way out.",
    "gru_noreset": "Dotted outlines show what is gone: the exit through the tanh, and the second "
    "state that entered at the lower left.",
}


def parts(drawing: Drawing) -> list[str]:
    """The names of all parts of a drawing, in the order of ``PLACES``."""
    used = {name for arrow in drawing.arrows for name in arrow}
    return [name for name in PLACES if name in used]


def is_matrix(drawing: Drawing, name: str) -> bool:
    """Whether this place between lane and candidate holds the matrix U; else the reset's product.

    Where the reset gate enters, it multiplies.
    """
    return name in ("near", "far") and ("reset", name) not in drawing.arrows


# ---------------------------------------------------------------------------------- shapes of SVG


def _number(value: float) -> str:
    return f"{value:g}"


def _attributes(**values: object) -> str:
    """Attributes of an element; ``_`` in a name stands for ``-``, None leaves it out."""
    pairs = []
    for name, value in values.items():
        if value is None:
            continue
        text = _number(value) if isinstance(value, int | float) else escape(str(value))
        pairs.append(f' {name.strip("_").replace("_", "-")}="{text}"')
    return "".join(pairs)


def _element(tag: str, **values: object) -> str:
    return f"<{tag}{_attributes(**values)}/>"


def _path(corners: Sequence[Point], class_: str, **more: object) -> str:
    """A line through corners, with rounded joints."""
    steps = " ".join(f"{_number(x)} {_number(y)}" for x, y in corners)
    return _element("path", d=f"M{steps}", class_=class_, **more)


def _arrow(corners: Sequence[Point], class_: str = "wire") -> str:
    return _path(corners, class_, marker_end="url(#head)")


def _box(middle: Point, size: Point, class_: str = "box", radius: float = 6) -> str:
    x, y = middle
    width, height = size
    return _element(
        "rect",
        x=x - width / 2,
        y=y - height / 2,
        width=width,
        height=height,
        rx=radius,
        class_=class_,
    )


def _text(at: Point, text: str, class_: str = "word", anchor: str = "middle") -> str:
    """Text; ``h_{t-1}`` sets what is in the braces lower and smaller."""
    x, y = at
    main, _, rest = text.partition("_{")
    low, _, tail = rest.partition("}")
    inner = escape(main)
    if low:
        inner += f'<tspan dy="4" class="low">{escape(low.replace("-", "−"))}</tspan>'
        inner += f'<tspan dy="-4">{escape(tail)}</tspan>' if tail else ""
    where = _attributes(x=x, y=y, class_=class_, text_anchor=anchor)
    return f"<text{where}>{inner}</text>"


def _dot(at: Point, class_: str = "dot") -> str:
    return _element("circle", cx=at[0], cy=at[1], r=3, class_=class_)


def _badge(at: Point, number: int) -> str:
    """A number that ties a part to its line of code."""
    circle = _element("circle", cx=at[0], cy=at[1], r=9, class_="badge")
    return circle + _text((at[0], at[1] + 4.5), str(number), "count")


def _dashes(cell: str, width: float) -> str | None:
    """The line style of a cell, as in the figures, for a line that wide."""
    style = LOOKS[cell][1]
    named = {"-": None, "--": (3.7, 1.6), ":": (1, 1.65), "-.": (6.4, 1.6, 1, 1.6)}
    pattern = named[style] if isinstance(style, str) else style[1]
    return (
        None if pattern is None else " ".join(_number(round(width * part, 1)) for part in pattern)
    )


def _lighter(colour: str) -> str:
    """The colour on a dark ground: half way to white."""
    channels = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(value + 0.45 * (255 - value)):02x}" for value in channels)


def _picture(
    name: str,
    title: str,
    description: str,
    height: float,
    body: Iterable[str],
    colours: dict[str, tuple[str, str]],
) -> str:
    """The SVG file: the colours of both themes, the title, the words for it, and the shapes."""
    themes = []
    for k in (0, 1):
        pairs = [f"--{key}:{pair[k]}" for key, pair in colours.items()]
        themes.append("svg{" + ";".join(pairs) + "}")
    style = f"""
{themes[0]}
@media (prefers-color-scheme: dark) {{{themes[1]}}}
text {{font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  fill: var(--ink); font-size: {SMALL}px}}
.ground {{fill: var(--ground)}}
.title {{font-size: 17px; font-weight: 600}}
.state {{font: italic 18px Georgia, "DejaVu Serif", serif}}
.sign {{font-size: 16px; font-weight: 600}}
.low {{font-size: 13px}}
.note {{font-style: italic}}
.code {{font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace}}
.count {{font-size: 13px; font-weight: 700; fill: var(--ground)}}
.badge, .dot, .head {{fill: var(--ink)}}
.box, .valve {{fill: var(--ground); stroke: var(--ink); stroke-width: 1.8}}
.wire, .back {{fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-linejoin: round}}
.back {{stroke-dasharray: 5 4}}
.highway {{fill: none; stroke: var(--cell); stroke-width: 18; opacity: .2}}
.road {{fill: none; stroke: var(--cell); stroke-width: 4}}
.own {{fill: var(--ground); stroke: var(--cell); stroke-width: 3}}
.tint {{fill: var(--cell); fill-opacity: .2; stroke: var(--cell); stroke-width: 2}}
.second {{fill: var(--other); fill-opacity: .2; stroke: var(--other); stroke-width: 2;
  stroke-dasharray: 6 3}}
.ghost {{fill: none; stroke: var(--faint); stroke-width: 1.3; stroke-dasharray: 2 4}}
.gone {{fill: var(--faint); font-style: italic}}
.empty {{fill: none; stroke: var(--faint); stroke-width: 1.3; stroke-dasharray: 2 3}}
.strong {{fill: none; stroke: var(--ink); stroke-width: 3.5}}
.backward {{fill: var(--ground); stroke: var(--ink); stroke-width: 1.8; stroke-dasharray: 5 4}}
.frame {{fill: var(--cell); fill-opacity: .1; stroke: var(--cell); stroke-width: 2}}
.cut {{stroke: var(--ink); stroke-width: 2; stroke-dasharray: 2 4}}
"""
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0 8 4 0 8z" class="head"/></marker></defs>'
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_number(height)}" '
        f'width="{WIDTH}" height="{_number(height)}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(description)}</desc>',
        f"<style>{style}</style>",
        marker,
        _element("rect", width=WIDTH, height=height, rx=8, class_="ground"),
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _colours(cell: str, other: str = "gru") -> dict[str, tuple[str, str]]:
    mine, theirs = LOOKS[cell][0], LOOKS[other][0]
    return {
        "ink": INK,
        "ground": GROUND,
        "faint": FAINT,
        "cell": (mine, _lighter(mine)),
        "other": (theirs, _lighter(theirs)),
    }


# --------------------------------------------------------------------------------- drawing a cell


def _way(source: str, target: str) -> list[Point]:
    """The corners of an arrow."""
    if (source, target) in WAYS:
        return WAYS[source, target]
    x, y = PLACES[target]
    bottom = y + BOX[1] / 2
    if source == "h":
        return [(x + H_TAP, LANE_H), (x + H_TAP, bottom)]
    if source == "x":
        return [(x + X_TAP, LANE_X), (x + X_TAP, bottom)]
    raise ValueError(f"no way from {source!r} to {target!r}")


def _is_road(arrow: tuple[str, str]) -> bool:
    return arrow in (("old", "kept"), ("kept", "sum"), ("sum", "new"))


def _wires(drawing: Drawing, class_: str = "wire") -> list[str]:
    """All arrows but the road, and a dot where one leaves a line that goes on."""
    shapes = []
    for source, target in drawing.arrows:
        if _is_road((source, target)):
            continue
        corners = _way(source, target)
        shapes.append(_arrow(corners, class_))
        if source in ("h", "x") or (source, target) in (("keep", "rest"), ("sum", "squash")):
            shapes.append(_dot(corners[0]))
    return shapes


def _lanes(drawing: Drawing) -> list[str]:
    """The two lines at the bottom from which the boxes read, as long as their last tap."""
    ends = {"h": 0.0, "x": 0.0}
    for source, target in drawing.arrows:
        if source in ends:
            ends[source] = max(ends[source], _way(source, target)[0][0])
    x, y = PLACES["x"]
    lanes = [_path([(x, y - 18), (x, LANE_X), (ends["x"], LANE_X)], "wire")]
    if drawing.road == "h":
        lanes.append(_path([(54, ROAD_Y), (54, LANE_H), (ends["h"], LANE_H)], "wire"))
        lanes.append(_dot((54, ROAD_Y)))
    else:
        lanes.append(_path([(46, LANE_H), (ends["h"], LANE_H)], "wire"))
    return lanes


def _road(drawing: Drawing) -> list[str]:
    """The state that is only edited, as a road from the left to the right."""
    if drawing.road is None:
        return [_text((265, ROAD_Y + 5), drawing.note, "note")]
    ends = [(46, ROAD_Y), (452, ROAD_Y)]
    return [
        _path(ends, "highway"),
        _path(ends, "road", stroke_dasharray=_dashes(drawing.cell, 4)),
        _element("path", d=f"M450 {ROAD_Y - 7}l9 7-9 7z", fill="var(--cell)"),
        _text((452, ROAD_Y - 17), drawing.note, "note", "end"),
    ]


def _states(drawing: Drawing) -> list[str]:
    """The letters at the ends of road and lanes."""
    shapes = [_text((PLACES["x"][0], PLACES["x"][1] + 2), "x_{t}", "state")]
    if drawing.road is not None:
        shapes.append(_text((22, ROAD_Y + 5), f"{drawing.road}_{{t-1}}", "state"))
        shapes.append(_text((478, ROAD_Y + 5), f"{drawing.road}_{{t}}", "state"))
    if drawing.road != "h":
        shapes.append(_text((22, LANE_H + 5), "h_{t-1}", "state"))
        shapes.append(_text((478, LANE_H + 5), "h_{t}", "state"))
    return shapes


def _word(drawing: Drawing, gate: str) -> str:
    """The word in the box of a gate."""
    if drawing.road is None:
        return "new state"
    return UPDATE if drawing.gates.get(gate) == "z" else GATES[gate][1]


def _part(drawing: Drawing, name: str) -> list[str]:
    """One part at its place: a box, a circle or nothing (ends of lines)."""
    x, y = PLACES[name]
    if name in GATES:
        shapes = [_box((x, y), BOX)]
        shapes.append(_text((x, y - 3), GATES[name][0], "sign"))
        shapes.append(_text((x, y + 14), _word(drawing, name)))
        letter_at = {"show": (410, y - 8), "reset": (328, NEAR - 4)}.get(name, (x + 12, y - 29))
        if drawing.road is not None:
            shapes.append(_text(letter_at, drawing.gates[name], "state"))
        return shapes
    if name == "squash":
        return [_box((x, y), (52, 26), radius=13), _text((x, y + 5), "tanh", "sign")]
    if is_matrix(drawing, name):
        return [_box((x, y), (28, 26), radius=2), _text((x, y + 6), "U", "state")]
    sign = "×" if name in ("near", "far") else SIGNS.get(name)
    if sign is None:
        return []
    class_ = "own" if y == ROAD_Y else "valve"
    circle = _element("circle", cx=x, cy=y, r=R, class_=class_)
    return [circle, _text((x, y + 5.5), sign, "sign")]


def _ghosts(drawing: Drawing, earlier: Drawing) -> list[str]:
    """Faint outlines of what an earlier cell had at places that are empty now."""
    shapes = []
    for arrow in earlier.arrows:
        if arrow not in drawing.arrows:
            shapes.append(_path(_way(*arrow), "ghost"))
    if earlier.road == "c" and drawing.road == "h":
        shapes.append(_path([(46, LANE_H), (54, LANE_H)], "ghost"))
    for name in parts(earlier):
        if name in parts(drawing):
            continue
        x, y = PLACES[name]
        if name in GATES:
            shapes.append(_box((x, y), BOX, "ghost"))
            shapes.append(_text((x, y + 5), _word(earlier, name), "gone"))
        elif name == "squash":
            shapes.append(_box((x, y), (52, 26), "ghost", radius=13))
        elif name in SIGNS:
            shapes.append(_element("circle", cx=x, cy=y, r=R, class_="ghost"))
    return shapes


CORNER = (-BOX[0] / 2, -BOX[1] / 2)
BADGES: dict[str, Point] = {  # where the number of a part stands, seen from its middle
    "keep": CORNER,
    "write": CORNER,
    "candidate": CORNER,
    "show": CORNER,
    "reset": CORNER,
    "sum": (18, 18),
    "shown": (19, -14),
    "squash": (30, -13),
    "far": (22, 20),
}


def _legend(drawing: Drawing, top: float) -> list[str]:
    """The lines of code, each with the number of its part."""
    shapes = []
    for number, (place, line) in enumerate(drawing.code, 1):
        x, y = PLACES[place]
        dx, dy = BADGES[place]
        shapes.append(_badge((x + dx, y + dy), number))
        at = top + 24 * (number - 1)
        shapes.append(_badge((24, at), number))
        shapes.append(_text((42, at + 4.5), line, "code", "start"))
    return shapes


def draw_cell(name: str, as_change: bool = False) -> str:
    """The SVG of a cell.

    Args:
        name: A key of ``DRAWINGS``.
        as_change: Draw faintly what the cell before it on the walk had; a key of ``WALK``.

    Returns:
        The text of the file.
    """
    drawing = DRAWINGS[name]
    description = drawing.description
    body = [_text((14, 24), CELLS[name].label, "title", "start")]
    if as_change:
        description += " " + GONE[name]
        body += _ghosts(drawing, DRAWINGS[WALK[name]])
    body += _road(drawing)
    body += _lanes(drawing)
    body += _wires(drawing)
    for part in parts(drawing):
        body += _part(drawing, part)
    body += _states(drawing)
    body += _legend(drawing, top=412)
    height = 412 + 24 * len(drawing.code)
    title = f"The parts of one step: {CELLS[name].label}"
    kind = "walk" if as_change else "cell"
    return _picture(f"{kind}-{name}", title, description, height, body, _colours(name))


# ------------------------------------------------------------------------- how cells are joined


def _notes(lines: Sequence[str], top: float) -> list[str]:
    return [_text((20, top + 22 * k), line, "word", "start") for k, line in enumerate(lines)]


def draw_unrolled() -> str:
    """A recurrent layer as a loop, and the same loop unrolled over four steps."""
    body = [_text((14, 26), "One cell, used at every step", "title", "start")]
    y = 128
    body.append(_box((64, y), (64, 50)))
    body.append(_text((64, y + 5), "cell", "sign"))
    loop = [(96, y), (114, y), (114, y - 44), (14, y - 44), (14, y), (32, y)]
    body.append(_arrow(loop))
    body.append(_arrow([(64, y + 66), (64, y + 25)]))
    body.append(_text((64, y + 84), "x_{t}", "state"))
    body.append(_arrow([(64, y - 25), (64, y - 62)]))
    body.append(_text((64, y - 68), "h_{t}", "state"))
    body.append(_text((138, y + 6), "=", "title"))
    body.append(_text((168, y + 5), "h_{0}", "state"))
    start = 182
    for step in range(1, 5):
        x = 224 + 76 * (step - 1)
        body.append(_arrow([(start, y), (x - 24, y)]))
        body.append(_box((x, y), (48, 50)))
        body.append(_text((x, y + 5), "cell", "sign"))
        body.append(_arrow([(x, y + 66), (x, y + 25)]))
        body.append(_text((x, y + 84), f"x_{{{step}}}", "state"))
        body.append(_arrow([(x, y - 25), (x, y - 62)]))
        body.append(_text((x, y - 68), f"h_{{{step}}}", "state"))
        start = x + 24
    body.append(_arrow([(start, y), (496, y)]))
    body += _notes(
        [
            "Left: the loop. The state that comes out goes in again a step later.",
            "Right: the same loop, a copy for each step. All copies share W, U and b.",
            "An LSTM hands on two states, h and c; a GRU hands on h alone.",
        ],
        top=248,
    )
    description = (
        "Left, one cell with the input x below, the state h above and an arrow from its output "
        "back into itself. Right, the same cell drawn four times in a row: each copy reads its "
        "own input and the state of the copy before it, the first one a start state h 0."
    )
    title = "A recurrent network, folded and unrolled"
    return _picture("unrolled", title, description, 308, body, _colours("lstm"))


SEQUENCES = {"A": 6, "B": 2, "C": 4, "D": 3}  # name and number of real steps
_STEPS = max(SEQUENCES.values())
_CELL = (48, 30)


def _place(step: int, row: int, top: float) -> Point:
    """The middle of a place in a table of sequences by steps."""
    return (130 + 52 * (step - 1), top + 34 * row)


def _padded(top: float) -> list[str]:
    """All sequences in one table: what is missing is filled up."""
    shapes = []
    for row, (name, length) in enumerate(SEQUENCES.items()):
        shapes.append(_text((86, _place(1, row, top)[1] + 5), name, "sign"))
        for step in range(1, _STEPS + 1):
            middle = _place(step, row, top)
            is_real = step <= length
            shapes.append(_box(middle, _CELL, "tint" if is_real else "empty", radius=3))
            if step == length:
                shapes.append(_box(middle, _CELL, "strong", radius=3))
            text = f"{name}_{{{step}}}" if is_real else "0"
            shapes.append(_text((middle[0], middle[1] + 5), text, "sign" if is_real else "gone"))
    return shapes


def _packed(top: float) -> list[str]:
    """The real steps alone, longest sequence first; below, how many sequences take each step."""
    shapes = []
    order = sorted(SEQUENCES, key=SEQUENCES.__getitem__, reverse=True)
    for row, name in enumerate(order):
        length = SEQUENCES[name]
        for step in range(1, length + 1):
            middle = _place(step, row, top)
            shapes.append(_box(middle, _CELL, "tint", radius=3))
            if step == length:
                shapes.append(_box(middle, _CELL, "strong", radius=3))
            shapes.append(_text((middle[0], middle[1] + 5), f"{name}_{{{step}}}", "sign"))
    bottom = _place(1, len(order), top)[1] + 4
    shapes.append(_text((96, bottom), "batch_sizes", "code", "end"))
    for step in range(1, _STEPS + 1):
        count = sum(length >= step for length in SEQUENCES.values())
        shapes.append(_text((_place(step, 0, top)[0], bottom), str(count), "code"))
    return shapes


def draw_padding() -> str:
    """Four sequences padded to one length, and packed."""
    real = sum(SEQUENCES.values())
    places = len(SEQUENCES) * _STEPS
    body = [_text((14, 26), "Padded", "title", "start")]
    body.append(_text((390, 44), "output[:, -1]", "code"))
    body.append(_arrow([(390, 50), (390, 64)]))
    body += _padded(top=84)
    body.append(_text((14, 240), "Packed, longest first", "title", "start"))
    body += _packed(top=268)
    body += _notes(
        [
            "Thick frame: the last real step, which is wanted.",
            f"Dotted: padding, {places - real} of {places} places: most of the last column.",
            f"Packed, the layer takes the {real} real steps only, column by column.",
        ],
        top=436,
    )
    lengths = ", ".join(str(length) for length in SEQUENCES.values())
    description = (
        f"Above, four sequences of {lengths} steps in a table of {len(SEQUENCES)} rows and "
        f"{_STEPS} columns; the places behind the end of a sequence hold zeros, and a thick frame "
        "marks the last real step of each. Below, the same steps without padding, the longest "
        "sequence first; under each column stands how many sequences still run: 4, 4, 3, 2, 1, 1."
    )
    title = "Padding and packing"
    return _picture("padding", title, description, 496, body, _colours("lstm"))


def draw_truncated() -> str:
    """Truncated backpropagation through time: values go on, gradients stop at the cut."""
    body = [_text((14, 26), "Carry the value, cut the graph", "title", "start")]
    y, size, gap = 150, 26, 36
    for chunk in range(3):
        first = 44 + 152 * chunk
        last = first + 3 * gap
        for k in range(4):
            x = first + gap * k
            body.append(_box((x, y), (size, size), "tint", radius=4))
            body.append(_text((x, y + 40), f"x_{{{4 * chunk + k + 1}}}", "state"))
            if k < 3:
                body.append(_arrow([(x + size / 2, y), (x + gap - size / 2, y)]))
        loss = (last, y - 58)
        body.append(_box(loss, (38, 24)))
        body.append(_text((loss[0], loss[1] + 5), "loss"))
        body.append(_arrow([(last, y - size / 2), (last, loss[1] + 12)]))
        corners = [(last - 19, loss[1]), (last - 30, loss[1]), (last - 30, y - 26)]
        body.append(_arrow([*corners, (first - 12, y - 26)], "back"))
        body.append(_arrow([(first - 44 + size / 2, y), (first - size / 2, y)]))
        if chunk:
            cut = first - 22
            body.append(_path([(cut, 62), (cut, y + 60)], "cut"))
            body.append(_text((cut, y + 78), "detach()", "code"))
    body.append(_arrow([(last + size / 2, y), (494, y)]))
    body += [_arrow([(20, 262), (60, 262)]), _text((72, 267), "values go on", "word", "start")]
    body += [_arrow([(228, 262), (188, 262)], "back")]
    body.append(_text((240, 267), "gradients stop at the cut", "word", "start"))
    body += _notes(
        [
            "12 steps in chunks of 4. A late state still knows of step 1,",
            "but no loss teaches a step before its own chunk.",
        ],
        top=296,
    )
    description = (
        "Twelve steps in three chunks of four. Solid arrows lead from step to step through all "
        "twelve: the value of the state is carried on. At the end of each chunk stands a loss; a "
        "dashed arrow leads from it back to the first step of its chunk and no further. Between "
        "the chunks a dotted line, labelled detach, cuts the graph."
    )
    title = "Truncated backpropagation through time"
    return _picture("truncated", title, description, 336, body, _colours("lstm"))


def _reading(layer: int, forward: bool, y: float, columns: Sequence[float]) -> list[str]:
    """One direction of one layer: a row of cells and the arrows between them."""
    shapes = [_text((16, y + 5), f"layer {layer} {'→' if forward else '←'}", "word", "start")]
    for left, right in zip(columns, columns[1:], strict=False):
        ends = [(left + 29, y), (right - 29, y)]
        shapes.append(_arrow(ends if forward else ends[::-1], "wire" if forward else "back"))
    last = columns[-1] if forward else columns[0]
    for step, x in enumerate(columns, 1):
        shapes.append(_box((x, y), (58, 32), "box" if forward else "backward"))
        if x == last:
            shapes.append(_box((x, y), (58, 32), "strong"))
        shapes.append(_text((x, y + 5), f"h_{{{step}}}", "state"))
    return shapes


def draw_layers() -> str:
    """Two layers, four steps, two directions: which tensor holds which state."""
    columns = [126, 218, 310, 402]
    rows = {(2, False): 110, (2, True): 152, (1, False): 232, (1, True): 274}
    body = [_text((14, 26), "Layers, time and direction", "title", "start")]
    for k, x in enumerate(columns, 1):
        body.append(_text((x, 348), f"x_{{{k}}}", "state"))
        body.append(_arrow([(x, 328), (x, 292)]))
        body.append(_arrow([(x, 214), (x, 170)]))
        body.append(_arrow([(x, 92), (x, 60)]))
    for (layer, forward), y in rows.items():
        body += _reading(layer, forward, y, columns)
    body.append(_box((264, 131), (362, 94), "frame", radius=10))
    body.append(_text((264, 52), "output: the last layer, every step, both directions", "note"))
    body += _notes(
        [
            "Frame: output. Thick boxes: h_n (and c_n), the end of every reading.",
            "Forward (solid) ends at the last step, backward (dashed) at the first.",
            "The next layer reads both directions of a step, side by side.",
        ],
        top=384,
    )
    description = (
        "A grid of four steps from left to right and two layers from bottom to top; each layer "
        "has a row that reads forward and a row that reads backward. A frame around both rows of "
        "the upper layer is the output. Thick boxes are h n: the last step of each forward row "
        "and the first step of each backward row."
    )
    title = "Layers, time and direction"
    return _picture("layers", title, description, 444, body, _colours("lstm"))


# ------------------------------------------------------------------------------------- the files


def drawings() -> dict[str, str]:
    """All drawings of the book, by the name of their file without ``.svg``."""
    cells = {f"cell_{name}": draw_cell(name) for name in DRAWINGS}
    walk = {f"walk_{name}": draw_cell(name, as_change=True) for name in WALK}
    schemes = {
        "unrolled": draw_unrolled(),
        "padding": draw_padding(),
        "truncated": draw_truncated(),
        "layers": draw_layers(),
    }
    return cells | walk | schemes


def write(folder: Path) -> None:
    """Write all drawings into a folder, as the book keeps them in ``_static/drawings``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in drawings().items():
        (folder / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
