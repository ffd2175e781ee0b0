"""`python -m llmseg.cli.boxes data=... output=...`: slices with boxes from any data set of volumes with masks."""

from dataclasses import fields
from typing import TYPE_CHECKING

from llmseg.cli.entry import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from llmseg.data.boxes.config import MakeConfig
    from llmseg.data.boxes.make import Made


def main() -> None:
    """Entry point; heavy imports wait until the configuration is known to be good."""
    run("boxes", "llmseg.cli.boxes:boxes")


def boxes(cfg: "DictConfig") -> None:
    """Write the images and summary.jsonl, and say what there is.

    Raises:
        ConfigError: the configuration cannot be right, or the folder is there already.
        DataError: the data set cannot be used; nothing is written then.
    """
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console
    from rich.progress import Progress

    from llmseg.cli import build
    from llmseg.cli.console import quiet_libraries
    from llmseg.data.boxes.config import MakeConfig
    from llmseg.data.boxes.make import check, make_boxes

    quiet_libraries()
    plain = build.plain(cfg)
    choice = MakeConfig(**{each.name: plain[each.name] for each in fields(MakeConfig)})
    check(choice)
    build.complete_data(cfg.data)
    # Only the reader and the typed configuration are taken from it; both are the same for a 3D network.
    data = build.build_data(build.plain(cfg.data), spatial_dims=2, cache=Path(cfg.paths.cache), seed=0)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def begin(total: int) -> Callable[[], None]:
            task = progress.add_task("cases", total=total)
            return lambda: progress.advance(task)

        made = make_boxes(data.config, data.reader, choice, begin)
    print(describe(made, choice))


def describe(made: "Made", choice: "MakeConfig") -> str:
    """What has been written, and how to go on."""
    from llmseg.data.boxes.records import SUMMARY
    from llmseg.data.validation import shorten

    output = choice.output.rstrip("/")
    cases, count = {record.case for record in made.records}, sum(len(record.boxes) for record in made.records)
    bare = sum(not record.boxes for record in made.records)
    without = f", {bare} slices without" if bare else ""
    lines = [
        f"{output}/{SUMMARY}: {len(made.records)} {choice.plane} slices of {len(cases)} cases, {count} boxes{without}"
    ]
    if made.left_out:
        least = f"less than {choice.min_area} pixels in every slice"
        lines.append(f"left out, {least}: {len(made.left_out)} case(s) ({shorten(made.left_out)})")
    if made.split is not None:
        parts = (f"{len(getattr(made.split, part))} {part}" for part in ("train", "val", "test"))
        lines.append(f"{output}/split.json: {', '.join(parts)}")
    return "\n".join([*lines, f"use them: python train.py method=grounding data=boxes data.root={output}"])


if __name__ == "__main__":
    main()
