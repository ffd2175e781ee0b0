"""Run folders: written by training, found and read again by everything else."""

from typing import TYPE_CHECKING

from llmseg.runs.folder import RunFolder

if TYPE_CHECKING:
    from llmseg.runs.read import TrainedNetwork, collect, collect_cases, load, load_all

__all__ = ["RunFolder", "TrainedNetwork", "collect", "collect_cases", "load", "load_all"]


def __getattr__(name: str) -> object:
    """What needs PyTorch is imported when it is used: a wrong run folder is told at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from llmseg.runs import read

    return getattr(read, name)
