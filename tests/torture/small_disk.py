"""File systems of a few megabytes, in memory."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotAllowedError(Exception):
    """This user may not mount anything here."""


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """Mount a file system of so many kibibytes on a folder, which is made.

    Raises:
        NotAllowedError: see there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except OSError as error:
        raise NotAllowedError("there is no mount here") from error
    if done.returncode:
        raise NotAllowedError("no mount allowed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_room(folder: Path) -> None:
    """Let a file system of `small_disk` be as large as anybody needs."""
    subprocess.run(["mount", "-o", "remount,size=500m", str(folder)], check=True, capture_output=True)
