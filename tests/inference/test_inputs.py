"""What is found in files and folders; nothing is opened, so empty files do."""

from pathlib import Path

import pytest

from llmseg.errors import DataError
from llmseg.inference.inputs import Channels, Input, find_inputs
from tests.data.make import one_line

ONE = Channels(1)
TWO = Channels(2)
BRATS = Channels(2, ("t1c", "flair"))  # a name of 2023 and one of 2020
RGB = Channels(3, ("red", "green", "blue"))


def files(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, channels: Channels, leave_out: Path | None = None) -> dict[str, list[str]]:
    """Name -> channels, relative to the folder, of what has no fault."""
    inputs = find_inputs(root, channels, leave_out)
    assert not [each.fault for each in inputs if each.fault]
    return {str(each.name): [str(path.relative_to(root)) for path in each.images] for each in inputs}


def only_fault(inputs: list[Input]) -> str:
    [fault] = [each.fault for each in inputs if each.fault]
    with pytest.raises(DataError) as caught:
        next(each for each in inputs if each.fault).case()
    return one_line(caught.value, fault)


def test_any_names_with_one_channel(tmp_path: Path) -> None:
    files(tmp_path, "a.nii.gz", "b.nii", "scan_2019.nii.gz", "c_0000.nii.gz", "deep/d.nrrd", ".hidden.nii.gz", "x.txt")
    assert found(tmp_path, ONE) == {
        "a": ["a.nii.gz"], "b": ["b.nii"], "c": ["c_0000.nii.gz"], "deep/d": ["deep/d.nrrd"],
        "scan_2019": ["scan_2019.nii.gz"],
    }  # fmt: skip


def test_numbers_that_are_names(tmp_path: Path) -> None:
    files(tmp_path, "pat_0000.nii.gz", "pat_0001.nii.gz", "pat_0002.nii.gz")
    assert list(found(tmp_path, ONE)) == ["pat_0000", "pat_0001", "pat_0002"]


def test_nnunet_names(tmp_path: Path) -> None:
    files(tmp_path, "b_0001.nii.gz", "b_0000.nii.gz", "a_0000.nii.gz", "a_0001.nii.gz", "dataset.json")
    expected = {"a": ["a_0000.nii.gz", "a_0001.nii.gz"], "b": ["b_0000.nii.gz", "b_0001.nii.gz"]}
    assert found(tmp_path, TWO) == expected
    assert found(tmp_path, BRATS) == expected
    assert find_inputs(tmp_path / "b_0001.nii.gz", TWO)[0].images[0].name == "b_0000.nii.gz"


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("Brats18_2013_0_1", "Brats18_2013_0_1_{}"),
        ("BraTS20_Training_001", "BraTS20_Training_001_{}"),
        ("BraTS-GLI-00001-000", "BraTS-GLI-00001-000-{}"),
        ("brats_2013_pat0005_1", "brats_2013_pat0005_1_{}"),
    ],
)
def test_brats_names_of_all_years(tmp_path: Path, folder: str, names: str) -> None:
    kinds = ("t1n", "t1c", "t2w", "t2f", "seg") if "-" in folder else ("t1", "t1ce", "t2", "flair", "seg")
    case = files(tmp_path / "HGG" / folder, *(names.format(kind) + ".nii.gz" for kind in kinds))
    expected = [names.format(kinds[1]) + ".nii.gz", names.format(kinds[3]) + ".nii.gz"]
    [each] = find_inputs(tmp_path, BRATS)
    assert each.name == Path("HGG") / folder
    assert [path.name for path in each.images] == expected
    [each] = find_inputs(case, BRATS)
    assert each.name == Path(folder)
    [each] = find_inputs(case / expected[1], BRATS)
    assert [path.name for path in each.images] == expected
    [each] = find_inputs(tmp_path, Channels(1, ("t2",)))
    assert [path.name for path in each.images] == [names.format(kinds[2]) + ".nii.gz"]


def test_brats_names_mean_nothing_to_a_network_of_another_data_set(tmp_path: Path) -> None:
    files(tmp_path, "c/c-t1c.nii.gz", "c/c-t2f.nii.gz", "c/c-seg.nii.gz")
    assert list(found(tmp_path, ONE)) == ["c/c-t1c", "c/c-t2f"]


