"""Takes files out of a box after its end; their names, kinds and sizes are the command's choice."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOST_FILES, DEEPEST = 100_000, 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe must not make us wait
_CHUNK = 1 << 20


def take(work: int, output: str, target: Path, file_bytes: int, total_bytes: int) -> bool:
    """Copy the regular files below a folder; links, devices, pipes and sockets are left behind.

    Args:
        work: open file descriptor of the working folder.
        output: the folder below it.
        target: folder of the host, made where it is missing.
        file_bytes: larger files are left behind.
        total_bytes: of all copies together.

    Returns:
        Whether a regular file was left behind.
    """
    target.mkdir(parents=True, exist_ok=True)
    left = False
    count, room = 0, total_bytes
    for path, file in _files(work, PurePosixPath(output).parts):
        try:
            size = os.fstat(file).st_size
            if size > min(file_bytes, room) or count >= MOST_FILES:
                left = True
                continue
            room, count = room - size, count + 1
            _copy(file, target / path, size)
        finally:
            os.close(file)
    return left


def _files(work: int, parts: tuple[str, ...]) -> Iterator[tuple[Path, int]]:
    """Yield (path below the output folder, open file descriptor) of each regular file."""
    folder = os.dup(work)
    try:
        for part in parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=folder)
            except OSError:  # missing, or a link
                return
            os.close(folder)
            folder = inner
        yield from _walk(folder, Path(), DEEPEST)
    finally:
        os.close(folder)


def _walk(folder: int, path: Path, depth: int) -> Iterator[tuple[Path, int]]:
    for name in sorted(os.listdir(folder)):
        if not name.isprintable():
            continue
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                yield path / name, os.open(name, _FILE, dir_fd=folder)
            elif stat.S_ISDIR(mode) and depth:
                inner = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield from _walk(inner, path / name, depth - 1)
                finally:
                    os.close(inner)
        except PermissionError:
            continue


def _copy(file: int, target: Path, size: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as copy:
        while size > 0 and (chunk := os.read(file, min(_CHUNK, size))):
            copy.write(chunk)
            size -= len(chunk)
