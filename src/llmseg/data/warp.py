"""Random geometry: one sampling grid for image and label."""

from collections.abc import Sequence
from math import radians

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.data.config import AugmentConfig

LARGEST_ELASTIC = 0.08
"""A cubic B-spline deformation is injective while its control points move by less than 1/2.48 (2D: 1/2.05) of their
distance (Choi and Lee, Graphical Models 2000), which is 1/5 of the image here."""
_CELLS = 5


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


def sampling_grid(image: Tensor, config: AugmentConfig) -> Tensor:
    """Draw where each voxel of the result comes from.

    Args:
        image: (N, C, *spatial).
        config: ranges.

    Returns:
        (N, *spatial, D) normalised coordinates as `grid_sample` takes them, whose axes run last to first.
    """
    count, size = len(image), image.shape[2:]
    matrix, shift = _affine(count, size, config)
    identity = torch.eye(len(size), len(size) + 1, device=image.device)[None]
    position = functional.affine_grid(identity, [1, 1, *size], align_corners=False)
    if config.elastic:
        position = position + 2 * config.elastic * _elastic(count, size).to(image.device)
    matrix, shift = matrix.to(image.device), shift.to(image.device)
    # written out, since a matrix product might run in a lower precision
    moved = sum(position[..., axis, None] * _spread(matrix[:, :, axis], len(size)) for axis in range(len(size)))
    return moved + _spread(shift, len(size))


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


def _elastic(count: int, size: Sequence[int]) -> Tensor:
    """Smooth displacements (N, *spatial, D) within [-1, 1]: a cubic B-spline of random control points."""
    dims = len(size)
    field = symmetric(count, dims, *[_CELLS + 3] * dims)
    for length in size:
        field = torch.tensordot(field, _spline(length), dims=([2], [1]))  # the axis done goes last
    return field.movedim(1, -1)


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
