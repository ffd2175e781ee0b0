"""Predict many inputs one after the other."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from llmseg.cli.console import log
from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.data.preprocessing import Prepared, Recipe, prepare
from llmseg.data.scan import load_scan
from llmseg.errors import ConfigError, DataError, UserError
from llmseg.evaluation.cases import masks
from llmseg.inference.inputs import Input
from llmseg.inference.outputs import mask_paths, volumes, write_mask, write_probabilities
from llmseg.inference.postprocessing import keep_largest
from llmseg.inference.predictor import Segmenter
from llmseg.plots.overlay import draw_overlay
from llmseg.whole import replacing

# What a scan that cannot be used ends in, out of memory among it; anything else is a mistake of ours.
_FAULTS = (UserError, OSError, MemoryError, RuntimeError)


@dataclass(frozen=True)
class Wanted:
    """What is done and written beside the masks.

    Attributes:
        largest_component: keep only the largest component of each class.
        probabilities: write them into `probabilities/`.
        overlay: draw masks on scans into `overlays/`.
        volumes: write volumes.csv.
    """

    largest_component: bool = False
    probabilities: bool = False
    overlay: bool = False
    volumes: bool = True


class Batch:
    """Writes the masks of any number of inputs into a folder.

    Args:
        network: predicts.
        output: folder of the masks, named as their inputs; existing ones are replaced.
        wanted: what else.
    """

    def __init__(self, network: Segmenter, output: Path, wanted: Wanted) -> None:
        self.network = network
        self.output = output
        self.wanted = wanted

    def check(self, inputs: Sequence[Input]) -> None:
        """Refuse to overwrite inputs by masks.

        Raises:
            ConfigError: a mask would have the path of an input.
        """
        files = {
            file.resolve() for each in inputs for image in each.images if not image.is_dir() for file in files_of(image)
        }
        for each in inputs:
            for path in mask_paths(self.output, each, *self._classes):
                if path.resolve() in files:
                    raise ConfigError(f"output={self.output}: the mask would overwrite {path}: name another folder")

    def __call__(self, inputs: Sequence[Input]) -> None:
        """Predict all inputs with a progress bar.

        Raises:
            DataError: names the inputs that failed; the others' masks are written.
        """
        failed: dict[str, str] = {}
        rows: list[dict[str, Any]] = []
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for each in progress.track(inputs, description="predicting"):
                try:
                    rows += self.predict(each)
                except _FAULTS as error:
                    failed[each.name.as_posix()] = _one_line(error)
                    progress.console.print(f"failed: {_one_line(error)}", markup=False, highlight=False, soft_wrap=True)
        if self.wanted.volumes and rows:
            with replacing(self.output / "volumes.csv") as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        log.info(f"{self.output}: {len(inputs) - len(failed)} of {len(inputs)} predicted")
        if failed:
            reasons = "; ".join(failed.values())
            raise DataError(f"{len(failed)} of {len(inputs)} inputs failed ({', '.join(failed)}): {reasons}")

    def predict(self, source: Input) -> list[dict[str, Any]]:
        """Predict one input and write all that is wanted.

        Returns:
            Its rows of volumes.csv.

        Raises:
            DataError: the input cannot be used.
        """
        classes, overlapping = self._classes
        prepared = self._prepared(source)
        with ExitStack() as stack:
            keep = self._room(stack, prepared.geometry.shape) if self.wanted.probabilities else None
            label = self.network.segment(prepared, keep)
            del prepared
            if self.wanted.largest_component:
                keep_largest(label)
            if keep is not None:
                foreground = keep[len(keep) - len(classes) :]
                write_probabilities(self.output / "probabilities", source, foreground, classes)
        if self.wanted.overlay:
            self._draw(source, label)
        # last: where there is a mask, there is all that belongs to it
        write_mask(self.output, source, label, classes, overlapping)
        return volumes(source, label, classes, overlapping)

    @property
    def _classes(self) -> tuple[tuple[str, ...], bool]:
        return self.network.recipe.classes, self.network.recipe.overlapping

    def _prepared(self, source: Input) -> Prepared:
        case = source.case()
        if source.is_picture:
            _check_picture(source, self.network.recipe)
        return prepare(load_scan(case, label=False), None, self.network.recipe)

    def _room(self, stack: ExitStack, shape: Sequence[int]) -> NDArray[np.float32]:
        """Space for the probabilities (K, X, Y, Z), on disk: they are many times as large as the scan."""
        self.output.mkdir(parents=True, exist_ok=True)
        folder = stack.enter_context(TemporaryDirectory(prefix=".probabilities-", dir=self.output))
        room = np.lib.format.open_memmap(
            Path(folder) / "room.npy", mode="w+", dtype=np.float32, shape=(self.network.recipe.logits, *shape)
        )
        return room

    def _draw(self, source: Input, label: NDArray[np.uint8]) -> None:
        image = read_voxels(source.images[0], np.float32)
        affine = None if source.is_picture else read_header(source.images[0]).affine
        path = self.output / "overlays" / source.name.parent / f"{source.name.name}.png"
        with replacing(path) as temporary:
            draw_overlay(image, masks(label, self.network.recipe), affine, self.network.recipe.classes, temporary)


def _check_picture(source: Input, recipe: Recipe) -> None:
    if recipe.spacing is not None:
        raise DataError(
            f"{source.images[0]}: the run's network sees {list(recipe.spacing)} mm, but a picture has no millimetres"
        )
    if recipe.image_size is None or recipe.slice_axis != 2:
        raise DataError(f"{source.images[0]}: a picture, but the run's network was trained on volumes")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
