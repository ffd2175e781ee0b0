"""Pictures as volumes of one slice, masks in them, and each way in which they cannot be read."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from llmseg.data.files import files_of, read_header, read_voxels
from llmseg.data.formats import picture
from llmseg.errors import DataError
from tests.data.make import one_line
from tests.data.make_pictures import disc, photograph, write_picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
GREY = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


@pytest.mark.parametrize("extension", [*LOSSLESS, ".PNG"])
def test_rows_are_the_first_axis_and_one_slice_the_last(tmp_path: Path, extension: str) -> None:
    path = write_picture(tmp_path / f"a{extension}", GREY)
    header = read_header(path)
    assert header.shape == (5, 7, 1)
    np.testing.assert_array_equal(header.affine, np.eye(4))
    np.testing.assert_array_equal(header.spacing, 1)
    voxels = read_voxels(path)
    assert voxels.dtype == np.uint8
    np.testing.assert_array_equal(voxels[..., 0], GREY)
    assert read_voxels(path, np.float32).dtype == np.float32


@pytest.mark.parametrize("extension", LOSSLESS)
def test_colours_and_their_brightness(tmp_path: Path, extension: str) -> None:
    path = write_picture(tmp_path / f"a{extension}", COLOUR)
    for index, name in enumerate(("red", "green", "blue")):
        assert read_header(path / name).shape == (5, 7, 1)
        np.testing.assert_array_equal(read_voxels(path / name)[..., 0], COLOUR[..., index])
    # ITU-R BT.601: Y = 0.299 R + 0.587 G + 0.114 B
    np.testing.assert_allclose(read_voxels(path)[..., 0], COLOUR @ [0.299, 0.587, 0.114], atol=1)
    np.testing.assert_array_equal(read_voxels(path / "grey"), read_voxels(path))


def test_a_grey_picture_has_one_value_in_all_colours(tmp_path: Path) -> None:
    for path in (write_picture(tmp_path / "a.png", GREY), write_picture(tmp_path / "b.png", GREY.astype(np.uint16))):
        for name in picture.COLOURS:
            np.testing.assert_array_equal(read_voxels(path / name)[..., 0], GREY)


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, extension: str) -> None:
    pixels = GREY.astype(np.uint16) * 257 - GREY
    voxels = read_voxels(write_picture(tmp_path / f"a{extension}", pixels))
    assert voxels.dtype == np.uint16
    np.testing.assert_array_equal(voxels[..., 0], pixels)


def test_a_palette_is_colour_in_a_picture_and_a_number_in_a_mask(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 2]], np.uint8)
    image = Image.fromarray(numbers).convert("P")
    image.putpalette([10, 20, 30, 255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png")
    assert read_voxels(tmp_path / "a.png" / "red")[..., 0].tolist() == [[10, 255, 0]]
    assert read_voxels(tmp_path / "a.png" / "index")[..., 0].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("extension", "compression"), [(".png", None), (".tif", None), (".tif", "tiff_lzw"), (".jpg", None)]
)
def test_pictures_are_turned_as_viewers_show_them(
    tmp_path: Path, extension: str, compression: str | None, orientation: int
) -> None:
    # EXIF 2.32, tag 0x0112: where the first row and the first column of what is stored belong
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: np.transpose, 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).T, 8: np.rot90,
    }  # fmt: skip
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8, :8] = 255  # one corner, on JPEG's grid of blocks
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_picture(tmp_path / f"a{extension}", pixels, exif=exif, compression=compression)
    expected = turns[orientation](pixels)
    assert read_header(path).shape == (*expected.shape, 1)
    np.testing.assert_allclose(read_voxels(path)[..., 0], expected, atol=3)


@pytest.mark.parametrize(
    ("extension", "foreground"), [*((extension, 255) for extension in (*LOSSLESS, ".jpg")), (".png", 1), (".tif", 1)]
)
def test_a_binary_mask_is_the_mask_that_was_saved(tmp_path: Path, extension: str, foreground: int) -> None:
    mask = disc(2, (61, 83))
    for quality in (95, 50):
        path = write_picture(tmp_path / f"a{extension}", np.uint8(foreground) * mask, quality=quality)
        voxels = read_voxels(path / "mask")
        assert voxels.dtype == np.uint8
        np.testing.assert_array_equal(voxels[..., 0], mask)


def test_a_jpeg_mask_has_artefacts_that_would_be_foreground(tmp_path: Path) -> None:
    mask = disc(2, (61, 83))
    path = write_picture(tmp_path / "a.jpg", np.uint8(255) * mask, quality=75)
    assert (read_voxels(path) > 0).sum() > 1.1 * mask.sum()
    assert read_voxels(path / "mask").sum() == mask.sum()


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 64, 127, 128, 255]], np.uint8), [[0, 0, 0, 1, 1]]),
        (np.array([[0, 20000, 32767, 32768, 65535]], np.uint16), [[0, 0, 0, 1, 1]]),
        (np.array([[0, 0]], np.uint8), [[0, 0]]),
        (np.array([[255, 255]], np.uint8), [[1, 1]]),
        (np.array([[0, 90]], np.uint8), [[0, 1]]),
        (np.array([[False, True]]), [[0, 1]]),
        (np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), [[0, 1]]),
        (np.array([[[0, 0, 0], [128, 0, 0]]], np.uint8), [[0, 1]]),
    ],
)
def test_foreground_is_above_half_or_the_only_other_value(
    tmp_path: Path, pixels: np.ndarray, expected: list[list[int]]
) -> None:
    assert read_voxels(write_picture(tmp_path / "a.png", pixels) / "mask")[..., 0].tolist() == expected


def test_a_black_jpeg_is_an_empty_mask(tmp_path: Path) -> None:
    dark = np.random.default_rng(0).integers(0, 4, (16, 16)).astype(np.uint8)
    assert read_voxels(write_picture(tmp_path / "a.jpg", dark, quality=90) / "mask").max() == 0


def test_palette_order_does_not_matter_for_a_binary_mask(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(tmp_path / "a.png")
    assert read_voxels(tmp_path / "a.png" / "mask")[..., 0].tolist() == [[1, 0]]


def test_numbers_of_classes_are_read_as_they_are(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 2, 200]], np.uint8)
    for pixels in (numbers, np.repeat(numbers[..., None], 3, axis=2), numbers.astype(np.uint16)):
        assert read_voxels(write_picture(tmp_path / "a.png", pixels) / "index")[..., 0].tolist() == numbers.tolist()


def test_a_channel_is_stored_in_its_picture(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", GREY)
    for name in ("grey", "red", "mask", "index"):
        assert files_of(path / name) == [path]
    assert files_of(path) == [path]
    assert not picture.claims(tmp_path / "a.nii.gz")
    assert not picture.claims(tmp_path / "folder" / "mask")


def test_pictures_in_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "._a.png", "c.bmp"):
        write_picture(tmp_path / name, GREY, format="PNG")
    (tmp_path / "a.meta").write_text("{}")
    assert [path.name for path in picture.pictures_in(tmp_path)] == ["a.png", "b.JPG", "c.bmp"]
    np.testing.assert_array_equal(read_voxels(tmp_path / "b.JPG")[..., 0], GREY)  # what it is, not what it is called


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _bomb(path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 12_000, 12_000, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(1501 * 12_000), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def _pages(path: Path) -> None:
    Image.fromarray(GREY).save(path, format="TIFF", save_all=True, append_images=[Image.fromarray(GREY)])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_half, "truncated"),
    "empty": (lambda path: path.write_bytes(b""), "not a readable"),
    "text": (lambda path: path.write_text("no picture"), "not a readable"),
    "missing": (lambda path: path.unlink(), "no such file"),
    "bomb": (_bomb, "12000 x 12000"),
    "claims 4e18 pixels": (lambda path: path.write_bytes(path.read_bytes()[:16] + b"\x7f\xff" * 4), "pixels"),
    "pages": (_pages, "2 pages"),
    "GIF": (lambda path: Image.fromarray(GREY).save(path, format="GIF"), "not a readable"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_pictures(tmp_path: Path, fault: str) -> None:
    path = write_picture(tmp_path / "a.png", photograph(disc(), colour=True))
    damage, expected = FAULTS[fault]
    damage(path)
    with pytest.raises(DataError) as caught:
        read_voxels(path / "red")
    one_line(caught.value, path, expected)
    if fault not in ("truncated", "claims 4e18 pixels"):
        with pytest.raises(DataError, match=expected):
            read_header(path)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".tif", ".bmp"])
def test_truncated_files_of_every_format(tmp_path: Path, extension: str) -> None:
    path = write_picture(tmp_path / f"a{extension}", photograph(disc(), colour=True))
    _half(path)
    with pytest.raises(DataError) as caught:
        read_voxels(path)
    one_line(caught.value, path)


@pytest.mark.parametrize(
    ("name", "pixels", "view", "expected"),
    [
        ("a.png", np.array([[0, 1, 2]], np.uint8), "mask", "brightest is 2"),
        ("a.jpg", np.full((16, 16), 90, np.uint8), "mask", "brightest is"),
        ("a.tif", np.array([[0, 0.5]], np.float32), "mask", "whole numbers"),
        ("a.png", np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "mask", "transparent"),
        ("a.jpg", GREY, "index", "JPEG"),
        ("a.png", COLOUR, "index", "colour"),
    ],
)
def test_pictures_that_are_not_the_mask_asked_for(
    tmp_path: Path, name: str, pixels: np.ndarray, view: str, expected: str
) -> None:
    path = write_picture(tmp_path / name, pixels)
    with pytest.raises(DataError) as caught:
        read_voxels(path / view)
    one_line(caught.value, path, expected)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    extension=st.sampled_from([".png", ".jpg", ".tif", ".bmp"]),
    changes=st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_whatever_is_broken_ends_in_one_line(tmp_path: Path, extension: str, changes: list[tuple[int, int]]) -> None:
    path = write_picture(tmp_path / f"a{extension}", photograph(disc(), colour=True))
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(bytes(content))
    for read in (read_header, read_voxels):
        try:
            read(path)
        except DataError as error:
            one_line(error, path)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0, 64, 128, 255]], np.uint8), [[0, 64 / 255, 128 / 255, 1]]),
        (np.array([[0, 32768, 65535]], np.uint16), [[0, 32768 / 65535, 1]]),
        (np.array([[0, 1]], np.uint8), [[0, 1]]),  # one value beside 0 is the foreground, whatever it is
        (np.array([[0, 0]], np.uint8), [[0, 0]]),
    ],
)
def test_a_soft_mask_keeps_its_grey_values(tmp_path: Path, pixels: np.ndarray, expected: list[list[float]]) -> None:
    path = write_picture(tmp_path / "a.png", pixels) / "mask"
    assert picture.is_mask(path)
    assert not picture.is_mask(tmp_path / "a.png")
    voxels = read_voxels(picture.soft(path))
    assert voxels.dtype == np.float32
    np.testing.assert_allclose(voxels[..., 0], expected, rtol=1e-6)


@pytest.mark.parametrize(("kind", "scale"), [(np.uint8, 255), (np.uint16, 65535), (np.int32, None)])
def test_full_scale_is_that_of_the_type(tmp_path: Path, kind: type, scale: float | None) -> None:
    path = write_picture(tmp_path / "a.tif", np.array([[0, 7]], kind))
    assert picture.full_scale(path / "grey") == scale
