"""Runs for the page, and models that answer at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import yaml
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image
from PIL import Image

from llmseg.data.boxes.sample import Box, Sample
from llmseg.data.reports.sample import Report
from llmseg.language.codecs.base import Decoded
from llmseg.language.writing import Generation, Written
from tests.inference.make_run import blobs

AFFINE = np.array([[-0.7, 0, 0, 90], [0, -0.7, 0, 80], [0, 0, 3.0, -40], [0, 0, 0, 1]])
SHAPE = (30, 36, 12)


class StubWriter:
    """Says what it was given."""

    identity: dict[str, str] = {}  # noqa: RUF012

    def prompt_of(self, report: Report) -> str:
        return f"{report.instruction}|{report.input}"

    def write(self, reports: Sequence[Report], how: Generation) -> Iterator[tuple[int, Written]]:
        for number, report in enumerate(reports):
            if "crash" in report.input:
                raise RuntimeError("secret detail /etc/somewhere")
            sleep(2 * ("slow" in report.input))
            yield number, Written(f"Impression of [{self.prompt_of(report)}]", is_cut="long" in report.input)


def stub_ask(sample: Sample) -> tuple[str | None, Decoded]:
    width, height = sample.size
    return "(0.25, 0.25)", Decoded((Box(width / 4, height / 4, width / 2, height / 2),))


def stub_run(folder: Path, **config: Any) -> Path:
    """A folder with this configuration and an empty checkpoint."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").touch()
    (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    return folder


def report_run(folder: Path, language: str = "en", prompt: dict[str, Any] | None = None, **data: Any) -> Path:
    """A run that writes reports."""
    own = prompt or {"name": "impression", "text": "{instruction} {input}", "instruction": "Summarise."}
    columns = {"input": ["clinical_information", "findings"]}
    return stub_run(folder, task="report", llm={"prompt": own}, data={"language": language, "columns": columns, **data})


def box_run(folder: Path, sequences: Sequence[str] = ("t2f", "t1c"), plane: str = "axial") -> Path:
    """A run that finds boxes."""
    return stub_run(folder, task="grounding", data={"sequences": list(sequences), "plane": plane})


def scan(path: Path, seed: int = 0, shape: tuple[int, ...] = SHAPE, affine: np.ndarray = AFFINE) -> Path:
    """A smooth scan of 0 to 1000."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(Nifti1Image(blobs(shape, seed), affine), path)
    return path


def photo(path: Path, size: tuple[int, int] = (40, 30), seed: int = 0) -> Path:
    """A grey picture of that width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = blobs((size[1], size[0], 8), seed)[..., 4] * 0.255
    Image.fromarray(grey.astype(np.uint8)).save(path)
    return path
