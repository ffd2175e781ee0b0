"""What the scorers of box models and of writers share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch

from llmseg.errors import ConfigError
from llmseg.runs import RunFolder


class Scored(Protocol):
    """Data that have parts to score.

    Attributes:
        config: the typed `data` node.
    """

    config: Any

    def part(self, name: str) -> Sequence[Any]:
        """Samples of a part."""


@dataclass(frozen=True)
class ModelScorer:
    """Where and how a run's model is scored.

    Attributes:
        run: holds the checkpoint.
        data: slices or reports.
        config: of the run.
        device: where the model answers.
        part: train, val, test or all.
    """

    run: RunFolder
    data: Scored
    config: Mapping[str, Any]
    device: torch.device
    part: str = "test"

    task: ClassVar[str]
    samples_are: ClassVar[str]
    """What the samples are called, such as slices."""

    def samples(self, limit: int | None = None) -> Sequence[Any]:
        """The samples of the part, or the first of them.

        Raises:
            ConfigError: there are none.
        """
        samples = self.data.part(self.part)[:limit]
        if not samples:
            raise ConfigError(
                f"no {self.part} {self.samples_are} to score: see data.split, or leave it with evaluate=false"
            )
        return samples

    def facts(self, model: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, Any]:
        """What summary.json says of the run: its model, and what only its task has."""
        return {
            "task": self.task,
            "data": self.data.config.name,
            "part": self.part,
            **model,
            "seed": self.config["seed"],
            "checkpoint": "last",
            **own,
            "data_note": self.data.config.note,
        }
