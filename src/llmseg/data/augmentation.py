"""Augmentation of a whole batch, on the device that trains."""

from typing import overload

import torch
from torch import Tensor

from llmseg.data import appearance, warp
from llmseg.data.config import AugmentConfig
from llmseg.errors import ConfigError


class Augment:
    """Geometry and appearance, drawn for each sample on its own.

    Image and label move by one and the same sampling grid, so that they cannot fall out of step; what changes the
    appearance leaves the label alone. Draws come from torch's global generator, which the method seeds for every step
    (see `seeds`); all but the noise from the CPU's, so that a GPU sees the same geometry.

    Raises:
        ConfigError: a range that makes no sense.
    """

    def __init__(self, config: AugmentConfig) -> None:
        _check(config)
        self.config = config

    @overload
    def __call__(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]: ...

    @overload
    def __call__(self, image: Tensor) -> tuple[Tensor, None]: ...

    def __call__(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Transform image (N, C, *spatial) and label (N, L, *spatial) uint8; types and the arguments stay as they are.

        An image without a label moves as it would with one. Computed in float32 at least: positions in bfloat16 would
        be pixels off.
        """
        dtype = image.dtype
        with torch.autocast(image.device.type, enabled=False):
            image = image.to(torch.promote_types(dtype, torch.float32))
            if self.config.quarter_turns:
                image, label = warp.quarter_turns(image, label)
            if warp.moves(self.config):
                image, label = warp.move(image, label, self.config)
            return appearance.change(image, self.config).to(dtype), label


def _check(config: AugmentConfig) -> None:
    angles = warp.angles(config)
    if len(angles) not in (1, 3) or min(angles) < 0:
        raise ConfigError(f"data.augment.rotate={config.rotate}: give degrees, or three, one around each axis")
    if not 0 <= config.elastic <= warp.LARGEST_ELASTIC:
        raise ConfigError(
            f"data.augment.elastic={config.elastic:g}: choose 0 to {warp.LARGEST_ELASTIC}; more would fold the image"
        )
    for name in ("shift", "shear", "intensity", "gamma", "noise", "blur"):
        if (value := getattr(config, name)) < 0:
            raise ConfigError(f"data.augment.{name}={value:g}: must not be negative")
    for name in ("scale", "low_resolution", "cutout"):
        if not 0 <= (value := getattr(config, name)) < 1:
            raise ConfigError(f"data.augment.{name}={value:g}: must be at least 0 and below 1")
    if not 0 <= config.probability <= 1:
        raise ConfigError(f"data.augment.probability={config.probability:g}: must be 0 to 1")
