"""Preprocessed cases on disk, written once and never half."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from llmseg.data.cases import Case
from llmseg.data.files import files_of
from llmseg.data.geometry import Geometry
from llmseg.data.preprocessing import Recipe, prepare
from llmseg.data.resize import hard_label
from llmseg.data.scan import check_classes, encode_label, load_scan, soft_masks
from llmseg.data.scratch import scratch, sweep
from llmseg.errors import UserError

_FORMAT = 1  # raise it when the meaning of the files below changes
_VOXELS_PER_CLASS = 20_000


@dataclass(frozen=True)
class CachedCase:
    """A preprocessed case: arrays are opened on use, memory-mapped.

    Attributes:
        case: what it was made from.
        folder: holds image.npy (S, C, *spatial) float32, label.npy (S, L, *spatial) uint8 or soft masks in float32,
            voxels.npy, geometry.json.
    """

    case: Case
    folder: Path

    def image(self) -> np.ndarray:
        """(S, C, *spatial) float32, memory-mapped."""
        return np.load(self.folder / "image.npy", mmap_mode="r")

    def label(self) -> np.ndarray | None:
        """(S, L, *spatial) uint8 or soft masks (S, K, *spatial) float32, memory-mapped; None without label."""
        path = self.folder / "label.npy"
        return np.load(path, mmap_mode="r") if path.exists() else None

    def voxels(self) -> np.ndarray:
        """A sample of the labelled voxels: rows (class index, coordinates in the stack), at most 20,000 a class."""
        return np.load(self.folder / "voxels.npy", mmap_mode="r")

    def geometry(self) -> Geometry:
        """The way back to the file's grid."""
        return Geometry.from_dict(json.loads((self.folder / "geometry.json").read_text()))


class Cache:
    """Folder of preprocessed cases, keyed by what they were made from.

    The key covers the files' names, sizes and times of change and the whole recipe, so that a changed scan or option
    is never served from an old entry. An entry is written under a temporary name and renamed; what a killed
    process left half-written is removed when the next one writes.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self.recipe = recipe
        self._swept = False

    def get(self, case: Case) -> CachedCase:
        """Return the preprocessed case, making it if it is not there.

        Raises:
            DataError: the scan or its label cannot be used.
            UserError: the cache folder cannot be written.
        """
        entry = CachedCase(case, self.folder / self._key(case))
        if not entry.folder.exists():
            self._write(entry)
        return entry

    def get_all(self, cases: Sequence[Case], done: Callable[[], None] = lambda: None) -> list[CachedCase]:
        """`get` for many cases, several at a time; the first faulty case in order is the one reported."""

        def one(case: Case) -> CachedCase:
            entry = self.get(case)
            done()
            return entry

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            futures = [pool.submit(one, case) for case in cases]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _key(self, case: Case) -> str:
        scans = [*case.images, *([case.label] if case.label else [])]
        files = [file for scan in scans for file in files_of(scan)]
        stamp = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        content = [_FORMAT, asdict(self.recipe), sorted(case.labels.items()), stamp]
        digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"{case.id}-{digest[:20]}"

    def _write(self, entry: CachedCase) -> None:
        case = entry.case
        scan = load_scan(case)
        label = None
        if scan.label is not None:
            label = self._encode(case, scan.label)
        prepared = prepare(scan, label, self.recipe)
        if not self._swept:
            self._swept = True
            sweep(self.folder)
        try:
            with scratch(entry.folder) as temporary:
                np.save(temporary / "image.npy", prepared.image)
                if prepared.label is not None:
                    np.save(temporary / "label.npy", prepared.label)
                    np.save(temporary / "voxels.npy", _sample_voxels(prepared.label, self.recipe))
                (temporary / "geometry.json").write_text(json.dumps(prepared.geometry.to_dict()))
                _publish(temporary, entry.folder)
        except OSError as error:
            raise UserError(
                f"paths.cache={self.folder}: cannot write ({error.strerror or error}); name another folder"
            ) from error

    def _encode(self, case: Case, raw: np.ndarray) -> np.ndarray:
        classes, overlapping = self.recipe.classes, self.recipe.overlapping
        if not self.recipe.has_soft_masks:
            return encode_label(raw, case.labels, classes, overlapping)
        check_classes(case.labels, classes, overlapping)
        return soft_masks(case, raw, classes)


def _publish(temporary: Path, final: Path) -> None:
    try:
        temporary.rename(final)
    except OSError:
        if not final.exists():  # otherwise another process was faster, with the same content
            raise


def _sample_voxels(label: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Rows (class, stack index, *coordinates) int32, drawn evenly from each class."""
    label = hard_label(torch.from_numpy(label), recipe.overlapping).numpy()
    rows = []
    for index in range(len(recipe.classes)):
        mask = label[:, index] if recipe.overlapping else label[:, 0] == index + 1
        found = np.argwhere(mask)
        if len(found) > _VOXELS_PER_CLASS:
            found = found[np.random.default_rng(0).choice(len(found), _VOXELS_PER_CLASS, replace=False)]
        rows.append(np.insert(found, 0, index, axis=1))
    return np.concatenate(rows).astype(np.int32)
