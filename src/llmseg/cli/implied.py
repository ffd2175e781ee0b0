"""Choices that follow from others, where the command line leaves them open."""

from collections.abc import Sequence
from pathlib import Path


def implied(overrides: Sequence[str], conf: Path) -> list[str]:
    """Overrides that `train.py` adds: few labelled cases are the field of semi-supervised 3D methods, and of V-Net.

    All methods that are compared with `data.labelled=...` so have one network, the supervised ones too.

    Args:
        overrides: words of the command line.
        conf: the folder of choices.
    """
    given = dict(word.lstrip("+~").partition("=")[::2] for word in overrides)
    is_open = not {"experiment", "resume", "model", "model@_global_"} & given.keys()
    is_few = given.get("data.labelled", "null") not in ("null", "")
    return ["model=vnet"] if is_open and is_few and (conf / "model" / "vnet.yaml").is_file() else []
