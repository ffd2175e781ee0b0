"""The built-in sample."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from nilearn import datasets  # type: ignore[import-untyped, unused-ignore]

from llmseg.data.config import SplitConfig
from llmseg.data.readers.mni152 import read
from llmseg.data.scan import encode_label, load_scan
from llmseg.data.split import make_split
from llmseg.data.validation import check_cases
from llmseg.errors import DataError
from tests.data.make import one_line, write_text


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, written once."""
    folder = tmp_path_factory.mktemp("cache") / "deep" / "mni152"
    read(folder)
    return folder


def test_eight_sound_slabs(root: Path) -> None:
    found = read(root)
    assert [case.id for case in found] == [f"slab_{number}" for number in range(8)]
    check_cases(found, labelled=True)


def test_slabs_are_the_template_where_their_affine_says(root: Path) -> None:
    template = datasets.load_mni152_template(resolution=1)
    probabilities = (datasets.load_mni152_gm_template(resolution=1), datasets.load_mni152_wm_template(resolution=1))
    case = read(root)[3]
    scan = load_scan(case)
    assert scan.image.shape == (1, 197, 233, 12)
    start = np.linalg.solve(template.affine, scan.affine)[:3, 3].round().astype(int)
    assert start.tolist() == [0, 0, 9 + 18 * 3]
    window = (..., slice(start[2], start[2] + 12))
    np.testing.assert_allclose(scan.image[0], template.get_fdata()[window], atol=1e-6)
    assert scan.label is not None
    encoded = encode_label(scan.label, case.labels, ["grey_matter", "white_matter"], overlapping=True)
    for mask, probability in zip(encoded, probabilities, strict=True):
        np.testing.assert_array_equal(mask, probability.get_fdata()[window] > 0.5)


def test_slabs_are_six_millimetres_apart(root: Path) -> None:
    heights = [load_scan(case, label=False).affine[2, 3] for case in read(root)]
    assert set(np.diff(heights)) == {18.0}


def test_official_split(root: Path) -> None:
    split = make_split(read(root), SplitConfig(), root)
    assert split.test == ("slab_3", "slab_6")
    assert len(split.train + split.val) == 6


def test_second_call_writes_nothing(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    read(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_two_at_once_leave_one_sound_sample(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(read, [tmp_path / "mni152"] * 2)
    assert one == two
    assert [path.name for path in tmp_path.iterdir()] == ["mni152"]


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "mine" / "thesis.txt", "words")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "mine")
    one_line(caught.value, tmp_path / "mine")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]
