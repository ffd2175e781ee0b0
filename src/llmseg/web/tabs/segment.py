"""The tab Segment."""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copy, rmtree
from tempfile import mkdtemp
from typing import Any

import gradio as gr

from llmseg.errors import UserError
from llmseg.web.guard import guarded
from llmseg.web.offers import Offer
from llmseg.web.segment import PICTURE, Predict, Segmented, channels_of, segment, slots
from llmseg.web.tabs.common import EVENT, LIGHT, by_name, file_boxes, relabelled, run_list
from llmseg.web.uploads import without_folders

_KEPT = 3600  # seconds that a visitor's scan and mask are held


def segment_tab(
    offers: Sequence[Offer], predict_of: Callable[[Offer], Predict], scratch: Path, sample: Callable[[], Path] | None
) -> None:
    """Lay it out.

    Args:
        offers: runs, at least one.
        predict_of: loads.
        scratch: folder for masks; somebody else removes it in the end.
        sample: gives a scan to try out; None: no example is offered.
    """
    runs = by_name(offers)
    with gr.Row():
        with gr.Column(scale=2):
            chosen = run_list(offers)
            files = file_boxes([_slots(offer) for offer in offers])
            with gr.Row():
                clear = gr.Button("Clear")
                start = gr.Button("Segment", variant="primary")
            example = gr.Button("Example: a slab of the MNI152 brain", size="sm", visible=_fits(offers[0], sample))
        with gr.Column(scale=3):
            results = _viewer()
    held, plane, index, shown, *_ = results

    def run(given: dict[Any, Any], progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        offer = runs[given[chosen]]
        progress(0.1, desc="loading the network")
        predict = predict_of(offer)
        progress(0.3, desc="segmenting")
        found = segmented(predict, offer, [given[each] for each in files], scratch)
        progress(0.9, desc="drawing")
        first = found.planes[0]
        planes = gr.Radio(found.planes, value=first, visible=first != PICTURE)
        masks = gr.File([str(file) for file in found.files], visible=True)
        return [found, planes, *_turned(found, first), _table(found), masks]

    def empty(before: Segmented | None) -> list[Any]:
        forget(before)
        return [None, gr.Radio(visible=False), gr.Slider(visible=False), None, "", gr.File(None, visible=False)]

    def choose(name: str, before: Segmented | None) -> list[Any]:
        boxes = relabelled(_slots(runs[name]), len(files))
        return [*empty(before), *boxes, gr.Button(visible=_fits(runs[name], sample))]

    def wipe(before: Segmented | None) -> list[Any]:
        return [*empty(before), *[None] * len(files)]

    # results never stand beside files that they do not belong to
    emptied = start.click(guarded(empty), held, results, **LIGHT)
    found = emptied.then(guarded(run), {chosen, *files}, results, **EVENT)
    clear.click(guarded(wipe), held, [*results, *files], cancels=[found], **LIGHT)
    chosen.change(guarded(choose), [chosen, held], [*results, *files, example], cancels=[found], **LIGHT)
    example.click(guarded(lambda: _copied(sample, scratch)), None, files[0], api_visibility="private")
    plane.input(guarded(_turned), [held, plane], [index, shown], **LIGHT)
    index.input(guarded(_moved), [held, plane, index], shown, trigger_mode="always_last", **LIGHT)


def _viewer() -> list[Any]:
    """What is held for a visitor, then what is seen: plane, slice, overlay, table, files."""
    held = gr.State(None, time_to_live=_KEPT, delete_callback=forget)
    shown = gr.Image(label="Overlay", type="numpy", format="png", interactive=False, height=460,
                     buttons=["download", "fullscreen"])  # fmt: skip
    plane = gr.Radio([], label="Plane", visible=False)
    index = gr.Slider(0, 1, value=0, step=1, label="Slice", visible=False, buttons=[])
    table = gr.Markdown()
    masks = gr.File(label="Mask", interactive=False, visible=False, file_count="multiple")
    return [held, plane, index, shown, table, masks]


def segmented(predict: Predict, offer: Offer, files: Sequence[str | None], scratch: Path) -> Segmented:
    """`segment` into a new folder, which goes where that fails.

    Raises:
        UserError: see `segment`; without the folders that uploads lie in.
    """
    paths = [None if file is None else Path(file) for file in files]
    folder = Path(mkdtemp(dir=scratch))
    try:
        return segment(predict, offer.config, paths, folder)
    except BaseException as error:
        rmtree(folder, ignore_errors=True)
        if isinstance(error, UserError):
            raise UserError(without_folders(str(error), [path for path in paths if path])) from error
        raise


def forget(before: Segmented | None) -> None:
    """Remove the masks of a visitor who has others now, or is gone."""
    if before is not None:
        rmtree(before.files[0].parent, ignore_errors=True)


def _turned(found: Segmented | None, plane: str) -> list[Any]:
    """Slider and picture of another plane."""
    if found is None:
        return [gr.Slider(visible=False), None]
    last, index = found.count(plane) - 1, found.fullest(plane)
    slider = gr.Slider(0, max(last, 1), value=index, visible=last > 0, label=f"Slice, 0 to {last}")
    return [slider, found.draw(plane, index)]


def _moved(found: Segmented | None, plane: str, index: float) -> Any:
    return None if found is None else found.draw(plane, int(index))


def _table(found: Segmented) -> str:
    unit = "volume (ml)" if found.spacing else "pixels"
    rows = [
        f"| {row['class']} | {row['voxels'] if row['ml'] is None else format(row['ml'], '.2f')} |" for row in found.rows
    ]
    note = "" if found.spacing is None else "\n\nAxial and coronal: the patient's left is at the left of the picture."
    return "\n".join([f"| class | {unit} |", "|:--|--:|", *rows]) + note


def _slots(offer: Offer) -> tuple[str, ...]:
    return slots(channels_of(offer.config))


def _fits(offer: Offer, sample: Callable[[], Path] | None) -> bool:
    return sample is not None and _slots(offer) == ("scan",)


def _copied(sample: Callable[[], Path] | None, scratch: Path) -> str:
    assert sample is not None
    source = sample()
    return str(copy(source, scratch / source.name))
