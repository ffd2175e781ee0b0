"""The picture of ROUGE-L: everything that is known is drawn, and nothing else."""

from pathlib import Path
from typing import Any

import matplotlib.image as mpimg
import numpy as np
import pytest

from llmseg.plots.figures import COLOURS
from llmseg.plots.reports import draw_rouge


def summary(mean: float | None, abnormal: float | None = None) -> dict[str, Any]:
    def part(value: float | None, n: int) -> dict[str, Any]:
        interval = None if value is None else [value - 0.05, value + 0.05]
        return {"reports": n, "mean": {"rougeL_f": value}, "mean_interval": {"rougeL_f": interval}}

    return {**part(mean, 343), "subsets": {"abnormal": None if abnormal is None else part(abnormal, 151)}}


def coloured(file: Path, colour: str) -> int:
    pixels = (mpimg.imread(file)[..., :3] * 255).round().astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - wanted).sum(axis=-1) < 12).sum())


def test_both_kinds_are_drawn(tmp_path: Path) -> None:
    file = tmp_path / "figures" / "rouge.png"
    draw_rouge({"smollm2": summary(0.65, 0.4), "constant": summary(0.44, 0.15)}, file, "Open-i")
    assert coloured(file, COLOURS[0]) > 200
    assert coloured(file, COLOURS[1]) > 200
    once = file.read_bytes()
    draw_rouge({"smollm2": summary(0.65, 0.4), "constant": summary(0.44, 0.15)}, file, "Open-i")
    assert file.read_bytes() == once


def test_without_a_subset_or_an_interval(tmp_path: Path) -> None:
    file = tmp_path / "rouge.png"
    few = summary(0.5)
    few["mean_interval"]["rougeL_f"] = None
    draw_rouge({"few": few, "none": summary(None)}, file)
    assert coloured(file, COLOURS[0]) > 50
    assert coloured(file, COLOURS[1]) == 0


def test_nothing_is_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no ROUGE"):
        draw_rouge({"none": summary(None)}, tmp_path / "rouge.png")
    assert not list(tmp_path.iterdir())
