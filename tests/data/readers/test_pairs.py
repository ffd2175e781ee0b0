"""Pictures and masks are paired by name, or one line says which are not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from llmseg.data.files import read_voxels
from llmseg.data.readers import pairs
from llmseg.data.scan import load_scan
from llmseg.data.validation import check_cases
from llmseg.errors import ConfigError, DataError
from tests.data.make import one_line, write_text
from tests.data.make_pictures import disc, pairs_folder, write_picture

NAMES = ["1077", "1078", "1079"]


@pytest.mark.parametrize(
    ("layout", "options"),
    [
        ({}, {}),
        ({}, {"mask_suffix": "_seg"}),
        ({"suffix": "_m", "extensions": (".jpg", ".jpg")}, {}),
        ({"suffix": "_annotated", "extensions": (".bmp", ".tif")}, {"mask_suffix": "_annotated"}),
        ({"images": "images", "masks": "masks", "suffix": ""}, {}),
        ({"images": "images", "masks": "Masks", "suffix": "_m", "extensions": (".jpg", ".png")}, {}),
        ({"images": "a/b", "masks": "c", "suffix": ""}, {"images": "a/b", "masks": "c", "mask_suffix": ""}),
        ({"images": "a", "masks": "c", "suffix": "_segmentation"}, {"images": "a", "masks": "c"}),
        ({"images": "a", "masks": "a", "suffix": "_seg"}, {"images": "a"}),
    ],
)
def test_all_layouts(tmp_path: Path, layout: dict, options: dict) -> None:
    pairs_folder(tmp_path, NAMES, **layout)
    cases = pairs.read(tmp_path, **options)
    check_cases(cases, labelled=True)
    assert [case.id for case in cases] == NAMES
    for seed, case in enumerate(cases):
        scan = load_scan(case)
        assert scan.image.shape == (1, 24, 32, 1)
        assert scan.label is not None
        np.testing.assert_array_equal(scan.label[..., 0], disc(seed))
        assert case.labels == {"foreground": (1,)}
        assert case.group == case.id


def test_channels_of_colour(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES, colour=True)
    case = pairs.read(tmp_path, modalities=["green", "red"], classes=["disc"])[0]
    image = load_scan(case).image
    assert image.shape == (2, 24, 32, 1)
    # only red tells the disc
    assert image[1, ..., 0][disc()].min() > image[1, ..., 0][~disc()].max()
    assert abs(image[0, ..., 0][disc()].mean() - image[0, ..., 0][~disc()].mean()) < 10


def test_masks_with_several_classes(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES)
    numbers = np.zeros((24, 32), np.uint8)
    numbers[3:5], numbers[8:9], numbers[20:] = 1, 2, 3
    for name in NAMES:
        write_picture(tmp_path / f"{name}_seg.png", numbers)
    case = pairs.read(tmp_path, classes={"disc": 1, "cup": [2, 3]})[0]
    assert case.labels == {"disc": (1,), "cup": (2, 3)}
    raw = load_scan(case).label
    assert raw is not None
    np.testing.assert_array_equal(raw[..., 0], numbers)
    with pytest.raises(
        DataError, match=r"1077_seg\.png: unknown label values 2, 3"
    ):  # the file, not what is read of it
        load_scan(pairs.read(tmp_path, classes={"disc": 1})[0])


def test_groups_from_names(tmp_path: Path) -> None:
    pairs_folder(tmp_path, ["video1_frame1", "video1_frame2", "video2_frame1"])
    cases = pairs.read(tmp_path, group_pattern=r"^(video\d+)_")
    assert [case.group for case in cases] == ["video1", "video1", "video2"]


def test_groups_from_a_table(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES)
    table = write_text(tmp_path / "t.csv", "lesion_id,image_id\nA,1077\nB,1078\nA,1079\n")
    groups = {"file": "t.csv", "case": "image_id", "group": "lesion_id"}
    assert [case.group for case in pairs.read(tmp_path, groups=groups)] == ["A", "B", "A"]
    write_text(table, "lesion_id,image_id\nA,1077\nB,1078\n")
    with pytest.raises(DataError) as caught:
        pairs.read(tmp_path, groups=groups)
    one_line(caught.value, "1079.png", "t.csv")
    with pytest.raises(DataError, match="no column 'lesion'"):
        pairs.read(tmp_path, groups={**groups, "group": "lesion"})
    with pytest.raises(DataError, match=r"u.csv: no such file"):
        pairs.read(tmp_path, groups={**groups, "file": "u.csv"})


def _twice(root: Path) -> None:
    write_picture(root / "masks" / "1078.jpg", np.uint8(255) * disc())


def _other_size(root: Path) -> None:
    write_picture(root / "masks" / "1078.png", np.uint8(255) * disc(size=(32, 24)))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "picture without mask": (lambda root: (root / "masks" / "1078.png").unlink(), "images/1078.png"),
    "mask without picture": (lambda root: (root / "images" / "1078.png").unlink(), "masks/1078.png"),
    "two masks": (_twice, "1078.jpg"),
    "two pictures": (lambda root: write_picture(root / "images" / "1078.bmp", np.uint8(9) * disc()), "1078.bmp"),
    "other size": (
        _other_size,
        "masks/1078.png: differs from {root}/images/1078.png in shape (32x24x1 against 24x32x1",
    ),
    "truncated": (lambda root: (root / "images" / "1078.png").write_bytes(b"\x89PNG"), "images/1078.png"),
    "no pictures": (lambda root: [path.unlink() for path in (root / "images").iterdir()], "images"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_pairs(tmp_path: Path, fault: str) -> None:
    pairs_folder(tmp_path, NAMES, "images", "masks", "")
    damage, expected = FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(DataError) as caught:
        check_cases(pairs.read(tmp_path))
    one_line(caught.value, expected.format(root=tmp_path))


def test_all_that_is_missing_is_counted(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES, "images", "masks", "")
    for name in NAMES[:2]:
        (tmp_path / "masks" / f"{name}.png").unlink()
    with pytest.raises(DataError, match=r"1077.png: picture without a mask 1077 \(and 1 more: 1078\)"):
        pairs.read(tmp_path)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"modalities": ["gray"]}, "data.modalities"),
        ({"modalities": []}, "data.modalities"),
        ({"modalities": ["red", "red"]}, "data.modalities"),
        ({"classes": ["a", "b"]}, "data.reader.classes"),
        ({"classes": {"a": 0}}, "data.reader.classes"),
        ({"mask_suffix": ""}, "data.reader.mask_suffix"),
        ({"group_pattern": "("}, "data.reader.group_pattern"),
        ({"group_pattern": r"\d+"}, "one group"),
        ({"group_pattern": "(a)", "groups": {}}, "not both"),
        ({"groups": {"file": "a.csv"}}, "data.reader.groups"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict, expected: str) -> None:
    pairs_folder(tmp_path, NAMES)
    with pytest.raises(ConfigError) as caught:
        pairs.read(tmp_path, **options)
    one_line(caught.value, expected)


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES)
    for options in ({"images": "frames"}, {"masks": "truth"}):
        with pytest.raises(DataError, match=r"does not exist: set data\.root to the data set's folder: the shop"):
            pairs.read(tmp_path, source="the shop", **options)
    with pytest.raises(DataError, match="mask_suffix"):
        pairs.read(pairs_folder(tmp_path / "b", NAMES, suffix="_odd"))
    with pytest.raises(DataError, match="group_pattern"):
        pairs.read(tmp_path, group_pattern="(video)")


def test_read_opens_no_pixels(tmp_path: Path) -> None:
    pairs_folder(tmp_path, NAMES)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    assert len(pairs.read(tmp_path)) == 3
    with pytest.raises(DataError):
        read_voxels(pairs.read(tmp_path)[0].images[0])
