"""The look: every cell can be told apart without colour, and figures stand on an opaque ground."""

from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

mpl.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

from gatedrnn import plot  # noqa: E402
from gatedrnn.cells import CELLS  # noqa: E402
from gatedrnn.stats import compare  # noqa: E402


def luminance(color):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_every_cell_has_a_colour_and_a_line_style_of_its_own():
    for a, b in combinations([plot.style(cell) for cell in CELLS], 2):
        assert a.label != b.label
        assert a.color != b.color
        assert a.linestyle != b.linestyle


def test_a_cell_without_a_look_gets_a_spare_one(monkeypatch):
    new = {name: replace(CELLS["lstm"], name=name, label=f"{name}!") for name in ("new", "another")}
    for name, cell in new.items():
        monkeypatch.setitem(CELLS, name, cell)
    looks = [plot.style("new"), plot.style("another")]
    assert [look.label for look in looks] == ["new!", "another!"]
    assert looks[0].color != looks[1].color
    assert plot.line("new")["color"] == looks[0].color
    assert plot.style("attention") == plot.style("attention")
    assert plot.label("attention") == "attention"


def test_lstm_and_gru_stand_out_from_white():
    for cell in ("lstm", "gru", "rnn"):
        contrast = 1.05 / (luminance(plot.style(cell).color) + 0.05)
        assert contrast > 3, f"{cell}: {contrast:.1f}, WCAG asks for 3"


def test_figures_are_opaque():
    with mpl.rc_context():
        plot.use()
        assert (
            to_rgb(plt.rcParams["figure.facecolor"])
            == to_rgb(plt.rcParams["savefig.facecolor"])
            == (1, 1, 1)
        )


def test_a_figure_is_as_wide_as_the_page_and_its_rows_have_a_named_height():
    with mpl.rc_context():
        plot.use()
        figure, axes = plot.subplots(3, 2, panel="low", sharex=True)
        plt.close(figure)
        assert axes.shape == (3, 2)
        assert tuple(figure.get_size_inches()) == (6.4, 3 * plot.PANELS["low"])
        single, _ = plot.subplots()
        plt.close(single)
        assert list(single.get_size_inches()) == plt.rcParams["figure.figsize"]
    with pytest.raises(ValueError, match="panel must be one of strip, low, .*; not 'huge'"):
        plot.subplots(panel="huge")


def test_a_band_shows_the_median_and_the_middle_of_the_seeds(ax):
    values = np.arange(11.0)[:, None] * np.ones(3)  # eleven seeds: 0 to 10 at each of three steps
    values[0, 1] = np.nan  # a diverged seed leaves a hole, not an empty curve
    plot.band(ax, [1, 2, 3], values, "gru")
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), [5, 5.5, 5])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(1)
    assert heights.max() == pytest.approx(9.1)
    assert line.get_label() == "GRU"


def test_differences_draw_interval_margin_and_wins(ax):
    c = compare([3.0, 4.0, 5.0, 3.5], [1.0, 2.5, 2.0, 3.5], margin=1.0)
    plot.differences(ax, {"one": c}, unit="in points")
    interval = ax.lines[0].get_xdata()
    np.testing.assert_allclose(interval, [c.low, c.high])
    assert [text.get_text() for text in ax.texts] == ["3 wins, 1 ties of 4"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one"]
    assert ax.get_xlabel() == "paired difference in points"


def test_a_seed_has_the_same_place_in_every_group(ax):
    values = {"lstm": [3.0, 1.0, 2.0], "equal units": [5.0, 9.0, np.nan]}
    plot.dots(ax, values, cells={"equal units": "gru"})
    lstm, gru = ax.lines
    np.testing.assert_allclose(lstm.get_xdata(), gru.get_xdata() - 1)
    np.testing.assert_allclose(lstm.get_ydata(), values["lstm"])
    assert [dots.get_color() for dots in (lstm, gru)] == [
        plot.style("lstm").color,
        plot.style("gru").color,
    ]
    medians = [lines.get_segments()[0][0, 1] for lines in ax.collections]
    assert medians == [2, 7]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["LSTM", "equal units"]


def test_dots_lie_down(ax):
    plot.dots(ax, {"one": [4.0], "two": [5.0, 6.0]}, horizontal=True)
    np.testing.assert_allclose(ax.lines[1].get_xdata(), [5, 6])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    assert ax.yaxis_inverted()


def test_a_heatmap_writes_its_numbers_and_leaves_holes(ax):
    plot.heatmap(ax, np.array([[1.0, np.nan], [3.0, 4.0]]), vmin=0)
    assert [text.get_text() for text in ax.texts] == ["1", "3", "4"]


def test_gate_panels_stand_upright_with_their_limits():
    figure, axes = plt.subplots(2, 1)
    values = torch.rand(7, 3, requires_grad=True)
    images = plot.gates(
        axes,
        {"f": values, "c": 4 * values.round()},
        limits={"c": (-1, 4)},
        units=["a", "b", "d"],
        numbers=["c"],
    )
    plt.close(figure)
    np.testing.assert_array_equal(images[0].get_array(), values.detach().T)
    assert [image.get_clim() for image in images] == [(0, 1), (-1, 4)]
    assert [ax.get_title(loc="left") for ax in axes] == ["forget gate f", "cell state c"]
    assert {text.get_text() for text in axes[1].texts} == {"4"}
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["a", "b", "d"]
    assert axes[1].get_xlabel() == "step"


def test_gates_run_from_zero_and_states_from_minus_one():
    figure, axes = plt.subplots(3, 1)
    panels = dict.fromkeys(("z", "GRU: reset gate", "h"), np.zeros((4, 2)))
    images = plot.gates(axes, panels, colorbar=False)
    plt.close(figure)
    assert [image.get_clim() for image in images] == [(0, 1), (0, 1), (-1, 1)]


def test_a_number_stands_out_from_its_ground():
    figure, axes = plt.subplots(2, 1)
    values = np.array([[0.1], [0.9], [-0.9]])
    images = plot.gates(axes, {"z": values[:2], "c": values[1:]}, numbers=["z", "c"])
    plt.close(figure)
    for ax, image in zip(axes, images, strict=True):
        for text in ax.texts:
            step, row = map(int, text.get_position())
            ground = image.cmap(image.norm(image.get_array()[row, step]))[:3]
            contrast = abs(luminance(ground) - luminance(text.get_color()))
            assert contrast > 0.4, f"{text.get_text()} in {text.get_color()} on {ground}"
