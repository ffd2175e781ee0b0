"""What every codec does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from llmseg.data.boxes.sample import Box, Boxes, Size


@dataclass(frozen=True)
class Decoded:
    """What was read from a language model's text.

    Attributes:
        boxes: in pixels of the image, clipped to it; empty where the model said that there is none, or wrote no box.
        reason: why a text counts as unreadable; None where it was read.
    """

    boxes: Boxes
    reason: str | None = None


class Codec(ABC):
    """Boxes as text and back.

    `size` is the image's width and height, `seen` those that the model saw, where it was resized and the dialect
    counts in pixels of what the model saw.
    """

    name: ClassVar[str]
    longest: ClassVar[int] = 8
    """Boxes in one answer that the grammar allows."""

    @abstractmethod
    def encode(self, boxes: Sequence[Box], size: Size, seen: Size | None = None) -> str:
        """The answer that a model is to write."""

    @abstractmethod
    def decode(self, text: str, size: Size, seen: Size | None = None) -> Decoded:
        """What a model wrote; never raises on any text."""

    def grammar(self) -> str | None:
        """Regular expression of every answer, of `longest` boxes at most, for constrained decoding; None: no grammar.

        In the notation that `llmseg.language.automaton` reads.
        """
        return None
