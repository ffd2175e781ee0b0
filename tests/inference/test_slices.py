"""What box models are asked about."""

from pathlib import Path

import pytest

from llmseg.data.boxes.sample import Sample
from llmseg.errors import ConfigError, DataError
from llmseg.inference.slices import Look, find_slices
from tests.data.boxes.slices import line, summary
from tests.data.make import brats_case, noise, write_scan


def names(samples: list[Sample]) -> list[tuple[str, tuple[str, ...]]]:
    return list(dict.fromkeys((sample.record.case, tuple(sample.images)) for sample in samples))


def test_a_case_has_the_most_of_the_sequences_that_are_there(tmp_path: Path) -> None:
    brats_case(tmp_path / "BraTS-GLI-00001-000", ("t2f", "t1c"))
    brats_case(tmp_path / "BraTS-GLI-00002-000", ("t1c",))
    found = find_slices(tmp_path, Look(("t2f", "t2w", "t1c"), "axial", slices=1))
    assert names(found) == [("BraTS-GLI-00001-000", ("t2f", "t1c")), ("BraTS-GLI-00002-000", ("t1c",))]


def test_older_names_of_sequences_are_told_apart(tmp_path: Path) -> None:
    brats_case(tmp_path / "brats_2013_pat0001_1", ("t1",))
    assert names(find_slices(tmp_path, Look(("flair", "t1"), "axial", slices=1))) == [("brats_2013_pat0001_1", ("t1",))]


def test_channels_without_names_are_one_case(tmp_path: Path) -> None:
    for number in range(2):
        write_scan(tmp_path / f"a_{number:04d}.nii.gz", noise(number))
    assert names(find_slices(tmp_path, Look(("A", "B"), "axial", slices=1))) == [("a", ("A", "B"))]


def test_one_slice_or_all(tmp_path: Path) -> None:
    case = brats_case(tmp_path / "BraTS-GLI-00001-000", ("t2f",))
    one = find_slices(case, Look(("t2f",), "axial", slice=1))
    assert [sample.record.slice for sample in one] == [1]
    depth = len(find_slices(case, Look(("t2f",), "axial", slices=None)))
    with pytest.raises(ConfigError, match=rf"slice={depth}: .* has axial slices 0 to {depth - 1}"):
        find_slices(case, Look(("t2f",), "axial", slice=depth))


def test_lines_of_a_summary(tmp_path: Path) -> None:
    summary(tmp_path, [line(tmp_path, "BraTS-GLI-00000-000_2")])
    assert names(find_slices(tmp_path, Look(("t1c",), "sagittal"))) == [("BraTS-GLI-00000-000", ("t1c",))]
    with pytest.raises(DataError, match="line 1: has none of the run's sequences LGE"):
        find_slices(tmp_path, Look(("LGE",), "sagittal"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no scan of t2f"):
        find_slices(tmp_path, Look(("t2f",), "axial"))
    with pytest.raises(DataError, match="no such file"):
        find_slices(tmp_path / "nowhere", Look(("t2f",), "axial"))
