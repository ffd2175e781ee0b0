"""What generated code gets to see: training images and masks, test images, and nothing that tells their origin."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from llmseg.data.cache import CachedCase
from llmseg.data.datamodule import SegmentationData
from llmseg.errors import ConfigError, UserError
from llmseg.study.masks import suffix, write_image, write_mask

_FORMAT = 2  # raise it when the meaning of the files changes
Place = tuple[str, int]
"""Case and position in its stack of slices; a volume is a stack of one."""


@dataclass(frozen=True)
class Workspace:
    """Data for generated code.

    Attributes:
        data: folder that the sandbox shows: train/images, train/masks, test/images.
        test: id of each test image -> where it is from; known on this side of the sandbox only.
        shapes: id of each test image -> its size.
        train: number of training images.
        channels: of images.
        spatial_dims: 2 or 3.
    """

    data: Path
    test: dict[str, Place]
    shapes: dict[str, tuple[int, ...]]
    train: int
    channels: int
    spatial_dims: int

    def facts(self) -> dict[str, object]:
        """What a prompt says about the data."""
        first = next(iter(self.shapes.values()))
        kind = {1: "one channel", 3: "three channels, RGB"}.get(self.channels, f"{self.channels} channels, first axis")
        return {
            "train": self.train,
            "test": len(self.test),
            "size": " x ".join(map(str, first)),
            "channels": kind,
        }

    def to_json(self) -> str:
        """Everything but the folder."""
        content = {key: value for key, value in vars(self).items() if key != "data"}
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str, data: Path) -> "Workspace":
        """What `to_json` gave."""
        content = json.loads(text)
        content["test"] = {id_: (str(case), int(index)) for id_, (case, index) in content["test"].items()}
        content["shapes"] = {id_: tuple(shape) for id_, shape in content["shapes"].items()}
        return cls(data=data, **content)


def make_workspace(data: SegmentationData, parent: Path, seed: int) -> Workspace:
    """Write the workspace of a data set's split below `parent`, or find the one that is there.

    Validation cases are among the training images: authors hold back some of their own. Ids are numbers, drawn by the
    seed and by what is in all images and labels: who lacks the test labels can't work out which is which. Files are
    written in their order and have one time of change.

    Args:
        data: prepared; its split says what is shown.
        parent: folder for workspaces, such as one in the cache.
        seed: of the ids.

    Raises:
        ConfigError: several classes, or images that cannot be written as PNG.
        UserError: the folder cannot be written.
    """
    recipe, channels = data.recipe, int(data.config.channels or 1)
    if len(recipe.classes) != 1:
        names = list(recipe.classes)
        raise ConfigError(
            f"data.classes={names}: authors segment one class; choose one, such as data.classes=[{names[0]}]"
        )
    if data.spatial_dims == 2 and channels not in (1, 3):
        raise ConfigError(f"data.channels={channels}: slices are PNG with one channel or three; see data.modalities")
    train, test = [*data.part("train"), *data.part("val")], data.part("test")
    if not train or not test:
        raise ConfigError(f"data.split: {len(train)} training and {len(test)} test cases; both are needed")
    key = _key([*train, *test], len(test), seed)
    folder = parent / sha256(key.encode()).hexdigest()[:32]  # the box can read this name, and must not learn the seed
    if not (folder / "slices.json").is_file():
        _write(folder, train, test, data.spatial_dims, key)
    return Workspace.from_json((folder / "slices.json").read_text(), folder / "data")


def _key(cases: Sequence[CachedCase], held_out: int, seed: int) -> str:
    digest = sha256(json.dumps([_FORMAT, seed, held_out]).encode())
    for case in cases:
        digest.update(case.case.id.encode())
        for array in (case.image(), case.label()):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _write(folder: Path, train: Sequence[CachedCase], test: Sequence[CachedCase], dims: int, key: str) -> None:
    temporary = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    try:
        for name in ("train/images", "train/masks", "test/images"):
            (temporary / "data" / name).mkdir(parents=True)
        random = np.random.default_rng(int(key, 16))
        shown = _write_part(temporary / "data" / "train", train, dims, random, with_masks=True)
        hidden = _write_part(temporary / "data" / "test", test, dims, random, with_masks=False)
        _same_time(temporary)
        space = Workspace(
            temporary / "data",
            {id_: place for id_, (place, _) in hidden.items()},
            {id_: shape for id_, (_, shape) in hidden.items()},
            len(shown),
            int(train[0].image().shape[1]),
            dims,
        )
        (temporary / "slices.json").write_text(space.to_json())
        if not folder.exists():
            temporary.rename(folder)
    except OSError as error:
        if not (folder / "slices.json").is_file():  # another process was first
            raise UserError(f"paths.cache={folder.parent.parent}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_part(
    folder: Path, cases: Sequence[CachedCase], dims: int, random: np.random.Generator, with_masks: bool
) -> dict[str, tuple[Place, tuple[int, ...]]]:
    """Write images, in the order of their ids; id -> where it is from and its size."""
    places = [(case, index) for case in cases for index in range(case.image().shape[0])]
    digits = len(str(len(places)))
    written, bounds = {}, {case.case.id: _bounds(case) for case in cases} if dims == 2 else {}
    for number, chosen in enumerate(random.permutation(len(places)), start=1):
        case, index = places[chosen]
        id_ = str(number).zfill(digits)
        image = np.array(case.image()[index])
        shown = _unit(image, bounds[case.case.id]) if dims == 2 else image
        write_image(folder / "images" / f"{id_}{suffix(dims)}", shown)
        if with_masks:
            write_mask(folder / "masks" / f"{id_}{suffix(dims)}", _hard(case, index))
        written[id_] = ((case.case.id, index), tuple(int(n) for n in image.shape[1:]))
    return written


def _bounds(case: CachedCase) -> NDArray[np.float64]:
    """Darkest and brightest intensity of each channel of a whole case, outliers left out: (2, C)."""
    return np.percentile(np.moveaxis(case.image(), 1, 0).reshape(case.image().shape[1], -1), (0.1, 99.9), axis=1)


def _unit(image: NDArray[np.float32], bounds: NDArray[np.float64]) -> NDArray[np.float32]:
    """A slice (C, H, W) from 0 to 1."""
    low, high = bounds[:, :, None, None].astype(np.float32)
    return np.clip((image - low) / np.maximum(high - low, 1e-8), 0, 1).astype(np.float32)


def _hard(case: CachedCase, index: int) -> NDArray[np.bool_]:
    label = case.label()
    assert label is not None, "training cases have labels"
    return np.asarray(label[index, 0]) >= 0.5


def _same_time(folder: Path) -> None:
    for path in _below(folder):
        os.utime(path, (0, 0))


def _below(folder: Path) -> Iterator[Path]:
    yield from folder.rglob("*")
