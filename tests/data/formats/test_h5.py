"""Volumes in HDF5 files."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.data.formats import h5
from llmseg.errors import DataError
from tests.data.make import mask, noise, one_line, unreadable, write_text
from tests.data.make_volumes import write_h5


def test_a_data_set_is_a_scan_without_a_voxel_size(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "case.h5", image=noise().astype(np.float32), label=mask())
    header = read_header(path / "image")
    assert header.shape == (6, 5, 4)
    np.testing.assert_array_equal(header.affine, np.eye(4))
    np.testing.assert_array_equal(header.spacing, 1)
    np.testing.assert_array_equal(read_voxels(path / "image", np.float32), noise())
    assert read_voxels(path / "label").dtype == np.uint8
    assert files_of(path / "image") == files_of(path / "label") == [path]
    assert h5.keys(path) == ["image", "label"]


def test_voxel_size_of_the_path(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "case.h5", image=noise()) / "image@0.625"
    np.testing.assert_array_equal(read_header(path).affine, np.diag([0.625, 0.625, 0.625, 1]))
    np.testing.assert_array_equal(read_header(path).spacing, 0.625)
    np.testing.assert_array_equal(read_voxels(path), noise())


def _group(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("image")


def _never_written(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (10**6, 10**6, 10**6), "f4", chunks=(64, 64, 64))


def _truncated(path: Path) -> None:
    write_h5(path, image=noise(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:20_000])


def _damaged(path: Path) -> None:
    write_h5(path, image=noise(shape=(40, 40, 40)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(content)


def _table_of_contents(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["image"] = noise()
    content = bytearray(path.read_bytes())
    heap = content.index(b"HEAP")
    content[heap + 16 : heap + 24] = bytes(8)  # where its list of free places begins
    path.write_bytes(content)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "empty": (lambda path: write_text(path, ""), "not a readable HDF5"),
    "text": (lambda path: write_text(path, "no volume"), "not a readable HDF5"),
    "truncated": (_truncated, "not a readable HDF5"),
    "table of contents": (_table_of_contents, "cannot be listed"),
    "other name": (lambda path: write_h5(path, data=noise(), label=mask()), "it holds data, label"),
    "group": (_group, "no data set 'image'"),
    "2D": (lambda path: write_h5(path, image=noise()[0]), "2 dimensions"),
    "4D": (lambda path: write_h5(path, image=noise()[None]), "4 dimensions"),
    "number": (lambda path: h5py.File(path, "w").create_dataset("image", data=3.0).file.close(), "0 dimensions"),
    "no voxels": (lambda path: write_h5(path, image=np.zeros((0, 5, 4))), "holds no voxels"),
    "never written": (_never_written, "holds no voxels"),
    "complex": (lambda path: write_h5(path, image=noise() * 1j), "not single real numbers"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_file(tmp_path: Path, fault: str) -> None:
    damage, words = BROKEN[fault]
    path = tmp_path / "case.h5"
    damage(path)
    unreadable(path, words, place=path / "image")


def test_damaged_voxels(tmp_path: Path) -> None:
    _damaged(tmp_path / "case.h5")
    with pytest.raises(DataError) as caught:
        read_voxels(tmp_path / "case.h5" / "image")
    one_line(caught.value, tmp_path / "case.h5")


def test_file_without_a_name_inside(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "case.h5", image=noise(), label=mask())
    with pytest.raises(DataError) as caught:
        read_header(path)
    one_line(caught.value, path / "image", "image, label")
