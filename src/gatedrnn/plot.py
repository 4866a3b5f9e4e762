"""The look of the book, and the figures that its chapters repeat.

``use()`` applies ``book.mplstyle``, the one file that says how figures look. A cell has a colour
and a line style that say the same thing, safe in grey and for colour-blind readers.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from gatedrnn.cells import CELLS
from gatedrnn.stats import Comparison

WIDTH = 6.4  # inches, of every figure
PANELS = {"strip": 1.4, "low": 2.1, "standard": 3.4, "tall": 4.6, "square": 6.0}  # heights, inches

# Okabe and Ito's palette first. The line style says the same as the colour, for readers who do
# not see it.
LOOKS = {
    "lstm": ("#0072B2", "-"),
    "gru": ("#D55E00", "--"),
    "rnn": ("#4D4D4D", ":"),
    "gru_before": ("#CC79A7", (0, (5, 1, 1, 1))),
    "gru_noreset": ("#E69F00", (0, (3, 1, 1, 1, 1, 1))),
    "cifg": ("#56B4E9", "-."),
    "peephole": ("#009E73", (0, (8, 2))),
    "no_forget": ("#882255", (0, (1, 3))),
    "no_input": ("#332288", (0, (6, 1, 1, 1, 1, 1))),
    "no_output": ("#117733", (0, (2, 1))),
    "no_output_tanh": ("#AA4499", (0, (10, 2, 2, 2))),
    "cifg_no_output": ("#44AA99", (0, (4, 1, 1, 1))),
    "rnn_relu": ("#888888", (0, (1, 1))),
    "mgu": ("#999933", (0, (4, 4))),
}
# For what has no look of its own: a new cell, a model that is not a cell.
SPARE_LOOKS = (
    ("#7570B3", (0, (7, 1, 2, 1))),
    ("#E7298A", (0, (2, 2))),
    ("#66A61E", (0, (9, 1, 1, 1, 1, 1))),
    ("#A6761D", (0, (5, 3))),
    ("#1B7F9E", (0, (3, 3, 1, 3))),
)


class Style(NamedTuple):
    """How a cell is drawn: its label, its colour and its line style, as matplotlib takes them."""

    label: str
    color: str
    linestyle: Any


def use() -> None:
    """Set matplotlib to the book's look."""
    plt.style.use(Path(__file__).with_name("book.mplstyle"))


def label(cell: str) -> str:
    """The name of a cell in figures and tables; what is not a cell is called by its own name."""
    return CELLS[cell].label if cell in CELLS else cell


def style(cell: str) -> Style:
    """The style of a cell; without a look of its own it gets one of ``SPARE_LOOKS``."""
    if cell in LOOKS:
        return Style(label(cell), *LOOKS[cell])
    new_cells = [name for name in CELLS if name not in LOOKS]
    # The checksum gives a name the same look in every chapter; new cells must not share one.
    place = new_cells.index(cell) if cell in new_cells else zlib.crc32(cell.encode())
    return Style(label(cell), *SPARE_LOOKS[place % len(SPARE_LOOKS)])


def subplots(
    rows: int = 1, columns: int = 1, panel: str = "standard", **options: Any
) -> tuple[Figure, Any]:
    """A figure as wide as the page, whose rows have the named height.

    Args:
        rows: Rows of panels.
        columns: Panels in a row; they share the width.
        panel: The height of a row, a name in ``PANELS``.
        **options: As in ``plt.subplots``.

    Returns:
        The figure and its axes, as from ``plt.subplots``.

    Raises:
        ValueError: There is no such height.
    """
    if panel not in PANELS:
        raise ValueError(f"panel must be one of {', '.join(PANELS)}; not {panel!r}")
    return plt.subplots(rows, columns, figsize=(WIDTH, rows * PANELS[panel]), **options)


def line(cell: str, label: str | None = None) -> dict[str, Any]:
    """Keyword arguments for ``ax.plot``: colour, line style and label, by default the cell's."""
    look = style(cell)
    return {"color": look.color, "linestyle": look.linestyle, "label": label or look.label}


def band(ax: Axes, x: ArrayLike, values: ArrayLike, cell: str, label: str | None = None) -> None:
    """Draw the median over seeds and the range of the middle 80 % of them.

    Args:
        ax: Where to draw.
        x: The places, of length N.
        values: ``(S, N)``, a row a seed; a hole (NaN) is left out.
        cell: The cell, for the colour and the line style.
        label: For the legend; by default the cell's.
    """
    low, middle, high = np.nanquantile(np.asarray(values), [0.1, 0.5, 0.9], axis=0)
    ax.plot(x, middle, **line(cell, label))
    ax.fill_between(x, low, high, color=style(cell).color, alpha=0.15, linewidth=0)


