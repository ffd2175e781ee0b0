"""Dice and confusion of each of a volume's four classes against all others: `python benchmarks/dice.py`.

Ours is the way of `score`: two masks a class, and three counts of them. It runs on the CPU whatever the device:
predicted masks are scored on the grid of their files, where they lie as arrays.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import numpy as np
import torch
from harness import Options, Row, Same, Side, close, compare, equal, main
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchmetrics.classification import MulticlassStatScores
from torchmetrics.segmentation import DiceScore

from llmseg.evaluation.metrics import count_overlap, overlap_scores

monai, networks = import_module("monai.metrics"), import_module("monai.networks")

QUESTION = "Dice and confusion of one volume, four classes"
IndexMap = NDArray[np.uint8]
CLASSES = 4
AIM = 5.0


class Scores(NamedTuple):
    """What each side returns: Dice (4,), and each class' true and false positives, true and false negatives (4, 4)."""

    dice: NDArray[np.floating]
    counts: NDArray[np.number]


def rows(options: Options) -> Iterator[Row]:
    """Index maps in, Dice and confusion of every class out."""
    shape = (30, 24, 20) if options.small else (240, 240, 155)
    prediction, label = index_maps(shape)
    # index tensors as their users have them: argmax gives 64 bits, and neither takes fewer everywhere
    one, other = (torch.from_numpy(each.astype(np.int64))[None] for each in (prediction, label))
    yield from compare(
        f"Dice + confusion, {'x'.join(map(str, shape))}, {CLASSES} classes",
        Side("llmseg.evaluation", lambda: _ours(prediction, label)),
        [Side("torchmetrics", lambda: _torchmetrics(one, other)), Side("MONAI", lambda: _monai(one, other))],
        _same,
        AIM,
        options,
    )


def index_maps(shape: tuple[int, ...]) -> tuple[IndexMap, IndexMap]:
    """A nest of three rough shells, as the regions of a tumour are, and the same with rough surfaces of its own."""
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)))
    random = np.random.default_rng(0)
    found = []
    for _ in range(2):
        noise = gaussian_filter(random.standard_normal(shape, dtype=np.float32), 3)
        rough = radius + 0.03 * noise / noise.std()
        found.append(sum((rough < limit).astype(np.uint8) for limit in (0.5, 0.4, 0.25)))
    return np.asarray(found[0]), np.asarray(found[1])


def _ours(prediction: IndexMap, label: IndexMap) -> Scores:
    counts = [count_overlap(prediction == index, label == index) for index in range(CLASSES)]
    rates = [(hit, given - hit, label.size - given - true + hit, true - hit) for hit, given, true in counts]
    return Scores(np.array([overlap_scores(each)["dice"] for each in counts]), np.array(rates))


def _torchmetrics(prediction: Tensor, label: Tensor) -> Scores:
    score = DiceScore(CLASSES, include_background=True, average=None, input_format="index")
    rates = MulticlassStatScores(CLASSES, average=None)(prediction, label)
    return Scores(score(prediction, label).flatten().numpy(), rates[:, :4].numpy())


def _monai(prediction: Tensor, label: Tensor) -> Scores:
    one, other = (networks.one_hot(each[:, None], CLASSES) for each in (prediction, label))
    return Scores(monai.compute_dice(one, other)[0].numpy(), monai.get_confusion_matrix(one, other)[0].numpy())


def _same(ours: Scores, theirs: Scores) -> Same:
    values, counts = close(ours.dice, theirs.dice, 1e-6, "Dice"), equal(ours.counts, theirs.counts, "counts")
    return Same(values.holds and counts.holds, f"{values.because}; {counts.because}")


if __name__ == "__main__":
    main("dice", QUESTION, rows)
