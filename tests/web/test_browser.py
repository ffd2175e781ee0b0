"""The page in a real browser: Chromium, without a screen."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nibabel.loadsave import load
from PIL import Image

from llmseg.cli.app import loaders
from llmseg.language.writing import Generation
from llmseg.web.models import Loaders
from llmseg.web.offers import find_offers
from tests.inference.make_run import THRESHOLD, blobs, threshold_run
from tests.web.make_runs import SHAPE, StubWriter, box_run, photo, report_run, scan, stub_ask

pytest.importorskip("gradio", reason="needs gradio: pip install 'llmseg[web]'")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install chromium")
KEPT = Path(__file__).parents[2] / "build" / "screenshots"
WAIT = 60_000  # ms; a loaded machine may take long


@dataclass
class Visit:
    """A browser on the page.

    Attributes:
        page: playwright's.
        requests: addresses that the page has asked for.
        shots: folder of the screenshots.
    """

    page: Any
    requests: list[str]
    shots: Path

    def open(self, tab: str) -> Any:
        """Go to a tab; its panel."""
        self.page.get_by_role("tab", name=tab).click()
        panel = self.page.get_by_role("tabpanel").locator("visible=true")
        panel.get_by_text("Not a medical device").wait_for()
        return panel

    def error(self) -> str:
        """The sentence of the error that is shown; closes it."""
        toast = self.page.get_by_test_id("toast-body")
        text: str = toast.get_by_test_id("toast-text").inner_text()
        self.page.wait_for_timeout(400)  # it fades in
        self.shot("error")
        toast.get_by_test_id("toast-close").click()
        toast.wait_for(state="detached")
        return text

    def shot(self, name: str) -> None:
        """Keep a picture of the page."""
        KEPT.mkdir(parents=True, exist_ok=True)
        file = self.shots / f"{name}.png"
        self.page.screenshot(path=file, full_page=True)
        shutil.copy(file, KEPT)

    @contextmanager
    def redrawn(self, panel: Any) -> Iterator[None]:
        """Wait for another picture than the one that is shown."""
        image = panel.locator("img").first
        before = image.get_attribute("src")
        yield
        sync_api.expect(image).not_to_have_attribute("src", before)

    def pixels(self, panel: Any) -> np.ndarray:
        """The picture that is shown."""
        image = panel.locator("img").first
        image.wait_for()
        file = self.shots / "pixels.png"
        file.write_bytes(self.page.request.get(image.get_attribute("src")).body())
        return np.asarray(Image.open(file).convert("RGB")).astype(int)


def clear(panel: Any) -> None:
    """Press the button; boxes with files have another one of that name."""
    panel.locator("button.lg", has_text="Clear").click()


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """One server and one browser for all tests here."""
    from llmseg.web import server
    from llmseg.web.page import Settings, build

    root = tmp_path_factory.mktemp("web")
    runs = root / "runs"
    threshold_run(runs / "left_atrium" / "3d", 3)
    threshold_run(runs / "tumour" / "two_channels", 3, channels=2, classes=2, modalities=["flair", "t1ce"])
    report_run(runs / "openi" / "1")
    report_run(runs / "ct" / "1", "zh", {"text": "{input}"})
    box_run(runs / "boxes" / "1")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED"):
            patch.setenv(name, "")
        (root / "scratch").mkdir()
        server.prepare(root / "scratch")
        predict = loaders(torch.device("cpu"), "last").predict
        models = Loaders(lambda run: StubWriter(), predict, lambda run: stub_ask)
        settings = Settings(root / "scratch", Generation(), sample=lambda: scan(root / "slab.nii.gz", 5))
        page = build(find_offers([runs]), models, settings)
        stack.callback(page.close)
        url = server.launch(page, "127.0.0.1", None, 1)
        playwright = stack.enter_context(sync_api.sync_playwright())
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        stack.callback(browser.close)
        tab = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        requests: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.set_default_timeout(WAIT)
        sync_api.expect.set_options(timeout=WAIT)
        tab.goto(url)
        yield Visit(tab, requests, root)


def test_findings_give_an_impression(visit: Visit) -> None:
    panel = visit.open("Impression")
    panel.get_by_label("Clinical background").fill("Cough.")
    panel.get_by_label("Findings").fill("The lungs are clear.")
    assert panel.get_by_label("Instruction").input_value() == "Summarise."
    panel.get_by_label("Instruction").fill("Be short.")
    panel.get_by_role("button", name="Write impression").click()
    shown = panel.locator(".answer textarea")
    sync_api.expect(shown).to_have_value("Impression of [Be short.|Cough.\nThe lungs are clear.]")
    visit.shot("impression")
    assert panel.get_by_role("button", name="Copy").count() == 1
    clear(panel)
    sync_api.expect(shown).to_have_value("")
    sync_api.expect(panel.get_by_label("Findings")).to_have_value("")


def test_no_answer_stands_beside_other_findings(visit: Visit) -> None:
    panel = visit.open("Impression")
    findings, shown = panel.get_by_label("Findings"), panel.locator(".answer textarea")
    start = panel.get_by_role("button", name="Write impression")
    panel.get_by_label("Instruction").fill("Briefly.")
    findings.fill("Of patient A.")
    start.click()
    sync_api.expect(shown).to_have_value("Impression of [Briefly.|Of patient A.]")
    findings.press_sequentially(" B")
    sync_api.expect(shown).to_have_value("")
    findings.fill("slow, of patient A")
    start.click()
    visit.page.wait_for_timeout(500)
    clear(panel)
    sync_api.expect(findings).to_have_value("")  # what is typed before would be cleared as well
    findings.fill("Of patient B.")
    visit.page.wait_for_timeout(3_000)
    assert shown.input_value() == ""
    start.click()
    sync_api.expect(shown).to_have_value("Impression of [Briefly.|Of patient B.]")


def test_an_example_fills_the_boxes(visit: Visit) -> None:
    panel = visit.open("Impression")
    panel.get_by_text("Pre-operative examination.").click()
    sync_api.expect(panel.get_by_label("Clinical background")).to_have_value("Pre-operative examination.")


def test_mistakes_are_one_sentence_and_ours_have_no_details(visit: Visit) -> None:
    panel = visit.open("Impression")
    clear(panel)
    sync_api.expect(panel.get_by_label("Findings")).to_have_value("")
    panel.get_by_role("button", name="Write impression").click()
    assert visit.error() == "there is no text to read: type or paste a report first"
    panel.get_by_label("Findings").fill("crash")
    panel.get_by_role("button", name="Write impression").click()
    text = visit.error()
    assert text.startswith("Something went wrong")
    assert "secret" not in visit.page.content()


def test_chinese_findings_give_advice(visit: Visit) -> None:
    panel = visit.open("Advice")
    panel.get_by_label("影像描述").fill("双肺清晰。")
    panel.get_by_role("button", name="生成").click()
    shown = panel.locator(".answer textarea")
    sync_api.expect(shown).to_have_value("Impression of [None|双肺清晰。]")
    visit.shot("advice")


def test_a_volume_gets_an_overlay_a_slider_and_its_mask(visit: Visit, tmp_path: Path) -> None:
    source = scan(tmp_path / "scan.nii.gz")
    panel = visit.open("Segment")
    panel.locator("input[type=file]").first.set_input_files(source)
    panel.get_by_text("scan").nth(1).wait_for()
    panel.get_by_role("button", name="Segment").click()
    first = visit.pixels(panel)
    assert np.ptp(first) > 100
    assert (np.ptp(first, axis=-1) > 20).any()  # colour: the mask
    visit.shot("segment")
    slider = panel.get_by_role("slider")
    with visit.redrawn(panel):
        slider.press("ArrowRight")
    assert not np.array_equal(visit.pixels(panel), first)
    with visit.redrawn(panel):
        panel.get_by_label("coronal").click()
    visit.shot("segment_coronal")
    with visit.page.expect_download() as download:
        panel.locator("a[download]").last.click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    mask: Any = load(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), blobs(SHAPE) > THRESHOLD)


def test_a_wrong_file_is_one_sentence(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "wrong.nii.gz").write_text("no scan at all")
    panel = visit.open("Segment")
    clear(panel)
    panel.get_by_text("Mask", exact=True).wait_for(state="detached")
    panel.locator("input[type=file]").first.set_input_files(tmp_path / "wrong.nii.gz")
    panel.get_by_text("wrong").wait_for()
    panel.get_by_role("button", name="Segment").click()
    text = visit.error()
    assert text.startswith("wrong.nii.gz: ")
    assert str(tmp_path.parent) not in text
    assert "\n" not in text


def test_a_file_that_is_too_large_is_refused(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "large.nii").write_bytes(bytes(1_100_000))
    panel = visit.open("Segment")
    clear(panel)
    panel.get_by_text("Click to Upload").wait_for()
    panel.locator("input[type=file]").first.set_input_files(tmp_path / "large.nii")
    assert "exceed the maximum allowed size" in visit.error()
    file = {"name": "large.nii", "mimeType": "application/octet-stream", "buffer": bytes(1_100_000)}
    answer = visit.page.request.post(f"{visit.page.url}gradio_api/upload", multipart={"files": file})
    assert answer.status == 413


def test_the_example_and_a_run_of_two_channels(visit: Visit) -> None:
    panel = visit.open("Segment")
    panel.get_by_role("button", name="Example").click()
    panel.get_by_text("slab.nii").wait_for()
    panel.get_by_label("Run").click()
    visit.page.get_by_role("option", name="tumour/two_channels").click()
    panel.get_by_text("t1ce", exact=True).wait_for()
    assert panel.get_by_text("flair", exact=True).count() == 1
    assert panel.get_by_text("Click to Upload").count() == 2
    panel.get_by_role("button", name="Segment").click()
    assert visit.error() == "no file yet: upload flair, t1ce"


def test_images_give_a_box(visit: Visit, tmp_path: Path) -> None:
    panel = visit.open("Locate")
    for number, name in enumerate(("a", "b")):
        file = photo(tmp_path / f"{name}.png", (240, 200), seed=number)
        panel.locator("input[type=file]").first.set_input_files(file)
        panel.get_by_text(name, exact=True).wait_for()
    panel.get_by_role("button", name="Locate").click()
    assert np.ptp(visit.pixels(panel)) > 100
    sync_api.expect(panel.locator(".answer textarea")).to_have_value(
        "(0.25, 0.25)\nbox: 60 x 50 pixels, upper left corner at x=60, y=50", timeout=WAIT
    )
    visit.shot("locate")


def test_the_page_asks_nobody_else(visit: Visit) -> None:
    assert len(visit.requests) > 10
    assert {url.split("/")[2].partition(":")[0] for url in visit.requests if url.startswith("http")} == {"127.0.0.1"}
