"""The picture of a run: which cases, which slice, and that what is drawn is where it belongs."""

from pathlib import Path

import matplotlib.image as mpimg
import nibabel as nib
import numpy as np
import pytest

from llmseg.plots.cases import CasePicture, _chosen, best_median_worst, largest_slice, upright


def picture(name: str, dice: float, shape: tuple[int, int] = (20, 30), aspect: float = 1.0) -> CasePicture:
    label = np.zeros((2, *shape), bool)
    label[0, 4:10, 5:12], label[1, 10:16, 15:25] = True, True
    image = np.random.default_rng(0).random(shape)
    return CasePicture(name, dice, image, label, {"prediction": np.roll(label, 2, axis=2)}, aspect, ("liver", "kidney"))


def test_best_median_and_worst_are_chosen() -> None:
    cases = [picture(str(d), d) for d in (0.3, 0.9, 0.5, 0.1, 0.7)] + [picture("none", float("nan"))]
    assert [(rank, case.id) for rank, case in _chosen(cases)] == [("best", "0.9"), ("median", "0.5"), ("worst", "0.1")]
    assert [rank for rank, _ in _chosen(cases[:2])] == ["best", "worst"]
    assert [rank for rank, _ in _chosen(cases[:1])] == ["only"]
    assert [case.id for _, case in _chosen(cases[-1:])] == ["none"]


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_row_for_each_chosen_case(tmp_path: Path, number: int) -> None:
    path = tmp_path / "figures" / "cases.png"
    best_median_worst([picture(f"case{i}", 1 - i / 10) for i in range(number)], path, "title", "demo, not evidence")
    height, width, _ = mpimg.imread(path).shape
    panel = 2.7 * 150 * 20 / 30
    rows = min(number, 3)
    assert height == pytest.approx(150 * 1.34 + rows * (panel + 150 * 0.36), abs=2)
    assert width == pytest.approx(150 * 8.42, abs=2)


def test_spacing_decides_the_height(tmp_path: Path) -> None:
    heights = []
    for aspect in (1.0, 2.0):
        best_median_worst([picture("c", 0.5, aspect=aspect)], tmp_path / "c.png", "title", None)
        heights.append(mpimg.imread(tmp_path / "c.png").shape[0])
    assert heights[1] - heights[0] == pytest.approx(2.7 * 150 * 20 / 30, abs=2)


def test_masks_are_coloured_in_their_own_panels_only(tmp_path: Path) -> None:
    best_median_worst([picture("c", 0.5)], tmp_path / "c.png", "title", None)
    pixels = mpimg.imread(tmp_path / "c.png")[..., :3]
    body = pixels[int(150 * 1.02) : -int(150 * 0.48)]
    coloured = body.max(axis=2) - body.min(axis=2) > 0.1
    thirds = np.array_split(coloured.mean(axis=0), 3)
    assert thirds[0].max() == 0
    assert min(thirds[1].max(), thirds[2].max()) > 0.2


def test_same_input_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        best_median_worst([picture("c", 0.5)], tmp_path / name, "title", None)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_empty_masks_and_constant_images_can_be_drawn(tmp_path: Path) -> None:
    nothing = np.zeros((1, 8, 8), bool)
    case = CasePicture("c", float("nan"), np.zeros((8, 8)), nothing, {"prediction": nothing}, 1.0, ("liver",))
    best_median_worst([case], tmp_path / "c.png", "title", None)
    assert (tmp_path / "c.png").stat().st_size > 0
    with pytest.raises(ValueError, match="no cases"):
        best_median_worst([], tmp_path / "none.png", "title", None)
    assert not (tmp_path / "none.png").exists()


def test_largest_slice_counts_voxels_of_any_class_once() -> None:
    label = np.zeros((2, 5, 6, 7), bool)
    label[:, 1, :3, 0] = True  # three voxels, in both classes
    label[0, 3, :4, 2] = True
    assert [largest_slice(label, axis) for axis in (0, 1, 2)] == [3, 0, 2]
    assert largest_slice(np.zeros((1, 5, 6, 7), bool), 2) == 3


def test_upright_puts_anterior_and_superior_on_top() -> None:
    x, y, z = np.indices((3, 4, 5))
    axial, sagittal = upright(y, 2, 0), upright(z, 0, 1)
    assert axial.shape == (4, 3)
    assert list(axial[:, 0]) == [3, 2, 1, 0]
    assert list(sagittal[:, 0]) == [4, 3, 2, 1, 0]
    assert list(upright(x, 2, 0)[0]) == [0, 1, 2]
    assert upright(np.stack([x, y]), 2, 0).shape == (2, 4, 3)


def test_a_real_case(sample_data: Path, tmp_path: Path) -> None:
    folder = sample_data / "Dataset104_Hippocampus"
    image = nib.as_closest_canonical(nib.load(folder / "imagesTr" / "hippocampus_001_0000.nii.gz"))
    label = np.asarray(nib.as_closest_canonical(nib.load(folder / "labelsTr" / "hippocampus_001.nii.gz")).dataobj)
    masks = np.stack([label == 1, label == 2])
    index = largest_slice(masks, 0)
    assert masks[:, index].any(axis=(1, 2)).all()
    pixels, mask = upright(np.asarray(image.dataobj), 0, index), upright(masks, 0, index)
    case = CasePicture("hippocampus_001", 1.0, pixels, mask, {"prediction": mask}, 1.0, ("anterior", "posterior"))
    best_median_worst([case], tmp_path / "c.png", "hippocampus", None)
    assert mpimg.imread(tmp_path / "c.png").shape[1] == pytest.approx(150 * 8.42, abs=2)
