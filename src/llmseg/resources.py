"""Files that come with the package."""

from pathlib import Path

import llmseg


def conf_folder() -> Path:
    """Return the folder conf/: the checkout's beside src/, or else the one packed into the wheel."""
    package = Path(str(llmseg.__file__)).resolve().parent
    checkout = package.parent.with_name("conf")
    return checkout if package.parent.name == "src" and checkout.is_dir() else package / "conf"
