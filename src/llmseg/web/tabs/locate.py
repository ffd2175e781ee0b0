"""The tab Locate."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from llmseg.errors import UserError
from llmseg.web.guard import guarded
from llmseg.web.locate import Ask, Located, locate
from llmseg.web.offers import Offer
from llmseg.web.tabs.common import ANSWER, EVENT, LIGHT, by_name, file_boxes, relabelled, run_list
from llmseg.web.uploads import without_folders


def locate_tab(offers: Sequence[Offer], ask_of: Callable[[Offer], Ask]) -> None:
    """Lay it out.

    Args:
        offers: runs, at least one.
        ask_of: loads.
    """
    runs = by_name(offers)
    with gr.Row():
        with gr.Column(scale=2):
            chosen = run_list(offers)
            files = file_boxes([_sequences(offer) for offer in offers])
            index = gr.Textbox("", label="Slice of scans, counted from 0", placeholder="the middle", max_length=6)
            with gr.Row():
                clear = gr.Button("Clear")
                start = gr.Button("Locate", variant="primary")
        with gr.Column(scale=3):
            shown = gr.Image(label="Box", type="numpy", format="png", interactive=False, height=460,
                             buttons=["download", "fullscreen"])  # fmt: skip
            text = gr.Textbox(label="Answer", interactive=False, lines=2, buttons=["copy"], elem_classes=ANSWER)

    def run(given: dict[Any, Any], progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        offer = runs[given[chosen]]
        progress(0.1, desc="loading the model")
        ask = ask_of(offer)
        progress(0.4, desc="looking")
        found = located(ask, offer, [given[each] for each in files], given[index])
        return [found.picture, str(found)]

    def choose(name: str) -> list[Any]:
        return [*relabelled(_sequences(runs[name]), len(files)), None, ""]

    # a box never stands beside images that it was not found in
    emptied = start.click(lambda: [None, ""], None, [shown, text], **LIGHT)
    found = emptied.then(guarded(run), {chosen, index, *files}, [shown, text], **EVENT)
    wiped = [*files, index, shown, text]
    clear.click(lambda: [*[None] * len(files), "", None, ""], None, wiped, cancels=[found], **LIGHT)
    chosen.change(guarded(choose), chosen, [*files, shown, text], cancels=[found], **LIGHT)


def located(ask: Ask, offer: Offer, files: Sequence[str | None], index: str) -> Located:
    """`locate` for the boxes of the tab.

    Args:
        ask: of the run.
        offer: the run.
        files: a path for each of its sequences.
        index: of the slice, as it was typed.

    Raises:
        UserError: see `locate`; without the folders that uploads lie in.
    """
    paths = [None if file is None else Path(file) for file in files]
    named = dict(zip(_sequences(offer), paths, strict=False))
    try:
        return locate(ask, offer.config, named, _number(index))
    except UserError as error:
        raise UserError(without_folders(str(error), [path for path in paths if path])) from error


def _number(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal():
        raise UserError(f"slice {text.strip()!r}: give a whole number, or nothing for the middle one")
    return int(text)


def _sequences(offer: Offer) -> tuple[str, ...]:
    return tuple(offer.config["data"]["sequences"])
