"""Models that are loaded when they are first asked for."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from llmseg.runs import RunFolder
from llmseg.web.offers import Offer

Model = TypeVar("Model")


class Shelf:
    """Keeps the models used last; the one unused for longest goes before another one is loaded.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int = 2) -> None:
        self.size = size
        self._lock = Lock()
        self._models: OrderedDict[str, Any] = OrderedDict()

    def getter(self, load: Callable[[RunFolder], Model]) -> Callable[[Offer], Model]:
        """A function that gives the model of a run, loaded by `load` where it is not here."""

        def get(offer: Offer) -> Model:
            with self._lock:
                if offer.name not in self._models:
                    while len(self._models) >= self.size:
                        self._models.popitem(last=False)
                    self._models[offer.name] = load(offer.run)
                self._models.move_to_end(offer.name)
                model: Model = self._models[offer.name]
                return model

        return get
