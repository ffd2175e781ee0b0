"""What the tabs share."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from llmseg.web.offers import Offer

EVENT: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "model", "concurrency_limit": 1}
"""Of events that need a model: one at a time, on the whole page."""
LIGHT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of events that are answered at once."""
ANSWER = "answer"
"""Class of the boxes with answers in the page's HTML."""
_HEIGHT = 130  # pixels of a box for a file


def by_name(offers: Sequence[Offer]) -> Mapping[str, Offer]:
    """Runs by the names in their list."""
    return {offer.name: offer for offer in offers}


def run_list(offers: Sequence[Offer], label: str = "Run") -> gr.Dropdown:
    """The list of runs, the first one chosen."""
    names = [offer.name for offer in offers]
    return gr.Dropdown(names, value=names[0], label=label, filterable=False)


def file_boxes(slots: Sequence[Sequence[str]]) -> list[gr.File]:
    """As many boxes as the run with most files needs, labelled for the first run.

    Args:
        slots: names of the files of each run.
    """
    count = max(map(len, slots))
    return [
        gr.File(label=name, visible=shown, height=_HEIGHT, file_count="single")
        for name, shown in _labels(slots[0], count)
    ]


def relabelled(names: Sequence[str], count: int) -> list[gr.File]:
    """The same boxes for another run, emptied."""
    return [gr.File(None, label=name, visible=shown) for name, shown in _labels(names, count)]


def _labels(names: Sequence[str], count: int) -> list[tuple[str, bool]]:
    return [(names[number], True) if number < len(names) else ("", False) for number in range(count)]
