"""The drawings show what the cells compute, and the stored files are what the code draws."""

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch

from gatedrnn import draw
from gatedrnn.cells import CELLS

STORED = Path(__file__).resolve().parents[1] / "_static" / "drawings"
H, INPUTS = 3, 2
every_cell = pytest.mark.parametrize("name", draw.DRAWINGS)
every_drawing = pytest.mark.parametrize("name", draw.drawings())


@pytest.fixture
def numbers(name):
    """Random weights of a cell by the names of its code, an input and the states."""
    draws = torch.Generator().manual_seed(sum(map(ord, name)))

    def random(*shape):
        return torch.randn(*shape, generator=draws, dtype=torch.float64)

    found = {"x": random(INPUTS), "h": random(H), "c": random(H)}
    for gate in CELLS[name].gates:
        found |= {f"W_{gate}": random(H, INPUTS), f"U_{gate}": random(H, H), f"b_{gate}": random(H)}
    return found | {vector: random(H) for vector in CELLS[name].vectors}


@pytest.fixture
def expected(name, numbers):
    """The new states, by name, from the step function of the cell."""
    cell = CELLS[name]
    x = torch.cat([numbers[f"W_{g}"] @ numbers["x"] + numbers[f"b_{g}"] for g in cell.gates])
    p = {vector: numbers[vector] for vector in cell.vectors}
    p["U"] = torch.cat([numbers[f"U_{gate}"] for gate in cell.gates])
    states, _ = cell.step(x[None], tuple(numbers[state][None] for state in cell.states), p)
    return {key: state[0] for key, state in zip(cell.states, states, strict=True)}


def along_the_arrows(drawing, numbers, name):
    """What comes out of a part of the drawing, from what its arrows bring."""
    sources = [source for source, target in drawing.arrows if target == name]
    if name == "old":
        return numbers[drawing.road]
    if name == "h":
        return numbers["h"]
    if name in drawing.gates:
        gate = drawing.gates[name]
        total = torch.zeros(H, dtype=torch.float64)
        for source in sources:
            if source == "x":
                total = total + numbers[f"W_{gate}"] @ numbers["x"] + numbers[f"b_{gate}"]
            elif source == "h":
                total = total + numbers[f"U_{gate}"] @ numbers["h"]
            else:
                total = total + along_the_arrows(drawing, numbers, source)
        return {"σ": torch.sigmoid, "tanh": torch.tanh}[draw.GATES[name][0]](total)
    values = [along_the_arrows(drawing, numbers, source) for source in sources]
    if draw.is_matrix(drawing, name):
        (value,) = values
        bias = numbers.get("b_hn", 0)
        return numbers[f"U_{drawing.gates['candidate']}"] @ value + bias
    if name in ("near", "far") or draw.SIGNS.get(name) == "×":
        return math.prod(values)
    if name == "sum":
        return sum(values)
    (value,) = values
    return {"rest": lambda v: 1 - v, "squash": torch.tanh}.get(name, lambda v: v)(value)


@every_cell
def test_drawing_computes_the_step_along_its_arrows(name, numbers, expected):
    drawing = draw.DRAWINGS[name]
    found = {drawing.road: "new"} if drawing.road else {}
    if drawing.road != "h":
        found["h"] = "h_new"
    assert set(found) == set(expected)
    for state, end in found.items():
        value = along_the_arrows(drawing, numbers, end)
        torch.testing.assert_close(value, expected[state], rtol=0, atol=1e-12)


@every_cell
def test_code_beside_the_parts_computes_the_step(name, numbers, expected):
    names = {**numbers, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    for _, line in draw.DRAWINGS[name].code:
        exec(line, names)
    for state, value in expected.items():
        torch.testing.assert_close(names[state], value, rtol=0, atol=1e-12)


@every_cell
def test_each_line_of_code_stands_beside_a_part_that_is_drawn(name):
    drawing = draw.DRAWINGS[name]
    places = [place for place, _ in drawing.code]
    assert set(places) <= set(draw.parts(drawing))
    assert set(drawing.gates) <= set(places)
    assert len(places) == len(set(places))


@every_drawing
def test_stored_file_is_what_the_code_draws(name):
    stored = (STORED / f"{name}.svg").read_text(encoding="utf-8")
    again = "run `python -m gatedrnn.draw _static/drawings`"
    assert stored == draw.drawings()[name], again


def test_no_stored_file_is_left_over():
    assert {file.stem for file in STORED.glob("*")} == set(draw.drawings())


@every_drawing
def test_drawing_has_words_and_no_colour_of_its_own(name):
    root = ElementTree.fromstring(draw.drawings()[name])
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text
    assert len(root.find(f"{space}desc").text.split()) > 25
    style = root.find(f"{space}style").text
    rules = style.split("}}", 1)[1]  # after the colours of the two themes
    assert not re.search(r"#[0-9a-f]{3}|black|white", rules)
    for shape in root.iter():
        assert not re.match("#|black|white", shape.get("fill", "") + shape.get("stroke", ""))
    sizes = [int(size) for size in re.findall(r"(\d+)px(?: Georgia|[;}])", style)]
    assert min(sizes) >= draw.SMALL


@every_drawing
def test_everything_lies_inside_the_picture(name):
    root = ElementTree.fromstring(draw.drawings()[name])
    _, _, width, height = map(float, root.get("viewBox").split())
    for shape in root.iter():
        for across, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(shape.get(across, 0)) <= limit


CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"


def pictures_in_chapters():
    """Triples (chapter, alternative text, drawing) of the drawings that a chapter shows."""
    for path in sorted(CHAPTERS.rglob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            for alt, name in re.findall(r"!\[(.*?)\]\(\S*_static/drawings/(\w+)\.svg\)", text):
                yield path.stem, alt, name


def test_chapters_say_a_drawing_in_its_own_words():
    shown = list(pictures_in_chapters())
    assert len({name for _, _, name in shown}) > 10
    for chapter, alt, name in shown:
        description = re.search("<desc.*?>(.*)</desc>", draw.drawings()[name])[1]
        assert alt == description, f"{chapter}: the alt text of {name} is not its description"
