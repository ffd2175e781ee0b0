"""Losses, against published values of the LLMs' own loss functions and against arithmetic."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from llmseg.losses import SegmentationLoss
from llmseg.losses.segmentation import one_hot

CONF = Path(__file__).parents[2] / "conf" / "loss"


@pytest.fixture
def oracle() -> tuple[Tensor, Tensor]:
    """Two images of 4 x 4: logits from -3 to 3, every third pixel foreground."""
    logits = torch.linspace(-3, 3, 32).reshape(2, 1, 4, 4)
    return logits, (torch.arange(32) % 3 == 0).reshape(2, 1, 4, 4).to(torch.uint8)


def batch_dice(smooth: float) -> dict[str, object]:
    """Options of a Dice over the whole batch."""
    return {"dice": {"batch": True, "smooth_nr": smooth, "smooth_dr": smooth}}


def image_dice(smooth: float) -> dict[str, object]:
    """Options of a Dice per image."""
    return {"dice": {"batch": False, "smooth_nr": smooth, "smooth_dr": smooth}}


@pytest.mark.parametrize(
    ("author", "terms", "options", "expected", "expected_empty"),
    [
        ("o3 and six others", {"cross_entropy": 1}, {}, 1.058385, 1.315442),
        ("Claude 4", {"cross_entropy": 0.5, "dice": 0.5}, image_dice(1e-6), 0.845040, 1.088194),
        ("DeepSeek R1", {"cross_entropy": 0.7, "dice": 0.3}, batch_dice(1), 0.915591, 1.173845),
        ("DeepSeek V3", {"cross_entropy": 1, "dice": 1}, batch_dice(1), 1.640791, 2.158893),
        ("Gemini 2.5", {"cross_entropy": 1, "dice": 1}, batch_dice(1e-6), 1.662361, 2.197232),
    ],
)
def test_reproduces_what_the_llms_losses_gave(
    oracle: tuple[Tensor, Tensor],
    author: str,
    terms: dict[str, float],
    options: dict[str, dict[str, object]],
    expected: float,
    expected_empty: float,
) -> None:
    logits, label = oracle
    emptied = label.clone()
    emptied[1] = 0
    loss = SegmentationLoss(terms, options)
    assert loss(logits, label).item() == pytest.approx(expected, abs=2e-6), author
    assert loss(logits, emptied).item() == pytest.approx(expected_empty, abs=2e-6), author


def test_exclusive_classes_use_softmax_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 1, 4, 5), dtype=torch.uint8)
    expected = torch.nn.functional.cross_entropy(logits, label[:, 0].long())
    torch.testing.assert_close(SegmentationLoss({"cross_entropy": 1})(logits, label), expected)


def test_dice_of_exclusive_classes_leaves_the_background_out() -> None:
    label = torch.tensor([[[[0, 1], [2, 0]]]], dtype=torch.uint8)
    logits = (one_hot(label, 3) * 40) - 20
    right = SegmentationLoss({"dice": 1})(logits, label)
    logits[:, :, 0, 0] = torch.tensor([-20.0, 20, -20])  # one background pixel taken for class 1
    wrong = SegmentationLoss({"dice": 1})(logits, label)
    assert right.item() == pytest.approx(0, abs=1e-4)
    assert wrong.item() == pytest.approx(((1 - 2 / 3) + 0) / 2, abs=1e-4)


def test_tversky_by_hand() -> None:
    logits = torch.tensor([20.0, 20, -20, -20]).reshape(1, 1, 2, 2)
    label = torch.tensor([1, 0, 1, 0], dtype=torch.uint8).reshape(1, 1, 2, 2)
    loss = SegmentationLoss({"tversky": 1}, {"tversky": {"alpha": 0.3, "beta": 0.7}})
    assert loss(logits, label).item() == pytest.approx(1 - 1 / (1 + 0.3 + 0.7), abs=1e-4)


def test_focal_with_gamma_zero_is_cross_entropy(oracle: tuple[Tensor, Tensor]) -> None:
    focal = SegmentationLoss({"focal": 1}, {"focal": {"gamma": 0.0}})
    assert focal(*oracle).item() == pytest.approx(1.058385, abs=2e-6)


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
@pytest.mark.parametrize(("logits", "channels"), [(1, 1), (3, 1), (3, 3)], ids=["one", "exclusive", "regions"])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_configured_loss_falls_when_the_prediction_improves(
    file: Path, logits: int, channels: int, dims: int
) -> None:
    torch.manual_seed(0)
    node = yaml.safe_load(file.read_text())
    assert node.pop("_target_") == "llmseg.losses.SegmentationLoss"
    loss = SegmentationLoss(**node)
    size = [8] * dims
    high = 3 if (logits, channels) == (3, 1) else 2
    label = torch.randint(0, high, (2, channels, *size), dtype=torch.uint8)
    values = torch.zeros(2, logits, *size, requires_grad=True)
    before = loss(values, label)
    before.backward()
    assert values.grad is not None
    assert loss(values - 10 * values.grad, label) < before


@pytest.mark.parametrize("terms", [{}, {"dise": 1.0}])
def test_unknown_terms_are_named(terms: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="cross_entropy, dice, tversky, focal"):
        SegmentationLoss(terms)
