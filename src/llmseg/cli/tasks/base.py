"""What a command has to know of a task."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytorch_lightning as pl
    import torch
    from omegaconf import DictConfig

    from llmseg.data.split import Split
    from llmseg.methods.method import Method
    from llmseg.runs import RunFolder

    class TrainingData(pl.LightningDataModule):
        """Lightning's data module, and what makes a training repeatable.

        Attributes:
            config: the typed `data` node.
            split: which cases train, validate and test; None before they are read.
            uses_unlabelled: whether there is a second stream, of unlabelled cases.
        """

        config: Any
        split: Split | None
        uses_unlabelled: bool | None

        @property
        def training_parts(self) -> tuple[str, ...]:
            """Parts that a training needs."""

        def prepare(self, parts: Sequence[str] = ...) -> None:
            """Read and check the cases of these parts."""

        def part(self, name: str) -> Sequence[Any]:
            """Cases or samples of a part."""

        def start_at(self, epoch: int, batch: int) -> None:
            """Begin with this batch, after a resume."""


class Task(ABC):
    """From a configuration to what is trained and how it is scored. Configurations are plain and complete."""

    @abstractmethod
    def complete(self, cfg: "DictConfig") -> None:
        """Fill in what only the data or the machine can tell, in place.

        Raises:
            UserError: what was asked for cannot be.
        """

    @abstractmethod
    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse settings of the evaluation that cannot be, also of a run that is gone on with."""

    @abstractmethod
    def data(self, config: Mapping[str, Any]) -> "TrainingData":
        """The data module."""

    @abstractmethod
    def method(self, config: Mapping[str, Any], data: "TrainingData") -> "Method":
        """What is trained, freshly initialised."""

    @abstractmethod
    def describe(self, config: Mapping[str, Any], data: "TrainingData") -> str:
        """The training in one line: what, on what."""

    @abstractmethod
    def score(
        self, config: Mapping[str, Any], run: "RunFolder", data: "TrainingData", device: "torch.device"
    ) -> dict[str, Any]:
        """Score the test cases, write the tables into the run's folder and return the summary."""
