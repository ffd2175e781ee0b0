"""What became of a run: status.json, and a lock that the process holds as long as it trains.

The operating system drops the lock of a process that dies, so a killed run is never taken for a running one.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter

from filelock import FileLock, Timeout

from llmseg.errors import UserError
from llmseg.runs.folder import RunFolder

STATES = ("finished", "pruned", "failed", "unfinished", "running")
_FILE, _LOCK, _PRUNED = "status.json", ".lock", "pruned.json"


@dataclass
class Status:
    """What status.json says; the training fills it in.

    Attributes:
        state: finished, pruned (by a sweep, since others were better) or failed (with an error of its own).
        error: in one line, of a failed run.
        steps: optimiser steps.
        seconds: of this process, scoring included.
    """

    state: str = "finished"
    error: str | None = None
    steps: int | None = None
    seconds: float | None = None


@contextmanager
def recorded(run: RunFolder) -> Iterator[Status]:
    """Hold a run's lock during its training and write status.json at its end; a killed process leaves none.

    Yields:
        To be completed by the training.

    Raises:
        UserError: another process trains in this folder.
    """
    lock = FileLock(run.path / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"{run.path}: another process trains in this folder; wait for it, or stop it") from error
    for name in (_FILE, _PRUNED):
        (run.path / name).unlink(missing_ok=True)
    status, start = Status(), perf_counter()
    try:
        yield status
        status.state = "pruned" if (run.path / _PRUNED).exists() else status.state
    except Exception as error:
        status.state, status.error = "failed", one_line(error)
        raise
    except BaseException:  # interrupted: as if it had been killed
        status.state = "unfinished"
        raise
    finally:
        status.seconds = round(perf_counter() - start, 1)
        if status.state != "unfinished":
            run.write_json(_FILE, asdict(status))
        (run.path / _LOCK).unlink(missing_ok=True)
        lock.release()


def mark_pruned(run: RunFolder, epoch: int, value: float) -> None:
    """Note that a sweep gave this run up."""
    run.write_json(_PRUNED, {"epoch": epoch, "value": value})


def status(run: RunFolder) -> Status:
    """State of a run: `running`, what status.json says, or `unfinished` where a process died or was interrupted."""
    if is_running(run):
        return Status("running")
    try:
        return Status(**json.loads((run.path / _FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return Status("finished" if (run.path / "summary.json").is_file() else "unfinished")


def is_running(run: RunFolder) -> bool:
    """Whether a process trains in this folder now."""
    path = run.path / _LOCK
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def one_line(error: BaseException) -> str:
    """An exception as a line: a user error's message, or else its type and message."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}".removesuffix(": ")
