"""What people really have in their folders: ways to spoil data sets, single files, and tables."""

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image
from PIL import Image

from tests.data.make import AFFINE, SHAPE, mask, noise, write_scan, write_text
from tests.data.make_faults import break_affine, inflate, lie, truncate

IMAGE, LABEL = "imagesTr/case2_0000.nii.gz", "labelsTr/case2.nii.gz"
Damage = Callable[[Path], object]
Make = Callable[[Path], Path]


def _header(path: Path, start: int, values: bytes) -> Path:
    """Overwrite a part of a NIfTI header."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[start : start + len(values)] = values
    path.write_bytes(gzip.compress(bytes(content)))
    return path


def _no_spacing(path: Path) -> Path:
    """Voxels of no size, by pixdim and by all rows of the affine."""
    _header(path, 80, np.zeros(3, "<f4").tobytes())
    return _header(path, 280, np.zeros(12, "<f4").tobytes())


def _as_folder(path: Path) -> Path:
    path.unlink(missing_ok=True)
    path.mkdir()
    return path


def _dataset(root: Path, **changes: object) -> None:
    facts = json.loads((root / "dataset.json").read_text())
    write_text(root / "dataset.json", json.dumps(facts | changes))


def _flipped_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20] = bytes(20)
    path.write_bytes(content)


SETS: dict[str, tuple[Damage, str]] = {
    "empty file": (lambda root: (root / IMAGE).write_bytes(b""), IMAGE),
    "folder instead of a scan": (lambda root: _as_folder(root / IMAGE), "case2"),
    "unpacked under a packed name": (
        lambda root: (root / IMAGE).write_bytes(gzip.decompress((root / IMAGE).read_bytes())), IMAGE),
    "affine is not finite": (lambda root: break_affine(root / IMAGE), IMAGE),
    "spacing of zero": (lambda root: _no_spacing(root / IMAGE), IMAGE),
    "header promises too much": (lambda root: lie(root / IMAGE), IMAGE),
    "zip bomb": (lambda root: inflate(root / IMAGE), IMAGE),
    "bytes flipped": (lambda root: _flipped_bytes(root / IMAGE), IMAGE),
    "label in halves": (lambda root: write_scan(root / LABEL, mask().astype(np.float32) / 2), LABEL),
    "negative label": (lambda root: write_scan(root / LABEL, -mask().astype(np.int16)), LABEL),
    "colour scan": (
        lambda root: write_scan(root / IMAGE, np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])), IMAGE),
    "2D scan": (lambda root: write_scan(root / IMAGE, noise(shape=SHAPE[:2])), IMAGE),
    "no voxels": (lambda root: _header(root / IMAGE, 42, np.array([0, 5, 4], "<i2").tobytes()), IMAGE),
    "unknown type of voxels": (lambda root: _header(root / IMAGE, 70, np.array([9999], "<i2").tobytes()), IMAGE),
    "missing channel": (
        lambda root: _dataset(root, channel_names={"0": "T1", "1": "T2"}), "_0001"),
    "wrong ending": (lambda root: (root / IMAGE).rename(root / "imagesTr/case2_0000.tiff"), "case2"),
    "dataset.json in another encoding": (
        lambda root: (root / "dataset.json").write_bytes('{"name": "海马"}'.encode("gbk")), "dataset.json"),
    "dataset.json is a list": (lambda root: write_text(root / "dataset.json", "[]"), "dataset.json"),
    "labels are no mapping": (lambda root: _dataset(root, labels=["background", "one"]), "dataset.json"),
    "label values are words": (lambda root: _dataset(root, labels={"background": 0, "one": "x"}), "dataset.json"),
    "split.json is a number": (lambda root: write_text(root / "split.json", "7"), "split.json"),
    "split.json holds numbers": (
        lambda root: write_text(root / "split.json", '{"train": [1], "test": 2}'), "split.json"),
    "label of one voxel": (lambda root: write_scan(root / LABEL, mask((0, 1, 2), (1, 1, 1))), LABEL),
}  # fmt: skip
"""Data sets: how one is spoilt, and what the line must name."""


def _scan(folder: Path, name: str = "scan.nii.gz") -> Path:
    return write_scan(folder / name, noise())


def _spoilt(damage: Callable[[Path], object], name: str = "scan.nii.gz") -> Make:
    """A good scan, spoilt."""

    def make(folder: Path) -> Path:
        path = _scan(folder, name)
        damage(path)
        return path

    return make


def _saved(voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Make:
    def make(folder: Path) -> Path:
        save(Nifti1Image(voxels, affine), folder / "scan.nii.gz")
        return folder / "scan.nii.gz"

    return make


def _bytes(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _png(width: int, height: int) -> bytes:
    """A picture that says how large it is, and holds nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _h5(folder: Path) -> Path:
    path = folder / "case.h5"
    with h5py.File(path, "w") as file:
        file["image"] = noise(shape=(40, 40, 40))
    _flipped_bytes(path)
    path.write_bytes(path.read_bytes()[:9000])
    return path


