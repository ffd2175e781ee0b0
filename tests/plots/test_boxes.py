"""Pictures of boxes: which slices, and that what is drawn is where it belongs."""

from pathlib import Path

import matplotlib.image as mpimg
import numpy as np
import pytest
from box_samples import make_sample

from llmseg.data.boxes.sample import Box, Sample
from llmseg.plots import boxes as plots


def slices() -> list[Sample]:
    return [make_sample((8, 6, 20, 20), case=f"case{n}", index=n, sequences=("t2f", "t1c")) for n in range(5)]


def answers(samples: list[Sample], shifts: list[float]) -> list[tuple[Box, ...]]:
    return [(Box(8 + by, 6, 20 + by, 20),) for _, by in zip(samples, shifts, strict=True)]


def test_best_median_and_worst_slice() -> None:
    scores = [0.3, 0.9, float("nan"), 0.5, 0.1, 0.7]
    assert plots._chosen(scores) == [("best", 1), ("median", 3), ("worst", 4)]
    assert plots._chosen([0.2, 0.4]) == [("best", 1), ("worst", 0)]
    assert plots._chosen([float("nan")]) == [("", 0)]


def test_mean_iou_of_a_slice() -> None:
    sample = make_sample((0, 0, 10, 10), (20, 0, 30, 10))
    assert plots.mean_iou(sample, (Box(20, 0, 30, 5),)) == pytest.approx(0.25)
    assert plots.mean_iou(sample, ()) == 0
    assert np.isnan(plots.mean_iou(make_sample(), (Box(0, 0, 1, 1),)))


def test_every_method_has_its_colour_on_the_picture(tmp_path: Path) -> None:
    samples = slices()
    found = {name: answers(samples, [shift + n for n in range(5)]) for name, shift in (("model", 0), ("mean", 6))}
    file = tmp_path / "figures" / "boxes.png"
    plots.draw_boxes(samples, found, file, "Where is it?")
    pixels = (mpimg.imread(file)[..., :3] * 255).round().astype(int)
    for colour in plots.COLOURS[: len(found)]:
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels - wanted).sum(axis=-1) < 12).sum() > 200
    once = file.read_bytes()
    plots.draw_boxes(samples, found, file, "Where is it?")
    assert file.read_bytes() == once


def test_a_box_frames_its_pixels() -> None:
    """Half-open edges 8, 6, 20, 20 lie half a pixel before the middles of the pixels that they bound."""
    sample = make_sample((8, 6, 20, 20))
    _, (axes,) = plots.canvas(4, 3)
    plots._draw(axes, sample, sample.images["t2f"], {})
    (frame,) = axes.patches
    left, bottom, right, top = frame.get_bbox().extents
    assert (left, bottom, right, top) == (7.5, 5.5, 19.5, 19.5)


@pytest.mark.parametrize("predicted", [(), (Box(8, 6, 20, 20), Box(30, 2, 35, 8))])
@pytest.mark.parametrize("true", [(), ((8, 6, 20, 20),)])
def test_one_case(tmp_path: Path, predicted: tuple[Box, ...], true: tuple) -> None:
    file = tmp_path / "a" / "case.png"
    plots.draw_case(make_sample(*true, sequences=("t2f", "t1c", "t1n")), predicted, file)
    height, width, _ = mpimg.imread(file).shape
    assert width > 2 * height


def test_spacing_decides_the_height(tmp_path: Path) -> None:
    heights = []
    for spacing in ((1.0, 1.0), (1.0, 3.0)):
        plots.draw_case(make_sample((0, 0, 5, 5), spacing=spacing), (), tmp_path / "case.png")
        heights.append(mpimg.imread(tmp_path / "case.png").shape[0])
    assert heights[1] > 2 * heights[0]


def test_bars_by_patient(tmp_path: Path) -> None:
    scores = {"compact": {"p": 0.5, "q": 0.2}, "mean": {"p": 0.1}}
    plots.bars_by_patient(scores, tmp_path / "bars.png", "IoU by patient")
    assert mpimg.imread(tmp_path / "bars.png").shape[1] == 1200


def test_nothing_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "none.png"
    with pytest.raises(ValueError, match="no boxes"):
        plots.draw_boxes([], {"model": []}, file)
    with pytest.raises(ValueError, match="model: 1 answers for 5 slices"):
        plots.draw_boxes(slices(), {"model": [()]}, file)
    with pytest.raises(ValueError, match="no scores"):
        plots.bars_by_patient({"model": {}}, file)
    assert not file.exists()
