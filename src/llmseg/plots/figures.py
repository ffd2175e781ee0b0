"""What the figures of the analysis share: a canvas without a window, plain axes, colours, a message where data lack."""

import textwrap
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from llmseg.plots.cases import FAINT, INK

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777")
"""Okabe and Ito's colours, those that stand out on white first."""
GRID = "#e6e6e6"
_NAME = 40  # letters of a line


def canvas(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A white figure of so many inches, and its axes by rows, without boxes around them."""
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    every: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in every:
        plain(axes)
    return figure, every


def plain(axes: Axes) -> None:
    """Only the left and the lower line, in grey."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def rows_of_names(axes: Axes, names: Sequence[str]) -> None:
    """One line a name, the first on top, with faint lines to follow."""
    axes.set_yticks(range(len(names)), [folded(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def height_of(names: Iterable[object]) -> float:
    """Inches of a figure with one line a name, or more where names are long."""
    counts = [folded(str(name)).count("\n") for name in names]
    return 1.1 + (0.27 + 0.13 * max(counts, default=0)) * max(len(counts), 2)


def folded(name: str) -> str:
    """A long name in several lines."""
    return textwrap.fill(name, _NAME, break_long_words=False, break_on_hyphens=False)


def label_logarithmic(axis: Axis) -> None:
    """Plain numbers (0.05, 2M) on a logarithmic axis, more of them where it spans less than a decade."""
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high > 10 * low else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
