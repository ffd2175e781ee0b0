"""Files that come with the package, and the user's own that go before them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import llmseg


def conf_folder() -> Path:
    """Return the folder conf/: the checkout's beside src/, or else the one packed into the wheel."""
    package = Path(str(llmseg.__file__)).resolve().parent
    checkout = package.parent.with_name("conf")
    return checkout if package.parent.name == "src" and checkout.is_dir() else package / "conf"


def own_conf(words: Sequence[str]) -> list[Path]:
    """Return the folder that a command line names with `--config-dir`, or nothing; it goes before conf/."""
    own = []
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            own = [Path(value if equals else following)]
    return own


def find(folders: Sequence[Path], name: str) -> Path | None:
    """Return the first file of this name, such as `model/unet.yaml`; None: there is none."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)
