"""Temporary folders of processes that may be killed: what a dead one left is told from what a living one writes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


@contextmanager
def scratch(final: Path) -> Iterator[Path]:
    """An empty folder beside `final`, locked while the block lasts, and removed with all that is still in it.

    Raises:
        OSError: it cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{uuid4().hex}")
    lock = Path(f"{temporary}.lock")  # is there before the folder and after it, so that no folder is without
    with FileLock(lock):
        try:
            temporary.mkdir()
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            lock.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder; what a living one has locked stays."""
    for lock in folder.glob(".*.lock"):
        try:
            with FileLock(lock, blocking=False):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
        except (Timeout, OSError):
            continue
