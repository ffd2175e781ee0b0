"""What a data set is made of: cases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One scan: where its channels and its label lie, and which patient it belongs to.

    Attributes:
        id: name of the case, unique within a data set.
        images: one file per channel, all on the same voxel grid.
        label: the label file on that grid, or None for a scan without one.
        group: the patient (or video); a split never puts one group on both sides.
        labels: class name -> raw values of that class in `label`. Classes may overlap (BraTS regions). A value that
            is neither 0 nor listed here is a fault of the file.
    """

    id: str
    images: tuple[Path, ...]
    label: Path | None
    group: str
    labels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


Reader = Callable[[Path], list[Case]]
"""A function from a data root to its cases. It opens headers, never voxels."""
