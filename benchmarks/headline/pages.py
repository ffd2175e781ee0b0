"""All parts, and the pages that show them."""

from pathlib import Path

from harness.page import filled

from headline import (
    boxes,
    costs,
    few_labels,
    growth,
    hippocampus,
    networks,
    nineteen,
    published,
    reports,
    speed,
    torture,
    tuning,
)
from headline.numbers import Part

ROOT = Path(__file__).parents[2]
SUBJECTS = (
    hippocampus,
    networks,
    nineteen,
    boxes,
    reports,
    few_labels,
    tuning,
    costs,
    published,
    speed,
    growth,
    torture,
)


def parts() -> dict[str, Part]:
    """Every part by the name of its mark.

    Raises:
        OutdatedError: results no longer bear out a sentence.
    """
    return {name: part for subject in SUBJECTS for name, part in subject.parts().items()}


def pages() -> list[Path]:
    """README.md and docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def outdated() -> dict[Path, str]:
    """Pages that are not what their results say, and what they should be."""
    known = parts()
    old = {page: page.read_text(encoding="utf-8") for page in pages()}
    new = {page: filled(text, known) for page, text in old.items()}
    return {page: text for page, text in new.items() if text != old[page]}


def render() -> list[Path]:
    """Write the pages that are not what their results say."""
    changed = outdated()
    for page, text in changed.items():
        page.write_text(text, encoding="utf-8")
    return list(changed)
