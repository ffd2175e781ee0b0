"""Uploads in, masks and pictures out, by networks whose masks are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nibabel.loadsave import load
from PIL import Image

from llmseg.cli.app import loaders
from llmseg.errors import DataError, UserError
from llmseg.inference.inputs import Channels
from llmseg.runs import RunFolder
from llmseg.web.offers import find_offers
from llmseg.web.segment import Predict, Segmented, segment, slots
from tests.inference.make_run import THRESHOLD, blobs, threshold_run
from tests.web.make_runs import SHAPE, photo, scan


def predict_of(run: Path) -> Predict:
    return loaders(torch.device("cpu"), "last").predict(RunFolder(run))


def segmented(tmp_path: Path, run: Path, *files: Path | None) -> Segmented:
    (tmp_path / "out").mkdir()
    return segment(predict_of(run), RunFolder(run).config, files, tmp_path / "out")


def test_a_volume_gets_the_mask_of_the_command_line(tmp_path: Path) -> None:
    source = scan(tmp_path / "scan.nii.gz")
    found = segmented(tmp_path, threshold_run(tmp_path / "run", 3), source)
    (file,) = found.files
    mask: Any = load(file)
    assert file.name == "scan.nii.gz"
    np.testing.assert_array_equal(mask.affine, load(source).affine)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(np.asarray(mask.dataobj), blobs(SHAPE) > THRESHOLD)
    (row,) = found.rows
    assert row["ml"] == pytest.approx(row["voxels"] * 0.7 * 0.7 * 3 / 1000)


def test_pictures_of_slices_show_the_right_place(tmp_path: Path) -> None:
    """The scan's axes run to left and posterior: in RAS both are flipped."""
    found = segmented(tmp_path, threshold_run(tmp_path / "run", 3), scan(tmp_path / "scan.nii.gz"))
    truth = (blobs(SHAPE) > THRESHOLD)[::-1, ::-1]
    np.testing.assert_array_equal(found.label[0], truth)
    assert found.planes == ("axial", "coronal", "sagittal")
    assert [found.count(plane) for plane in found.planes] == [12, 36, 30]
    fullest = found.fullest("axial")
    assert fullest == truth.sum((0, 1)).argmax()
    full, other = found.draw("axial", fullest), found.draw("axial", int(truth.sum((0, 1)).argmin()))
    assert coloured(full) > coloured(other)
    height, width, _ = found.draw("sagittal", 3).shape
    assert height > width  # 12 slices of 3 mm, 36 of .7 mm: upright, and below it the legend


def coloured(picture: np.ndarray) -> int:
    return int((np.ptp(picture.astype(int), axis=-1) > 20).sum())


def test_several_channels_and_classes(tmp_path: Path) -> None:
    run = threshold_run(tmp_path / "run", 3, channels=2, classes=2, modalities=["flair", "t1ce"])
    one, two = scan(tmp_path / "a.nii.gz", 1), scan(tmp_path / "b.nii", 2)
    found = segmented(tmp_path, run, one, two)
    mean = (blobs(SHAPE, 1) + blobs(SHAPE, 2)) / 2
    expected = (mean > THRESHOLD).astype(int) + (mean > 1.5 * THRESHOLD)
    (file,) = found.files
    np.testing.assert_array_equal(np.asarray(load(file).dataobj), expected)  # type: ignore[attr-defined]
    assert [row["class"] for row in found.rows] == ["one", "two"]


def test_regions_have_a_file_each_and_are_drawn_both(tmp_path: Path) -> None:
    run = threshold_run(tmp_path / "run", 3, classes=2, overlapping=True)
    found = segmented(tmp_path, run, scan(tmp_path / "scan.nii.gz"))
    assert [file.name for file in found.files] == ["scan_one.nii.gz", "scan_two.nii.gz"]
    assert found.label.shape == (2, *SHAPE)
    assert coloured(found.draw("axial", found.fullest("axial"))) > 0


def test_a_picture_for_a_network_of_pictures(tmp_path: Path) -> None:
    run = threshold_run(tmp_path / "run", 2, image_size=[30, 40], intensity="unit", window=None)
    source = photo(tmp_path / "photo.png")
    found = segmented(tmp_path, run, source)
    grey = np.asarray(Image.open(source))
    np.testing.assert_array_equal(np.asarray(Image.open(found.files[0])) > 0, grey / 255 > 0.5)
    assert found.planes == ("picture",)
    assert found.rows[0]["ml"] is None
    assert found.draw("picture", 0).ndim == 3


def test_how_many_files_are_asked_for() -> None:
    assert slots(Channels(1)) == ("scan",)
    assert slots(Channels(2, ("flair", "t2"))) == ("flair", "t2")
    assert slots(Channels(2)) == ("channel 0", "channel 1")
    assert slots(Channels(3, ("red", "green", "blue"))) == ("picture",)


def bad(tmp_path: Path, name: str) -> list[Path | None]:
    one, other = scan(tmp_path / "one.nii.gz"), scan(tmp_path / "other.nii.gz", 1, (30, 36, 10))
    (tmp_path / "text.nii.gz").write_text("this is a text")
    (tmp_path / "notes.txt").write_text("this is a text")
    (tmp_path / "photo.png").write_text("this is a text")
    files = {
        "none": [None, None], "one": [one, None], "grids": [one, other], "text": [tmp_path / "text.nii.gz", one],
        "notes": [tmp_path / "notes.txt", None], "photo": [tmp_path / "photo.png", None],
    }  # fmt: skip
    return files[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "no file yet: upload flair, t2"),
        ("one", "t2: no file yet; the run's network takes 2 channels"),
        ("grids", "other.nii.gz"),
        ("text", "text.nii.gz: "),
        ("notes", "notes.txt: not a NIfTI scan .* and not a picture"),
        ("photo", "photo.png: not a readable PNG"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, name: str, message: str) -> None:
    run = threshold_run(tmp_path / "run", 3, channels=2, modalities=["flair", "t2"])
    with pytest.raises(DataError, match=message):
        segmented(tmp_path, run, *bad(tmp_path, name))
    assert not list((tmp_path / "out").iterdir())


def test_a_picture_for_a_network_of_volumes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="was trained on volumes"):
        segmented(tmp_path, threshold_run(tmp_path / "run", 3), photo(tmp_path / "photo.png"))


def test_a_scan_of_too_many_voxels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmseg.web.uploads.MAX_VOXELS", 1000)
    with pytest.raises(DataError, match="30 x 36 x 12 voxels, more than 1,000"):
        segmented(tmp_path, threshold_run(tmp_path / "run", 3), scan(tmp_path / "scan.nii.gz"))


def test_messages_do_not_tell_where_the_server_keeps_uploads_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    from llmseg.web.tabs.segment import forget
    from llmseg.web.tabs.segment import segmented as from_tab

    threshold_run(tmp_path / "runs" / "run", 3)
    (offer,) = find_offers([tmp_path / "runs"])
    (tmp_path / "scratch").mkdir()
    file = photo(tmp_path / "uploads" / "photo.png")
    with pytest.raises(UserError, match=r"^photo.png: ") as caught:
        from_tab(predict_of(offer.run.path), offer, [str(file)], tmp_path / "scratch")
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "scratch").iterdir())
    source = scan(tmp_path / "uploads" / "scan.nii.gz")
    forget(from_tab(predict_of(offer.run.path), offer, [str(source)], tmp_path / "scratch"))
    assert not list((tmp_path / "scratch").iterdir())
