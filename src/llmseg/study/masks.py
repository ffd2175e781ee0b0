"""Image files that generated code reads, and the masks that it leaves: slices as PNG, volumes as .npy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from llmseg.study.errors import Fault, contract_broken, silent_failure

Mask = NDArray[np.bool_]
_SHOWN = 3  # names in a message


def suffix(spatial_dims: int) -> str:
    """Of image files: .png for slices, .npy for volumes."""
    return ".png" if spatial_dims == 2 else ".npy"


def write_image(path: Path, image: NDArray[np.float32]) -> None:
    """Write an image (C, *spatial): a slice of values from 0 to 1 in 8 bits, or a volume as it is."""
    if image.ndim == 4:
        np.save(path, image[0] if len(image) == 1 else image)
        return
    grey = np.round(image * 255).astype(np.uint8)
    Image.fromarray(grey[0] if len(grey) == 1 else np.moveaxis(grey, 0, -1)).save(path)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (*spatial) with 255 for foreground."""
    values = mask.astype(np.uint8) * 255
    if mask.ndim == 3:
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)


def read_mask(path: Path, shape: Sequence[int]) -> Mask:
    """Read a mask that foreign code wrote.

    Nothing larger than `shape` is ever decoded, and nothing but pixels.

    Raises:
        SizeError: it has another size.
        ValueError: it is no such file, or its values are neither 0 nor 255.
    """
    values = _volume(path, shape) if path.suffix == ".npy" else _slice(path, shape)
    found = np.unique(values)
    if not np.isin(found, (0, 255)).all():
        raise ValueError(f"has values from {found[0]:g} to {found[-1]:g}, not 0 and 255 only")
    return values.astype(bool)


class SizeError(ValueError):
    """A mask of another size than its image."""


def _slice(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            size = image.size[::-1]
            if size == tuple(shape):
                return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("is no PNG file") from error
    raise SizeError(f"has {size[0]} x {size[1]} pixels, not {shape[0]} x {shape[1]}")


def _volume(path: Path, shape: Sequence[int]) -> NDArray[np.generic]:
    try:
        values = np.lib.format.open_memmap(path, mode="r")  # not np.load, which opens archives too
    except Exception as error:  # a broken header is read by Python's tokenizer, which raises what it likes
        raise ValueError("is no .npy file") from error
    if values.shape != tuple(shape):
        raise SizeError(f"has the shape {values.shape}, not {tuple(shape)}")
    if values.dtype.kind not in "buif":
        raise ValueError("holds no numbers")
    return np.array(values)


def check_predictions(folder: Path, shapes: Mapping[str, Sequence[int]], spatial_dims: int) -> Fault | None:
    """Whether a program has left one good mask for each test image.

    Args:
        folder: what came back from the sandbox.
        shapes: id of each test image -> its size.
        spatial_dims: 2 or 3.

    Returns:
        A broken contract, a silent failure (all masks empty, or all full), or None.
    """
    ending = suffix(spatial_dims)
    found = {path.stem for path in folder.glob(f"*{ending}")} if folder.is_dir() else set()
    if not found & shapes.keys():
        return contract_broken("no_predictions", f"no predictions/<id>{ending} was written")
    if missing := sorted(shapes.keys() - found):
        text = f"{len(missing)} of {len(shapes)} predictions are missing: {_listed(missing, ending)}"
        return contract_broken("wrong_count", text)
    is_empty, is_full = True, True
    for id_, shape in shapes.items():
        try:
            mask = read_mask(folder / f"{id_}{ending}", shape)
        except SizeError as error:
            return contract_broken("wrong_size", f"predictions/{id_}{ending} {error}")
        except ValueError as error:
            return contract_broken("wrong_values", f"predictions/{id_}{ending} {error}")
        is_empty, is_full = is_empty and not mask.any(), is_full and bool(mask.all())
    if is_empty or is_full:
        return silent_failure("trivial_masks", f"all predicted masks are {'empty' if is_empty else 'full'}")
    return None


def _listed(ids: Sequence[str], ending: str) -> str:
    shown = ", ".join(f"predictions/{id_}{ending}" for id_ in ids[:_SHOWN])
    return shown + (", ..." if len(ids) > _SHOWN else "")
