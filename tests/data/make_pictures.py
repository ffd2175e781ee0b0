"""Small data sets of true PNG, JPEG, TIFF and BMP files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (24, 32)


def disc(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A filled disc somewhere in the picture, bool (H, W)."""
    random = np.random.default_rng(seed)
    radius = min(size) // 4
    row, column = (random.integers(radius, n - radius) for n in size)
    rows, columns = np.indices(size)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def photograph(mask: np.ndarray, seed: int = 0, colour: bool = False) -> np.ndarray:
    """A bright disc on a noisy ground, uint8 (H, W) or (H, W, 3), where only red tells the disc."""
    noise = np.random.default_rng(seed).integers(0, 60, (*mask.shape, 3))
    noise[..., 0] += 150 * mask
    return (noise if colour else noise[..., 0]).astype(np.uint8)


def write_picture(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """Write pixels in the format that the name says, and its parent folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def pairs_folder(
    root: Path,
    names: Sequence[str],
    images: str = "",
    masks: str = "",
    suffix: str = "_seg",
    extensions: tuple[str, str] = (".png", ".png"),
    colour: bool = False,
) -> Path:
    """Pictures of a disc with binary masks (0 and 255)."""
    for seed, name in enumerate(names):
        mask = disc(seed)
        write_picture(root / images / f"{name}{extensions[0]}", photograph(mask, seed, colour))
        write_picture(root / masks / f"{name}{suffix}{extensions[1]}", np.uint8(255) * mask)
    return root
