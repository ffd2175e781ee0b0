"""BraTS 2019 in the field's h5 files."""

from pathlib import Path

import numpy as np
import pytest

from llmseg.data.config import SplitConfig
from llmseg.data.readers import brats19_h5
from llmseg.data.scan import load_scan
from llmseg.data.split import Split, make_split
from llmseg.data.validation import check_cases
from llmseg.errors import DataError
from tests.data.make import one_line
from tests.data.make_volumes import BRATS_IDS, ball, write_lists
from tests.data.make_volumes import brats19_h5 as write_brats19


def test_cases_and_all_three_lists(tmp_path: Path) -> None:
    cases = brats19_h5.read(write_brats19(tmp_path))
    check_cases(cases, labelled=True)
    assert cases[0].group == "BraTS19_2013_0"
    np.testing.assert_array_equal(load_scan(cases[0]).label, ball())
    assert make_split(cases, SplitConfig(), tmp_path) == Split(BRATS_IDS[:3], BRATS_IDS[3:4], BRATS_IDS[4:])


def test_second_column_of_a_list_does_not_matter(tmp_path: Path) -> None:
    cases = brats19_h5.read(write_brats19(tmp_path))
    write_lists(tmp_path, {"train.txt": [f"{BRATS_IDS[0]},HGG"], "val.txt": [], "test.txt": [f"{BRATS_IDS[1]},LGG"]})
    assert make_split(cases, SplitConfig(), tmp_path) == Split(BRATS_IDS[:1], (), BRATS_IDS[1:2])


def test_two_scans_of_a_patient_on_two_sides(tmp_path: Path) -> None:
    ids = ("BraTS19_CBICA_AAB_1", "BraTS19_2013_0_1", "BraTS19_2013_1_1", "BraTS19_CBICA_AAB_2")
    cases = brats19_h5.read(write_brats19(tmp_path, ids))
    with pytest.raises(DataError) as caught:
        make_split(cases, SplitConfig(), tmp_path)
    one_line(caught.value, "BraTS19_CBICA_AAB_1", "BraTS19_CBICA_AAB_2", "patient")


def test_unknown_case_in_a_list(tmp_path: Path) -> None:
    cases = brats19_h5.read(write_brats19(tmp_path))
    write_lists(tmp_path, {"test.txt": ["BraTS19_none_1"]})
    with pytest.raises(DataError) as caught:
        make_split(cases, SplitConfig(), tmp_path)
    one_line(caught.value, tmp_path / "train.txt", "BraTS19_none_1", "unknown")
