"""From a scan to what a network sees, and from a network's output back to the scan's own grid."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import torch
from torch import Tensor

from llmseg.data.config import DataConfig, LabelResizeConfig
from llmseg.data.geometry import Box, Geometry, orient
from llmseg.data.resize import decide_masks, resize, resize_label, resize_masks
from llmseg.data.scan import Scan
from llmseg.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """The part of the configuration that decides what a preprocessed case looks like.

    Attributes as in `DataConfig`; `image_size` is None for a 3D network, which gets the whole volume.
    """

    classes: tuple[str, ...]
    overlapping: bool
    orientation: str | None
    spacing: tuple[float, ...] | None
    intensity: str
    window: tuple[float, ...] | None
    crop_foreground: bool
    slice_axis: int
    image_size: tuple[int, int] | None
    label_resize: LabelResizeConfig = field(default_factory=LabelResizeConfig)

    @classmethod
    def of(cls, config: DataConfig, spatial_dims: int) -> "Recipe":
        """Take the recipe out of a data configuration for a 2D or 3D network."""
        if config.intensity not in _INTENSITY:
            raise ConfigError(f"data.intensity={config.intensity}: choose one of {', '.join(_INTENSITY)}")
        if config.intensity == "window" and (config.window is None or len(config.window) != 2):
            raise ConfigError("data.intensity=window needs data.window=[lower, upper] in Hounsfield units")
        if config.spacing is not None and (len(config.spacing) != 3 or min(config.spacing) <= 0):
            raise ConfigError(f"data.spacing={config.spacing}: give three positive voxel sizes in mm, or null")
        _check_label_resize(config.label_resize)
        return cls(
            classes=tuple(config.classes or ()),
            overlapping=config.overlapping,
            orientation=config.orientation,
            spacing=None if config.spacing is None else tuple(config.spacing),
            intensity=config.intensity,
            window=None if config.window is None else tuple(config.window),
            crop_foreground=config.crop_foreground,
            slice_axis=config.slice_axis,
            image_size=square(config.image_size) if spatial_dims == 2 else None,
            label_resize=replace(config.label_resize),
        )

    @property
    def logits(self) -> int:
        """Number of network outputs: one for a single class, background as well for exclusive classes."""
        return len(self.classes) + (not self.overlapping and len(self.classes) > 1)

    @property
    def has_soft_masks(self) -> bool:
        """Whether labels are resized as soft masks, in another way than the usual one."""
        return self.label_resize != LabelResizeConfig()


def _check_label_resize(config: LabelResizeConfig) -> None:
    if config.mode not in ("area", "bilinear", "nearest"):
        raise ConfigError(f"data.label_resize.mode={config.mode}: choose one of area, bilinear, nearest")
    for key in ("before", "after"):
        threshold = getattr(config, key)
        if threshold is not None and not 0 <= threshold < 1:
            raise ConfigError(f"data.label_resize.{key}={threshold:g}: must be at least 0 and below 1, or null")


def square(size: Any) -> tuple[int, int]:
    """Read `data.image_size`: one number for a square, or height and width."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
        raise ConfigError(f"data.image_size={size}: give one positive number, or [height, width]")
    return pair[0], pair[1]


@dataclass(frozen=True)
class Prepared:
    """A case as a network sees it: a stack of slices (2D) or one volume (3D).

    Attributes:
        image: (S, C, *spatial) float32.
        label: (S, L, *spatial) uint8; soft masks (S, K, *spatial) float32; or None for a scan without label.
        geometry: the way back.
    """

    image: np.ndarray
    label: np.ndarray | None
    geometry: Geometry


def prepare(scan: Scan, label: np.ndarray | None, recipe: Recipe) -> Prepared:
    """Orient, crop, normalise, resample and slice one scan.

    Args:
        scan: image (C, X, Y, Z) with its affine.
        label: (L, X, Y, Z) uint8 from `encode_label` or (K, X, Y, Z) float32 from `soft_masks`, on the same grid; or
            None.
        recipe: what to do.
    """
    transform = orientation_to(scan.affine, recipe.orientation)
    image = reorient(scan.image, transform)
    spacing = reorder(scan.spacing.tolist(), transform)
    background = _background(image)
    box = _foreground_box(image, background) if recipe.crop_foreground else _whole(image.shape[1:])
    window = (slice(None), *(slice(*bounds) for bounds in box))
    image = _INTENSITY[recipe.intensity](image[window], _Facts(background, recipe.window, scan.full_scale))
    shape = _resampled_shape(image.shape[1:], spacing, recipe.spacing)
    axis = recipe.slice_axis if recipe.image_size is not None else None
    geometry = Geometry(scan.image.shape[1:], tuple(map(tuple, transform.tolist())), box, shape, axis)

    size = recipe.image_size or shape
    stack = resize(_stack(resize(torch.from_numpy(image)[None], shape), axis), size)
    if label is None:
        return Prepared(stack.numpy(), None, geometry)
    target = torch.from_numpy(np.ascontiguousarray(reorient(label, transform)[window]))[None]
    if target.is_floating_point():
        return Prepared(stack.numpy(), _from_soft(target, shape, axis, size, recipe).numpy(), geometry)
    target = resize_label(target, shape, len(recipe.classes), recipe.overlapping)
    target = resize_label(_stack(target, axis), size, len(recipe.classes), recipe.overlapping)
    return Prepared(stack.numpy(), target.numpy(), geometry)


