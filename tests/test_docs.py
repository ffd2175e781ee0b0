"""The pages of docs/; images.md is about any folder, and has a shape of its own."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = sorted(file for file in (ROOT / "conf" / "data").glob("[!_]*.yaml"))
PAGES = sorted((ROOT / "docs" / "data").glob("*.md"))


@pytest.mark.parametrize("file", DATA, ids=lambda file: file.stem)
def test_every_data_set_has_a_page_with_its_command(file: Path) -> None:
    assert any(f"data={file.stem} " in page.read_text() or f"data={file.stem}`" in page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "images"], ids=lambda page: page.stem)
def test_every_page_says_what_a_user_must_know(page: Path) -> None:
    text = page.read_text()
    for word in ("**Where**", "**Licence**", "**Split.**", "**What leaks.**"):
        assert word in text, word
    assert text.count("```") == 2, "the expected tree"


@pytest.mark.parametrize("file", [*PAGES, *DATA, ROOT / "README.md"], ids=lambda file: file.name)
def test_links_to_own_files_lead_somewhere(file: Path) -> None:
    text = file.read_text()
    links = re.findall(r"docs/[\w/]+\.\w+", text) + re.findall(r"\]\((?!http)([\w/.]+)\)", text)
    for link in links:
        assert (ROOT / link).exists() or (file.parent / link).exists(), link
