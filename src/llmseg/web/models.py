"""What the page needs of models, given to it from outside."""

from collections.abc import Callable
from dataclasses import dataclass

from llmseg.language.writing import Writer
from llmseg.runs import RunFolder
from llmseg.web.locate import Ask
from llmseg.web.segment import Predict


@dataclass(frozen=True)
class Loaders:
    """How the model of a run is loaded, by what it does.

    Attributes:
        writer: of reports.
        predict: of segmentation.
        ask: of boxes.
    """

    writer: Callable[[RunFolder], Writer]
    predict: Callable[[RunFolder], Predict]
    ask: Callable[[RunFolder], Ask]
