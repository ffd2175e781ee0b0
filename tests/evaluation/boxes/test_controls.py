"""Controls on made-up slices, and the bright FLAIR box on real ones."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from box_samples import make_sample
from numpy.typing import NDArray

from llmseg.data.boxes.overlap import iou
from llmseg.data.boxes.sample import Sample
from llmseg.errors import DataError
from llmseg.evaluation.boxes.controls import CONTROLS

TRAIN = [make_sample((0, 0, 10, 10)), make_sample((10, 10, 40, 30), (20, 0, 30, 20))]


def test_centre_and_mean_by_hand() -> None:
    (mean,), (centre,) = (CONTROLS[name](TRAIN, [make_sample()])[0] for name in ("mean", "centre"))
    assert mean == pytest.approx((10, 10 / 3, 80 / 3, 20))  # of three boxes
    assert centre == pytest.approx((20 - 25 / 3, 15 - 25 / 3, 20 + 25 / 3, 15 + 25 / 3))  # as large, in the middle


def test_images_of_other_sizes_count_in_shares() -> None:
    (box,) = CONTROLS["mean"]([make_sample((10, 15, 20, 30), size=(40, 30))], [make_sample(size=(80, 120))])[0]
    assert box == pytest.approx((20, 60, 40, 120))


def test_training_boxes_of_the_same_plane_count_if_there_are_any() -> None:
    train = [make_sample((0, 0, 10, 10)), make_sample((20, 20, 40, 30), plane="sagittal")]
    test = [make_sample(plane="sagittal"), make_sample(plane="coronal")]
    assert CONTROLS["mean"](train, test) == [((20, 20, 40, 30),), ((10, 10, 25, 20),)]


@pytest.mark.parametrize("name", ["centre", "mean"])
def test_without_training_boxes_one_line_says_so(name: str) -> None:
    with pytest.raises(DataError, match="no slice with a box") as error:
        CONTROLS[name]([make_sample()], [make_sample()])
    assert "\n" not in str(error.value)


def test_bright_box_is_found_and_nothing_is_learnt() -> None:
    sample = make_sample((12, 5, 24, 15), (30, 20, 34, 24))  # the larger of two
    (found,) = CONTROLS["bright_flair"]([], [sample])[0]
    assert iou(found, sample.boxes[0]) > 0.8


def test_bright_box_looks_at_flair_wherever_it_stands() -> None:
    sample = make_sample((12, 5, 24, 15))
    bright = sample.images["t2f"]
    other = np.roll(bright, 8, axis=1)
    for images in ({"t1c": other, "t2f": bright}, {"t1ce": other, "FLAIR": bright}, {"LGE": bright, "t1": other}):
        assert CONTROLS["bright_flair"]([], [replace(sample, images=images)]) == CONTROLS["bright_flair"]([], [sample])


@pytest.mark.parametrize("value", [0, 100])
def test_an_even_image_has_no_bright_box(value: int) -> None:
    sample = make_sample((0, 0, 5, 5))
    even = replace(sample, images={"t2f": np.full((30, 40), value, np.uint8)})
    assert CONTROLS["bright_flair"]([], [even]) == [()]


def axial_slices(folder: Path, count: int = 10) -> list[Sample]:
    """Slices of a real patient through at least 200 pixels of tumour, FLAIR windowed to 8 bits."""
    (flair,) = [file for file in folder.glob("*.nii.gz") if file.name.split(".")[0].endswith(("flair", "t2f"))]
    (label,) = folder.glob("*seg.nii.gz")
    volume, mask = (np.asarray(nib.as_closest_canonical(nib.load(file)).dataobj) for file in (flair, label))
    low, high = np.percentile(volume[volume > 0], (1, 99))
    grey = (np.clip((volume - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    able = np.flatnonzero(np.count_nonzero(mask, axis=(0, 1)) >= 200)
    chosen = able[np.linspace(0, len(able) - 1, count).round().astype(int)]
    return [_real_sample(folder.name, int(z), grey[..., z].T, mask[..., z].T > 0) for z in chosen]


def _real_sample(case: str, index: int, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Sample:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    sample = make_sample((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1), case=case, index=index, size=(240, 240))
    return replace(sample, images={"t2f": image})


def test_bright_flair_box_of_the_five_patients(sample_data: Path) -> None:
    folders = sorted(path for path in (sample_data / "BraTS").iterdir() if path.is_dir())
    patients = [axial_slices(folder) for folder in folders]
    means = []
    for samples in patients:
        answers = CONTROLS["bright_flair"]([], samples)
        means.append(
            np.mean([iou(boxes[0], s.boxes[0]) if boxes else 0.0 for boxes, s in zip(answers, samples, strict=True)])
        )
    assert len(means) == 5
    assert np.mean(means) == pytest.approx(0.60, abs=0.03)  # the figure with which the control was proposed
