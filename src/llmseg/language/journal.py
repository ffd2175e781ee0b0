"""The answers of a batch as they come, in a file of its own, so that a killed batch continues where it was."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from llmseg.errors import UserError
from llmseg.language.writing import Written


@dataclass
class Journal:
    """A file of JSON lines: under which conditions the answers were written, then one answer a line.

    Attributes:
        path: of the file.
        done: row -> its answer, those of an earlier process too.
    """

    path: Path
    done: dict[int, Written] = field(default_factory=dict)
    _file: BinaryIO | None = None

    def add(self, row: int, written: Written) -> None:
        """Note an answer; it is on the disk when this returns.

        Raises:
            UserError: the file cannot be written.
        """
        self._append({"row": row, "text": written.text, "is_cut": written.is_cut})
        self.done[row] = written

    def remove(self) -> None:
        """Delete the file: all that it has is elsewhere now."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; without an answer there is nothing to keep."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk has not taken was told by `add`
                self._file.close()
            self._file = None
            if not self.done:
                self.path.unlink(missing_ok=True)

    def _append(self, content: Mapping[str, Any]) -> None:
        assert self._file is not None
        try:
            self._file.write(json.dumps(content).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from error


@contextmanager
def journal(path: Path, conditions: Mapping[str, Any]) -> Iterator[Journal]:
    """Open a journal, or begin one; the file stays behind unless it is removed or has no answer.

    Args:
        path: of the file.
        conditions: plain values; answers are only gone on with where all of them are the same.

    Raises:
        UserError: the answers there were written under other conditions, or the file is damaged.
    """
    hashes = {name: _hash(value) for name, value in conditions.items()}
    opened = Journal(path)
    try:
        whole = _whole_lines(path)
        if whole:
            _check(path, whole[0], hashes)
            opened.done = dict(_read(path, number, line) for number, line in enumerate(whole[1:], start=2))
        opened._file = path.open("ab")
        opened._file.truncate(sum(map(len, whole)))  # a last line that a killed process did not finish
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        if not whole:
            opened._append(hashes)
        yield opened
    finally:
        opened.close()


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Keep other processes from writing the same file.

    Raises:
        UserError: another one writes it.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"{file}: another process writes it; wait for it, or name another file") from error
    try:
        yield
    finally:
        if os.name == "posix":  # before the release, lest another process takes what is about to be deleted
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            if os.name != "posix":
                Path(lock.lock_file).unlink()


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _whole_lines(path: Path) -> list[bytes]:
    """Lines with their ends; a last one without is left out."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1].splitlines(keepends=True)


def _check(path: Path, line: bytes, hashes: Mapping[str, str]) -> None:
    found = _parse(path, 1, line)
    other = [name for name in {**hashes, **found} if found.get(name) != hashes.get(name)]
    if other:
        raise UserError(
            f"{path}: has answers of an unfinished batch with another {', '.join(other)}: go on with the same, "
            "delete this file, or name another output"
        )


def _read(path: Path, number: int, line: bytes) -> tuple[int, Written]:
    content = _parse(path, number, line)
    try:
        return int(content["row"]), Written(str(content["text"]), bool(content["is_cut"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, number) from error


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise _damaged(path, number) from error
    if not isinstance(content, dict):
        raise _damaged(path, number)
    return content


def _damaged(path: Path, number: int) -> UserError:
    return UserError(f"{path}, line {number}: is damaged: delete this file to begin anew")
