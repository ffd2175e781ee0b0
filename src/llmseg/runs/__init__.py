"""Run folders: written by training, found and read again by everything else."""

from llmseg.runs.folder import RunFolder
from llmseg.runs.load import TrainedNetwork, collect, collect_cases, load, load_all

__all__ = ["RunFolder", "TrainedNetwork", "collect", "collect_cases", "load", "load_all"]
