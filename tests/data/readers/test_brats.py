"""BraTS folders of all years."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from llmseg.data.config import SplitConfig
from llmseg.data.readers.brats import REGIONS, Convention, convention_by_name, patient, read
from llmseg.data.scan import encode_label, load_scan
from llmseg.data.split import make_split
from llmseg.data.validation import check_cases
from llmseg.errors import ConfigError, DataError
from tests.data.make import brats_case, noise, one_line, write_scan

OLD = ("flair", "t1", "t1ce", "t2", "seg")
NEW = ("t2f", "t1n", "t1c", "t2w", "seg")

# id -> patient, label convention; ids as the challenges gave them out
NAMES = {
    "brats_2013_pat0001_1": ("brats_2013_pat0001", "2015"),
    "brats_tcia_pat153_0109": ("brats_tcia_pat153", "2015"),
    "Brats17_2013_2_1": ("Brats17_2013_2", "2018"),
    "Brats18_TCIA01_131_1": ("Brats18_TCIA01_131", "2018"),
    "BraTS19_CBICA_AAB_1": ("BraTS19_CBICA_AAB", "2018"),
    "BraTS20_Training_001": ("BraTS20_Training_001", "2018"),
    "BraTS2021_00000": ("BraTS2021_00000", "2018"),
    "BraTS-GLI-00001-000": ("BraTS-GLI-00001", "2023"),
    "BraTS-MEN-00004-000": ("BraTS-MEN-00004", "2023"),
    "BraTS-PED-00002-001": ("BraTS-PED-00002", "2023"),
}


@pytest.mark.parametrize("name", NAMES)
def test_patient_and_convention_of_a_name(name: str) -> None:
    assert (patient(name), convention_by_name(name)) == NAMES[name]


def test_every_year_in_one_folder(tmp_path: Path) -> None:
    for name in NAMES:
        brats_case(tmp_path / name, NEW if name.startswith("BraTS-") else OLD)
    found = read(tmp_path, ["t1ce", "flair"])
    assert [case.id for case in found] == sorted(NAMES)
    for case in found:
        assert (case.group, case.labels) == (NAMES[case.id][0], REGIONS[NAMES[case.id][1]])
        assert [path.name.removesuffix(".nii.gz").replace("-", "_").split("_")[-1] for path in case.images] in (
            ["t1ce", "flair"],
            ["t1c", "t2f"],
        )
    check_cases(found, labelled=True)


def test_nested_grades_and_new_names_for_old_files(tmp_path: Path) -> None:
    brats_case(tmp_path / "train" / "HGG" / "Brats18_2013_2_1", OLD)
    brats_case(tmp_path / "train" / "LGG" / "Brats18_2013_0_1", OLD)
    found = read(tmp_path, ["t2f", "t1n"])
    assert [case.id for case in found] == ["Brats18_2013_0_1", "Brats18_2013_2_1"]
    assert [path.name for path in found[0].images] == ["Brats18_2013_0_1_flair.nii.gz", "Brats18_2013_0_1_t1.nii.gz"]


def test_scans_of_one_patient_share_a_group(tmp_path: Path) -> None:
    for patient_number in (1, 2, 3):
        for scan in (0, 1):
            brats_case(tmp_path / f"BraTS-GLI-{patient_number:05d}-{scan:03d}", ("t2f", "seg"))
    found = read(tmp_path, ["flair"])
    split = make_split(found, SplitConfig(), tmp_path)
    assert len({case.group for case in found}) == 3
    assert all(len(part) == 2 for part in (split.train, split.val, split.test))


def test_case_without_segmentation(tmp_path: Path) -> None:
    brats_case(tmp_path / "BraTS-GLI-00001-000", ("t2f",))
    assert read(tmp_path, ["flair"])[0].label is None


def test_one_id_in_two_folders_stays_two_cases(tmp_path: Path) -> None:
    for grade in ("HGG", "LGG"):
        brats_case(tmp_path / grade / "Brats17_2013_2_1", ("flair",))
    with pytest.raises(DataError) as caught:
        check_cases(read(tmp_path, ["flair"]))
    one_line(caught.value, tmp_path / "HGG", tmp_path / "LGG")


def test_missing_modality_says_which_all_cases_have(tmp_path: Path) -> None:
    brats_case(tmp_path / "BraTS20_Training_001", OLD)
    brats_case(tmp_path / "BraTS20_Training_002", ("flair", "t1ce", "seg"))
    with pytest.raises(DataError) as caught:
        read(tmp_path, ["flair", "t2"])
    one_line(caught.value, "BraTS20_Training_002", "lacks t2", "data.modalities=[flair,t1ce]")


def test_one_modality_in_two_files(tmp_path: Path) -> None:
    folder = brats_case(tmp_path / "BraTS20_Training_001", ("flair",))
    stray = write_scan(folder / "BraTS20_Training_001_flair.nii", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path, ["flair"])
    one_line(caught.value, stray, "twice")


@pytest.mark.parametrize(
    ("modalities", "words"),
    [(["flar"], "did you mean 'flair'?"), (["ct"], "choose from"), (["flair", "t2f"], "twice"), ([], "at least one")],
)
def test_bad_modalities(tmp_path: Path, modalities: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, modalities)
    one_line(caught.value, "data.modalities", words)


@pytest.mark.parametrize("chosen", [2015, "2015", OmegaConf.create({"BraTS20_Training_001": 2015})])
def test_chosen_convention(tmp_path: Path, chosen: Convention | Mapping[str, Convention]) -> None:
    brats_case(tmp_path / "BraTS20_Training_001", ("flair",))
    assert read(tmp_path, ["flair"], chosen)[0].labels == REGIONS["2015"]


def test_cases_left_out_of_the_mapping_go_by_name(tmp_path: Path) -> None:
    for name in ("BraTS20_Training_001", "BraTS20_Training_002"):
        brats_case(tmp_path / name, ("flair",))
    found = read(tmp_path, ["flair"], {"BraTS20_Training_001": "2023"})
    assert [case.labels for case in found] == [REGIONS["2023"], REGIONS["2018"]]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [(2020, "2015, 2018, 2023"), ({"BraTS20_Training_01": 2018}, "did you mean 'BraTS20_Training_001'?")],
)
def test_bad_convention(tmp_path: Path, chosen: Convention | Mapping[str, Convention], words: str) -> None:
    brats_case(tmp_path / "BraTS20_Training_001", ("flair",))
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, ["flair"], chosen)
    one_line(caught.value, "data.label_convention", words)


def test_wrong_convention_shows_in_the_label(tmp_path: Path) -> None:
    folder = brats_case(tmp_path / "BraTS20_Training_001", OLD, (0, 1, 2, 4))
    with pytest.raises(DataError) as caught:
        load_scan(read(tmp_path, ["flair"], 2023)[0])
    one_line(caught.value, folder / "BraTS20_Training_001_seg.nii.gz", "values 4")


def test_regions_are_nested() -> None:
    for regions in REGIONS.values():
        whole, core, enhancing = (set(regions[name]) for name in ("whole_tumour", "tumour_core", "enhancing_tumour"))
        assert enhancing < core < whole


def test_no_scans(tmp_path: Path) -> None:
    write_scan(tmp_path / "unrelated.nii.gz", noise())
    with pytest.raises(DataError) as caught:
        read(tmp_path, ["flair"], source="https://example.org")
    one_line(caught.value, tmp_path, "https://example.org")


def test_missing_root(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "none", ["flair"], source="https://example.org")
    one_line(caught.value, tmp_path / "none", "https://example.org")


def test_real_tumours_of_two_conventions(sample_data: Path) -> None:
    found = read(sample_data / "BraTS", ["flair", "t1ce"])
    assert [case.id for case in found] == [
        "BraTS-GLI-90001-000",
        *(f"brats_2013_pat{number:04d}_1" for number in (1, 2, 5, 6)),
    ]
    check_cases(found, labelled=True)
    scan = load_scan(found[1])
    assert scan.label is not None
    regions = encode_label(scan.label, found[1].labels, list(REGIONS["2015"]), overlapping=True)
    np.testing.assert_array_equal(regions[0], scan.label > 0)
    whole, core, enhancing = regions.reshape(3, -1).sum(1)
    assert 0 < enhancing < core < whole


def test_real_case_without_label(sample_data: Path) -> None:
    [case] = read(sample_data / "BraTS_unlabelled", ["flair", "t1", "t1ce", "t2"])
    assert case.label is None
    assert load_scan(case).image.shape == (4, 240, 240, 155)
