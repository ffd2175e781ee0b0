"""How a preprocessed case lies in its file, and the way back from the network's grid to the file's."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import nibabel as nib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmseg.data.resize import most_probable, resize, resize_planes

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
_PLANES = 16  # brought back to the file's grid at a time


@dataclass(frozen=True)
class Geometry:
    """How a preprocessed case lies in its file: all that is needed to go back.

    Attributes:
        shape: the file's grid (X, Y, Z).
        to_oriented: nibabel orientation transform from the file's axes to the network's, three (axis, flip) rows.
        crop: box kept of the oriented volume, (start, stop) each axis.
        resampled: shape of the box after resampling to the target spacing.
        slice_axis: axis that became the stack of 2D slices, or None for a volume.
    """

    shape: tuple[int, ...]
    to_oriented: tuple[tuple[float, float], ...]
    crop: Box
    resampled: tuple[int, ...]
    slice_axis: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Geometry":
        """The geometry that `to_dict` gave, also after JSON made lists of its tuples."""
        return cls(**{key: _tuples(value) for key, value in content.items()})

    def restore(self, probability: Tensor, overlapping: bool) -> np.ndarray:
        """Bring probabilities of a stack back to the file's grid and decide.

        Args:
            probability: (S, K, *spatial) on the network's grid.
            overlapping: regions that may overlap; each is then decided on its own.

        Returns:
            Label (L, X, Y, Z) uint8 as `encode_label` gives it; background outside the crop.
        """
        planes = probability if self.slice_axis is not None else probability[0].movedim(1, 0)
        return self.restore_planes(planes.split(_PLANES), overlapping)

    def restore_planes(
        self, planes: Iterable[Tensor], overlapping: bool, keep: NDArray[np.floating[Any]] | None = None
    ) -> NDArray[np.uint8]:
        """`restore` for a stack that arrives bit by bit: beside the label, no more than a few planes are held.

        Args:
            planes: probabilities (n, K, *rest) along the stack's axis (2D), or the first axis of the volume (3D).
            overlapping: as in `restore`.
            keep: array (K, X, Y, Z) that also receives the probabilities; certain background outside the crop.

        Returns:
            As `restore`.
        """
        label = np.zeros((0, *self.shape), np.uint8)
        for position, part in self._on_crop(planes):
            decided = decide(part.movedim(1, 0), overlapping)
            if not len(label):
                label = np.zeros((len(decided), *self.shape), np.uint8)
                if keep is not None:
                    keep[...] = 0
                    keep[0] = len(keep) > 1 and not overlapping
            self._crop_of(label)[:, position : position + len(part)] = decided.cpu().numpy()
            if keep is not None:
                self._crop_of(keep)[:, position : position + len(part)] = part.movedim(1, 0).cpu().numpy()
        return label

    @property
    def _plane_axis(self) -> int:
        """Oriented axis that planes are counted along."""
        return 0 if self.slice_axis is None else self.slice_axis

    def _on_crop(self, planes: Iterable[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Resample planes (n, K, *rest) to the crop's grid; yields how many came before, and some planes."""
        across = [axis for axis in range(3) if axis != self._plane_axis]
        resampled = [self.resampled[axis] for axis in across]
        size = [stop - start for start, stop in self.crop]
        fitted = (resize(resize(part, resampled), [size[axis] for axis in across]) for part in planes)
        position = 0
        for part in resize_planes(fitted, self.resampled[self._plane_axis], size[self._plane_axis]):
            yield position, part
            position += len(part)

    def _crop_of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Writable view of the crop in an array (L, X, Y, Z) on the file's grid: (L, planes, *rest), oriented."""
        oriented = orient(values, np.asarray(self.to_oriented))
        inside = oriented[(slice(None), *(slice(*bounds) for bounds in self.crop))]
        return np.moveaxis(inside, self._plane_axis + 1, 1)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def decide(probability: Tensor, overlapping: bool) -> Tensor:
    """Probabilities (K, ...) to a label (L, ...) uint8: most probable class, or p > 0.5 where classes stand alone."""
    if overlapping or len(probability) == 1:
        return (probability > 0.5).to(torch.uint8)
    return most_probable(probability, dim=0)


def orient(values: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Flip and permute the last three axes of (C, X, Y, Z); a view, nothing is copied."""
    return np.moveaxis(nib.orientations.apply_orientation(np.moveaxis(values, 0, -1), transform), -1, 0)
