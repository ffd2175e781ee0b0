"""What the site needs beside MkDocs: README.md as a page, and equations that no other host has to draw."""

import html
import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_SIZE = 13  # points; beside the site's text of 16 pixels


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the fence `math`, which GitHub draws too, and the page on the architecture where there is one."""
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [
        {"name": "math", "class": "math", "format": drawn}
    ]
    if (Path(config.docs_dir) / "architecture.md").is_file():
        assert config.nav is not None
        config.nav.append({"Architecture": "architecture.md"})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """README.md as readme.md."""
    root = Path(config.config_file_path).parent
    text = (root / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "readme.md", content=as_page(text)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links out of docs/, which GitHub follows: to README.md lead to its page, others become their text."""
    up = "../" * page.file.src_uri.count("/")
    markdown = re.sub(rf"\]\({up}\.\./README\.md", f"]({up}readme.md", markdown)
    return re.sub(rf"\[([^]]+)\]\({up}\.\./[^)]+\)", r"\1", markdown)


def as_page(text: str) -> str:
    """The README as a page of docs/: its links to docs/ lead to pages, those to other files become their text."""
    text = re.sub(r"\]\((?!https?:|#|docs/)", "](../", text).replace("](docs/", "](")
    return re.sub(r"`docs/([\w/]+\.md)`", r"[\1](\1)", text)


def drawn(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:
    """Lines of TeX as pictures, one a line, by matplotlib; the source is their text for who cannot see them."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return f'<div class="{css_class}">{"".join(map(_svg, lines))}</div>'


def _svg(tex: str) -> str:
    displayed = tex.replace(r"\frac", r"\dfrac")  # as TeX does it on a line of its own, and with air behind sums
    displayed = re.sub(r"(\\sum_(?:\{[^}]*\}|\w)(?:\^\w)?) ", r"\1\\, ", displayed)
    with mpl.rc_context({"svg.fonttype": "path", "mathtext.fontset": "cm", "svg.hashsalt": tex}):
        figure = Figure()
        figure.text(0, 0, f"${displayed}$", fontsize=_SIZE)
        picture = io.StringIO()
        FigureCanvasSVG(figure)
        figure.savefig(picture, format="svg", bbox_inches="tight", pad_inches=0.04, transparent=True)
    found = re.search(r"<svg(.*?)>(.*)</svg>", picture.getvalue(), flags=re.DOTALL)
    assert found is not None
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", found[2], flags=re.DOTALL)
    return f'<svg role="img" aria-label="{html.escape(tex)}" fill="currentColor"{found[1]}>{body}</svg>'
