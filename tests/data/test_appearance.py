"""Appearance: each part does to the image what it says, and nothing to the label."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from llmseg.data import appearance
from llmseg.data.augmentation import Augment
from llmseg.data.config import AugmentConfig

OFF = AugmentConfig(flip=[], shift=0, scale=0, intensity=0, probability=1)
PARTS: dict[str, Any] = {"gamma": 0.5, "noise": 0.3, "blur": 1.5, "low_resolution": 0.5, "cutout": 0.5}
CONF = Path(__file__).parents[2] / "conf"


def image(*size: int) -> Tensor:
    return torch.randn(3, 2, *size) * 5 + 10


def label(*size: int) -> Tensor:
    return torch.randint(0, 3, (3, 1, *size), dtype=torch.uint8)


@pytest.mark.parametrize("size", [(16, 12), (8, 12, 10)])
@pytest.mark.parametrize("part", PARTS)
def test_every_part_changes_the_image_and_leaves_label_and_arguments_alone(part: str, size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    before, target = image(*size), label(*size)
    kept = before.clone()
    after, same = Augment(replace(OFF, **{part: PARTS[part]}))(before, target)
    assert torch.equal(before, kept)
    assert torch.equal(same, target)
    assert after.shape == before.shape
    assert after.isfinite().all()
    assert not torch.allclose(after, before)


@pytest.mark.parametrize("part", PARTS)
def test_a_constant_channel_stays_finite_and_constant(part: str) -> None:
    torch.manual_seed(0)
    after, _ = Augment(replace(OFF, intensity=0.3, **{part: PARTS[part]}))(torch.full((4, 1, 6, 6), 3.0), label(6, 6))
    assert after.isfinite().all()
    assert after.std(dim=(2, 3)).max() < 1e-5


def test_probability_is_the_share_of_samples_that_change() -> None:
    torch.manual_seed(0)
    before = torch.randn(400, 1, 4, 4)
    after, _ = Augment(replace(OFF, noise=0.2, probability=0.3))(before, torch.zeros(400, 1, 4, 4, dtype=torch.uint8))
    changed = (after != before).flatten(1).any(1).float().mean()
    assert 0.2 < changed < 0.4
    never, _ = Augment(replace(OFF, **PARTS, probability=0))(before, torch.zeros(400, 1, 4, 4, dtype=torch.uint8))
    assert torch.equal(never, before)


def test_gamma_keeps_the_range_and_the_order_of_voxels() -> None:
    torch.manual_seed(0)
    before = image(6, 7)
    after = appearance.gamma(before, 0.5)
    torch.testing.assert_close(after.amin((2, 3)), before.amin((2, 3)))
    torch.testing.assert_close(after.amax((2, 3)), before.amax((2, 3)))
    assert torch.equal(after.flatten(2).argsort(-1), before.flatten(2).argsort(-1))
    scaled = (after - after.amin((2, 3), keepdim=True)) / (after - after.amin((2, 3), keepdim=True)).amax(
        (2, 3), keepdim=True
    )
    base = (before - before.amin((2, 3), keepdim=True)) / (before - before.amin((2, 3), keepdim=True)).amax(
        (2, 3), keepdim=True
    )
    inside = (base > 0.05) & (base < 0.95)
    power = torch.log(scaled) / torch.log(base)
    assert power[inside].min() >= 1 / 1.5 - 1e-3
    assert power[inside].max() <= 1.5 + 1e-3


def test_blur_is_a_gaussian(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.randn(1, 1, 9, 20)
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))
    after = appearance.blur(before, 1.2)
    expected = before.double().numpy()
    for axis in (2, 3):
        expected = gaussian_filter1d(expected, 1.2, axis, mode="nearest", radius=4)
    torch.testing.assert_close(after.double(), torch.from_numpy(expected), atol=1e-6, rtol=0)


def test_low_resolution_at_half_is_constant_upsampled_blocks_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))
    before = torch.zeros(1, 1, 8, 8)
    before[..., ::2] = 1  # a pattern that half the resolution cannot hold
    torch.testing.assert_close(appearance.low_resolution(before, 0.5), torch.full_like(before, 0.5))


def test_noise_is_white_and_of_the_size_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    before = torch.randn(1, 1, 64, 64) * 7
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.ones(*shape))
    added = appearance.noise(before, 0.2) - before
    assert abs(added.std() / before.std() - 0.2) < 0.01
    assert abs(added.mean()) < 0.1
    assert abs((added[..., 1:] * added[..., :-1]).mean() / added.var()) < 0.05


def test_cutout_blanks_one_box_and_nothing_else() -> None:
    torch.manual_seed(2)
    before = image(20, 30)
    after = appearance.cutout(before, 0.5)
    for sample in range(3):
        changed = (after[sample] != before[sample]).any(0)
        assert changed.any()
        rows, columns = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
        assert changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert len(rows) <= 10
        assert len(columns) <= 15
        for channel in range(2):
            values = after[sample, channel][changed].unique()
            torch.testing.assert_close(values, before[sample, channel].mean()[None])


@pytest.mark.parametrize("choice", ["none", "light", "strong"])
def test_ready_made_choices(choice: str) -> None:
    torch.manual_seed(0)
    config = AugmentConfig(**yaml.safe_load((CONF / "augment" / f"{choice}.yaml").read_text()))
    before, target = image(24, 24), label(24, 24)
    after, moved = Augment(config)(before, target)
    assert after.isfinite().all()
    assert torch.equal(after, before) == (choice == "none")
    assert torch.equal(moved, target) == (choice == "none")
    if choice == "light":
        assert config == AugmentConfig()


def test_the_same_seed_draws_the_same_strong_augmentation() -> None:
    config = AugmentConfig(flip=[0, 1], rotate=30.0, shear=0.1, elastic=0.03, **PARTS)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(Augment(config)(torch.ones(2, 1, 8, 8).cumsum(-1), torch.ones(2, 1, 8, 8, dtype=torch.uint8))[0])
    assert torch.equal(*results)
