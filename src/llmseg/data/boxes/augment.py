"""Random changes of a slice: images and boxes move together, grey values change on images alone."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from llmseg.data.boxes.config import BoxAugmentConfig
from llmseg.data.boxes.planes import left_is
from llmseg.data.boxes.sample import Box, Boxes, Sample, Size
from llmseg.data.seeds import generator
from llmseg.errors import ConfigError

_LEAST = 0.5  # share of a box's area that must stay in the image
_Images = Mapping[str, NDArray[np.uint8]]


def check_augment(config: BoxAugmentConfig) -> None:
    """Refuse bounds that make no sense.

    Raises:
        ConfigError: names the key.
    """
    for key in ("shift", "scale", "intensity", "gamma"):
        if not 0 <= (value := getattr(config, key)) < math.inf:
            raise ConfigError(f"data.augment.{key}={value}: give 0 or more")
    if config.shift >= 1:
        raise ConfigError(f"data.augment.shift={config.shift}: a share of the image, below 1")


def augment(sample: Sample, config: BoxAugmentConfig, seed: int, epoch: int, index: int) -> Sample:
    """A changed copy, a function of the arguments alone.

    Args:
        sample: a slice.
        config: bounds.
        seed: of the training.
        epoch: counted from 0.
        index: number of the sample in the epoch.
    """
    random = np.random.default_rng(generator(seed, "boxes", epoch, index).initial_seed())
    factor = math.exp(random.uniform(-1, 1) * math.log1p(config.scale))
    shift = tuple(float(random.uniform(-config.shift, config.shift)) * side for side in sample.size)
    is_flipped = config.flip and random.random() < 0.5 and left_is(sample.record.plane) is not None
    images, boxes = move(sample.images, sample.boxes, sample.size, factor, (shift[0], shift[1]))
    if is_flipped:
        images, boxes = mirror(images, boxes, sample.size)
    changed = {name: _grey(pixels, config, random) for name, pixels in images.items()}
    return replace(sample, images=changed, boxes=boxes)


def move(images: _Images, boxes: Boxes, size: Size, factor: float, shift: tuple[float, float]) -> tuple[_Images, Boxes]:
    """Scale around the middle of the image by `factor`, then shift by (x, y) pixels.

    Args:
        images: (H, W) each; beyond an edge they go on as they end there.
        boxes: clipped to the image.
        size: width and height.
        factor: above 1 is larger.
        shift: to the right and down.

    Returns:
        Both moved; both as they were, where less than half of a box's area would stay in the image.
    """
    moved = tuple(_moved(box, size, factor, shift) for box in boxes)
    clipped = tuple(_clipped(box, size) for box in moved)
    is_lost = any(_area(now) < _LEAST * _area(before) for now, before in zip(clipped, moved, strict=True))
    if is_lost or (factor == 1 and shift == (0, 0)):
        return images, boxes
    return {name: _resampled(pixels, size, factor, shift) for name, pixels in images.items()}, clipped


def mirror(images: _Images, boxes: Boxes, size: Size) -> tuple[_Images, Boxes]:
    """Exchange left and right."""
    flipped = {name: np.ascontiguousarray(pixels[:, ::-1]) for name, pixels in images.items()}
    return flipped, tuple(Box(size[0] - box.x2, box.y1, size[0] - box.x1, box.y2) for box in boxes)


def _moved(box: Box, size: Size, factor: float, shift: tuple[float, float]) -> Box:
    def along(value: float, axis: int) -> float:
        middle = size[axis] / 2
        return factor * (value - middle) + middle + shift[axis]

    return Box(along(box.x1, 0), along(box.y1, 1), along(box.x2, 0), along(box.y2, 1))


def _clipped(box: Box, size: Size) -> Box:
    x1, x2 = (min(max(value, 0.0), size[0]) for value in (box.x1, box.x2))
    y1, y2 = (min(max(value, 0.0), size[1]) for value in (box.y1, box.y2))
    return Box(x1, y1, x2, y2)


def _area(box: Box) -> float:
    return (box.x2 - box.x1) * (box.y2 - box.y1)


def _resampled(pixels: NDArray[np.uint8], size: Size, factor: float, shift: tuple[float, float]) -> NDArray[np.uint8]:
    """Where each pixel of the result comes from: the way back of `_moved`, taken at the pixels' centres."""
    offsets = []
    for axis in (1, 0):  # rows come first in the array
        middle = size[axis] / 2
        offsets.append((0.5 - middle - shift[axis]) / factor + middle - 0.5)
    moved = ndimage.affine_transform(
        pixels.astype(np.float32), np.full(2, 1 / factor), offsets, order=1, mode="nearest"
    )
    return np.rint(moved).astype(np.uint8)


def _grey(pixels: NDArray[np.uint8], config: BoxAugmentConfig, random: np.random.Generator) -> NDArray[np.uint8]:
    contrast, brightness, power = random.uniform(-1, 1, 3)
    if not config.intensity and not config.gamma:
        return pixels
    values = pixels.astype(np.float32) / 255
    mean, deviation = values.mean(), values.std()
    values = (values - mean) * (1 + config.intensity * contrast) + mean + config.intensity * brightness * deviation
    values = np.clip(values, 0, 1) ** math.exp(power * math.log1p(config.gamma))
    return np.rint(255 * values).astype(np.uint8)
