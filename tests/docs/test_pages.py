"""The pages of docs/; of those on data, images.md and index.md are about any folder, and have a shape of their own."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = sorted(file for file in (ROOT / "conf" / "data").glob("[!_]*.yaml"))
PAGES = sorted((ROOT / "docs" / "data").glob("*.md"))


@pytest.mark.parametrize("file", DATA, ids=lambda file: file.stem)
def test_every_data_set_has_a_page_with_its_command(file: Path) -> None:
    assert any(f"data={file.stem} " in page.read_text() or f"data={file.stem}`" in page.read_text() for page in PAGES)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in ("images", "index")], ids=lambda page: page.stem
)
def test_every_page_says_what_a_user_must_know(page: Path) -> None:
    text = page.read_text()
    for word in ("**Where**", "**Licence**", "**Split.**", "**What leaks.**"):
        assert word in text, word
    assert text.count("```") == 2, "the expected tree"


@pytest.mark.parametrize(
    "file", [*(ROOT / "docs").rglob("*.md"), *DATA, ROOT / "README.md"], ids=lambda file: str(file.relative_to(ROOT))
)
def test_links_to_own_files_lead_somewhere(file: Path) -> None:
    text = file.read_text()
    links = re.findall(r"docs/[\w/]+\.\w+", text) + re.findall(r"\]\((?!http)([\w/.]+)(?:#[\w-]+)?\)", text)
    for link in links:
        assert (ROOT / link).exists() or (file.parent / link).exists(), link
