"""Random geometry: one sampling grid for image and label."""

from collections.abc import Sequence
from math import radians
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.data.config import AugmentConfig

LARGEST_ELASTIC = 0.08
"""A cubic B-spline deformation is injective while its control points move by less than 1/2.48 (2D: 1/2.05) of their
distance (Choi and Lee, Graphical Models 2000), which is 1/5 of the image here."""
_CELLS = 5
_PLANES = 8
"""Of a volume, taken at a time on a CPU: what is computed in between stays in its cache."""


def moves(config: AugmentConfig) -> bool:
    """Whether any geometric part is on."""
    return bool(config.flip or config.shift or config.scale or config.shear or config.elastic or any(angles(config)))


def quarter_turns(image: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Turn each sample, and its label with it, by a random multiple of 90 degrees in the plane of the first two axes.

    Where the plane is no square, of 180 degrees. No value is interpolated.
    """
    step = 1 if image.shape[2] == image.shape[3] else 2
    turns = (step * torch.randint(4 // step, (len(image),))).tolist()

    def turned(values: Tensor) -> Tensor:
        return torch.stack([each.rot90(count, (1, 2)) for each, count in zip(values, turns, strict=True)])

    return turned(image), None if label is None else turned(label)


def angles(config: AugmentConfig) -> tuple[float, ...]:
    """Largest rotation in degrees: one number, or one around each axis."""
    return (config.rotate,) if isinstance(config.rotate, int | float) else tuple(config.rotate)


class Motion(NamedTuple):
    """Where the voxels of N samples come from, in the coordinates of `grid_sample`, whose axes run last to first.

    Attributes:
        matrix: (N, D, D).
        shift: (N, D).
        control: displacement of the control points (N, D, *points); None: the motion is affine.
    """

    matrix: Tensor
    shift: Tensor
    control: Tensor | None

    def split(self) -> list["Motion"]:
        """One for each sample."""
        controls = [None] * len(self.matrix) if self.control is None else self.control.split(1)
        return [Motion(*each) for each in zip(self.matrix.split(1), self.shift.split(1), controls, strict=True)]

    @property
    def keeps_axes(self) -> bool:
        """Whether each axis of the result runs along the same axis of the image."""
        return self.control is None and bool((self.matrix == torch.diag_embed(self.matrix.diagonal(0, 1, 2))).all())


def draw(count: int, size: Sequence[int], config: AugmentConfig) -> Motion:
    """Draw a motion for each of `count` samples of a spatial size, on the CPU."""
    matrix, shift = _affine(count, size, config)
    if not config.elastic:
        return Motion(matrix, shift, None)
    control = 2 * config.elastic * symmetric(count, len(size), *[_CELLS + 3] * len(size))
    # a displacement moves with the affine part, and so do its control points
    return Motion(matrix, shift, (matrix[..., None] * control.flatten(2)[:, None]).sum(2).reshape(control.shape))


def move(image: Tensor, label: Tensor | None, config: AugmentConfig) -> tuple[Tensor, Tensor | None]:
    """Move image (N, C, *spatial) and label (N, L, *spatial) by one drawn motion; beyond an edge they go on as there.

    A GPU moves all samples at once; a CPU one after the other, which its cache can hold.
    """
    motion = draw(len(image), image.shape[2:], config)
    if image.device.type != "cpu":
        return _moved(image, label, motion)
    images = image.split(1)
    labels = [None] * len(image) if label is None else label.split(1)
    moved = [_moved(*each) for each in zip(images, labels, motion.split(), strict=True)]
    targets = [target for _, target in moved if target is not None]
    return torch.cat([each for each, _ in moved]), torch.cat(targets) if targets else None


def _moved(image: Tensor, label: Tensor | None, motion: Motion) -> tuple[Tensor, Tensor | None]:
    if image.device.type == "cpu" and motion.keeps_axes:
        places = _places(image.shape[2:], motion)
        return _along_axes(image, places), None if label is None else _nearest_along_axes(label, places)
    return interpolated(image, label, sampling_grid(image, motion))


def interpolated(image: Tensor, label: Tensor | None, grid: Tensor) -> tuple[Tensor, Tensor | None]:
    """Image and label at a sampling grid, linearly and nearest."""
    if image.device.type == "cpu" and grid.shape[-1] == 3 and min(image.shape[2:]) > 1:
        return _taken(image, label, grid)
    return sample(image, grid, "bilinear"), None if label is None else sample(label, grid, "nearest")


def _places(size: Sequence[int], motion: Motion) -> list[Tensor]:
    """Of one sample that keeps its axes: for each axis, the voxel (a fraction) that each voxel comes from."""
    factors, shifts = motion.matrix[0].diagonal().flip(0), motion.shift[0].flip(0)
    return [
        (((_centres(n) * factor + shift + 1) * n - 1) / 2).clamp(0, n - 1)
        for n, factor, shift in zip(size, factors, shifts, strict=True)
    ]


def _along_axes(values: Tensor, places: Sequence[Tensor]) -> Tensor:
    """Linear interpolation, one axis after the other: the same as all at once, for a small part of the work."""
    for axis, place in enumerate(places, start=2):
        low = place.floor()
        weight = (place - low).to(values.dtype).reshape([-1, *[1] * (values.dim() - 1 - axis)])
        first = low.long()
        after = (first + 1).clamp(max=values.shape[axis] - 1)
        values = torch.lerp(_select(values, axis, first), _select(values, axis, after), weight)
    return values


def _nearest_along_axes(values: Tensor, places: Sequence[Tensor]) -> Tensor:
    for axis, place in enumerate(places, start=2):
        values = _select(values, axis, place.round().long())
    return values


def _select(values: Tensor, axis: int, index: Tensor) -> Tensor:
    if axis < values.dim() - 1:
        return values.index_select(axis, index)
    return values.gather(axis, index.expand(values.shape[:-1] + index.shape))  # faster along the last axis


def sampling_grid(image: Tensor, motion: Motion) -> Tensor:
    """Where each voxel of the result comes from.

    Args:
        image: (N, C, *spatial).
        motion: of each sample.

    Returns:
        (N, *spatial, D) normalised coordinates as `grid_sample` takes them, whose axes run last to first.
    """
    size, device = image.shape[2:], image.device
    matrix, grid = motion.matrix.to(device), _spread(motion.shift.to(device), len(size))
    # written out, since a matrix product might run in a lower precision; the last axis first: all but one sum is small
    for axis in reversed(range(len(size))):
        place = _centres(size[axis]).to(device).reshape([-1, *[1] * (len(size) - axis)])
        grid = grid + place * _spread(matrix[:, :, len(size) - 1 - axis], len(size))
    return grid if motion.control is None else grid + _elastic(motion.control.to(device), size)


def _centres(length: int) -> Tensor:
    """Of an axis' voxels, from -1 to 1."""
    return (2 * torch.arange(length) + 1) / length - 1


def sample(values: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Take values (N, C, *spatial) at a sampling grid; beyond the edge they go on as at the edge, labels as well."""
    taken = functional.grid_sample(
        values.to(torch.promote_types(values.dtype, torch.float32)),
        grid.to(torch.promote_types(values.dtype, torch.float32)),
        mode=mode,
        padding_mode="border",
        align_corners=False,
    )
    return taken.to(values.dtype)


def _taken(image: Tensor, label: Tensor | None, grid: Tensor) -> tuple[Tensor, Tensor | None]:
    """`sample` of one volume (1, C, *spatial) and its label on a CPU, for which `grid_sample` has no fast way in 3D."""
    moved, target = torch.empty_like(image), None if label is None else torch.empty_like(label)
    for first in range(0, grid.shape[1], _PLANES):
        planes = slice(first, first + _PLANES)
        places = [
            (((values + 1) * n - 1) / 2).clamp_(0, n - 1)
            for values, n in zip(grid[0, planes].to(image.dtype).flatten(0, 2).T.flip(0), image.shape[2:], strict=True)
        ]
        _take_linear(image[0], places, moved[0, :, planes])
        if label is not None and target is not None:
            _take_nearest(label[0], places, target[0, :, planes])
    return moved, target


def _take_linear(volume: Tensor, places: Sequence[Tensor], result: Tensor) -> None:
    """Interpolate a volume (C, *spatial) at places (n,) along each axis, which are within it."""
    _, _, height, width = volume.shape
    corners = [place.floor().clamp_(max=n - 2) for place, n in zip(places, volume.shape[1:], strict=True)]
    z, y, x = (place - corner for place, corner in zip(places, corners, strict=True))
    index = _flat(corners, height, width)
    for values, target in zip(volume, result, strict=True):
        flat = values.reshape(-1)
        edges = []  # the four along the last axis
        for step in (0, width, height * width, (height + 1) * width):
            edges.append(torch.lerp(flat[step:].index_select(0, index), flat[step + 1 :].index_select(0, index), x))
        faces = torch.lerp(edges[0], edges[1], y), torch.lerp(edges[2], edges[3], y)
        target.copy_(torch.lerp(*faces, z).reshape(target.shape))


def _take_nearest(volume: Tensor, places: Sequence[Tensor], result: Tensor) -> None:
    index = _flat([place.round() for place in places], *volume.shape[2:])
    for values, target in zip(volume, result, strict=True):
        target.copy_(values.reshape(-1).index_select(0, index).reshape(target.shape))


def _flat(voxel: Sequence[Tensor], height: int, width: int) -> Tensor:
    """Positions in the flat volume; whole numbers, since those of large volumes are no float32."""
    z, y, x = (axis.int() for axis in voxel)
    return z.mul_(height).add_(y).mul_(width).add_(x)


def _spread(vectors: Tensor, dims: int) -> Tensor:
    return vectors.reshape(len(vectors), *[1] * dims, vectors.shape[1])


def _affine(count: int, size: Sequence[int], config: AugmentConfig) -> tuple[Tensor, Tensor]:
    """Matrices (N, D, D) and shifts (N, D) in `grid_sample`'s coordinates.

    Size, mirror, shear and rotation act on voxels, so that a rotation keeps its angle on an image that is no square.
    """
    dims = len(size)
    factor = 1 + config.scale * symmetric(count, 1)
    diagonal = factor.expand(count, dims).clone()
    for axis in config.flip:
        diagonal[torch.rand(count) < 0.5, axis] *= -1
    shift = 2 * config.shift * symmetric(count, dims)
    matrix = torch.diag_embed(diagonal)
    if config.shear:
        off_diagonal = 1 - torch.eye(dims)
        matrix = (torch.eye(dims) + config.shear * off_diagonal * symmetric(count, dims, dims)) @ matrix
    if any(angles(config)):
        matrix = _rotation(count, dims, angles(config)) @ matrix
    voxels = torch.tensor(size, dtype=torch.float32)
    return (matrix * voxels / voxels[:, None]).flip(1, 2), shift


def _rotation(count: int, dims: int, largest: Sequence[float]) -> Tensor:
    """Rotations (N, D, D): around each axis in turn in 3D; in 2D around the last, that of the slices."""
    if dims == 2:
        return _turn(count, 2, (0, 1), largest[-1])
    around = [*largest] * (3 // len(largest))
    first, second, third = (_turn(count, 3, plane, around[axis]) for axis, plane in enumerate(((1, 2), (2, 0), (0, 1))))
    return third @ second @ first


def _turn(count: int, dims: int, plane: tuple[int, int], largest: float) -> Tensor:
    angle = radians(largest) * symmetric(count)
    matrix = torch.eye(dims).repeat(count, 1, 1)
    one, two = plane
    matrix[:, one, one] = matrix[:, two, two] = angle.cos()
    matrix[:, two, one] = angle.sin()
    matrix[:, one, two] = -angle.sin()
    return matrix


def _elastic(control: Tensor, size: Sequence[int]) -> Tensor:
    """Smooth displacements (N, *spatial, D): the cubic B-spline of control points (N, D, *points)."""
    field = control.movedim(1, -1)
    for axis in reversed(range(len(size))):  # the first axis last: what comes out lies in memory as it is needed
        field = _weighted(_spline(size[axis]).to(control), field, axis + 1)
    return field


def _weighted(weights: Tensor, field: Tensor, axis: int) -> Tensor:
    """Sums of a field along an axis, (length, points) weights each."""
    before, after = field.shape[:axis], field.shape[axis + 1 :]
    flat = field.reshape(before.numel(), field.shape[axis], after.numel())
    # on a GPU a product of float32 might run in a lower precision
    exact = torch.float64 if field.is_cuda else field.dtype
    return (weights.to(exact) @ flat.to(exact)).to(field.dtype).reshape(*before, len(weights), *after)


def _spline(length: int) -> Tensor:
    """Weights (length, control points) of the uniform cubic B-spline at the centres of an axis' voxels."""
    place = (torch.arange(length) + 0.5) / length * _CELLS
    cell = place.floor()
    t = place - cell
    basis = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], dim=1) / 6
    return torch.zeros(length, _CELLS + 3).scatter_(1, cell.long()[:, None] + torch.arange(4), basis)


def symmetric(*shape: int) -> Tensor:
    """Uniform numbers from -1 to 1, drawn on the CPU."""
    return torch.rand(shape) * 2 - 1
