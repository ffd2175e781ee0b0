"""ROUGE-L of methods that write reports: of all reports, and of the abnormal ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from llmseg.evaluation.reports.scores import ABNORMAL
from llmseg.evaluation.summary import Summary
from llmseg.plots.cases import INK
from llmseg.plots.figures import COLOURS, canvas, height_of, rows_of_names

_METRIC = "rougeL_f"
_OFFSET = 0.14  # of a row, between its two marks


def draw_rouge(summaries: Mapping[str, Summary], file: Path, title: str = "") -> None:
    """Draw each method's mean ROUGE-L F1 with its 95 % interval: a dot for all reports, a diamond for the abnormal.

    Args:
        summaries: method -> what `llmseg.evaluation.reports.scores.summarise` says of it; the first is drawn on top.
        file: PNG to write; its folder is made.
        title: headline.

    Raises:
        ValueError: no method has a ROUGE.
    """
    shown = {name: each for name, each in summaries.items() if each["mean"].get(_METRIC) is not None}
    if not shown:
        raise ValueError("no ROUGE to draw")
    names = list(shown)
    figure, (axes,) = canvas(8, height_of(names) + 0.25 * len(names) + (0.3 if title else 0))
    rows_of_names(axes, names)
    _draw(axes, list(shown.values()), "all reports", COLOURS[0], "o", -_OFFSET)
    abnormal = [each["subsets"][ABNORMAL] for each in shown.values()]
    if any(abnormal):
        _draw(axes, abnormal, "without “no acute” in the reference", COLOURS[1], "D", _OFFSET)
    axes.set_xlim(0, 100)
    axes.set_xlabel("ROUGE-L F1 x 100: mean, 95 % interval where there are ten reports", color=INK)
    figure.suptitle(title, fontsize=12, fontweight="bold", color=INK, x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None})


def _draw(axes: Axes, summaries: Sequence[Summary | None], label: str, colour: str, marker: str, offset: float) -> None:
    """One mark a row, its interval and its number, which stands on the side away from the row's other mark."""
    known = [(row + offset, each) for row, each in enumerate(summaries) if each]
    for row, each in known:
        value, interval = 100 * each["mean"][_METRIC], each["mean_interval"][_METRIC]
        if interval:
            axes.plot([100 * end for end in interval], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
        shift, side = (5, "bottom") if offset < 0 else (-5, "top")
        axes.annotate(
            f"{value:.1f}", (value, row), (0, shift), textcoords="offset points", ha="center", va=side, fontsize=7.5
        )
    values = [100 * each["mean"][_METRIC] for _, each in known]
    label = f"{label} (n = {max(each['reports'] for _, each in known)})"
    axes.scatter(values, [row for row, _ in known], s=36, marker=marker, color=colour, zorder=3, label=label)
