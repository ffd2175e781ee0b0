"""Damaged files of every format, and damaged descriptions of data sets."""

import gzip
import io
import json
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import nibabel
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from llmseg.data.files import read_header, read_voxels
from llmseg.data.readers import brats, nnunet, pairs
from llmseg.errors import UserError
from tests.data.make import AFFINE, brats_case, nnunet_folder, noise

nibabel.imageglobals.logger.setLevel("CRITICAL")
warnings.simplefilter("ignore")
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
_EDITS = st.lists(
    st.tuples(
        st.integers(0, 5000), st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff\x7f", b"\0" * 8]))
    ),
    max_size=8,
)  # fmt: skip


def _nifti() -> bytes:
    return bytes(nibabel.Nifti1Image(noise(), AFFINE).to_bytes())


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(shape=(9, 8)).astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def _h5() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["image"] = noise()
    return buffer.getvalue()


def _nrrd() -> bytes:
    head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 5 4\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
    return (
        f"{head}space origin: (0,0,0)\nspace: left-posterior-superior\nencoding: raw\nendian: little\n\n".encode()
        + noise().tobytes()
    )


_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a.nii": (_nifti, ""), "a.nii.gz": (_nifti, ""), "a.png": (lambda: _picture("PNG"), ""),
    "a.jpg": (lambda: _picture("JPEG"), ""), "a.tif": (lambda: _picture("TIFF"), ""), "a.h5": (_h5, "image"),
    "a.nrrd": (_nrrd, ""),
}  # fmt: skip


@cache
def _good(name: str) -> bytes:
    return _FILES[name][0]()


@given(
    name=st.sampled_from(sorted(_FILES)), edits=_EDITS, length=st.one_of(st.none(), st.integers(0, 4000)),
    facts=st.one_of(st.none(), _JSON, st.fixed_dictionaries({}, optional={
        "labels": _JSON, "channel_names": _JSON, "modality": _JSON, "file_ending": _JSON, "regions_class_order": _JSON,
        "numTraining": _JSON,
    })),
)  # fmt: skip
def target(name: str, edits: list[tuple[int, bytes]], length: int | None, facts: object) -> None:
    """A scan that is read, or refused with a UserError; the same for the folders of data sets."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        path = _damaged(place, name, edits, length)
        for read in (read_header, read_voxels):
            _expect(lambda read=read: read(path))  # type: ignore[misc]
        _expect(lambda: pairs.read(place, place))
        if facts is not None:
            root = nnunet_folder(place / "set", ["a", "b"])
            (root / "dataset.json").write_text(json.dumps(facts))
            _expect(lambda: nnunet.describe(root))
            _expect(lambda: nnunet.read(root))
            brats_case(place / "BraTS" / f"BraTS_{len(edits)}", ["flair", "seg"][: len(edits)])
            _expect(lambda: brats.read(place / "BraTS", ["flair"]))


def _damaged(place: Path, name: str, edits: list[tuple[int, bytes]], length: int | None) -> Path:
    content = bytearray(_good(name))
    for start, new in edits:
        content[start % len(content) : start % len(content) + len(new)] = new
    path = place / name
    path.write_bytes(gzip.compress(content[:length], 1) if name.endswith(".gz") else content[:length])
    return path / _FILES[name][1] if _FILES[name][1] else path


def _expect(function: Callable[[], object]) -> None:
    said = ""
    try:
        function()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
