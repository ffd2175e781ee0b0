"""Answers without a language model, which every box model is to be compared with."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from llmseg.data.boxes.masks import boxes_around
from llmseg.data.boxes.sample import Box, Boxes, Sample
from llmseg.errors import DataError

Control = Callable[[Sequence[Sample], Sequence[Sample]], list[Boxes]]
"""From training and test slices to one answer a test slice."""

FLAIR = ("t2f", "flair")
_SIGMA = 1.0  # pixels; on the BraTS patients at hand the strongest control in any plane, of 1, 2 and 3
_SDS = 1.5
_BACKGROUND = 8  # grey values up to here are no tissue: JPEG leaves traces around the head


def centre_box(train: Sequence[Sample], test: Sequence[Sample]) -> list[Boxes]:
    """A box of the training boxes' mean size in the middle of the image."""

    def middle(sample: Sample) -> Box:
        x1, y1, x2, y2 = _mean_box(train, sample)
        return Box(0.5 - (x2 - x1) / 2, 0.5 - (y2 - y1) / 2, 0.5 + (x2 - x1) / 2, 0.5 + (y2 - y1) / 2)

    return [(_scaled(middle(sample), sample),) for sample in test]


def mean_box(train: Sequence[Sample], test: Sequence[Sample]) -> list[Boxes]:
    """The mean training box: the mean of each edge, in shares of the image, since sizes may differ."""
    return [(_scaled(_mean_box(train, sample), sample),) for sample in test]


def bright_box(train: Sequence[Sample], test: Sequence[Sample]) -> list[Boxes]:
    """Around the largest bright region of the FLAIR image, in which oedema and tumour are bright; nothing is learnt.

    Bright is what lies above mean + 1.5 sd of the slice's tissue, both taken after smoothing. Where there is no
    sequence of that name (t2f, flair), the first one is taken, for which there is no such reason: it is then merely a
    bright region.
    """
    return [boxes_around(_bright(flair_of(sample)))[:1] for sample in test]


def flair_of(sample: Sample) -> NDArray[np.uint8]:
    """The FLAIR image (H, W) of a slice, or its first where none is named so."""
    named = [image for name, image in sample.images.items() if name.lower() in FLAIR]
    return named[0] if named else next(iter(sample.images.values()))


CONTROLS: dict[str, Control] = {"centre": centre_box, "mean": mean_box, "bright_flair": bright_box}


def _bright(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    smooth = ndimage.gaussian_filter(image.astype(float), _SIGMA)
    tissue = smooth[image > _BACKGROUND]
    if not tissue.size:
        return np.zeros(image.shape, bool)
    return np.asarray(smooth > tissue.mean() + _SDS * tissue.std())


def _mean_box(train: Sequence[Sample], like: Sample) -> Box:
    """Mean of the training boxes in shares of their images; of those in the same plane, if there are any.

    Raises:
        DataError: no training slice has a box.
    """
    same = [sample for sample in train if sample.record.plane == like.record.plane and sample.boxes]
    shares = [np.asarray(box) / (sample.size * 2) for sample in same or train for box in sample.boxes]
    if not shares:
        raise DataError("the training part has no slice with a box: there is no mean to compare with; check the split")
    return Box(*np.mean(shares, axis=0).tolist())


def _scaled(box: Box, sample: Sample) -> Box:
    width, height = sample.size
    return Box(box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)
