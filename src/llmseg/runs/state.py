"""What became of a run: status.json, and a lock that the process holds as long as it trains.

The operating system drops the lock of a process that dies, so a killed run is never taken for a running one.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from filelock import FileLock, Timeout

from llmseg.errors import UserError, one_line
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
        seconds: scoring included, and the earlier parts of a resumed run that ended by themselves.
    """

    state: str = "finished"
    error: str | None = None
    steps: int | None = None
    seconds: float | None = None


@contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Hold a run's lock.

    Raises:
        UserError: another process trains in this folder.
    """
    lock = FileLock(run.path / _LOCK)
    try:
        lock.acquire(timeout=2)  # somebody may be looking whether it is held
    except Timeout as error:
        raise UserError(f"{run.path}: another process trains in this folder; wait for it, or stop it") from error
    try:
        yield
    finally:
        _remove(lock)


@contextmanager
def recorded(run: RunFolder) -> Iterator[Status]:
    """Hold a run's lock during its training and write status.json at its end; a killed process leaves none.

    Yields:
        To be completed by the training.

    Raises:
        UserError: another process trains in this folder.
    """
    with locked(run):
        before = _written(run) or Status()
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
            status.seconds = round((before.seconds or 0) + perf_counter() - start, 1)
            if status.state != "unfinished":
                _write(run, status)


def _remove(lock: FileLock) -> None:
    """Release a lock and delete its file: before the release, lest it be taken; but Windows deletes no held file."""
    if os.name == "posix":
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
    if os.name != "posix":
        with suppress(OSError):
            Path(lock.lock_file).unlink()


def mark_pruned(run: RunFolder, epoch: int, value: float) -> None:
    """Note that a sweep gave this run up."""
    run.write_json(_PRUNED, {"epoch": epoch, "value": value})


def _write(run: RunFolder, status: Status) -> None:
    """Write status.json; where that fails after an error, the error is what counts."""
    try:
        run.write_json(_FILE, asdict(status))
    except OSError as error:
        if status.state != "failed":
            raise UserError(f"{run.path / _FILE}: cannot be written ({error.strerror}); make room there") from error


def status(run: RunFolder) -> Status:
    """State of a run: `running`, what status.json says, or `unfinished` where a process died or was interrupted."""
    if is_running(run):
        return Status("running")
    return _written(run) or Status("finished" if (run.path / "summary.json").is_file() else "unfinished")


def _written(run: RunFolder) -> Status | None:
    try:
        return Status(**json.loads((run.path / _FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


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
