"""Losses, against published values of the LLMs' own loss functions and against arithmetic."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate
from torch import Tensor
from torch.nn import functional

from llmseg.losses import SegmentationLoss
from llmseg.losses.segmentation import one_hot
from tests.recipes import AUTHORS, composed

CONF = Path(__file__).parents[2] / "conf" / "loss"


@pytest.fixture
def oracle() -> tuple[Tensor, Tensor]:
    """Two images of 4 x 4: logits from -3 to 3, every third pixel foreground."""
    logits = torch.linspace(-3, 3, 32).reshape(2, 1, 4, 4)
    return logits, (torch.arange(32) % 3 == 0).reshape(2, 1, 4, 4).to(torch.uint8)


BCE = (1.058385, 1.315442, 0)
PUBLISHED = dict.fromkeys(AUTHORS, BCE) | {
    "claude4": (0.845040, 1.088194, 0),
    "deepseek_r1": (0.915591, 1.173845, 0),
    "deepseek_v3": (1.640791, 2.158893, 0),
    "gemini25": (1.662361, 2.197232, 0),
    "grok3_mini": (0.818985, 0.945423, 0.562562),
}
"""What each LLM's own loss gives for the oracle, for the oracle with the second mask emptied, and for logits of 30 and
-30 in the right places."""


@pytest.mark.parametrize("author", AUTHORS)
def test_recipes_have_the_losses_that_the_llms_wrote(oracle: tuple[Tensor, Tensor], author: str) -> None:
    logits, label = oracle
    emptied = label.clone()
    emptied[1] = 0
    loss = instantiate(composed(f"as_published/{author}").loss, _convert_="all")
    values = [loss(logits, label), loss(logits, emptied), loss(label.float() * 60 - 30, label)]
    assert [value.item() for value in values] == pytest.approx(PUBLISHED[author], abs=2e-6)


@pytest.mark.parametrize("author", ["gpt4o", "gemini15", "llama31"])
def test_recipes_of_networks_with_a_grid_of_their_own(author: str) -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(2, 1, 4, 4), torch.randint(0, 2, (2, 1, 8, 8), dtype=torch.uint8)
    probability = logits.sigmoid()
    if author == "gpt4o":
        grown = functional.interpolate(probability, (8, 8), mode="bilinear", align_corners=False)
        expected = functional.binary_cross_entropy(grown, label.float())
    else:
        expected = functional.binary_cross_entropy(probability, label[..., ::2, ::2].float())
    loss = instantiate(composed(f"as_published/{author}").loss, _convert_="all")
    torch.testing.assert_close(loss(logits, label), expected)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_soft_targets_of_one_class_by_hand(output: str) -> None:
    probability, target = torch.tensor([0.8, 0.4]), torch.tensor([0.25, 1.0])
    expected = -(0.25 * probability[0].log() + 0.75 * (1 - probability[0]).log() + probability[1].log()) / 2
    loss = SegmentationLoss({"cross_entropy": 1}, output=output)
    torch.testing.assert_close(loss(probability.logit().reshape(1, 1, 1, 2), target.reshape(1, 1, 1, 2)), expected)


@pytest.mark.parametrize("terms", [{"cross_entropy": 1}, {"dice": 1}, {"tversky": 1}])
@pytest.mark.parametrize(("classes", "channels"), [(1, 1), (3, 1), (2, 2)], ids=["one", "exclusive", "regions"])
def test_probabilities_and_hard_soft_masks_change_nothing_but_rounding(
    terms: dict[str, float], classes: int, channels: int
) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, classes, 6, 5)
    high = 3 if classes == 3 else 2
    label = torch.randint(0, high, (2, channels, 6, 5), dtype=torch.uint8)
    masks = one_hot(label, 3)[:, 1:] if classes == 3 else label.float()
    expected = SegmentationLoss(terms)(logits, label)
    for output in ("logits", "probabilities"):
        loss = SegmentationLoss(terms, output=output)
        torch.testing.assert_close(loss(logits, label), expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(loss(logits, masks), expected, atol=1e-6, rtol=1e-5)


def test_exclusive_classes_can_be_softmaxed_twice() -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 1, 4, 5), dtype=torch.uint8)
    loss = SegmentationLoss({"cross_entropy": 1}, {"cross_entropy": {"with_logits": True}}, output="probabilities")
    expected = functional.cross_entropy(logits.softmax(dim=1), label[:, 0].long())
    torch.testing.assert_close(loss(logits, label), expected)


def test_losses_of_probabilities_run_under_autocast(oracle: tuple[Tensor, Tensor]) -> None:
    logits, label = oracle
    with torch.autocast("cpu", torch.bfloat16):
        value = SegmentationLoss({"cross_entropy": 1}, output="probabilities")(logits, label)
    assert value.item() == pytest.approx(BCE[0], abs=2e-6)


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


@pytest.mark.parametrize("classes", [2, 3])
def test_focal_of_exclusive_classes_is_a_mean_over_voxels_and_classes(classes: int) -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(2, classes, 4, 5), torch.randint(0, classes, (2, 1, 4, 5), dtype=torch.uint8)
    likely = logits.softmax(dim=1).gather(1, label.long())
    expected = -((1 - likely) ** 2 * likely.log()).mean() / classes
    torch.testing.assert_close(SegmentationLoss({"focal": 1}, {"focal": {"gamma": 2.0}})(logits, label), expected)


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"output": "sigmoid"}, "loss.output=sigmoid: choose from logits, probabilities"),
        ({"grid": "image"}, "loss.grid=image: choose from label, network"),
        ({"output": "probabilities", "terms": {"focal": 1.0}}, "choose from cross_entropy, dice, tversky$"),
    ],
)
def test_unknown_options_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SegmentationLoss(**({"terms": {"dice": 1.0}} | arguments))  # type: ignore[arg-type]
