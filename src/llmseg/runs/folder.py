"""A run's folder: `runs/<name>/<time>/`."""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from llmseg.errors import UserError, first_line
from llmseg.whole import write


@dataclass(frozen=True)
class RunFolder:
    """Where a run's files lie. Every file is written under a temporary name and renamed."""

    path: Path

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make a new folder `<parent>/<name>/<time>`; runs that start in the same second get -1, -2, ...

        Raises:
            UserError: the folder cannot be made.
        """
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        for number in range(1000):
            path = parent / name / (f"{stamp}-{number}" if number else stamp)
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise UserError(f"paths.runs={parent}: cannot make {path} ({error.strerror})") from error
            return cls(path)
        raise UserError(f"paths.runs={parent}: a thousand runs named {name} in one second")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run folder.

        Raises:
            UserError: there is none.
        """
        if not (path / "config.yaml").is_file():
            raise UserError(f"run={path}: no run folder (it has no config.yaml); give one that train.py wrote")
        return cls(path)

    @property
    def last(self) -> Path:
        """Path of last.ckpt, which may not be there yet."""
        return self.checkpoints / "last.ckpt"

    def discard(self) -> None:
        """Remove the folder of a run that failed before its first checkpoint, and its two parents where empty then."""
        if any(self.checkpoints.glob("*.ckpt")):
            return
        shutil.rmtree(self.path, ignore_errors=True)
        for parent in (self.path.parent, self.path.parent.parent):
            with suppress(OSError):  # not empty: other runs lie there
                parent.rmdir()

    @property
    def checkpoints(self) -> Path:
        """Folder of last.ckpt and best.ckpt."""
        return self.path / "checkpoints"

    def checkpoint(self, name: str) -> Path:
        """Path of checkpoint `last` or `best`.

        Raises:
            UserError: it was not written.
        """
        path = self.checkpoints / f"{name}.ckpt"
        if not path.is_file():
            raise UserError(f"run={self.path}: no checkpoint {name}.ckpt; the training did not come that far")
        return path

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, as plain containers."""
        try:
            content: dict[str, Any] = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{self.path / 'config.yaml'}: cannot be read ({first_line(error)})") from error
        return content

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml."""
        write(self.path / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file; NaN and infinity become null."""
        write(self.path / name, json.dumps(_plain(content), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def nothing_in(roots: Sequence[str | Path]) -> str:
    """What to say of folders without a finished run."""
    if missing := [str(root) for root in roots if not Path(root).is_dir()]:
        return f"{', '.join(missing)}: no such folder"
    return f"{', '.join(map(str, roots))}: no finished run there (none has config.yaml and summary.json)"
