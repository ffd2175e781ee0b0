"""The page: a tab for each kind of run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from llmseg.language.writing import Generation
from llmseg.web import wording
from llmseg.web.models import Loaders
from llmseg.web.offers import LOCATE, SEGMENT, Offer
from llmseg.web.shelf import Shelf
from llmseg.web.tabs.locate import locate_tab
from llmseg.web.tabs.segment import segment_tab
from llmseg.web.tabs.text import text_tab

_CLEAN_EVERY, _CLEAN_AFTER = 600, 3600  # seconds: uploads that nobody needs any more


@dataclass(frozen=True)
class Settings:
    """How the page is built.

    Attributes:
        scratch: folder for what comes and goes; somebody else removes it in the end.
        how: texts are generated.
        queue: requests that may wait.
        models: kept loaded at a time.
        examples: offer some.
        sample: gives a scan to try out; None: none is offered.
    """

    scratch: Path
    how: Generation
    queue: int = 20
    models: int = 2
    examples: bool = True
    sample: Callable[[], Path] | None = None


def build(offers: Sequence[Offer], loaders: Loaders, settings: Settings) -> gr.Blocks:
    """Lay out the page.

    Args:
        offers: runs to choose from.
        loaders: of their models.
        settings: see there.
    """
    shelf = Shelf(settings.models)
    groups = {kind: [offer for offer in offers if offer.kind == kind] for kind in wording.NO_RUN}
    first = next(kind for kind, group in groups.items() if group)
    with gr.Blocks(title="llmseg", analytics_enabled=False, delete_cache=(_CLEAN_EVERY, _CLEAN_AFTER)) as page:
        gr.Markdown("# llmseg")
        with gr.Tabs(selected=first):
            for words in (wording.IMPRESSION, wording.ADVICE):
                with _tab(words.title, words.kind):
                    if own := _head(groups, words.kind, words.lead, words.disclaimer):
                        text_tab(own, shelf.getter(loaders.writer), words, settings.how, settings.examples)
            with _tab("Segment", SEGMENT):
                if own := _head(groups, SEGMENT, "A scan (NIfTI) or a picture (PNG, JPEG) in, a mask out."):
                    sample = settings.sample if settings.examples else None
                    segment_tab(own, shelf.getter(loaders.predict), settings.scratch, sample)
            with _tab("Locate", LOCATE):
                if own := _head(groups, LOCATE, "Images of one slice (PNG, JPEG) or scans (NIfTI) in, a box out."):
                    locate_tab(own, shelf.getter(loaders.ask))
    page.queue(max_size=settings.queue, default_concurrency_limit=1, api_open=False)
    return page


def _tab(title: str, kind: str) -> gr.Tab:
    return gr.Tab(title, id=kind, elem_id=kind)


def _head(
    groups: Mapping[str, Sequence[Offer]], kind: str, lead: str, disclaimer: str = wording.DISCLAIMER
) -> Sequence[Offer]:
    """Say on a tab what it is for, or how to get a run for it; the runs that there are."""
    gr.Markdown(f"{lead} {disclaimer}" if groups[kind] else f"{disclaimer}\n\n{wording.NO_RUN[kind]}")
    return groups[kind]
