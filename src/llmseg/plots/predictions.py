"""Pictures of a network's predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from llmseg.data.cache import CachedCase
from llmseg.data.files import read_header, read_voxels
from llmseg.evaluation.cases import masks, original_label
from llmseg.inference.predictor import Predictor
from llmseg.plots.cases import CasePicture, best_median_worst, largest_slice, upright


def draw_extremes(
    predictor: Predictor,
    cases: Sequence[CachedCase],
    dice: Mapping[str, float],
    path: Path,
    title: str,
    note: str | None = None,
) -> None:
    """Draw the best, median and worst case, each at the slice with most of its label.

    Args:
        predictor: predicts the drawn cases once more, so that no masks need to be kept.
        cases: all scored cases.
        dice: mean over classes of each case by id; cases without one are not drawn unless there are no others.
        path: PNG to write.
        title: headline.
        note: caution below it.
    """
    scored = sorted((case for case in cases if np.isfinite(dice[case.case.id])), key=lambda case: dice[case.case.id])
    ranked = scored or list(cases[:1])
    chosen = {case.case.id: case for case in (ranked[-1], ranked[(len(ranked) - 1) // 2], ranked[0])}
    pictures = [_picture(predictor, case, dice[id_]) for id_, case in chosen.items()]
    best_median_worst(pictures, path, title, note)


def _picture(predictor: Predictor, case: CachedCase, dice: float) -> CasePicture:
    recipe = predictor.recipe
    label = masks(original_label(case, recipe), recipe)
    predicted = masks(predictor.mask(case), recipe)
    spacing = read_header(case.case.images[0]).spacing
    # across the thickest slices, where voxels are not cubes; else as the network's slices lie
    axis = int(np.argmax(spacing)) if spacing.max() > 1.5 * spacing.min() else recipe.slice_axis
    index = largest_slice(label, axis)
    rows, columns = (other for other in (2, 1, 0) if other != axis)
    return CasePicture(
        id=case.case.id,
        dice=dice,
        image=upright(read_voxels(case.case.images[0], np.float32), axis, index),
        label=upright(label, axis, index),
        prediction=upright(predicted, axis, index),
        aspect=float(spacing[rows] / spacing[columns]),
        classes=recipe.classes,
    )
