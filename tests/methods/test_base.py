"""What the training methods share."""

import numpy as np
import torch

from llmseg.evaluation.metrics import score
from llmseg.methods.base import case_dice


def test_case_dice_is_the_dice_of_the_tables_for_exclusive_classes() -> None:
    rng = np.random.default_rng(0)
    label, predicted = rng.integers(0, 3, (2, 5, 1, 8, 9))
    probability = torch.nn.functional.one_hot(torch.from_numpy(predicted[:, 0]), 3).movedim(-1, 1).float()
    dice = case_dice(probability, torch.from_numpy(label).to(torch.uint8), overlapping=False)
    for index in (1, 2):
        expected = score(predicted[:, 0] == index, label[:, 0] == index, (1, 1, 1))["dice"]
        assert dice[index - 1].item() == expected


def test_case_dice_of_regions_and_of_nothing() -> None:
    label = torch.zeros(1, 2, 4, 4, 4, dtype=torch.uint8)
    label[0, 0, :2] = 1
    probability = torch.zeros(1, 2, 4, 4, 4)
    probability[0, 0, 1:3] = 0.9
    dice = case_dice(probability, label, overlapping=True)
    assert dice[0].item() == 0.5
    assert dice[1].isnan()
