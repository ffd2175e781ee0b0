"""Pictures of a network's predictions."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmseg.data.cases import Case
from llmseg.data.files import read_header, read_voxels
from llmseg.data.formats import picture
from llmseg.data.preprocessing import Recipe, orientation_to, reorder, reorient
from llmseg.evaluation.cases import masks, original_label
from llmseg.plots.cases import CasePicture, best_median_worst, largest_slice, upright

Prediction = Callable[[Case], NDArray[np.uint8]]
"""From a case to its predicted label (L, X, Y, Z), encoded as `encode_label` does, on the grid of its files."""


def draw_extremes(
    predictions: Mapping[str, Prediction],
    cases: Sequence[Case],
    recipe: Recipe,
    dice: Mapping[str, float],
    path: Path,
    title: str,
    note: str | None = None,
) -> None:
    """Draw the best, median and worst case, each at the slice with most of its label.

    Args:
        predictions: column title -> what to draw there; called for the drawn cases only.
        cases: all scored cases.
        recipe: says which classes are drawn.
        dice: of each case by id, which ranks them; cases without one are not drawn unless there are no others.
        path: PNG to write.
        title: headline.
        note: caution below it.
    """
    scored = sorted((case for case in cases if np.isfinite(dice[case.id])), key=lambda case: dice[case.id])
    ranked = scored or list(cases[:1])
    chosen = {case.id: case for case in (ranked[-1], ranked[(len(ranked) - 1) // 2], ranked[0])}
    pictures = [take_picture(predictions, case, recipe, dice[id_]) for id_, case in chosen.items()]
    best_median_worst(pictures, path, title, note)


def take_picture(predictions: Mapping[str, Prediction], case: Case, recipe: Recipe, dice: float) -> CasePicture:
    """One case at the slice with most of its label; `predictions` and `recipe` as in `draw_extremes`."""
    header = read_header(case.images[0])
    transform = orientation_to(header.affine, "RAS")
    spacing = reorder(header.spacing.tolist(), transform)
    # across the thickest slices, where voxels are not cubes; else as the network's slices lie
    axis = int(np.argmax(spacing)) if max(spacing) > 1.5 * min(spacing) else recipe.slice_axis
    label = masks(original_label(case, recipe), recipe)
    index = largest_slice(reorient(label, transform), axis)

    def look(volume: NDArray[Any]) -> NDArray[Any]:
        if picture.claims(case.images[0]):
            return volume[..., 0]  # rows are rows already, unlike those of a scan, which are its X axis
        return upright(reorient(volume, transform), axis, index)

    rows, columns = (other for other in (2, 1, 0) if other != axis)
    return CasePicture(
        id=case.id,
        dice=dice,
        image=look(read_voxels(case.images[0], np.float32)[None])[0],
        label=look(label),
        predictions={name: look(masks(predict(case), recipe)) for name, predict in predictions.items()},
        aspect=spacing[rows] / spacing[columns],
        classes=recipe.classes,
    )
