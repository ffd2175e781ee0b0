"""Score a network on whole cases, on the grid of their files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmseg.data.cache import CachedCase
from llmseg.data.cases import Case
from llmseg.data.files import read_header, read_voxels
from llmseg.data.preprocessing import Recipe
from llmseg.data.resize import hard_label
from llmseg.data.scan import encode_label
from llmseg.evaluation.baselines import apply_thresholds, fit_thresholds
from llmseg.evaluation.llm_dice import llm_dice
from llmseg.evaluation.metrics import score
from llmseg.inference.predictor import Segmenter

Row = dict[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """Scores of one network on some cases.

    Attributes:
        rows: one a case and class: case, group, class, the metrics of `score`, the LLMs' Dice variants.
        seconds: per case, from the preprocessed arrays to the mask on the file's grid.
    """

    rows: list[Row]
    seconds: list[float]


def evaluate_cases(predictor: Segmenter, cases: Iterable[CachedCase], nsd_tolerance: float = 2.0) -> Evaluation:
    """Predict and score every case.

    The common metrics compare with the original label on its own grid; the LLMs' Dice variants are taken where they
    took theirs, on the network's grid, before anything is resampled.
    """
    rows: list[Row] = []
    seconds: list[float] = []
    for case in cases:
        start = perf_counter()
        probability = predictor.probability(case)
        predicted = predictor.mask(case, probability)
        seconds.append(perf_counter() - start)
        own = _llm_dice(probability, case, predictor.recipe)
        for row in _score(case, predicted, predictor.recipe, nsd_tolerance):
            rows.append(row | own[row["class"]])
    return Evaluation(rows, seconds)


def evaluate_thresholds(
    train: Sequence[CachedCase], test: Iterable[CachedCase], recipe: Recipe, nsd_tolerance: float = 2.0
) -> Evaluation:
    """The baseline of two intensity thresholds, fitted on the training cases' first channel, scored as a network is."""
    images = [read_voxels(case.case.images[0]) for case in train]
    labels = [masks(original_label(case.case, recipe), recipe) for case in train]
    ranges = [fit_thresholds(images, [label[index] for label in labels]) for index in range(len(recipe.classes))]
    rows: list[Row] = []
    for case in test:
        image = read_voxels(case.case.images[0])
        predicted = np.stack([apply_thresholds(image, *limits) for limits in ranges])
        rows += _score_masks(case, predicted, masks(original_label(case.case, recipe), recipe), recipe, nsd_tolerance)
    return Evaluation(rows, [])


def original_label(case: Case, recipe: Recipe) -> NDArray[np.uint8]:
    """The label (L, X, Y, Z) as it is in the case's file, never resampled."""
    assert case.label is not None, "only labelled cases are scored"
    return encode_label(read_voxels(case.label), case.labels, recipe.classes, recipe.overlapping)


def masks(label: NDArray[np.uint8], recipe: Recipe) -> Mask:
    """One mask a class (K, X, Y, Z) from an encoded label (L, X, Y, Z)."""
    if recipe.overlapping:
        return label.astype(bool)
    return np.stack([label[0] == index + 1 for index in range(len(recipe.classes))])


def _score(case: CachedCase, predicted: NDArray[np.uint8], recipe: Recipe, nsd_tolerance: float) -> list[Row]:
    return _score_masks(
        case, masks(predicted, recipe), masks(original_label(case.case, recipe), recipe), recipe, nsd_tolerance
    )


def _score_masks(case: CachedCase, predicted: Mask, label: Mask, recipe: Recipe, nsd_tolerance: float) -> list[Row]:
    assert case.case.label is not None
    spacing = read_header(case.case.label).spacing.tolist()
    return [
        {"case": case.case.id, "group": case.case.group, "class": name}
        | score(predicted[index], label[index], spacing, nsd_tolerance)
        for index, name in enumerate(recipe.classes)
    ]


def _llm_dice(probability: Tensor, case: CachedCase, recipe: Recipe) -> dict[str, dict[str, float]]:
    stored = case.label()
    assert stored is not None
    label = hard_label(torch.from_numpy(np.array(stored)), recipe.overlapping).numpy()
    first = probability.shape[1] - len(recipe.classes)  # 1 where background has a channel of its own
    result = {}
    for index, name in enumerate(recipe.classes):
        target = label[:, index] if recipe.overlapping else label[:, 0] == index + 1
        result[name] = llm_dice(probability[:, first + index].numpy(), target)
    return result
