"""The look: every cell can be told apart without colour, and figures stand on an opaque ground."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
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
    assert set(plot.STYLES) == set(CELLS)
    for (_, color_a, style_a), (_, color_b, style_b) in combinations(plot.STYLES.values(), 2):
        assert color_a != color_b
        assert style_a != style_b


def test_lstm_and_gru_stand_out_from_white():
    for cell in ("lstm", "gru", "rnn"):
        contrast = 1.05 / (luminance(plot.STYLES[cell][1]) + 0.05)
        assert contrast > 3, f"{cell}: {contrast:.1f}, WCAG asks for 3"


def test_figures_are_opaque():
    with mpl.rc_context():
        plot.use()
        assert (
            to_rgb(plt.rcParams["figure.facecolor"])
            == to_rgb(plt.rcParams["savefig.facecolor"])
            == (1, 1, 1)
        )


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
