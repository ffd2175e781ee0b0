"""The table of docs/networks.md, from conf/model alone: `python benchmarks/networks.py [--write]`.

Nothing is computed and no weights are held: networks are built on PyTorch's meta device, and parameters and products
are counted there. What is odd about a network stands once, in the comment at the head of its file in conf/model.
"""

import re
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from harness.page import fill, markdown

from llmseg.errors import ConfigError
from llmseg.evaluation.cost import gmacs, parameters
from llmseg.models.build import build_network
from llmseg.resources import conf_folder
from llmseg.study.authors import authors

PAGE = Path(__file__).parents[1] / "docs" / "networks.md"
SIZES = {2: (256, 256), 3: (96, 96, 96)}
"""Of the input that multiply-accumulates are counted for."""
LIBRARIES = {"MONAI": "MONAI", "segmentation_models_pytorch": "Segmentation Models"}
"""As the comments in conf/model name them, and as people do."""


def main() -> None:
    """Print the table, or put it into the page."""
    parser = ArgumentParser(description="The table of docs/networks.md.")
    parser.add_argument("--write", action="store_true", help="put it into the page")
    if parser.parse_args().write:
        fill(PAGE, {"networks": rows()})
    else:
        print(markdown(rows()))


def rows() -> list[dict[str, str]]:
    """A row for each file of conf/model: the LLMs' in the order of authors.csv, then the others."""
    written = authors()
    names = sorted(path.stem for path in (conf_folder() / "model").glob("[!_]*.yaml"))
    names.sort(key=lambda name: list(written).index(name) if name in written else len(written))
    return [row(name) for name in names]


def row(name: str) -> dict[str, str]:
    """Of one file of conf/model."""
    text = (conf_folder() / "model" / f"{name}.yaml").read_text(encoding="utf-8")
    node = yaml.safe_load(text)
    return {
        "`model=`": f"`{name}`", "written by": _writer(name, text), **_cost(node, 2), **_cost(node, 3),
        "what it is, what is odd": _remark(name, text),
    }  # fmt: skip


def _writer(name: str, text: str) -> str:
    if name in authors():
        return authors()[name].llm
    if name == "generated":
        return "an LLM, in a study"
    return next((people for name, people in LIBRARIES.items() if name in text), "this project")


def _remark(name: str, text: str) -> str:
    """The comment at the head of the file without the author, and the one on its repair."""
    head = re.match(r"(?:# .*\n)+", text)
    assert head is not None, f"conf/model/{name}.yaml begins without a comment"
    words = " ".join(line.removeprefix("# ") for line in head[0].splitlines())
    if name in authors():
        words = re.sub(r"^[^:]*\(20\d\d\)(, as it wrote it)?: ", "", words)
    repair = re.search(r"^# true: (.*)\nrepaired: false", text, flags=re.MULTILINE)
    more = f"Repaired: {repair[1]}." if repair else ""
    return f"{words[0].upper()}{words[1:].removesuffix('.')}. {more}".strip().replace("<", "&lt;")


def _cost(node: Mapping[str, Any], dims: int) -> dict[str, str]:
    """Parameters, GMACs and the size of the logits for one channel and class; empty where there is no network."""
    size = "x".join(map(str, SIZES[dims]))
    found = {f"parameters {dims}D": "", f"GMACs, {size}": ""} | ({"logits": ""} if dims == 2 else {})
    net = _built(node, dims)
    if net is None:
        return found
    with torch.device("meta"), torch.no_grad():
        logits = net.eval()(torch.empty(1, 1, *SIZES[dims])).shape[2:]
    values = [f"{parameters(net):,}", f"{gmacs(net, (1, 1, *SIZES[dims])):.1f}", "x".join(map(str, logits))]
    return dict(zip(found, values, strict=False))


def _built(node: Mapping[str, Any], dims: int) -> torch.nn.Module | None:
    """The network without weights; None where its file is yet to be written, or it has no such dimension."""
    if "???" in node.values() or (dims == 2 and node["spatial_dims"] == 3):
        return None
    given: dict[str, Any] = {"spatial_dims": dims, "in_channels": 1, "out_channels": 1}
    if "img_size" in node:
        given["img_size"] = SIZES[dims]
    try:
        try:
            with torch.device("meta"):
                return build_network({**node, **given})
        except RuntimeError:  # MONAI's Swin UNETR reads values while it is built, which there are none of
            return build_network({**node, **given}).to("meta")
    except ConfigError:
        return None


if __name__ == "__main__":
    main()
