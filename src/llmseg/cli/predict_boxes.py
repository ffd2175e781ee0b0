"""`python predict.py run=<a box run> input=... output=found.jsonl`: boxes for new scans, and pictures of them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmseg.cli.console import console_log, log
from llmseg.cli.hardware import torch_device
from llmseg.cli.score_boxes import ask
from llmseg.cli.trained_boxes import load_boxes
from llmseg.data.boxes.sample import Boxes, Sample
from llmseg.errors import ConfigError
from llmseg.inference.slices import Look, find_slices
from llmseg.plots.boxes import draw_case
from llmseg.runs import RunFolder
from llmseg.whole import write

if TYPE_CHECKING:
    from omegaconf import DictConfig


def predict_boxes(cfg: "DictConfig", run: RunFolder) -> None:
    """Ask the run's model about slices; write a line a slice, and a picture each into a folder of the file's name.

    Raises:
        UserError: no such input, or one that cannot be read; nothing is written then.
    """
    output = Path(cfg.output).expanduser()
    if output.suffix != ".jsonl":
        raise ConfigError(f"output={output}: boxes are written into a file; name one, such as found.jsonl")
    node = run.config["data"]
    if cfg.slices is not None and cfg.slices < 1:
        raise ConfigError(f"slices={cfg.slices}: give 1 or more, or null for all")
    look = Look(node["sequences"], node["plane"] or "axial", cfg.slices, cfg.slice)
    samples = find_slices(Path(cfg.input).expanduser(), look)
    model = load_boxes(run, cfg.checkpoint).to(torch_device(cfg.accelerator))
    answers = [answer for sample in samples for answer in ask(model, [sample])]
    lines = []
    with console_log(output.with_suffix(".log")):
        for sample, (text, decoded) in zip(samples, answers, strict=True):
            draw_case(sample, decoded.boxes, output.with_suffix("") / _picture(sample))
            lines.append(_line(sample, decoded.boxes, text, decoded.reason))
        write(output, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        found = sum(bool(line["box"]) for line in lines)
        unread = sum(line["reason"] is not None for line in lines)
        log.info(
            f"{output}: {found} of {len(lines)} slices with a box{f', {unread} answers unreadable' * bool(unread)}; "
            f"pictures in {output.with_suffix('')}"
        )


def _picture(sample: Sample) -> str:
    record = sample.record
    place = f"line{record.line}" if record.slice is None else f"{record.plane}{record.slice}"
    return f"{record.case.replace('/', '_')}_{place}.png"


def _line(sample: Sample, boxes: Boxes, text: str | None, reason: str | None) -> dict[str, Any]:
    record = sample.record
    return {
        "case": record.case,
        "plane": record.plane,
        "slice": record.slice,
        "box": [[round(value, 1) for value in (b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1)] for b in boxes],
        "spacing": record.spacing,
        "sequences": list(sample.images),
        "text": text,
        "reason": reason,
    }
