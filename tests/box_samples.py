"""Made-up slices with boxes, for the tests of scores, controls, figures and models."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llmseg.data.boxes.sample import Box, Record, Sample


def make_sample(
    *boxes: tuple[float, float, float, float],
    case: str = "a",
    group: str | None = None,
    plane: str = "axial",
    size: tuple[int, int] = (40, 30),
    spacing: tuple[float, float] | None = (1.0, 1.0),
    index: int | None = 0,
    sequences: Sequence[str] = ("t2f",),
) -> Sample:
    """A slice of (width, height) pixels, dim noise with a bright rectangle for each true box."""
    width, height = size
    image = np.random.default_rng(len(case)).integers(60, 90, (height, width)).astype(np.uint8)
    own = tuple(Box(*map(float, box)) for box in boxes)
    for box in own:
        image[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = 230
    images = {name: Path(f"{case}_{index}_{name}.png") for name in sequences}
    record = Record(case, case if group is None else group, plane, index, images, own, spacing, line=(index or 0) + 1)
    return Sample(record, dict.fromkeys(sequences, image), own)