def _bmp_as(name: str) -> Make:
    def make(folder: Path) -> Path:
        Image.fromarray(np.zeros((5, 6), np.uint8)).save(folder / "a.bmp")
        return (folder / "a.bmp").rename(folder / name)

    return make


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _dicom(folder: Path) -> Path:
    (folder / "series").mkdir()
    for number in range(3):
        (folder / "series" / f"{number}.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    return folder / "series"


def _same_stem(folder: Path) -> Path:
    for name in ("a.nii", "a.nii.gz"):
        _scan(folder / "both", name)
    return folder / "both"


SCANS: dict[str, tuple[Make, str]] = {
    "nothing there": (lambda folder: folder / "nowhere.nii.gz", ""),
    "empty folder": (_empty, ""),
    "empty file": (_bytes("scan.nii.gz", b""), ""),
    "truncated": (_spoilt(truncate), ""),
    "half a gzip header": (_bytes("scan.nii.gz", b"\x1f\x8b"), ""),
    "gzip of nothing": (_bytes("scan.nii.gz", gzip.compress(b"")), ""),
    "text": (_bytes("scan.nii", b"no scan"), ""),
    "header of NIfTI alone": (_spoilt(lambda path: path.write_bytes(path.read_bytes()[:348]), "scan.nii"), ""),
    "lying header": (_spoilt(lie), ""),
    "zip bomb": (_spoilt(inflate), ""),
    "affine is not finite": (_spoilt(break_affine), ""),
    "spacing of zero": (_spoilt(_no_spacing), ""),
    "bytes flipped": (_spoilt(_flipped_bytes), ""),
    "voxels begin in nowhere": (_spoilt(lambda path: _header(path, 108, np.array([1e30], "<f4").tobytes())), ""),
    "voxels begin before the file": (_spoilt(lambda path: _header(path, 108, np.array([-5], "<f4").tobytes())), ""),
    "number of dimensions": (_spoilt(lambda path: _header(path, 40, np.array([-3], "<i2").tobytes())), ""),
    "negative size": (_spoilt(lambda path: _header(path, 42, np.array([-6], "<i2").tobytes())), ""),
    "4D": (_saved(np.zeros((*SHAPE, 3), np.int16)), ""),
    "constant": (_saved(np.full(SHAPE, 7, np.int16)), ""),
    "NaN": (_saved(np.full(SHAPE, np.nan, np.float32)), ""),
    "complex": (_saved(noise().astype(np.complex64)), ""),
    "corrupt h5": (_h5, "case.h5"),
    "picture of nothing": (_bytes("a.png", b""), ""),
    "picture cut off": (_bytes("a.png", _png(9, 9)[:40]), ""),
    "picture without pixels": (_bytes("a.png", _png(9, 9)), ""),
    "picture of a billion pixels": (_bytes("a.png", _png(40000, 40000)), ""),
    "text as JPEG": (_bytes("a.jpg", b"no picture"), ""),
    "BMP of one grey as PNG": (_bmp_as("a.png"), ""),
    "unknown ending": (_bytes("a.xyz", b"?"), ""),
    "DICOM without content": (_dicom, "series"),
    "one name twice": (_same_stem, "a"),
}
"""Files for predict.py: how one is made, and what the line must name where that is not the file."""

_GOOD = "INSTRUCTION,RESPONSE\n" + "".join(f"text {n},answer {n}\n" for n in range(30))
REPORTS: dict[str, tuple[bytes, tuple[str, ...], str]] = {
    "empty": (b"", (), "table.csv"),
    "only line ends": (b"\n\r\n\n", (), "table.csv"),
    "no such column": (_GOOD.encode(), ("data.columns.input=findings", "data.columns.output=RESPONSE"), "findings"),
    "columns that nobody knows": (b"a,b\n1,2\n", (), "table.csv"),
    "one name twice": (b"INSTRUCTION,INSTRUCTION,RESPONSE\n1,2,3\n", (), "table.csv"),
    "a column without a name": (b"INSTRUCTION,,RESPONSE\n1,2,3\n", (), "table.csv"),
    "too many cells": (b"INSTRUCTION,RESPONSE\na,b,c\n", (), "table.csv"),
    "a quote that is not closed": (b'INSTRUCTION,RESPONSE\n"a,b\n', (), "table.csv"),
    "header alone": (b"INSTRUCTION,RESPONSE\n", (), "table.csv"),
    "neither UTF-8 nor GBK": (b"INSTRUCTION,RESPONSE\n\xff\xff,\xfe\xfe\n", (), "table.csv"),
    "GBK read as UTF-8": ("INSTRUCTION,RESPONSE\n肝,肾\n".encode("gbk"), ("data.encoding=utf-8",), "table.csv"),
    "no such encoding": (_GOOD.encode(), ("data.encoding=klingon",), "klingon"),
    "null bytes": (b"\x00" * 500, (), "table.csv"),
    "a cell of a megabyte": (b"INSTRUCTION,RESPONSE\n" + b"x" * 1_000_000 + b",y\n", (), "table.csv"),
    "an input that is empty": ((_GOOD + ",answer\n").encode(), (), "table.csv"),
    "one row": (b"INSTRUCTION,RESPONSE\na,b\n", (), "too few"),
    "lone surrogates": (b"INSTRUCTION,RESPONSE\n\xed\xa0\x80,b\n", (), "table.csv"),
}
"""Tables for method=report: their content, further words, and what the line must name."""
