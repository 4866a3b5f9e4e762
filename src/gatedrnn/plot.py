"""One look for the whole book: a colour and a line style for each cell, safe in grey and for colour-blind readers."""

import numpy as np
import seaborn as sns

# Okabe and Ito's palette; the line style says the same as the colour, for readers who do not see it.
STYLES = {
    "lstm": ("LSTM", "#0072B2", "-"),
    "gru": ("GRU", "#D55E00", "--"),
    "rnn": ("RNN", "#4D4D4D", ":"),
    "gru_before": ("GRU, reset before", "#CC79A7", (0, (5, 1, 1, 1))),
    "gru_noreset": ("GRU, no reset", "#E69F00", (0, (3, 1, 1, 1, 1, 1))),
    "cifg": ("CIFG", "#56B4E9", "-."),
    "peephole": ("LSTM, peepholes", "#009E73", (0, (8, 2))),
    "no_forget": ("LSTM, no forget gate", "#882255", (0, (1, 3))),
    "no_input": ("LSTM, no input gate", "#332288", (0, (6, 1, 1, 1, 1, 1))),
    "no_output": ("LSTM, no output gate", "#117733", (0, (2, 1))),
    "no_output_tanh": ("LSTM, no output tanh", "#AA4499", (0, (10, 2, 2, 2))),
    "cifg_no_output": ("CIFG, no output gate", "#44AA99", (0, (4, 1, 1, 1))),
    "rnn_relu": ("RNN, ReLU", "#888888", (0, (1, 1))),
    "mgu": ("MGU", "#999933", (0, (4, 4))),
}


def use():
    """Set matplotlib to the book's look: opaque white ground (readable in a dark page), type for a phone's width."""
    rc = {"figure.figsize": (6.4, 3.6), "figure.dpi": 110, "figure.constrained_layout.use": True}
    rc |= {"figure.facecolor": "white", "savefig.facecolor": "white", "savefig.bbox": "tight"}
    rc |= {
        "axes.edgecolor": "0.3",
        "grid.color": "0.88",
        "lines.linewidth": 2.0,
        "legend.frameon": False,
    }
    sns.set_theme(style="whitegrid", rc=rc)


def line(cell, label=None):
    """Keyword arguments for ``ax.plot`` of this cell: colour, line style and label."""
    name, color, style = STYLES[cell]
    return {"color": color, "linestyle": style, "label": label or name}


def band(ax, x, values, cell, label=None):
    """Draw the median over seeds and the range of the middle 80 % of them. ``values (S, len(x))``."""
    low, middle, high = np.nanquantile(np.asarray(values), [0.1, 0.5, 0.9], axis=0)
    ax.plot(x, middle, **line(cell, label))
    ax.fill_between(x, low, high, color=STYLES[cell][1], alpha=0.15, linewidth=0)


def differences(ax, comparisons, unit=""):
    """A forest plot: a row for each of {label: stats.Comparison}, difference with interval, the margin as a band."""
    for row, c in enumerate(comparisons.values()):
        ax.plot([c.low, c.high], [row, row], color="0.2", linewidth=2)
        ax.plot(c.difference, row, "o", color="0.2")
        text = f"{c.wins} wins, {c.ties} ties of {c.n}" if c.ties else f"{c.wins} wins of {c.n}"
        ax.annotate(
            text,
            (c.difference, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
        if c.margin is not None:
            ax.fill_betweenx(
                [row - 0.4, row + 0.4], -c.margin, c.margin, color="0.85", linewidth=0, zorder=0
            )
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_yticks(range(len(comparisons)), list(comparisons))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"paired difference {unit}".strip())
