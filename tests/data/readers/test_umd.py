"""The myoma data set's names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmseg.data.readers import umd
from llmseg.data.scan import encode_label, load_scan
from llmseg.data.validation import check_cases
from llmseg.errors import DataError
from tests.data.make import mask, noise, one_line, write_scan


def folder(root: Path) -> Path:
    """Two patients, one in a folder of its own."""
    for path in (root / "UMD_221129_001_t2", root / "UMD_221129_055" / "UMD_221129_055_t2"):
        write_scan(path.parent / f"{path.name}_0000.nii.gz", noise())
        write_scan(path.parent / f"{path.name}.nii.gz", mask((0, 1, 2, 3, 4)))
    write_scan(root / "UMD_221129_055" / "UMD_221129_055_t1.nii.gz", noise())
    return root


def test_scans_in_folders_of_any_depth(tmp_path: Path) -> None:
    cases = umd.read(folder(tmp_path))
    check_cases(cases, labelled=True)
    assert [case.id for case in cases] == [case.group for case in cases] == ["UMD_221129_001", "UMD_221129_055"]
    raw = load_scan(cases[1]).label
    assert raw is not None
    assert (encode_label(raw, cases[1].labels, ["myoma"], False)[0] == (raw == 3)).all()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda root: (root / "UMD_221129_001_t2.nii.gz").unlink(), "UMD_221129_001_t2_0000.nii.gz"),
        (lambda root: (root / "UMD_221129_001_t2_0000.nii.gz").unlink(), "UMD_221129_001_t2.nii.gz"),
        (lambda root: write_scan(root / "b" / "UMD_221129_001_t2.nii", noise()), "the same scan twice"),
        (
            lambda root: [path.unlink() for path in root.rglob("*_0000.nii.gz")],
            "set data.root to the data set's folder: the shop",
        ),
    ],
)
def test_faulty_folders(tmp_path: Path, damage: Callable[[Path], object], expected: str) -> None:
    damage(folder(tmp_path))
    with pytest.raises(DataError) as caught:
        umd.read(tmp_path, "the shop")
    one_line(caught.value, expected)