def _from_soft(masks: Tensor, shape: Sequence[int], axis: int | None, size: Sequence[int], recipe: Recipe) -> Tensor:
    """Soft masks (1, K, X, Y, Z) to the stack's label, as `label_resize` says."""
    how = recipe.label_resize
    if how.before is not None:
        masks = (masks > how.before).float()
    masks = resize_masks(_stack(resize(masks, shape), axis), size, how.mode)
    return masks if how.after is None else decide_masks(masks, how.after, recipe.overlapping)


def _stack(volume: Tensor, axis: int | None) -> Tensor:
    """(1, C, X, Y, Z) to slices (S, C, *rest) along a spatial axis; a volume stays as it is."""
    return volume if axis is None else volume[0].movedim(axis + 1, 0).contiguous()


def orientation_to(affine: np.ndarray, axes: str | None) -> np.ndarray:
    """Nibabel orientation transform from a file's axes to those three letters; None changes nothing."""
    if axes is None:
        return np.array([[0, 1], [1, 1], [2, 1]], float)
    try:
        target = nib.orientations.axcodes2ornt(tuple(axes))
    except (ValueError, KeyError) as error:
        raise ConfigError(f"data.orientation={axes}: give three letters such as RAS, or null") from error
    return nib.orientations.ornt_transform(nib.orientations.io_orientation(affine), target)


def reorient(values: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """`orient` into an array of its own."""
    return np.ascontiguousarray(orient(values, transform))


def reorder(spacing: Sequence[float], transform: np.ndarray) -> tuple[float, ...]:
    """Three numbers, one a file axis, in the order of the transformed axes."""
    moved = [0.0, 0.0, 0.0]
    for axis, (target, _) in enumerate(transform):
        moved[int(target)] = float(spacing[axis])
    return tuple(moved)


def _background(image: np.ndarray) -> list[float | None]:
    """Value of the empty border of each channel: what its eight corners share, or None if they do not agree."""
    corners = image[:, :: max(image.shape[1] - 1, 1), :: max(image.shape[2] - 1, 1), :: max(image.shape[3] - 1, 1)]
    return [float(values.flat[0]) if np.ptp(values) == 0 else None for values in corners]


def _foreground_box(image: np.ndarray, background: Sequence[float | None]) -> Box:
    """Smallest box with all voxels that differ from the background; the whole grid if a channel has no empty border."""
    if any(value is None for value in background):
        return _whole(image.shape[1:])
    inside = np.zeros(image.shape[1:], bool)
    for channel, value in zip(image, background, strict=True):
        inside |= channel != value
    bounds = []
    for axis in range(3):
        hits = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append((int(hits[0]), int(hits[-1]) + 1))
    return bounds[0], bounds[1], bounds[2]


def _whole(shape: Sequence[int]) -> Box:
    return (0, shape[0]), (0, shape[1]), (0, shape[2])


def _resampled_shape(shape: Sequence[int], spacing: Sequence[float], target: Sequence[float] | None) -> tuple[int, ...]:
    if target is None:
        return tuple(shape)
    return tuple(max(1, round(n * a / b)) for n, a, b in zip(shape, spacing, target, strict=True))


class _Facts(NamedTuple):
    """What scaling may depend on: the empty border's value of each channel, and keys of Recipe and Scan."""

    background: Sequence[float | None]
    window: tuple[float, ...] | None
    full_scale: float | None


def _zscore(image: np.ndarray, facts: _Facts) -> np.ndarray:
    """Zero mean and unit variance over the voxels that are not background, each channel on its own."""
    result = np.empty_like(image)
    for index, value in enumerate(facts.background):
        tissue = image[index] if value is None else image[index][image[index] != value]
        result[index] = (image[index] - tissue.mean(dtype=np.float64)) / max(tissue.std(dtype=np.float64), 1e-8)
    return result


def _minmax(image: np.ndarray, facts: _Facts) -> np.ndarray:
    """Each channel to [0, 1]."""
    low = image.min(axis=(1, 2, 3), keepdims=True)
    high = image.max(axis=(1, 2, 3), keepdims=True)
    return (image - low) / np.maximum(high - low, 1e-8)


def _window(image: np.ndarray, facts: _Facts) -> np.ndarray:
    """Clip to the window and scale it to [0, 1]."""
    low, high = facts.window or (0.0, 1.0)
    return (np.clip(image, low, high) - np.float32(low)) / np.float32(high - low)


def _unit(image: np.ndarray, facts: _Facts) -> np.ndarray:
    """Full scale to 1, as torchvision's ToTensor; each channel to [0, 1] where there is no full scale."""
    return _minmax(image, facts) if facts.full_scale is None else image / np.float32(facts.full_scale)


def _pm1(image: np.ndarray, facts: _Facts) -> np.ndarray:
    """`_unit` from -1 to 1."""
    return 2 * _unit(image, facts) - 1


_INTENSITY = {"zscore": _zscore, "minmax": _minmax, "window": _window, "unit": _unit, "pm1": _pm1}
