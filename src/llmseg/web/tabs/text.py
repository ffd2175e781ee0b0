"""The tabs Impression and Advice."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from llmseg.language.writing import Generation, Writer
from llmseg.web.guard import guarded
from llmseg.web.offers import Offer
from llmseg.web.tabs.common import ANSWER, EVENT, LIGHT, by_name, run_list
from llmseg.web.texts import answer, instruction_of, reads_background
from llmseg.web.wording import Wording

_LONGEST = 50_000  # characters of a text


def text_tab(
    offers: Sequence[Offer], writer_of: Callable[[Offer], Writer], wording: Wording, how: Generation, examples: bool
) -> None:
    """Lay it out.

    Args:
        offers: runs, at least one.
        writer_of: loads.
        wording: in which language.
        how: texts are generated.
        examples: offer some.
    """
    runs = by_name(offers)

    def write(
        name: str, instruction: str, background: str, text: str, progress: gr.Progress = gr.Progress()  # noqa: B008
    ) -> str:  # fmt: skip
        progress(0.1, desc=wording.loading)
        writer = writer_of(runs[name])
        progress(0.4, desc=wording.writing)
        written = answer(writer, runs[name].config, text, how, background, instruction)
        return f"{written.text} {wording.was_cut.format(how.max_new_tokens)}" if written.is_cut else written.text

    with gr.Row():
        with gr.Column():
            chosen = run_list(offers, wording.run)
            instruction = _instruction(offers[0], wording)
            background = _background(offers[0], wording)
            text = gr.Textbox(
                label=wording.text, lines=7, max_lines=20, max_length=_LONGEST, placeholder=wording.placeholder
            )
            with gr.Row():
                clear = gr.Button(wording.clear)
                start = gr.Button(wording.button, variant="primary")
        with gr.Column():
            shown = gr.Textbox(label=wording.answer, lines=7, interactive=False, buttons=["copy"], elem_classes=ANSWER)
    if examples:
        boxes, samples = [background, text], [list(each) for each in wording.samples]
        if not wording.background:
            boxes, samples = [text], [[each] for _, each in wording.samples]
        gr.Examples(samples, boxes, label=wording.examples, api_visibility="private")
    # an answer never stands beside findings that it was not written for, also not for a moment
    emptied = start.click(lambda: "", None, shown, **LIGHT)
    written = emptied.then(guarded(write), [chosen, instruction, background, text], shown, **EVENT)
    clear.click(lambda: ["", "", ""], None, [background, text, shown], cancels=[written], **LIGHT)
    for box in (background, text, instruction):
        box.input(lambda: "", None, shown, cancels=[written], **LIGHT)

    def choose(name: str) -> list[Any]:
        return [_instruction(runs[name], wording), _background(runs[name], wording), ""]

    chosen.change(choose, chosen, [instruction, background, shown], cancels=[written], **LIGHT)


def _background(offer: Offer, wording: Wording) -> gr.Textbox:
    """The box for what is known beside the findings, where the run was trained with it."""
    is_read = wording.background is not None and reads_background(offer.config)
    return gr.Textbox("", label=wording.background, lines=2, max_length=_LONGEST, visible=is_read)


def _instruction(offer: Offer, wording: Wording) -> gr.Textbox:
    """The box for what is asked for, where the run listens to it."""
    asked = instruction_of(offer.config) if wording.instruction else None
    return gr.Textbox(asked or "", label=wording.instruction, visible=asked is not None)
