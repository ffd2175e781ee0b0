"""Random appearance: changes of the image alone."""

from collections.abc import Callable, Sequence
from math import ceil, log1p

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.data.config import AugmentConfig
from llmseg.data.resize import resize
from llmseg.data.warp import symmetric


def change(image: Tensor, config: AugmentConfig) -> Tensor:
    """Contrast and brightness of every sample; each of the other parts on a share of them.

    Args:
        image: (N, C, *spatial) float32; not written to.
        config: ranges; parts at 0 neither draw nor compute.
    """
    image = intensity(image, config.intensity) if config.intensity else image.clone()
    parts: list[tuple[Callable[[Tensor, float], Tensor], float]] = [
        (gamma, config.gamma),
        (blur, config.blur),
        (low_resolution, config.low_resolution),
        (noise, config.noise),
        (cutout, config.cutout),
    ]
    for part, largest in parts:
        if largest:
            _on_some(image, config.probability, part, largest)
    return image


def _on_some(image: Tensor, probability: float, part: Callable[[Tensor, float], Tensor], largest: float) -> None:
    """Change a share of the samples in place."""
    chosen = (torch.rand(len(image)) < probability).nonzero().flatten()
    if len(chosen):
        chosen = chosen.to(image.device)
        image.index_copy_(0, chosen, part(image[chosen], largest))


def intensity(image: Tensor, largest: float) -> Tensor:
    """Multiply each channel by a random contrast, and shift it by a share of its standard deviation."""
    contrast = 1 + largest * _per_channel(image)
    return (image * contrast).add_(largest * _spread(image) * _per_channel(image))


def _spread(image: Tensor) -> Tensor:
    """Standard deviation (N, C, 1, ...) of each channel."""
    if image.device.type != "cpu":
        return image.std(dim=_spatial(image), keepdim=True, correction=0)
    # several at once take a CPU seven times as long
    each = [channel.std(correction=0) for channel in image.flatten(0, 1)]
    return torch.stack(each).reshape(*image.shape[:2], *[1] * (image.dim() - 2))


def gamma(image: Tensor, largest: float) -> Tensor:
    """Raise each channel, scaled to [0, 1], to a power from 1 / (1 + largest) to 1 + largest; its range stays."""
    low, high = image.amin(_spatial(image), keepdim=True), image.amax(_spatial(image), keepdim=True)
    extent = (high - low).clamp(min=1e-8)
    exponent = (log1p(largest) * _per_channel(image)).exp()
    return (image - low).div_(extent).clamp_(0, 1).pow_(exponent).mul_(extent).add_(low)


def noise(image: Tensor, largest: float) -> Tensor:
    """Add white noise of at most `largest` standard deviations of the channel."""
    strength = largest * torch.rand(len(image), *[1] * (image.dim() - 1)).to(image.device)
    return torch.randn_like(image).mul_(strength * _spread(image)).add_(image)


def blur(image: Tensor, largest: float) -> Tensor:
    """Gaussian of a width (standard deviation) of at most `largest` voxels; edges go on as they end."""
    radius = ceil(3 * largest)
    width = largest * torch.rand(len(image), 1).clamp(min=1e-2)
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.softmax(-(offsets**2) / (2 * width**2), dim=1).tolist()
    blurred = [_blurred(sample, kernel) for sample, kernel in zip(image, weights, strict=True)]
    return torch.stack(blurred)


def _blurred(image: Tensor, kernel: Sequence[float]) -> Tensor:
    """One sample (C, *spatial), axis after axis: sums of shifted copies, which no convolution rounds to bfloat16."""
    radius, dims = len(kernel) // 2, image.dim() - 1
    for axis in range(1, dims + 1):
        edges = [0, 0] * dims
        edges[2 * (dims - axis)] = edges[2 * (dims - axis) + 1] = radius
        wide, length = functional.pad(image[None], edges, mode="replicate")[0], image.shape[axis]
        image = wide.narrow(axis, 0, length) * kernel[0]
        for index, weight in enumerate(kernel[1:], 1):
            image.add_(wide.narrow(axis, index, length), alpha=weight)
    return image


def low_resolution(image: Tensor, largest: float) -> Tensor:
    """Lose up to that share of each axis' voxels, and interpolate back to the grid."""
    kept = 1 - largest * torch.rand(len(image))
    result = []
    for sample, share in zip(image.split(1), kept.tolist(), strict=True):
        result.append(resize(resize(sample, [max(1, round(n * share)) for n in sample.shape[2:]]), sample.shape[2:]))
    return torch.cat(result)


def cutout(image: Tensor, largest: float) -> Tensor:
    """Fill a box with the channel's mean; its sides are up to that share of the image's (DeVries and Taylor, 2017).

    The label stays: what is hidden is to be inferred from around.
    """
    count, dims = len(image), image.dim() - 2
    half, centre = largest * torch.rand(count, dims) / 2, torch.rand(count, dims)
    inside = torch.ones(count, *[1] * (dims + 1), dtype=torch.bool, device=image.device)
    for axis, length in enumerate(image.shape[2:]):
        place = (torch.arange(length) + 0.5) / length
        near = (place - centre[:, axis, None]).abs() < half[:, axis, None]
        shape = [count, *[1] * (dims + 1)]
        shape[axis + 2] = length
        inside = inside & near.reshape(shape).to(image.device)
    return torch.where(inside, image.mean(_spatial(image), keepdim=True), image)


def _spatial(image: Tensor) -> tuple[int, ...]:
    return tuple(range(2, image.dim()))


def _per_channel(image: Tensor) -> Tensor:
    return symmetric(len(image), image.shape[1], *[1] * (image.dim() - 2)).to(image.device)
