"""Pictures of boxes on slices, and of each patient's IoU."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import isfinite, nan
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from llmseg.data.boxes.overlap import iou, match
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.plots.cases import FAINT, INK, PALETTE, draw_image
from llmseg.plots.figures import GRID, canvas, folded

TRUTH = "truth (white)"
COLOURS = (*PALETTE[:4], *PALETTE[5:], PALETTE[4])
"""Of the methods, the same in every figure; the yellow, which is hard to see on white, comes last."""
_LINES = ("solid", "dashed", (0, (1, 1.2)), "dashdot")
_PANEL = 3.4  # inches
_HALO = "#000000"


def draw_boxes(
    samples: Sequence[Sample],
    predictions: Mapping[str, Sequence[Boxes]],
    file: Path,
    title: str = "",
    ranked_by: str | None = None,
) -> None:
    """Draw the best, the median and the worst slice: its first sequence, the true boxes and each method's.

    Args:
        samples: all scored slices; those without a true box are not drawn unless there are no others.
        predictions: method -> its boxes on each of them.
        file: PNG to write; its folder is made.
        title: headline.
        ranked_by: method whose IoU ranks the slices; None: the first.

    Raises:
        ValueError: there are no slices or no methods, or a method has not answered each slice.
    """
    if not samples or not predictions:
        raise ValueError("no boxes to draw")
    for name, answers in predictions.items():
        if len(answers) != len(samples):
            raise ValueError(f"{name}: {len(answers)} answers for {len(samples)} slices")
    leading = next(iter(predictions)) if ranked_by is None else ranked_by
    scores = [mean_iou(sample, boxes) for sample, boxes in zip(samples, predictions[leading], strict=True)]
    chosen = _chosen(scores)
    shape = max(_height(samples[index]) for _, index in chosen)
    handles = _handles(list(predictions))
    columns = 2 * len(chosen)
    margins = 0.95 + 0.2 * -(-len(handles) // columns)  # inches: headline, titles, a line of the legend each
    figure, panels = canvas(_PANEL * len(chosen), _PANEL * shape + margins, columns=len(chosen))
    for axes, (rank, index) in zip(panels, chosen, strict=True):
        record = samples[index].record
        first = next(iter(samples[index].images.values()))
        _draw(axes, samples[index], first, {name: own[index] for name, own in predictions.items()})
        place = "" if record.slice is None else f" {record.slice}"
        score = f"{leading}: IoU {scores[index]:.2f}" if isfinite(scores[index]) else "no true box"
        lines = [f"{rank}, {score}".removeprefix(", "), folded(record.case), f"{record.plane}{place}"]
        axes.set_title("\n".join(lines), fontsize=9, color=INK, loc="left")
    figure.suptitle(title, fontsize=12, fontweight="bold", color=INK, x=0.01, ha="left")
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None})


def draw_case(sample: Sample, boxes: Boxes, file: Path) -> None:
    """Draw a slice's sequences beside each other with the predicted boxes, and the true ones where they are known.

    Args:
        sample: the slice.
        boxes: predicted, in its pixels.
        file: PNG to write; its folder is made.
    """
    count = len(sample.images)
    figure, panels = canvas(_PANEL * count, _PANEL * _height(sample) + 0.8, columns=count)
    for axes, (name, image) in zip(panels, sample.images.items(), strict=True):
        _draw(axes, sample, image, {"prediction": boxes})
        axes.set_title(name, fontsize=10, color=INK, loc="left")
    record = sample.record
    place = "" if record.slice is None else f" {record.slice}"
    found = "" if boxes else ": no box"
    figure.suptitle(f"{record.case}, {record.plane}{place}{found}", fontsize=10, color=INK, x=0.01, ha="left")
    if handles := _handles(["prediction"])[0 if sample.boxes else 1 : 2 if boxes else 1]:
        figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None})


def bars_by_patient(scores: Mapping[str, Mapping[str, float]], file: Path, title: str = "") -> None:
    """Draw the mean IoU of each patient, one bar a method.

    Args:
        scores: method -> patient -> IoU, as `summarise` gives it in "per_patient".
        file: PNG to write; its folder is made.
        title: headline.

    Raises:
        ValueError: there are no methods or no patients.
    """
    patients = sorted({patient for own in scores.values() for patient in own})
    if not patients:
        raise ValueError("no scores to draw")
    figure, (axes,) = canvas(8, 1.4 + (0.13 * len(scores) + 0.22) * len(patients))
    bar = 0.8 / len(scores)
    for index, (name, own) in enumerate(scores.items()):
        rows = [row - 0.4 + bar * (index + 0.5) for row in range(len(patients))]
        values = [own.get(patient, nan) for patient in patients]
        hatch = None if index < len(COLOURS) else "////"
        axes.barh(rows, values, height=bar * 0.9, color=COLOURS[index % len(COLOURS)], label=name, hatch=hatch)
    axes.set_yticks(range(len(patients)), [folded(name) for name in patients])
    axes.set_ylim(len(patients) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("mean IoU over the patient's boxes", color=INK)
    figure.suptitle(title, fontsize=12, fontweight="bold", color=INK, x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=min(len(scores), 4), frameon=False, fontsize=9, labelcolor=INK)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None})


def mean_iou(sample: Sample, boxes: Boxes) -> float:
    """Mean IoU of a slice's true boxes with the predictions matched to them; NaN where there is no true box."""
    pairs = match(sample.boxes, boxes)
    total = sum(iou(sample.boxes[own], boxes[other]) for own, other in pairs.items())
    return total / len(sample.boxes) if sample.boxes else nan