def dots(
    ax: Axes,
    groups: Mapping[str, ArrayLike],
    cells: Mapping[str, str] | None = None,
    horizontal: bool = False,
    **options: Any,
) -> None:
    """Draw a dot for each seed of each group, and the median of the group as a short line.

    The seeds of a group stand side by side in their order, not at random: the same seed has the
    same place in every group, and the figure comes out the same again.

    Args:
        ax: Where to draw.
        groups: The values ``(S,)`` of each group, by cell or by any other label.
        cells: The cell of a group that is called otherwise, for its colour; a group without one is
            grey.
        horizontal: Groups as rows instead of columns.
        **options: For the dots, as in ``ax.plot``.
    """
    cells = cells or {}
    names = [label(group) for group in groups]
    for place, (group, values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        cell = cells.get(group, group)
        color = style(cell).color if cell in CELLS else "0.3"
        spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
        dot = {"marker": "o", "linestyle": "", "color": color, "markersize": 5, "alpha": 0.7}
        median = np.nanmedian(values)
        if horizontal:
            ax.plot(values, place + spread, **dot | options)
            ax.vlines(median, place - 0.32, place + 0.32, color="black", linewidth=2, zorder=3)
        else:
            ax.plot(place + spread, values, **dot | options)
            ax.hlines(median, place - 0.32, place + 0.32, color="black", linewidth=2, zorder=3)
    if horizontal:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)  # the first group on top
        ax.grid(axis="y", visible=False)
    else:
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.5, len(names) - 0.5)
        ax.grid(axis="x", visible=False)


def differences(ax: Axes, comparisons: Mapping[str, Comparison], unit: str = "") -> None:
    """Draw a forest plot: a row a comparison, its difference with interval, the margin as a band.

    Args:
        ax: Where to draw.
        comparisons: The rows by label, from above.
        unit: What the difference is counted in, for the axis.
    """
    for row, found in enumerate(comparisons.values()):
        ax.plot([found.low, found.high], [row, row], color="0.2", linewidth=2)
        ax.plot(found.difference, row, "o", color="0.2")
        wins = f"{found.wins} wins"
        if found.ties:
            wins += f", {found.ties} ties"
        ax.annotate(
            f"{wins} of {found.n}",
            (found.difference, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
        if found.margin is not None:
            ax.fill_betweenx(
                [row - 0.4, row + 0.4],
                -found.margin,
                found.margin,
                color="0.85",
                linewidth=0,
                zorder=0,
            )
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_yticks(range(len(comparisons)), list(comparisons))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"paired difference {unit}".strip())


def heatmap(ax: Axes, table: Any, **options: Any) -> None:
    """Draw a table as numbers on a map; a hole (NaN) is grey.

    Args:
        ax: Where to draw.
        table: A DataFrame, or an array of two dimensions.
        **options: As in ``seaborn.heatmap``; by default whole numbers on blue, without a colour
            bar.
    """
    defaults = {"annot": True, "fmt": ".0f", "cmap": "Blues", "cbar": False, "linewidths": 1}
    sns.heatmap(table, ax=ax, **defaults | options)
    ax.set_facecolor("0.85")
    ax.tick_params(left=False, bottom=False)
    ax.tick_params(axis="y", rotation=0)
    ax.grid(visible=False)


GATE_TITLES = {
    "i": "input gate i",
    "f": "forget gate f",
    "o": "output gate o",
    "r": "reset gate r",
    "z": "update gate z",
    "g": "candidate g",
    "n": "candidate n",
    "c": "cell state c",
    "h": "hidden state h",
}


def gates(
    axes: Sequence[Axes],
    panels: Mapping[str, ArrayLike],
    limits: Mapping[str, tuple[float, float]] | None = None,
    units: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    numbers: Sequence[str] = (),
    colorbar: bool = True,
) -> list[AxesImage]:
    """Draw panels over time, one below the other: a row a unit, a column a step.

    A panel is named by a gate (``"f"``: the title says "forget gate f") or by any title. What is
    drawn from 0 to 1 is grey, anything else in two hues.

    Args:
        axes: One for each panel, from above.
        panels: The values ``(T, H)`` of each panel: tensors, or arrays. ``h[0]`` of an output,
            ``gates["f"][0]``.
        limits: The lowest and the highest value of a panel; by default 0 and 1 for a gate and for a
            title with the word "gate", -1 and 1 for anything else.
        units: The names of the rows, for all panels or by panel.
        numbers: The panels whose values are written into their places, zeros left out.
        colorbar: Whether each panel has a bar with its limits.

    Returns:
        The images, for a bar of one's own.
    """
    images = []
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        title = GATE_TITLES.get(name, name)
        low, high = (limits or {}).get(name, (0, 1) if "gate" in title else (-1, 1))
        values = np.asarray(values.detach() if hasattr(values, "detach") else values).T
        colors = "Greys" if low == 0 else "cividis"
        image = ax.imshow(values, cmap=colors, vmin=low, vmax=high, aspect="auto")
        ax.set_title(title, loc="left", fontweight="bold")
        ax.grid(visible=False)
        rows = units.get(name) if isinstance(units, Mapping) else units
        if rows is None:
            ax.set_yticks([])
        else:
            ax.set_yticks(range(len(values)), rows)
        if name in numbers:
            _write_numbers(ax, values, light_above=low < 0, middle=(low + high) / 2)
        if colorbar:
            ax.figure.colorbar(image, ax=ax, ticks=[low, high])
        images.append(image)
    steps = values.shape[1]
    shown = range(0, steps, 1 + steps // 10)
    axes[-1].set_xticks(shown, [step + 1 for step in shown])
    axes[-1].set_xlabel("step")
    return images


def _write_numbers(ax: Axes, values: np.ndarray, light_above: bool, middle: float) -> None:
    """Write each value, rounded to one digit, in the ink that its ground can be read with."""
    for (row, step), value in np.ndenumerate(values.round(1)):
        if not value:
            continue
        on_light = (value > middle) == light_above
        text = f"{value:.1g}".replace("0.", ".")
        ink = "black" if on_light else "white"
        ax.text(step, row, text, ha="center", va="center", color=ink, size="small")
