"""The site: built without a warning, asking no other host for anything, with every page in its navigation."""

import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.docs.commands import ROOT, blocks

pytest.importorskip("mkdocs", reason="needs the extra docs: pip install -e .[docs]")
LOADED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\s(?:src|href)=\"?(https?:)?//[^>]*>")
"""What a browser fetches by itself; a link that a reader may follow is an `a`."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The built site; the build is strict, so that a warning ends it."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    level = logging.getLogger("mkdocs").level
    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(folder)))
    yield folder
    logging.getLogger("mkdocs").setLevel(level)


@pytest.fixture
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_page_is_built_and_fetches_nothing_from_elsewhere(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        text = (site / page.relative_to(ROOT / "docs")).with_suffix(".html").read_text()
        assert not LOADED.search(text), page
    assert not re.search(r"@import|url\([\"']?(https?:)?//", (site / "assets" / "site.css").read_text())


@pytest.mark.slow
def test_readme_is_a_page_whose_links_and_pictures_are_found(site: Path) -> None:
    text = (site / "readme.html").read_text()
    links = re.findall(r"(?:href|src)=\"(?!https?:|#|data:)([^\"#]+)", text)
    assert any(link == "knowledge.html" for link in links)
    for link in links:
        assert (site / link).exists(), link


@pytest.mark.slow
def test_docstrings_are_in_the_reference(site: Path) -> None:
    text = (site / "reference" / "runs.html").read_text()
    assert 'id="llmseg.runs.read.load"' in text
    assert "Rebuild the network of a run in evaluation mode" in text


@pytest.mark.slow
def test_equations_are_drawn(site: Path, hooks: ModuleType) -> None:
    fences = [block.text for block in blocks(ROOT / "docs" / "methods.md") if block.language == "math"]
    assert len(fences) > 15
    assert (site / "methods.html").read_text().count('role="img"') == len(fences)
    drawn = hooks.drawn("p < q\n", "math", "math", {}, None)
    picture = ElementTree.fromstring(drawn)[0]
    assert picture.attrib["aria-label"] == "p < q"
    assert float(picture.attrib["width"].removesuffix("pt")) > 20


def test_links_out_of_docs_become_text(hooks: ModuleType) -> None:
    assert hooks.as_page("[a](docs/study.md) ![b](docs/images/b.png) `docs/speed.md` [c](conf/x.yaml)") == (
        "[a](study.md) ![b](images/b.png) [speed.md](speed.md) [c](../conf/x.yaml)"
    )
