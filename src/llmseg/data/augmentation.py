"""Light augmentation of a whole batch, on the device that trains."""

import torch
from torch import Tensor
from torch.nn import functional

from llmseg.data.config import AugmentConfig


class Augment:
    """Flip, shift, scale and intensity, drawn for each sample on its own.

    Image and label move by the same sampling grid, so that they cannot fall out of step. Draws come from torch's global
    generator, which the method seeds for every step (see `seeds`).
    """

    def __init__(self, config: AugmentConfig) -> None:
        self.config = config

    def __call__(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Transform image (N, C, *spatial) and label (N, L, *spatial) uint8."""
        if self._moves:
            grid = functional.affine_grid(self._matrices(image), list(image.shape), align_corners=False)
            image = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
            label = functional.grid_sample(label.float(), grid, mode="nearest", align_corners=False).to(label.dtype)
        if self.config.intensity:
            image = self._change_intensity(image)
        return image, label

    @property
    def _moves(self) -> bool:
        return bool(self.config.flip or self.config.shift or self.config.scale)

    def _matrices(self, image: Tensor) -> Tensor:
        """(N, D, D+1) affine matrices in normalised coordinates, whose axes run last to first."""
        count, dims = len(image), image.dim() - 2
        size = 1 + self.config.scale * _symmetric(image, count, 1)
        diagonal = size.expand(count, dims).clone()
        for axis in self.config.flip:
            mirrored = torch.rand(count, device=image.device) < 0.5
            diagonal[mirrored, dims - 1 - axis] *= -1
        shift = 2 * self.config.shift * _symmetric(image, count, dims)
        return torch.cat([torch.diag_embed(diagonal), shift[..., None]], dim=2)

    def _change_intensity(self, image: Tensor) -> Tensor:
        shape = (len(image), image.shape[1], *([1] * (image.dim() - 2)))
        contrast = 1 + self.config.intensity * _symmetric(image, *shape)
        spread = image.std(dim=tuple(range(2, image.dim())), keepdim=True)
        return image * contrast + self.config.intensity * spread * _symmetric(image, *shape)


def _symmetric(like: Tensor, *shape: int) -> Tensor:
    return torch.rand(shape, device=like.device) * 2 - 1
