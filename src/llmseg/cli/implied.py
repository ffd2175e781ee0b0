"""Choices that follow from others, where the command line leaves them open."""

from collections.abc import Sequence


def implied(overrides: Sequence[str]) -> list[str]:
    """Overrides that `train.py` adds: few labelled cases are the field of semi-supervised 3D methods, and of V-Net.

    All methods that are compared with `data.labelled=...` so have one network, the supervised ones too.
    """
    given = dict(word.lstrip("+~").partition("=")[::2] for word in overrides)
    is_open = not any(key == "experiment" or key == "resume" or key.partition("@")[0] == "model" for key in given)
    return ["model=vnet"] if is_open and given.get("data.labelled", "null") not in ("null", "") else []
