"""Networks on whole cases."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from llmseg.data.cache import Cache
from llmseg.data.preprocessing import Recipe
from llmseg.inference.predict import check_input_size, on_input_grid, predict_stack, sigmoid_or_softmax
from llmseg.inference.predictor import Predictor
from llmseg.models import UNet
from tests.data.make import case, write_scan


class Seen(nn.Module):
    """Identity that remembers the shapes it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.shapes.append(tuple(image.shape))
        return image


def test_slices_go_through_in_batches_and_come_back_in_order() -> None:
    net, stack = Seen(), torch.rand(7, 1, 4, 6)
    assert torch.equal(predict_stack(net, stack, (4, 6), batch_size=3), stack)
    assert [shape[0] for shape in net.shapes] == [3, 3, 1]


@pytest.mark.parametrize("shape", [(20, 17, 9), (6, 30, 11)])
def test_sliding_window_of_the_identity_is_the_identity(shape: tuple[int, ...]) -> None:
    net, volume = Seen(), torch.rand(1, 2, *shape)
    torch.testing.assert_close(predict_stack(net, volume, (8, 8, 8), overlap=0.5), volume, atol=1e-5, rtol=1e-4)
    assert {seen[2:] for seen in net.shapes} == {(8, 8, 8)}


def test_logits_of_a_network_with_a_smaller_grid_are_put_on_the_images() -> None:
    halved = on_input_grid(nn.AvgPool2d(2))(torch.full((1, 1, 8, 8), 2.0))
    torch.testing.assert_close(halved, torch.full((1, 1, 8, 8), 2.0))


def test_probabilities() -> None:
    logits = torch.tensor([[[0.0]], [[2.0]]]).movedim(0, 1)
    torch.testing.assert_close(sigmoid_or_softmax(logits, overlapping=True), logits.sigmoid())
    torch.testing.assert_close(sigmoid_or_softmax(logits, overlapping=False).sum(1), torch.ones(1, 1))
    torch.testing.assert_close(sigmoid_or_softmax(logits[:, :1], overlapping=False), logits[:, :1].sigmoid())


def test_a_size_that_cannot_work_is_found_without_computing() -> None:
    net = UNet(in_channels=1, out_channels=1)
    assert check_input_size(net, 1, (64, 96)).shape == (2, 1, 64, 96)
    with pytest.raises(ValueError, match="multiple of 16"):
        check_input_size(net, 1, (100, 96))
    with pytest.raises(ValueError, match="channel"):
        check_input_size(net, 3, (64, 96))


def test_a_network_that_knows_the_label_scores_one_on_the_file_grid(tmp_path: Path) -> None:
    """Image = label in intensities, so a threshold is a perfect network; everything between must keep it perfect."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (10, 12, 7)).astype(np.uint8)
    affine = np.array([[0, 0, 3.0, 0], [-2.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    made = case(tmp_path / "a", label=label, affine=affine)
    write_scan(made.images[0], label.astype(np.int16) * 100, affine)
    recipe = Recipe(("one",), False, "RAS", None, "minmax", None, False, 2, (7, 10))

    class Threshold(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return (image - 0.5) * 10

    cached = Cache(tmp_path / "cache", recipe).get(made)
    assert cached.image().shape == (12, 1, 7, 10)
    np.testing.assert_array_equal(Predictor(Threshold(), recipe, (7, 10)).mask(cached)[0], label)
