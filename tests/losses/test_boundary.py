"""Losses of the boundary."""

import numpy as np
import pytest
import torch

from llmseg.losses import SegmentationLoss
from llmseg.losses.boundary import boundary, hausdorff, signed_distance


def brute_force(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the nearest one of the other kind."""
    grid = np.stack(np.indices(mask.shape), -1).reshape(-1, mask.ndim)
    flat = mask.ravel()
    far = [np.linalg.norm(grid[flat != flat[index]] - grid[index], axis=1).min() for index in range(len(grid))]
    return np.array(far).reshape(mask.shape)


@pytest.mark.parametrize("shape", [(7, 9), (4, 5, 6)])
def test_signed_distance_against_brute_force(shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(0).random(shape) > 0.6
    far = brute_force(mask)
    np.testing.assert_allclose(signed_distance(mask), np.where(mask, 1 - far, far), rtol=1e-6)


def test_boundary_loss_by_hand() -> None:
    target = torch.zeros(1, 1, 1, 5)
    target[..., 1:4] = 1  # signed distances 1, 0, -1, 0, 1
    logits = torch.logit(torch.tensor([0.5, 0.9, 0.8, 0.9, 0.25])).view(1, 1, 1, 5)
    assert boundary(alone=True)(logits, target).item() == pytest.approx((0.5 - 0.8 + 0.25) / 5)
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)  # a softmax of two is the same sigmoid
    masks = torch.cat([1 - target, target], dim=1)
    assert boundary(alone=False)(both, masks).item() == pytest.approx((0.5 - 0.8 + 0.25) / 5)


def test_an_empty_mask_has_no_boundary() -> None:
    assert boundary(alone=True)(torch.randn(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)).item() == 0


def test_hausdorff_loss_against_its_equation() -> None:
    rng = np.random.default_rng(1)
    target = rng.random((6, 7)) > 0.5
    predicted = rng.random((6, 7)) > 0.5
    probability = np.where(predicted, 0.9, 0.2)
    expected = np.mean((probability - target) ** 2 * (brute_force(predicted) ** 2 + brute_force(target) ** 2))
    logits = torch.logit(torch.from_numpy(probability)).float()[None, None]
    loss = hausdorff(alone=True)(logits, torch.from_numpy(target).float()[None, None])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["boundary", "hausdorff"])
@pytest.mark.parametrize("classes", [1, 3])
def test_a_nearer_boundary_costs_less_and_gradients_flow(name: str, classes: int) -> None:
    loss = SegmentationLoss({name: 1.0})
    label = torch.zeros(1, 1, 24, 24, dtype=torch.uint8)
    label[..., 8:16, 8:16] = 1

    def logits(shift: int) -> torch.Tensor:
        made = torch.full((1, classes, 24, 24), -4.0)
        made[0, min(classes - 1, 1), 8:16, 8 + shift : 16 + shift] = 4
        return made.requires_grad_()

    values = [loss(logits(shift), label).item() for shift in (0, 2, 6)]
    assert values == sorted(values)
    last = logits(2)
    loss(last, label).backward()
    assert last.grad is not None
    assert last.grad.abs().sum() > 0
