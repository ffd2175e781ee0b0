"""Light augmentation."""

import pytest
import torch

from llmseg.data.augmentation import Augment
from llmseg.data.config import AugmentConfig

OFF = AugmentConfig(flip=[], shift=0, scale=0, intensity=0)


@pytest.mark.parametrize("size", [(16, 12), (8, 12, 10)])
def test_image_and_label_never_fall_out_of_step(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    label = torch.zeros(6, 1, *size, dtype=torch.uint8)
    label[(..., *(slice(n // 4, n // 2) for n in size))] = 1
    image = label.float() * 100
    moved, target = Augment(AugmentConfig(flip=list(range(len(size))), shift=0.1, scale=0.1, intensity=0))(image, label)
    assert not torch.equal(target, label)
    # away from the blob's interpolated rim, the image says what the label says
    clear = (moved < 1) | (moved > 99)
    assert clear.float().mean() > 0.8
    assert torch.equal((moved > 50)[clear], (target > 0)[clear])


@pytest.mark.parametrize(("axis", "size"), [(0, (6, 4)), (1, (6, 4)), (2, (4, 6, 5))])
def test_flips_mirror_the_named_axis_and_no_other(axis: int, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    image = torch.rand(20, 1, *size)
    label = (image > 0.5).to(torch.uint8)
    config = AugmentConfig(flip=[axis], shift=0, scale=0, intensity=0)
    moved, target = Augment(config)(image, label)
    same = torch.tensor([torch.allclose(a, b, atol=1e-5) for a, b in zip(moved, image, strict=True)])
    mirrored = image.flip(axis + 2)
    assert 0 < same.sum() < 20
    torch.testing.assert_close(moved[~same], mirrored[~same], atol=1e-5, rtol=0)
    assert torch.equal(target[~same], label.flip(axis + 2)[~same])


def test_everything_off_changes_nothing() -> None:
    image, label = torch.rand(2, 1, 5, 5), torch.ones(2, 1, 5, 5, dtype=torch.uint8)
    moved, target = Augment(OFF)(image, label)
    assert torch.equal(moved, image)
    assert torch.equal(target, label)


def test_intensity_leaves_the_label_alone_and_keeps_the_order_of_voxels() -> None:
    torch.manual_seed(0)
    image, label = torch.randn(4, 2, 6, 6), torch.ones(4, 1, 6, 6, dtype=torch.uint8)
    config = AugmentConfig(flip=[], shift=0, scale=0, intensity=0.3)
    moved, target = Augment(config)(image, label)
    assert torch.equal(target, label)
    assert not torch.allclose(moved, image)
    assert torch.equal(moved.flatten(2).argsort(-1), image.flatten(2).argsort(-1))


def test_the_same_seed_draws_the_same() -> None:
    image, label = torch.rand(2, 1, 8, 8), torch.ones(2, 1, 8, 8, dtype=torch.uint8)
    augment = Augment(AugmentConfig(flip=[0, 1]))
    torch.manual_seed(3)
    first = augment(image, label)[0]
    torch.manual_seed(3)
    assert torch.equal(augment(image, label)[0], first)
