"""Pictures: PNG, JPEG, TIFF and BMP, read as volumes of one slice.

A picture of H rows and W columns is a volume (H, W, 1) with 1 mm pixels and an identity affine: pictures do not say how
large a pixel is, so that distances on them are in pixels. It is read as viewers show it, turned as its EXIF tag says.

What is read is a last part of the path, so that one file can be a channel or a mask:

- `a.png` and `a.png/grey`: brightness (ITU-R BT.601 luma of a colour picture); 16-bit grey stays 16-bit.
- `a.png/red`, `/green`, `/blue`: one colour; a grey picture has the same value in all three.
- `a.png/mask`: 0 and 1, see `_binary`. Masks are saved as 0 and 255, 0 and 1, in palette colours, with anti-aliased
  borders or as JPEG, whose artefacts scatter values over the whole range: only a threshold gives the mask back, and it
  has to come before anything else sees the values. A comparison with 0 instead dilates thin structures.
- `a.png/soft`: the grey values of a mask from 0 to 1, before any threshold; a mask without grey is as `mask`.
- `a.png/index`: class numbers as they are, the indices of a palette picture rather than its colours.
"""

import logging
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from llmseg.data.formats.header import Header
from llmseg.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
COLOURS = ("red", "green", "blue")
MAX_PIXELS = 100_000_000
"""A picture that claims more is refused: a few kilobytes can unpack to any number of pixels."""

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, EOFError, OverflowError, MemoryError, struct.error, zlib.error
)  # fmt: skip
"""What Pillow's decoders raise on damaged files."""
_NUMBERS = {"I;16": np.uint16, "I;16L": np.uint16, "I;16B": np.uint16, "I": np.int32, "F": np.float32}
_COLOURED = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_ORIENTATION = 0x0112
_JPEG_NOISE = 15  # of 255; far above what compression does to plain black, far below any mask

# What is wrong with a picture is said once, by us: our limit of size is the stricter one, EXIF data do not matter.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

Plane = NDArray[Any]


def claims(path: Path) -> bool:
    """Whether a path looks like a picture, or a channel or mask in one."""
    return file_of(path).suffix.lower() in SUFFIXES


def files(path: Path) -> list[Path]:
    """The file that a picture, a channel or a mask is stored in."""
    return [file_of(path)]


def file_of(path: Path) -> Path:
    """The picture's own path: `a.png` for `a.png/mask`."""
    return path.parent if path.name in _VIEWS and path.parent.suffix.lower() in SUFFIXES else path


def is_mask(path: Path) -> bool:
    """Whether a path is a picture's binary mask, `a.png/mask`."""
    return path.name == "mask" and file_of(path) != path


def soft(path: Path) -> Path:
    """The same mask before its threshold: `a.png/soft` for `a.png/mask`."""
    return path.with_name("soft")


def full_scale(path: Path) -> float | None:
    """Largest value of a picture's type: 255 or 65535; None where it has no fixed scale (32-bit numbers).

    Raises:
        DataError: see `header`.
    """
    with _opened(file_of(path)) as image:
        kind = np.dtype(_NUMBERS.get(image.mode, np.uint8))
    return {1: 255.0, 2: 65535.0}.get(kind.itemsize)


def pictures_in(folder: Path) -> list[Path]:
    """All pictures directly in `folder`, sorted by name; hidden files (macOS writes `._x.png`) left out."""
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def header(path: Path) -> Header:
    """Read a picture's size without its pixels: shape (H, W, 1).

    Raises:
        DataError: the file is missing, damaged, no picture, too large, or has several pages.
    """
    with _opened(file_of(path)) as image:
        width, height = image.size
        # Pillow swaps the size of a turned TIFF itself
        if image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
    return Header((height, width, 1), np.eye(4), np.ones(3))


def voxels(path: Path, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read a picture (H, W, 1), row 0 on top.

    Args:
        path: a picture, or one of its channels or masks, see the module.
        dtype: type of the result; None: uint8, or as in the file where that has more than 8 bits of grey.

    Raises:
        DataError: see `header`; also where pixels are missing, or do not make the mask that the path asks for.
    """
    file = file_of(path)
    view = _VIEWS["grey" if file == path else path.name]
    with _opened(file) as image:
        lossy = _is_lossy(image)
        image.load()  # turns a TIFF, and then its tag is gone
        plane = view(ImageOps.exif_transpose(image), lossy, file)
    return np.asarray(plane[..., None], dtype=dtype)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Open a picture; whatever its decoder raises inside the block becomes one line."""
    if not file.is_file():
        raise DataError(f"{file}: {'is a folder, not a picture' if file.is_dir() else 'no such file'}")
    try:
        # A stream rather than a name, or Pillow would map the file into memory and garble turned TIFFs.
        with file.open("rb") as stream, Image.open(stream, formats=_FORMATS) as image:
            _check(image, file)
            yield image
    except PermissionError as error:
        raise DataError(f"{file}: no permission to read it") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{file}: claims more than {MAX_PIXELS:,} pixels: cut it into tiles, or delete it") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{file}: not a readable PNG, JPEG, TIFF or BMP: convert it or copy it again") from error
    except _UNREADABLE as error:
        raise DataError(f"{file}: its pixels cannot be read, it is truncated or damaged: copy it again") from error


