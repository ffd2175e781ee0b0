"""What writes texts, and how: the interface between language models and all that uses them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError


@dataclass
class Generation:
    """How answers are written; also the schema of a configuration's `generation`, so not frozen.

    Attributes:
        max_new_tokens: at most so many tokens.
        do_sample: draw each token; otherwise the likeliest is taken.
        num_beams: of beam search; 1: none.
        temperature: of sampling.
        top_p: sample among the likeliest tokens that have this probability together.
        top_k: sample among so many of the likeliest; 0: all.
        repetition_penalty: above 1 tokens that were there before become less likely.
        batch_size: reports at a time.
        seed: of sampling.

    Raises:
        ConfigError: a value that cannot be.
    """

    max_new_tokens: int = 128
    do_sample: bool = False
    num_beams: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "num_beams", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: give 1 or more")
        if self.temperature <= 0 or self.repetition_penalty <= 0:
            raise ConfigError("temperature and repetition_penalty must be above 0")
        if not 0 < self.top_p <= 1 or self.top_k < 0:
            raise ConfigError("top_p must be above 0 and at most 1, top_k 0 or more")


@dataclass(frozen=True)
class Written:
    """One answer.

    Attributes:
        text: without prompt and end.
        is_cut: it ended because of `max_new_tokens`, not because the writer was done.
    """

    text: str
    is_cut: bool = False


class Writer(Protocol):
    """Anything that answers reports: a trained model, a folder of Hugging Face, a stub in a test.

    Attributes:
        identity: plain values that tell this writer from every other one: weights, adapter, prompt.
    """

    identity: dict[str, str]

    def prompt_of(self, report: Report) -> str:
        """The whole text that is given to the model."""

    def write(self, reports: Sequence[Report], how: Generation) -> Iterator[tuple[int, Written]]:
        """Number of a report and its answer, as batches are done: sorted by length, so not in the given order.

        Raises:
            UserError: a prompt is longer than the model's context; the message names the report's line.
        """
