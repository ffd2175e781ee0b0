"""Dice and cross-entropy of a region."""

import pytest
import torch

from llmseg.losses import SegmentationLoss
from llmseg.losses.masked import region_loss


def test_two_voxels_by_hand() -> None:
    """One voxel inside with p = 0.75 for its class, one outside that must not count."""
    logits = torch.log(torch.tensor([[[0.25, 0.9], [0.75, 0.1]]]))  # (1, 2 classes, 2 voxels)
    label = torch.tensor([[[1, 1]]], dtype=torch.uint8)
    region = torch.tensor([[[True, False]]])
    dice = 1 - 2 * 0.75 / (0.75 + 1)
    entropy = -torch.log(torch.tensor(0.75))
    assert region_loss(logits, label, region).item() == pytest.approx((dice + entropy.item()) / 2, abs=1e-4)


@pytest.mark.parametrize("classes", [1, 3])
def test_the_whole_image_is_half_of_the_usual_sum(classes: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, classes, 6, 5, 4)
    label = torch.randint(0, max(classes, 2), (2, 1, 6, 5, 4), dtype=torch.uint8)
    options = {"dice": {"smooth_nr": 1e-5, "smooth_dr": 1e-5}}
    usual = SegmentationLoss({"dice": 1.0, "cross_entropy": 1.0}, options)(logits, label)
    assert region_loss(logits, label, torch.ones(2, 1, 6, 5, 4, dtype=torch.bool)).item() == pytest.approx(
        usual.item() / 2, rel=1e-5
    )


def test_nothing_outside_the_region_counts_and_no_region_is_no_loss() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    label = torch.randint(0, 3, (1, 1, 4, 4), dtype=torch.uint8)
    region = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert region_loss(logits, label, region) == 0
    region[..., :2] = True
    region_loss(logits, label, region).backward()
    assert logits.grad is not None
    assert not logits.grad[..., 2:].any()
    assert logits.grad[..., :2].any()


def test_shares_of_classes_instead_of_an_index_map() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 4)
    label = torch.randint(0, 3, (2, 1, 4, 4), dtype=torch.uint8)
    shares = torch.cat([(label == value).float() for value in (1, 2)], dim=1)
    region = torch.rand(2, 1, 4, 4) > 0.5
    assert region_loss(logits, shares, region).item() == pytest.approx(region_loss(logits, label, region).item())
