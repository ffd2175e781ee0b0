"""Files that somebody uploads: refused unless they hold what their names say."""

from collections.abc import Iterable
from pathlib import Path

from llmseg.data.files import read_header
from llmseg.data.formats import nifti
from llmseg.errors import DataError

PICTURES = (".png", ".jpg", ".jpeg")
MAX_VOXELS = 300_000_000
"""Of a scan; a few megabytes can unpack to any number of voxels. 512 x 512 x 1,000 are fewer."""


def is_picture(path: Path) -> bool:
    """Whether a file is called as a PNG or JPEG."""
    return path.suffix.lower() in PICTURES


def check_upload(path: Path) -> None:
    """Open a file and look at its grid.

    Raises:
        DataError: it is no NIfTI, PNG or JPEG, whatever its name says, or too large.
    """
    if not nifti.claims(path) and not is_picture(path):
        raise DataError(f"{path.name}: not a NIfTI scan (.nii, .nii.gz) and not a picture (.png, .jpg)")
    shape = read_header(path).shape
    if shape[0] * shape[1] * shape[2] > MAX_VOXELS:
        size = " x ".join(map(str, shape))
        raise DataError(f"{path.name}: has {size} voxels, more than {MAX_VOXELS:,}; use predict.py for it")


def stem(path: Path) -> str:
    """Name of a scan or picture without its ending."""
    return path.stem if is_picture(path) else nifti.stem(path)


def without_folders(message: str, paths: Iterable[Path]) -> str:
    """A message about files, as somebody understands it who knows their names, but not where the server keeps them."""
    for path in paths:
        message = message.replace(str(path), path.name)
    return message
