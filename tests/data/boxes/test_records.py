"""summary.jsonl: the post's lines, ours, round trips, and every way in which a line can be wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmseg.data.boxes.pictures import check_images
from llmseg.data.boxes.records import read_records, write_records
from llmseg.data.boxes.sample import Box
from llmseg.errors import DataError
from tests.data.boxes.slices import line, picture, record, summary
from tests.data.make import one_line


def test_the_posts_own_line(tmp_path: Path) -> None:
    (found,) = read_records(summary(tmp_path, [line(tmp_path)]))
    assert list(found.images) == ["t2f", "t2w", "t1n", "t1c"]
    assert found.images["t1c"] == tmp_path / "BraTS-GLI-00000-000_2_4.jpg"
    assert (found.case, found.group) == ("BraTS-GLI-00000-000", "BraTS-GLI-00000")
    assert (found.plane, found.slice, found.spacing, found.line) == ("sagittal", None, None, 1)
    assert found.boxes == (Box(3, 4, 9, 12),)


def test_round_trip(tmp_path: Path) -> None:
    images = {name: picture(tmp_path / "images" / f"{name}.png") for name in ("LGE-MRI", "image 0")}
    outside = picture(tmp_path.parent / f"{tmp_path.name}-other.png")
    records = [record(images, boxes=(Box(0, 1.5, 3, 4), Box(5, 5, 6, 6))), record({"t2f": outside}, "coronal")]
    file = tmp_path / "summary.jsonl"
    write_records(file, records)
    found = read_records(file)
    assert [list(each.images) for each in found] == [["LGE-MRI", "image 0"], ["t2f"]]
    for before, after in zip(records, found, strict=True):
        assert (after.case, after.group, after.plane, after.slice, after.boxes, after.spacing, dict(after.images)) == (
            before.case, before.group, before.plane, before.slice, before.boxes, before.spacing, before.images
        )  # fmt: skip
    first, second = map(json.loads, file.read_text().splitlines())
    assert first["LGE-MRI Axial_path"] == "images/LGE-MRI.png"
    assert first["box"] == [[0, 1.5, 3, 2.5], [5, 5, 1, 1]]
    assert second["t2f Coronal_path"] == str(outside)
    assert second["box"] == []
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    assert read_records(moved / "summary.jsonl")[0].images["image 0"].parent == moved / "images"
    shutil.move(moved, tmp_path)


def test_other_ways_to_write_paths_and_keys(tmp_path: Path) -> None:
    path = picture(tmp_path / "deep" / "P1_3_0.png")
    lines = [
        {"t2f AXIAL_path": "deep\\P1_3_0.png", "box": []},
        {"t2f Axial_path": str(path), "box": [], "unknown": 1},
        {"t2f Axial_path": str(picture(tmp_path / "named.png")), "box": [], "case": "P2_0", "patient": "P2"},
    ]
    found = read_records(summary(tmp_path, [*lines[:2], "", "\r", lines[2]]))
    assert [each.case for each in found] == ["P1", "P1", "P2_0"]
    assert [each.line for each in found] == [1, 2, 5]
    assert found[0].images == found[1].images
    assert found[2].group == "P2"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"box": None}, "'box' is missing"),
    ({"box": 3}, "must be a list"),
    ({"box": [1, 2, 3, 4]}, "[x, y, width, height]"),
    ({"box": [[1, 2, 3]]}, "[1, 2, 3] is not"),
    ({"box": [[1, 2, 3, "4"]]}, "four numbers"),
    ({"box": [[1, 2, 3, True]]}, "four numbers"),
    ({"box": [[1, 2, 3, float("nan")]]}, "four numbers"),
    ({"box": [[1, 2, 10**400, 3]]}, "four numbers"),
    ({"box": [[1, 2, 0, 3]]}, "has no size"),
    ({"box": [[1, 2, 3, -3]]}, "has no size"),
    ({"box": [[-1, 2, 3, 3]]}, "outside"),
    ({"t2f__Sagittal_path": "gone.jpg"}, "gone.jpg: no such file"),
    ({"t2f__Sagittal_path": 7}, "must be a path"),
    ({"t2x__Axial_path": "BraTS-GLI-00000-000_2_0.jpg"}, "several planes (axial, sagittal)"),
    ({"plane": "axial"}, "'plane' says 'axial'"),
    ({"case": 7}, "'case' must be a name"),
    ({"slice": 1.5}, "'slice'"),
    ({"spacing": [1, 0]}, "'spacing'"),
]


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_lines(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    file = summary(tmp_path, [line(tmp_path), line(tmp_path, **changes)])
    with pytest.raises(DataError) as caught:
        read_records(file)
    one_line(caught.value, f"{file}, line 2", words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"t2f Sagittal_path": ', "not valid JSON"),
        ("[1]", "not a list"),
        ("{}", "names no image"),
        ('{"box": [], "box": [[1, 2, 3, 4]]}', "'box' is there twice"),
        ("[" * 100_000, "not valid JSON"),
        ('{"box": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_broken_lines(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_records(summary(tmp_path, [text]))
    assert len(one_line(caught.value, "line 1", words)) < 400


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_empty_file(content: str, tmp_path: Path) -> None:
    file = summary(tmp_path, [content])
    with pytest.raises(DataError, match="is empty"):
        read_records(file)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file: make one with python -m llmseg\.cli\.boxes"):
        read_records(tmp_path / "summary.jsonl")
    (tmp_path / "summary.jsonl").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataError, match="cannot be read"):
        read_records(tmp_path / "summary.jsonl")


def test_lines_that_contradict_each_other(tmp_path: Path) -> None:
    one, other = line(tmp_path), line(tmp_path, box=[[1, 1, 2, 2]])
    with pytest.raises(DataError) as caught:
        read_records(summary(tmp_path, [one, one, other]))
    one_line(caught.value, "line 3", "line 1 too, with other boxes")
    other = line(tmp_path, "BraTS-GLI-00000-000_3", patient="somebody")
    with pytest.raises(DataError) as caught:
        read_records(summary(tmp_path, [one, other]))
    one_line(caught.value, "line 2", "patient somebody, but of BraTS-GLI-00000 in line 1")


def test_images_of_two_cases_in_a_line(tmp_path: Path) -> None:
    line(tmp_path, "BraTS-GLI-00007-000_2")
    bad = line(tmp_path, t2w__Sagittal_path="BraTS-GLI-00007-000_2_2.jpg")
    with pytest.raises(DataError, match="images of BraTS-GLI-00000-000 and BraTS-GLI-00007-000"):
        read_records(summary(tmp_path, [bad]))


def test_images_are_checked_by_their_headers(tmp_path: Path) -> None:
    file = summary(tmp_path, [line(tmp_path, box=[[0, 0, 20, 16]])])
    check_images(read_records(file), file)
    picture(tmp_path / "BraTS-GLI-00000-000_2_3.jpg", (19, 16))
    with pytest.raises(DataError) as caught:
        check_images(read_records(file), file)
    one_line(caught.value, "line 1", "2_3.jpg is 19 x 16 pixels", "2_0.jpg is 20 x 16")


@pytest.mark.parametrize("box", [[15, 0, 6, 5], [0, 12, 5, 5], [3, 3, 200, 2]])
def test_box_outside_its_image(box: list[int], tmp_path: Path) -> None:
    file = summary(tmp_path, [line(tmp_path, box=[[1, 1, 2, 2], box])])
    with pytest.raises(DataError) as caught:
        check_images(read_records(file), file)
    one_line(caught.value, "line 1", str(box), "outside its image of 20 x 16")


def test_no_picture(tmp_path: Path) -> None:
    file = summary(tmp_path, [line(tmp_path)])
    (tmp_path / "BraTS-GLI-00000-000_2_3.jpg").write_text("text")
    with pytest.raises(DataError, match="not a readable"):
        check_images(read_records(file), file)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), st.lists, max_leaves=6
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["box", "case", "patient", "slice", "plane", "spacing", "t2f Sagittal_path"]), value=_JSON)
def test_any_value_is_read_or_named(key: str, value: Any, tmp_path: Path) -> None:
    file = summary(tmp_path, [line(tmp_path) | {key: value}])
    try:
        read_records(file)
    except DataError as error:
        one_line(error, "line 1")
