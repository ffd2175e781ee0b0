"""An environment with only what `pip install llmseg` brings: links to the packages of this one, but not the extras'."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def project() -> dict[str, object]:
    """The table [project] of pyproject.toml."""
    content: dict[str, dict[str, object]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return content["project"]


def bare_packages(folder: Path) -> Path:
    """Fill a folder with links to every package that the dependencies need, and theirs; it stands for site-packages."""
    folder.mkdir(parents=True)
    for name in sorted(_closure(project()["dependencies"])):
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(".pth") and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder


def _closure(lines: object) -> set[str]:
    """Names of all distributions that these requirements bring, extras of theirs included."""
    assert isinstance(lines, list)
    waiting = [(Requirement(line), "") for line in lines]
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    while waiting:
        needed, extra = waiting.pop()
        if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
            continue
        name = re.sub(r"[-_.]+", "-", needed.name).lower()
        for wanted in {"", *needed.extras}:
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            try:
                waiting += [(Requirement(line), wanted) for line in distribution(name).requires or ()]
            except PackageNotFoundError:  # for another platform, or one that has it under another name
                continue
            found.add(name)
    return found
