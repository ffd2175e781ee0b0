"""A control from segmentation: the box around what a network's mask shows on a slice."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llmseg.data.boxes.masks import boxes_around
from llmseg.data.boxes.planes import axis_of, plane_of
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.data.cache import CachedCase
from llmseg.data.files import read_header
from llmseg.data.preprocessing import Recipe, orientation_to, reorient
from llmseg.errors import ConfigError, DataError
from llmseg.evaluation.cases import masks
from llmseg.inference.predictor import Segmenter


def boxes_from_masks(
    segmenter: Segmenter,
    cases: Mapping[str, CachedCase],
    samples: Sequence[Sample],
    classes: Sequence[str] | None = None,
) -> list[Boxes]:
    """The box around the largest component of the predicted mask on each slice; none where the mask is empty there.

    Every case is predicted once, and no more than one volume is held.

    Args:
        segmenter: a trained network with its preprocessing; it must not have seen these patients.
        cases: by id, preprocessed as the segmenter expects; those that the samples are slices of.
        samples: slices of these cases, made by `llmseg.cli.boxes`.
        classes: of the segmenter, those to be found; None: all together.

    Raises:
        ConfigError: a class that the segmenter does not have.
        DataError: a slice whose case is not there, that does not say which slice it is, or that is of another size.
    """
    wanted = _indices(segmenter.recipe, classes)
    for sample in samples:
        _check(sample, cases)
    found: dict[int, Boxes] = {}
    for name in dict.fromkeys(sample.record.case for sample in samples):
        volume = predicted_volume(segmenter, cases[name], wanted)
        for position, sample in enumerate(samples):
            if sample.record.case == name:
                found[position] = boxes_around(_plane(volume, sample))[:1]
    return [found[position] for position in range(len(samples))]


def predicted_volume(segmenter: Segmenter, case: CachedCase, classes: Sequence[int]) -> NDArray[np.bool_]:
    """Where a segmenter finds any of the classes (indices): (X, Y, Z) on the file's grid, turned to RAS.

    A segmenter that takes the files' axes as they are (`data.orientation=null`) is taken at its word here, as well.
    """
    axes = None if segmenter.recipe.orientation is None else "RAS"
    transform = orientation_to(read_header(case.case.images[0]).affine, axes)
    parts = masks(segmenter.mask(case), segmenter.recipe)[list(classes)]
    return reorient(np.any(parts, axis=0, keepdims=True), transform)[0]


def _indices(recipe: Recipe, classes: Sequence[str] | None) -> list[int]:
    names = list(recipe.classes)
    if unknown := [name for name in classes or () if name not in names]:
        raise ConfigError(f"classes: {unknown[0]} is none of the segmentation run's: choose of {', '.join(names)}")
    return [names.index(name) for name in (names if classes is None else classes)]


def _check(sample: Sample, cases: Mapping[str, CachedCase]) -> None:
    record = sample.record
    if record.case not in cases:
        raise DataError(
            f"line {record.line}: case {record.case} is not among those of the segmentation run's data: give the data "
            "set that the slices were made from"
        )
    if record.slice is None:
        raise DataError(
            f"line {record.line}: case {record.case} does not say which slice it is, so that no mask can be cut there: "
            "make the slices with `python -m llmseg.cli.boxes`"
        )


def _plane(volume: NDArray[np.bool_], sample: Sample) -> NDArray[np.bool_]:
    record, (width, height) = sample.record, sample.size
    assert record.slice is not None
    count = volume.shape[axis_of(record.plane)]
    if not 0 <= record.slice < count:
        raise DataError(
            f"line {record.line}: case {record.case} has {count} {record.plane} slices, counted from 0, no "
            f"{record.slice}: make the slices with `python -m llmseg.cli.boxes`"
        )
    plane = plane_of(volume, record.plane, record.slice)
    if plane.shape != (height, width):
        raise DataError(
            f"line {record.line}: the picture of case {record.case} is {width}x{height} pixels, its scan's slice "
            f"{plane.shape[1]}x{plane.shape[0]}: make the slices with `python -m llmseg.cli.boxes`"
        )
    return plane