def test_pictures_in_grey_and_colour(tmp_path: Path) -> None:
    files(tmp_path, "a.png", "b.JPG", "sub/c.tif")
    assert found(tmp_path, ONE) == {"a": ["a.png"], "b": ["b.JPG"], "sub/c": ["sub/c.tif"]}
    assert found(tmp_path, Channels(1, ("green",)))["a"] == ["a.png/green"]
    for channels in (RGB, Channels(3)):
        assert found(tmp_path, channels)["b"] == ["b.JPG/red", "b.JPG/green", "b.JPG/blue"]


def test_dicom_folders_are_known_by_their_files_first_bytes(tmp_path: Path) -> None:
    for name in ("one/IM0", "one/IM1", "two/deep/x.dcm"):
        files(tmp_path, name)
        (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    files(tmp_path, "one/README", "three/IM0")
    assert found(tmp_path, ONE) == {"one": ["one"], "two/deep": ["two/deep"]}
    [each] = find_inputs(tmp_path / "one", ONE)
    assert (each.name, each.images) == (Path("one"), (tmp_path / "one",))


def test_the_output_folder_is_not_searched(tmp_path: Path) -> None:
    files(tmp_path, "a.nii.gz", "masks/a.nii.gz", "masks/deep/b.nii.gz")
    assert list(found(tmp_path, ONE, tmp_path / "masks")) == ["a"]


def test_a_data_set_in_h5(tmp_path: Path) -> None:
    files(tmp_path, "x/mri_norm2.h5")
    assert found(tmp_path, ONE) == {"x/mri_norm2": ["x/mri_norm2.h5/image"]}
    for path in (tmp_path / "x" / "mri_norm2.h5", tmp_path / "x" / "mri_norm2.h5" / "image"):
        [each] = find_inputs(path, ONE)
        assert (str(each.name), each.images) == ("mri_norm2", (tmp_path / "x" / "mri_norm2.h5" / "image",))


def test_a_case_that_lacks_a_channel_is_a_fault_of_its_own(tmp_path: Path) -> None:
    files(tmp_path, "a_0000.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz")
    inputs = find_inputs(tmp_path, TWO)
    assert [each.fault is None for each in inputs] == [False, True]
    assert "lacks channel 0001: the run's network takes 2 channels" in only_fault(inputs)
    files(tmp_path / "brats", "c-t1c.nii.gz", "c-t1n.nii.gz")
    fault = only_fault(find_inputs(tmp_path / "brats", BRATS))
    assert "lacks channel flair" in fault
    assert "2 channels (t1c, flair)" in fault


def test_more_channels_than_the_network_takes(tmp_path: Path) -> None:
    files(tmp_path, *(f"a_000{number}.nii.gz" for number in range(3)))
    assert "more channels (a_0002.nii.gz)" in only_fault(find_inputs(tmp_path, TWO))


def test_one_file_where_several_channels_are_needed(tmp_path: Path) -> None:
    files(tmp_path, "scan.nii.gz", "picture.png")
    for name in ("scan.nii.gz", "picture.png"):
        assert "2 channels" in only_fault(find_inputs(tmp_path / name, TWO))


def test_two_inputs_of_one_name(tmp_path: Path) -> None:
    files(tmp_path, "a.png", "a.jpg", "b.nii.gz", "b.png")
    assert "rename one" in only_fault(find_inputs(tmp_path, ONE))
    files(tmp_path / "scans", "a.nii.gz", "a.nii")
    [each] = find_inputs(tmp_path / "scans", ONE)
    assert "two files for one channel" in only_fault([each])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("nowhere.nii.gz", "no such file"),
        ("notes.txt", "no known format"),
        ("one.dcm", "folder of its series"),
        ("empty", "holds no scans"),
    ],
)
def test_nothing_to_predict(tmp_path: Path, name: str, words: str) -> None:
    files(tmp_path, "notes.txt", "one.dcm", "empty/readme.md")
    with pytest.raises(DataError) as caught:
        find_inputs(tmp_path / name, ONE)
    one_line(caught.value, name, words)
