"""The picture of one epoch: a few cases with the masks that the network predicts for them by then."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from llmseg.plots.cases import FAINT, INK, TRUTH, BoolArray, class_handles, draw_image, draw_masks, outline

_WIDTH, _HEIGHT = 2.6, 3.4  # inches, of one case


@dataclass(frozen=True)
class Panel:
    """One slice of a case.

    Attributes:
        name: of the case; not its id where the picture leaves the machine.
        image: grey values (H, W), the first row on top.
        label: one mask a class (K, H, W).
        prediction: as the label.
    """

    name: str
    image: NDArray[Any]
    label: BoolArray
    prediction: BoolArray


def draw_epoch(panels: Sequence[Panel], classes: Sequence[str], path: Path, title: str) -> None:
    """Draw cases side by side: predicted masks in colour, the label's outline dotted.

    Args:
        panels: at least one.
        classes: K names.
        path: the PNG file to write; its folder is made.
        title: headline.
    """
    figure = Figure(figsize=(len(panels) * _WIDTH, _HEIGHT), facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, fontweight="bold", color=INK)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw_image(axes, panel.image, 1.0)
        draw_masks(axes, panel.prediction, 1.0)
        for mask in panel.label:
            outline(axes, mask, "white", 0.9, "dotted")
        axes.set_title(panel.name, fontsize=9, color=INK)
    handles = [*class_handles(classes), Line2D([], [], color=FAINT, linestyle="dotted", linewidth=1.6, label=TRUTH)]
    figure.legend(handles=handles, loc="lower center", ncols=4, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, metadata={"Software": None})
