"""What a data set's channels are called in summary.jsonl."""

from pathlib import Path
from typing import NamedTuple

from llmseg.data.cases import Case
from llmseg.data.config import DataConfig
from llmseg.data.files import read_json
from llmseg.data.readers.brats import ALIASES

_POST = {"flair": ("t2f", 0), "t2": ("t2w", 2), "t1": ("t1n", 3), "t1ce": ("t1c", 4)}
"""Modality -> name and number of the sequence, in the order in which a line names them."""


class Channel(NamedTuple):
    """A channel of a data set's scans as summary.jsonl has it.

    Attributes:
        sequence: its name in the keys.
        number: at the end of its files' names.
        position: in the scan.
    """

    sequence: str
    number: int
    position: int


def channels_of(config: DataConfig, case: Case) -> list[Channel]:
    """Names of a data set's channels, in the order of a line.

    BraTS modalities have the names, order and numbers t2f 0, t2w 2, t1n 3, t1c 4; others those of `modalities` or of
    the root's dataset.json ("LGE-MRI"), else `image`, and are numbered from 0.
    """
    known = [_POST.get(ALIASES.get(name, name)) for name in config.modalities or ()]
    if known and all(known):
        return sorted((Channel(*found, index) for index, found in enumerate(known) if found), key=lambda c: c.number)
    names = list(config.modalities or ()) or _described(Path(config.root)) or ["image"]
    if len(names) != len(case.images) or len(set(names)) < len(names):
        names = [f"image {index}" for index in range(len(case.images))]
    return [Channel(name, index, index) for index, name in enumerate(names)]


def _described(root: Path) -> list[str]:
    """Channel names of an nnU-Net folder's dataset.json, if there is one."""
    path = root / "dataset.json"
    names = read_json(path).get("channel_names", {}) if path.is_file() else {}
    return [" ".join(str(names[key]).split()) for key in sorted(names, key=int)] if isinstance(names, dict) else []