def _chosen(scores: Sequence[float]) -> list[tuple[str, int]]:
    """Rank and index of the best, the median and the worst; fewer where there are fewer."""
    ranked = sorted((index for index, score in enumerate(scores) if isfinite(score)), key=lambda index: -scores[index])
    if len(ranked) < 2:
        return [("", (ranked or [0])[0])]
    middle = [("median", ranked[len(ranked) // 2])] if len(ranked) > 2 else []
    return [("best", ranked[0]), *middle, ("worst", ranked[-1])]


def _aspect(sample: Sample) -> float:
    """Height of a pixel divided by its width."""
    spacing = sample.record.spacing
    return 1.0 if spacing is None else spacing[1] / spacing[0]


def _height(sample: Sample) -> float:
    """Of a picture whose width is 1."""
    width, height = sample.size
    return height / width * _aspect(sample)


def _draw(axes: Axes, sample: Sample, image: NDArray[np.uint8], answers: Mapping[str, Boxes]) -> None:
    draw_image(axes, image, _aspect(sample))
    for boxes, (colour, line) in zip((sample.boxes, *answers.values()), _styles(len(answers)), strict=True):
        for x1, y1, x2, y2 in boxes:
            # Pixels are drawn around their middles, half-open edges lie between them.
            frame = Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=1.5)
            frame.set_linestyle(line)  # type: ignore[arg-type]
            frame.set_path_effects([withStroke(linewidth=2.5, foreground=_HALO, alpha=0.6)])
            axes.add_patch(frame)


def _styles(methods: int) -> list[tuple[str, object]]:
    """Colour and line of the truth and of each method; the line too, for those who cannot tell two colours apart."""
    lines = cycle(_LINES[1:])
    return [("#ffffff", _LINES[0]), *((COLOURS[index % len(COLOURS)], next(lines)) for index in range(methods))]


def _handles(methods: Sequence[str]) -> list[Artist]:
    names = [TRUTH, *methods]
    handles: list[Artist] = []
    for name, (colour, line) in zip(names, _styles(len(methods)), strict=True):
        shown = FAINT if name == TRUTH else colour  # the page is white, as the truth's line is on the picture
        handles.append(Line2D([], [], color=shown, linestyle=line, linewidth=1.8, label=name))  # type: ignore[arg-type]
    return handles
