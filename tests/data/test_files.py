"""Files that can be read, and each way in which they cannot."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Image

from llmseg.data.files import read_header, read_json, read_voxels, require_folder
from llmseg.data.formats.nifti import scans_in, stem
from llmseg.errors import DataError
from tests.data.make import AFFINE, noise, one_line, unreadable, write_scan, write_text


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_header_and_voxels_are_those_written(tmp_path: Path, name: str) -> None:
    path = write_scan(tmp_path / name, noise())
    header = read_header(path)
    assert header.shape == (6, 5, 4)
    np.testing.assert_array_equal(header.affine, AFFINE)
    np.testing.assert_array_equal(header.spacing, [1, 1.5, 2])
    voxels = read_voxels(path, np.float32)
    assert voxels.dtype == np.float32
    np.testing.assert_array_equal(voxels, noise())
    assert read_voxels(path).dtype == np.int16


def test_spacing_of_an_oblique_grid_is_its_voxel_size(tmp_path: Path) -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) @ np.diag([0.5, 2, 3])
    affine = np.eye(4)
    affine[:3, :3] = turn
    np.testing.assert_allclose(read_header(write_scan(tmp_path / "a.nii", noise(), affine)).spacing, [0.5, 2, 3], 1e-6)


def test_scale_of_the_header_is_applied(tmp_path: Path) -> None:
    image = Nifti1Image(noise(), AFFINE)
    image.header.set_slope_inter(0.5, -3)
    image.to_filename(tmp_path / "scaled.nii.gz")
    # NIfTI-1: true value = scl_slope * stored value + scl_inter
    np.testing.assert_array_equal(read_voxels(tmp_path / "scaled.nii.gz", np.float32), 0.5 * noise() - 3)


def _truncated(path: Path) -> None:
    write_scan(path, noise(shape=(40, 40, 40)))
    path.write_bytes(path.read_bytes()[:20_000])


def _truncated_in_header(path: Path) -> None:
    write_scan(path, noise())
    path.write_bytes(path.read_bytes()[:50])


def _damaged_stream(path: Path) -> None:
    write_scan(path, noise(shape=(40, 40, 40)))
    content = bytearray(path.read_bytes())
    content[20_000:20_400] = b"\xff" * 400
    path.write_bytes(bytes(content))


def _huge_shape(path: Path) -> None:
    header = Nifti1Image(noise(), AFFINE).header
    header.set_data_shape((32767, 32767, 32767))
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4) + bytes(1000)))


def _negative_shape(path: Path) -> None:
    content = bytearray(Nifti1Image(noise(), AFFINE).to_bytes())
    content[42:44] = np.array([-6], "<i2").tobytes()  # dim[1]
    path.write_bytes(gzip.compress(bytes(content)))


def _affine(first_row: list[float]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        header = Nifti1Image(noise(), AFFINE).header
        header["srow_x"] = first_row
        path.write_bytes(gzip.compress(header.binaryblock + bytes(4) + noise().tobytes(order="F")))

    return write


def _colour(path: Path) -> None:
    write_scan(path, np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]))


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("scan.nii.gz", lambda path: None, "no such file"),
    "folder": ("scan.nii.gz", lambda path: path.mkdir(), "is a folder"),
    "other format": ("scan.mha", lambda path: path.write_bytes(b"x"), "convert"),
    "empty file": ("scan.nii.gz", lambda path: path.write_bytes(b""), "empty"),
    "text as nii": ("scan.nii", lambda path: path.write_text("patient,age\n1,60\n" * 50), "not a readable NIfTI"),
    "text as nii.gz": ("scan.nii.gz", lambda path: path.write_text("patient,age\n" * 50), "not gzip-compressed"),
    "gzip of text": ("scan.nii.gz", lambda path: path.write_bytes(gzip.compress(b"text" * 500)), "something else"),
    "gzip named nii": ("scan.nii", lambda path: path.write_bytes(gzip.compress(b"text" * 500)), "rename it to .nii.gz"),
    "truncated in the header": ("scan.nii.gz", _truncated_in_header, "truncated"),
    "4D": ("scan.nii.gz", lambda path: write_scan(path, noise(shape=(4, 4, 4, 2))), "one file per channel"),
    "2D": ("scan.nii.gz", lambda path: write_scan(path, noise(shape=(4, 4))), "3D"),
    "no voxels": ("scan.nii.gz", lambda path: write_scan(path, noise(shape=(4, 0, 4))), "no voxels"),
    "negative shape": ("scan.nii.gz", _negative_shape, "no voxels"),
    "huge shape": ("scan.nii.gz", _huge_shape, "promises 32767x32767x32767"),
    "affine not finite": ("scan.nii.gz", _affine([np.nan, 0, 0, 0]), "affine"),
    "affine flat": ("scan.nii.gz", _affine([0, 0, 0, 20]), "affine"),
    "colour": ("scan.nii.gz", _colour, "grey"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_file_gives_one_line_with_its_name(tmp_path: Path, fault: str) -> None:
    name, write, words = FAULTS[fault]
    path = tmp_path / name
    write(path)
    unreadable(path, words)


@pytest.mark.parametrize("write", [_truncated, _damaged_stream])
def test_damage_behind_the_header_is_found_with_the_voxels(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "scan.nii.gz"
    write(path)
    read_header(path)
    with pytest.raises(DataError) as caught:
        read_voxels(path, np.float32)
    one_line(caught.value, path, "copy it again")


def test_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(gzip.compress(Nifti1Image(noise(), AFFINE).to_bytes() + bytes(50_000_000)))
    read_header(path)
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        read_voxels(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    one_line(caught.value, path, "zip bomb")


def test_truncated_nii(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "scan.nii", noise())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError) as caught:
        read_voxels(path)
    one_line(caught.value, path, "truncated")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b'{"labels": {', "not valid JSON"), (b"[1]", "one JSON object"), (b"\xff\xfe\x00", "cannot be read")],
)
def test_broken_json(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_json(path)
    one_line(caught.value, path, words)


def test_json_with_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text('{"a": 1}', encoding="utf-8-sig")
    assert read_json(path) == {"a": 1}


@pytest.mark.parametrize("state", ["missing", "empty", "file"])
def test_bad_root_says_where_to_get_the_data(tmp_path: Path, state: str) -> None:
    root = tmp_path / "data"
    if state == "empty":
        root.mkdir()
    if state == "file":
        root.write_text("")
    with pytest.raises(DataError) as caught:
        require_folder(root, "https://example.org")
    one_line(caught.value, root, "https://example.org", "data.root")


def test_own_data_are_not_to_be_got_from_anywhere(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"not exist: set data\.root to the data set's folder: your own folder of scans$"
    ):
        require_folder(tmp_path / "data", "your own folder of scans")


def test_scans_in_leaves_out_other_files(tmp_path: Path) -> None:
    for name in ("b.nii.gz", "a.nii", "._a.nii", "notes.txt", "c.nii.json"):
        write_text(tmp_path / name, "")
    assert [path.name for path in scans_in(tmp_path)] == ["a.nii", "b.nii.gz"]
    assert scans_in(tmp_path / "missing") == []


def test_stem_keeps_dots_of_a_name() -> None:
    assert [stem(Path(name)) for name in ("x/a.b.nii.gz", "a.nii", "a.png")] == ["a.b", "a", "a.png"]
