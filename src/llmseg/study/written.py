"""Masks that a study's program wrote, in the place of a network: scored and drawn as any other."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmseg.data.cache import CachedCase
from llmseg.data.preprocessing import Recipe
from llmseg.errors import UserError
from llmseg.inference.predictor import Segmenter
from llmseg.runs import RunFolder
from llmseg.study.masks import read_mask, suffix
from llmseg.study.workspace import Workspace

SLICES = "slices.json"
"""File of a run: which test image is which slice."""


class Written(Segmenter):
    """Predictions on disk.

    Args:
        folder: with one mask for each test image.
        workspace: where the test images are from.
        recipe: the preprocessing that they were made with.
    """

    def __init__(self, folder: Path, workspace: Workspace, recipe: Recipe) -> None:
        self.folder = folder
        self.workspace = workspace
        self.recipe = recipe
        self.patch_size = recipe.image_size or ()

    def planes(self, image: NDArray[np.float32]) -> Iterator[Tensor]:
        """Not to be had: masks belong to cases."""
        raise NotImplementedError("masks that were written belong to cases, not to images")

    def probability(self, case: CachedCase) -> Tensor:
        """Zeros and ones (S, 1, *spatial) on the grid that the program was shown."""
        stack = torch.zeros(case.image().shape[0], 1, *case.image().shape[2:])
        for id_, (name, index) in self.workspace.test.items():
            if name == case.case.id:
                file = self.folder / f"{id_}{suffix(self.workspace.spatial_dims)}"
                stack[index, 0] = torch.from_numpy(read_mask(file, self.workspace.shapes[id_]))
        return stack

    def mask(self, case: CachedCase, probability: Tensor | None = None) -> NDArray[np.uint8]:
        """See `Segmenter`."""
        return super().mask(case, self.probability(case) if probability is None else probability)


def written_by(run: RunFolder, recipe: Recipe) -> Written:
    """The predictions of a finished study.

    Raises:
        UserError: it never ran.
    """
    folders = sorted(run.path.glob("rounds/*/predictions"), key=lambda path: int(path.parent.name))
    if not (run.path / "summary.json").is_file() or not folders or not (run.path / SLICES).is_file():
        raise UserError(f"run={run.path}: neither a checkpoint nor masks in it")
    workspace = Workspace.from_json((run.path / SLICES).read_text(), run.path)
    return Written(folders[-1], workspace, recipe)
