"""NRRD files, written by pynrrd."""

from collections.abc import Callable
from pathlib import Path

import nrrd
import numpy as np
import pytest

from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.errors import DataError
from tests.data.make import AFFINE, noise, one_line, unreadable, write_text
from tests.data.make_volumes import LPS, write_nrrd


@pytest.mark.parametrize("encoding", ["gzip", "raw"])
def test_header_and_voxels_are_those_written(tmp_path: Path, encoding: str) -> None:
    path = write_nrrd(tmp_path / "scan.nrrd", noise(), encoding=encoding)
    header = read_header(path)
    assert header.shape == (6, 5, 4)
    np.testing.assert_allclose(header.affine, AFFINE)
    np.testing.assert_allclose(header.spacing, [1, 1.5, 2])
    np.testing.assert_array_equal(read_voxels(path), noise())
    assert read_voxels(path).dtype == np.int16
    assert read_voxels(path, np.float32).dtype == np.float32
    assert files_of(path) == [path]


def test_oblique_grid(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) @ np.diag([0.5, 2, 3])
    affine[:3, 3] = (-10, 20, 30)
    header = read_header(write_nrrd(tmp_path / "scan.nrrd", noise(), affine))
    np.testing.assert_allclose(header.affine, affine, atol=1e-9)


def test_space_of_the_file_is_respected(tmp_path: Path) -> None:
    """NRRD format definition, `space`: the same numbers in RAS are another place than in LPS."""
    lps = LPS @ AFFINE
    geometry = {"space directions": lps[:3, :3].T, "space origin": lps[:3, 3]}
    path = write_nrrd(tmp_path / "scan.nrrd", noise(), **{**geometry, "space": "right-anterior-superior"})
    np.testing.assert_allclose(read_header(path).affine, lps)


def test_file_without_a_space_is_voxels(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "scan.nrrd"), noise())
    np.testing.assert_allclose(read_header(tmp_path / "scan.nrrd").spacing, 1)


def _truncated(path: Path) -> None:
    write_nrrd(path, noise(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:20_000])


def _lying(path: Path) -> None:
    write_nrrd(path, noise(shape=(6, 6, 6)))
    path.write_bytes(path.read_bytes().replace(b"sizes: 6 6 6", b"sizes: 60000 60000 60000"))


HEADERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "empty": (lambda path: write_text(path, ""), "not a readable NRRD"),
    "text": (lambda path: write_text(path, "no scan"), "not a readable NRRD"),
    "2D": (lambda path: nrrd.write(str(path), noise()[0]), "2 dimensions"),
    "4D": (lambda path: nrrd.write(str(path), noise(shape=(2, 3, 4, 5))), "4 dimensions"),
    "vectors": (
        lambda path: write_nrrd(
            path,
            noise(shape=(3, 6, 5, 4)),
            **{"space directions": [[np.nan] * 3, *np.eye(3)], "kinds": ["vector", "domain", "domain", "domain"]},
        ),
        "3 values a voxel",
    ),
}


@pytest.mark.parametrize("fault", HEADERS)
def test_broken_header(tmp_path: Path, fault: str) -> None:
    damage, words = HEADERS[fault]
    path = tmp_path / "scan.nrrd"
    damage(path)
    unreadable(path, words)


@pytest.mark.parametrize("damage", [_truncated, _lying])
def test_broken_voxels(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(tmp_path / "scan.nrrd")
    with pytest.raises(DataError) as caught:
        read_voxels(tmp_path / "scan.nrrd")
    one_line(caught.value, tmp_path / "scan.nrrd")