def _check(image: Image.Image, file: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DataError(f"{file}: claims {width} x {height} pixels, more than {MAX_PIXELS:,}: cut it into tiles")
    pages = getattr(image, "n_frames", 1)
    if pages > 1 and image.format != "MPO":  # a camera's JPEG with previews behind the picture
        raise DataError(f"{file}: has {pages} pages: save each page as a picture, or all as one volume (.nii.gz)")
    if image.mode not in (*_NUMBERS, *_COLOURED):
        raise DataError(f"{file}: pixels of the kind {image.mode} are not supported: save it as grey or RGB")


def _is_lossy(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO") or "jpeg" in str(image.info.get("compression", ""))


def _grey(image: Image.Image, lossy: bool = False, file: Path | None = None) -> Plane:
    """Brightness (H, W)."""
    if image.mode in _NUMBERS:
        return np.asarray(image).astype(_NUMBERS[image.mode])
    return np.array(image.convert("L"))


def _colour(index: int) -> Callable[[Image.Image, bool, Path], Plane]:
    def view(image: Image.Image, lossy: bool, file: Path) -> Plane:
        if image.mode in _NUMBERS:
            return _grey(image)
        return np.array(image.convert("RGB").getchannel(index))

    return view


def _binary(image: Image.Image, lossy: bool, file: Path) -> Plane:
    """A mask (H, W) of 0 and 1.

    Foreground is what is brighter than half of the full scale (127 of 255). A lossless picture of two values, one of
    them 0, needs no threshold: the other one is the foreground, be it 1 or 255.

    Raises:
        DataError: nothing is brighter than half, but there is more than noise: an index mask, or a faint one.
    """
    if "A" in image.getbands() and np.ptp(np.asarray(image.getchannel("A"))) > 0:
        raise DataError(f"{file}: the mask has transparent pixels: save it in black and white")
    grey = _grey(image)
    if grey.dtype.kind not in "u":
        raise DataError(f"{file}: a mask needs whole numbers of 8 or 16 bits, not {grey.dtype}: save it as 8-bit PNG")
    scale = int(np.iinfo(grey.dtype).max)
    values = np.flatnonzero(np.bincount(grey.ravel()))
    if not lossy and _has_two_values(values):
        return (grey > 0).astype(np.uint8)
    brightest = int(values[-1])
    if brightest <= scale // 2 and not (lossy and brightest <= _JPEG_NOISE):
        raise DataError(
            f"{file}: no pixel is brighter than half of {scale} (the brightest is {brightest}): save the mask in black "
            "and white, or name the classes of its values, 'data.reader.classes={name: value}'"
        )
    return (grey > scale // 2).astype(np.uint8)


def _soft(image: Image.Image, lossy: bool, file: Path) -> Plane:
    """A mask's grey values (H, W) float32, 0 to 1; 0 and 1 where `_binary` needs no threshold.

    Raises:
        DataError: see `_binary`.
    """
    binary, grey = _binary(image, lossy, file), _grey(image)
    if not lossy and _has_two_values(np.flatnonzero(np.bincount(grey.ravel()))):
        return binary.astype(np.float32)
    return (grey / np.float32(np.iinfo(grey.dtype).max)).astype(np.float32)


def _has_two_values(values: NDArray[np.intp]) -> bool:
    """Whether these are 0 and one more, or a single one."""
    return len(values) == 1 or (len(values) == 2 and values[0] == 0)


def _index(image: Image.Image, lossy: bool, file: Path) -> Plane:
    """Class numbers (H, W).

    Raises:
        DataError: the picture is a JPEG or in colour, neither of which holds numbers.
    """
    if lossy:
        raise DataError(f"{file}: JPEG changes values, so it cannot hold the numbers of classes: save the mask as PNG")
    if image.mode == "1":
        return np.asarray(image).astype(np.uint8)
    if image.mode in ("P", "PA"):
        return np.array(image.getchannel(0))
    if image.mode in ("L", "LA", *_NUMBERS):
        return _grey(image)
    red, green, blue = (np.asarray(image.convert("RGB").getchannel(index)) for index in range(3))
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise DataError(f"{file}: a mask in colour does not say which number a class has: save it with a palette")
    return red


_VIEWS: dict[str, Callable[[Image.Image, bool, Path], Plane]] = {
    "grey": _grey,
    **{name: _colour(index) for index, name in enumerate(COLOURS)},
    "mask": _binary,
    "soft": _soft,
    "index": _index,
}
