"""A control without a language model: four numbers straight from the eye's features."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llmseg.data.boxes.sample import Box, Boxes, Sample
from llmseg.errors import DataError
from llmseg.models.vlm.base import BoxModel
from llmseg.models.vlm.vision import VisionEncoder, pictures

_NARROW = 32  # channels of a sequence's map before the head


class BoxRegressor(BoxModel):
    """One box a slice by regression, on the same eye as a vision-language model.

    All sequences share the encoder; a 1x1 convolution of each sequence's own tells them apart, and the mean over those
    that a slice has is flattened on a coarse grid, so that places are kept, into a perceptron of one hidden layer.

    Args:
        encoder: images (N, 1, H, W) float32 from 0 to 1 to maps (N, C, h, w).
        channels: C.
        sequences: of the data set.
        image_size: side to which images are resized.
        grid: cells a side of the flattened map.
        hidden: width of the perceptron.
    """

    def __init__(
        self,
        encoder: nn.Module,
        channels: int,
        sequences: Sequence[str],
        image_size: int = 128,
        grid: int = 8,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.sequences = tuple(sequences)
        self.image_size, self.grid = image_size, grid
        self.narrow = nn.ModuleList(nn.Conv2d(channels, _NARROW, 1) for _ in self.sequences)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(_NARROW * grid * grid, hidden), nn.ReLU(), nn.Linear(hidden, 4)
        )

    def forward(self, samples: Sequence[Sample]) -> Tensor:
        """Boxes (N, 4) as x and y of the centre, width and height, in shares of the image.

        Raises:
            DataError: a slice has none of the sequences.
        """
        owners = [(row, name) for row, each in enumerate(samples) for name in self.sequences if name in each.images]
        if missing := set(range(len(samples))) - {row for row, _ in owners}:
            record = samples[min(missing)].record
            raise DataError(
                f"line {record.line}, case {record.case}: none of the sequences {', '.join(self.sequences)}, which the "
                "regression was made for: name others with data.sequences"
            )
        images = [samples[row].images[name] for row, name in owners]
        features = self.encoder(pictures(images, self.image_size, next(self.parameters()).device))
        maps = F.adaptive_avg_pool2d(features, self.grid)
        which = torch.tensor([self.sequences.index(name) for _, name in owners], device=maps.device)
        row = torch.tensor([row for row, _ in owners], device=maps.device)
        total = maps.new_zeros((len(samples), _NARROW, self.grid, self.grid))
        for index, narrow in enumerate(self.narrow):
            total = total.index_add(0, row[which == index], narrow(maps[which == index]).to(total.dtype))
        mean = total / torch.bincount(row, minlength=len(samples))[:, None, None, None]
        boxes: Tensor = self.head(F.relu(mean)).float().sigmoid()
        return boxes

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Smooth L1 of the four numbers plus 1 - GIoU, mean over the slices that have a box; their largest counts."""
        found = self(samples)
        rows = [row for row, sample in enumerate(samples) if sample.boxes]
        if not rows:
            return found.sum() * 0  # every weight still gets a gradient, which training on several processes waits for
        truth = torch.tensor([_shares(samples[row]) for row in rows], device=found.device)
        found = found[rows]
        return F.smooth_l1_loss(found, truth) + (1 - giou(_corners(found), _corners(truth))).mean()

    @torch.no_grad()
    def boxes(self, samples: Sequence[Sample]) -> list[Boxes]:
        """One box a slice, in its pixels and clipped to it."""
        return [(_pixels(corners, sample),) for corners, sample in zip(_corners(self(samples)), samples, strict=True)]


class Regression(BoxRegressor):
    """`vlm=regression`: the head on the eye of `vlm=compact`.

    Args:
        vision: arguments of `VisionEncoder`.
        sequences: see BoxRegressor.
        train_vision: the eye learns, too.
        image_size: see BoxRegressor.
        grid: see BoxRegressor.
        hidden: see BoxRegressor.
    """

    def __init__(
        self,
        *,
        vision: Mapping[str, Any],
        sequences: Sequence[str],
        train_vision: bool = True,
        image_size: int = 128,
        grid: int = 8,
        hidden: int = 256,
    ) -> None:
        encoder = VisionEncoder(**vision).learn(train_vision)
        super().__init__(encoder, encoder.channels, sequences, image_size, grid, hidden)


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al. 2019) of boxes (N, 4) as corners, row by row: (N,), differentiable."""
    top, bottom = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    common = (bottom - top).clamp(min=0).prod(dim=1)
    union = _area(first) + _area(second) - common
    hull = (torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])).prod(dim=1)
    tiny = torch.finfo(first.dtype).eps
    return common / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def _corners(boxes: Tensor) -> Tensor:
    """(N, 4) centre, width and height to corners."""
    return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=1)


def _shares(sample: Sample) -> list[float]:
    """Centre, width and height of a slice's largest box, in shares of the image."""
    box = max(sample.boxes, key=lambda own: (own.x2 - own.x1) * (own.y2 - own.y1))
    width, height = sample.size
    centre = [(box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height]
    return [*centre, (box.x2 - box.x1) / width, (box.y2 - box.y1) / height]


def _pixels(corners: Tensor, sample: Sample) -> Box:
    x1, y1, x2, y2 = corners.clamp(0, 1).tolist()
    width, height = sample.size
    return Box(x1 * width, y1 * height, x2 * width, y2 * height)
