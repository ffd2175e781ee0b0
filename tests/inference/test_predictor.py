"""Ensembles and test-time augmentation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from llmseg.data.preprocessing import Recipe
from llmseg.inference.predict import over_flips
from llmseg.inference.predictor import Ensemble, Predictor

FLAT = Recipe(("one",), False, "RAS", None, "minmax", None, False, 2, (8, 6))
SOLID = replace(FLAT, image_size=None)


class Constant(nn.Module):
    """The same probability everywhere."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, image: Tensor) -> Tensor:
        return torch.full_like(image, self.probability).logit()


class FromTheLeft(nn.Module):
    """Depends on the position along the first axis: not equivariant under flips."""

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.arange(image.shape[2]).reshape(-1, *([1] * (image.dim() - 3)))


def stack(recipe: Recipe) -> np.ndarray:
    shape = (20, 1, 8, 6) if recipe.image_size else (1, 1, 20, 9, 7)
    return np.random.default_rng(0).random(shape, np.float32)


def planes(predictor: Predictor | Ensemble, recipe: Recipe) -> Tensor:
    return torch.cat(list(predictor.planes(stack(recipe))))


@pytest.mark.parametrize("recipe", [FLAT, SOLID])
def test_copies_of_a_network_predict_as_it_does_alone(recipe: Recipe) -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(1, 1, 3, padding=1) if recipe.image_size else nn.Conv3d(1, 1, 3, padding=1)
    alone = Predictor(net, recipe, (6, 6, 6))
    expected = planes(alone, recipe)
    torch.testing.assert_close(planes(Ensemble([alone, Predictor(net, recipe, (6, 6, 6))]), recipe), expected)
    assert torch.equal(planes(Ensemble([alone]), recipe), expected)


@pytest.mark.parametrize("recipe", [FLAT, SOLID])
def test_an_ensemble_averages_probabilities_not_logits(recipe: Recipe) -> None:
    members = [Predictor(Constant(p), recipe, (6, 6, 6)) for p in (0.9, 0.9, 0.3)]
    found = planes(Ensemble(members), recipe)
    torch.testing.assert_close(found, torch.full_like(found, 0.7))


@pytest.mark.parametrize("other", [replace(FLAT, spacing=(1.0, 1.0, 1.0)), replace(FLAT, classes=("two",)), SOLID])
def test_networks_of_different_preprocessing_are_no_ensemble(other: Recipe) -> None:
    with pytest.raises(ValueError, match="preprocessing"):
        Ensemble([Predictor(Constant(0.5), FLAT, (8, 6)), Predictor(Constant(0.5), other, (8, 6))])


@pytest.mark.parametrize("dims", [2, 3])
def test_mirroring_changes_nothing_for_a_network_that_does_not_mind(dims: int) -> None:
    image = torch.rand(2, 1, *(8, 6, 4)[:dims])
    torch.testing.assert_close(over_flips(lambda x: 3 * x - 1)(image), 3 * image - 1)


@pytest.mark.parametrize("dims", [2, 3])
def test_mirroring_averages_over_all_mirror_images(dims: int) -> None:
    """Positions 0, 1, ..., 7 become 3.5 everywhere; every subset of the axes is asked once."""
    seen = []

    def network(image: Tensor) -> Tensor:
        seen.append(image.clone())
        return FromTheLeft()(image)

    image = torch.rand(1, 1, *(8, 6, 4)[:dims])
    torch.testing.assert_close(over_flips(network)(image), image + 3.5)
    assert len({tuple(each.flatten().tolist()) for each in seen}) == len(seen) == 2**dims


@pytest.mark.parametrize("recipe", [FLAT, SOLID])
def test_flips_of_a_predictor(recipe: Recipe) -> None:
    net = nn.Conv2d(1, 1, 1) if recipe.image_size else nn.Conv3d(1, 1, 1)
    plain, mirrored = (planes(Predictor(net, recipe, (6, 6, 6), flips=flips), recipe) for flips in (False, True))
    torch.testing.assert_close(mirrored, plain)
    uneven = [planes(Predictor(FromTheLeft(), recipe, (6, 6, 6), flips=flips), recipe) for flips in (False, True)]
    assert not torch.allclose(*uneven)
