"""The critical-difference diagram: mean ranks, and bars over networks that Nemenyi's test does not tell apart."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llmseg.evaluation.ranking import Ranking
from llmseg.plots.cases import FAINT, INK
from llmseg.plots.figures import COLOURS, canvas, folded

_LINE, _TOP = 0.26, 1.2  # inches


def draw_critical_difference(ranking: Ranking) -> Figure:
    """Draw a ranking as Demsar (2006, figure 1) does, the best network at the left."""
    names, ranks = [str(name) for name in ranking.ranks.index], ranking.ranks.to_numpy()
    half = (len(names) + 1) // 2
    line = _LINE * (1 + 0.4 * max(folded(name).count("\n") for name in names))
    bars = 0.16 * len(ranking.cliques)
    height = _TOP + bars + line * half + 0.3
    figure, (axes,) = canvas(9, height)
    axes.set_axis_off()
    last = len(names)
    axes.set_ylim(-height + 0.1, 0.1)
    margin = 0.42 * (last - 1)
    axes.set_xlim(1 - margin, last + margin)
    _scale(axes, last, ranking.critical_difference)
    _names(axes, names, ranks.tolist(), margin, _TOP + bars, line)
    for row, clique in enumerate(ranking.cliques):
        low, high = ranking.ranks[clique[0]], ranking.ranks[clique[-1]]
        pad = 0.012 * last
        y = -_TOP + 0.12 - 0.16 * row
        axes.plot([low - pad, high + pad], [y, y], color=COLOURS[1], linewidth=3.2, solid_capstyle="round")
    return figure


def _scale(axes: Axes, last: int, difference: float) -> None:
    y = -_TOP + 0.4
    axes.plot([1, last], [y, y], color=INK, linewidth=1)
    for rank in range(1, last + 1):
        axes.plot([rank, rank], [y, y + 0.07], color=INK, linewidth=1)
        axes.text(rank, y + 0.11, str(rank), ha="center", va="bottom", fontsize=8, color=INK)
    axes.plot([1, min(1 + difference, last)], [-0.28, -0.28], color=INK, linewidth=1.6, marker="|", markersize=7)
    words = f"critical difference {difference:.2f}" + (" (more than the whole scale)" if difference > last - 1 else "")
    axes.text(1, -0.2, words, ha="left", va="bottom", fontsize=9, color=INK)


def _names(axes: Axes, names: list[str], ranks: list[float], margin: float, top: float, line: float) -> None:
    half, last = (len(names) + 1) // 2, len(names)
    for index, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        is_left = index < half
        row = index if is_left else last - 1 - index
        y = -top - line * (row + 0.5)
        end = 1 - 0.06 * margin if is_left else last + 0.06 * margin
        axes.plot([rank, rank, end], [-_TOP + 0.4, y, y], color=FAINT, linewidth=0.8)
        shift = -0.02 * margin if is_left else 0.02 * margin
        lines = folded(name)
        words = f"{lines}  {rank:.2f}" if is_left else f"{rank:.2f}  {lines}"
        size = 9 if "\n" not in lines else 6
        axes.text(end + shift, y, words, ha="right" if is_left else "left", va="center", fontsize=size, color=INK)
