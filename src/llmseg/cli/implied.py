"""Choices that follow from others, where the command line leaves them open."""

from collections.abc import Sequence
from pathlib import Path

_GROUNDING = {"vlm", "peft"}
"""Groups that only the training of box models has."""


def top_config(name: str, overrides: Sequence[str], conf: Path) -> str:
    """The top config that a command line means: `ground` where `train.py` is asked for boxes.

    Args:
        name: top config of the command.
        overrides: words of the command line.
        conf: the folder of choices.
    """
    if name != "train":
        return name
    given = _given(overrides)
    asked = given.get("method") == "grounding" or given.get("data") == "boxes" or bool(given.keys() & _GROUNDING)
    file = conf / "experiment" / f"{given.get('experiment')}.yaml"
    if not asked and file.is_file():
        asked = "/method: grounding" in file.read_text(encoding="utf-8")
    resumed = Path(given.get("resume", "")).expanduser() / "config.yaml"
    if "resume" in given and resumed.is_file():
        asked = "\ntask: grounding\n" in f"\n{resumed.read_text(encoding='utf-8')}"
    return "ground" if asked else name


def _given(overrides: Sequence[str]) -> dict[str, str]:
    return dict(word.lstrip("+~").partition("=")[::2] for word in overrides)


def implied(overrides: Sequence[str], conf: Path) -> list[str]:
    """Overrides that `train.py` adds: few labelled cases are the field of semi-supervised 3D methods, and of V-Net.

    All methods that are compared with `data.labelled=...` so have one network, the supervised ones too.

    Args:
        overrides: words of the command line.
        conf: the folder of choices.
    """
    given = _given(overrides)
    is_open = not {"experiment", "resume", "model", "model@_global_"} & given.keys()
    is_few = given.get("data.labelled", "null") not in ("null", "")
    return ["model=vnet"] if is_open and is_few and (conf / "model" / "vnet.yaml").is_file() else []
