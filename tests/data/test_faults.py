"""All faults of a data set at once, on generated data and on copies of real scans."""

import shutil
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from llmseg.data.checks import scans
from llmseg.data.checks.dataset import Report, check_data
from llmseg.data.checks.fault import FAULT, WARNING, Fault
from llmseg.data.checks.masks import noisy_values, picture_warnings
from llmseg.data.checks.mirrors import _symmetric, image_levels, mirrored_channels, mirrored_label, mutual_information
from llmseg.data.config import DataConfig
from llmseg.data.datamodule import SegmentationData
from llmseg.data.files import read_header, read_voxels
from llmseg.data.lenient import collecting, refuse
from llmseg.data.readers import brats, nnunet, pairs
from llmseg.errors import ConfigError, DataError
from tests.data import make_faults as make
from tests.data.make import AFFINE, brats_case, mask, noise, write_scan
from tests.data.make_pictures import pairs_folder

IDS = [f"c{number:02d}" for number in range(24)]


def check(root: Path, **options: object) -> Report:
    classes = list(nnunet.describe(root).classes)
    config = DataConfig(root=str(root), classes=classes, channels=nnunet.describe(root).channels)
    for key, value in options.items():
        setattr(config, key, value)
    return check_data(config, nnunet.read)


def rows(report: Report, severity: str = FAULT) -> set[tuple[str, str]]:
    return {(row.case, row.kind) for row in report.rows if row.severity == severity}


def text(report: Report, case: str, kind: str) -> str:
    return " | ".join(row.fault for row in report.rows if (row.case, row.kind) == (case, kind))


def test_clean_data_have_no_rows(tmp_path: Path) -> None:
    report = check(make.data_set(tmp_path, IDS[:8]))
    assert report.rows == []
    assert [case.case.id for case in report.cases] == IDS[:8]
    assert sorted(report.parts.values()) == ["test"] * 3 + ["train"] * 4 + ["val"]
    images, label = make.scan(0)
    assert report.cases[0].ranges[1] == (images[1].min(), images[1].max())
    assert report.cases[0].volumes["one"] == pytest.approx((label == 1).sum() * 1 * 1.5 * 2 / 1000)


def plant(root: Path) -> dict[tuple[str, str], str]:
    """Spoil one case after the other; what must be found: (case, kind) -> words."""
    image, label = partial(make.image, root), partial(make.label_of, root)
    label("c00").unlink()
    image("c01").unlink()
    image("c01", 1).unlink()
    make.change(label("c02"), make.voxels_of(label("c02"))[:, :, :-1])
    make.other_spacing(image("c03", 1))
    make.change(label("c04"), affine=AFFINE @ make.MIRROR)
    make.change(image("c05", 1), make.voxels_of(image("c05", 1))[::-1])
    make.change(label("c06"), make.voxels_of(label("c06"))[:, ::-1])
    make.put(image("c07"), np.nan)
    make.change(image("c08"), np.full(make.SHAPE, 7, np.int16))
    make.put(label("c09"), 9)
    make.as_jpeg(label("c10"))
    make.lie(image("c11"))
    make.inflate(image("c12"))
    make.break_affine(label("c13"))
    make.truncate(image("c14"))
    image("c15").write_text("no scan")
    make.put(label("c16"), 0.5)
    shutil.copy(image("c17"), image("c17", 1))
    image("c18", 1).unlink()
    make.copy_case(root, "c20", "c23")
    make.add_class(root, "three", 3)
    make.write_lists(root, [*IDS[:21], "c99"], ["c20", *IDS[21:]])
    return {
        ("c00", "layout"): "without a label",
        ("c01", "layout"): "without an image",
        ("c02", "grid"): "shape",
        ("c03", "grid"): "spacing",
        ("c04", "flip"): "header mirrors it (left-right)",
        ("c05", "flip"): "better when mirrored left-right",
        ("c06", "flip"): "better when mirrored front-back",
        ("c07", "voxels"): "NaN",
        ("c08", "voxels"): "constant",
        ("c09", "label"): "unknown label values 9",
        ("c10", "label"): "JPEG noise",
        ("c11", "header"): "promises 3000x3000x3000",
        ("c12", "voxels"): "twice what its header promises",
        ("c13", "header"): "affine is not finite",
        ("c14", "voxels"): "truncated",
        ("c15", "header"): "not a readable NIfTI",
        ("c16", "label"): "whole numbers",
        ("c17", "copy"): "same voxels",
        ("c18", "layout"): "c18_0001 is missing",
        ("c23", "copy"): "of case c20 (train; this one: test)",
        ("", "list"): "unknown case(s) c99 | ",
        ("", "class"): "'three' occurs in no label",
    }


def test_every_planted_fault_is_found_and_no_other(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS)
    expected = plant(tmp_path)
    report = check(tmp_path)
    assert rows(report) == set(expected)
    for (case, kind), words in expected.items():
        assert words in text(report, case, kind)
    assert "c20 in both train and test" in text(report, "", "list")
    assert sum(row.kind == "copy" for row in report.rows) == 2  # one row for two cases, whatever their channels
    assert all(row.remedy for row in report.rows)
    copies = [row.remedy for row in report.rows if row.case == "c23"]
    assert all("trained on" in remedy for remedy in copies)


def test_planted_faults_in_real_scans(sample_data: Path, tmp_path: Path) -> None:
    source = sample_data / "Dataset104_Hippocampus"
    names = [f"hippocampus_{number:03d}" for number in (1, 4, 7, 11, 15, 19)]
    for name in names:
        for folder, file in (("imagesTr", f"{name}_0000.nii.gz"), ("labelsTr", f"{name}.nii.gz")):
            (tmp_path / folder).mkdir(exist_ok=True)
            shutil.copy(source / folder / file, tmp_path / folder / file)
    shutil.copy(source / "dataset.json", tmp_path)
    make.write_lists(tmp_path, names[:4], names[4:])
    assert check(tmp_path).rows == []

    image, label = partial(make.image, tmp_path), partial(make.label_of, tmp_path)
    make.copy_case(tmp_path, names[5], "again")
    shutil.copy(image(names[0]), image("bare"))
    shutil.copy(label(names[0]), label("lost"))
    make.put(image(names[0]), np.inf)
    make.put(label(names[0]), 5)
    make.lie(image(names[1]))
    make.break_affine(label(names[1]))
    make.change(image(names[2]), np.ones_like(make.voxels_of(image(names[2]))))
    make.inflate(label(names[2]))
    make.change(label(names[3]), make.voxels_of(label(names[3]))[::-1])
    make.as_jpeg(label(names[4]))
    make.add_class(tmp_path, "tail", 3)
    make.write_lists(tmp_path, [*names[:4], "again", "hippocampus_999"], [names[0], *names[4:]])
    report = check(tmp_path)
    assert rows(report) == {
        (names[0], "voxels"),
        (names[0], "label"),
        (names[1], "header"),
        (names[2], "voxels"),
        (names[2], "label"),
        (names[3], "flip"),
        (names[4], "label"),
        (names[5], "copy"),
        ("bare", "layout"),
        ("lost", "layout"),
        ("", "list"),
        ("", "class"),
    }
    assert sum(row.severity == FAULT for row in report.rows) == 14
    assert "promises 3000x3000x3000" in text(report, names[1], "header")
    assert "affine is not finite" in text(report, names[1], "header")
    assert "left-right" in text(report, names[3], "flip")
    assert "JPEG" in text(report, names[4], "label")
    assert "zip bomb" in " ".join(row.remedy for row in report.rows if row.case == names[2])
    assert "(train; this one: test)" in text(report, names[5], "copy")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flips_of_real_channels_and_labels(sample_data: Path, axis: int) -> None:
    for case in brats.read(sample_data / "BraTS", ["flair", "t1ce"]):
        header = read_header(case.images[0])
        one, two = (read_voxels(path, np.float32) for path in case.images)
        images = [(case.images[0], image_levels(one)), (case.images[1], image_levels(two))]
        assert case.label is not None
        label = read_voxels(case.label).astype(int)
        name = ("left-right", "front-back", "head-foot")[axis]
        turned = [images[0], (case.images[1], image_levels(np.flip(two, axis)))]
        assert [(found.axis, found.file) for found in mirrored_channels(turned, header)] == [(name, case.images[1])]
        found = mirrored_label(images, (case.label, image_levels(np.flip(label, axis))), header)
        assert [(found.axis, found.is_label) for found in found] == [(name, True)]
        assert not mirrored_channels(images, header) + mirrored_label(images, (case.label, image_levels(label)), header)


def test_of_three_channels_the_odd_one_is_named(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8], channels=3)
    make.change(make.image(tmp_path, "c02"), make.voxels_of(make.image(tmp_path, "c02"))[..., ::-1])
    report = check(tmp_path)
    assert [(row.case, row.kind, Path(row.file).name) for row in report.rows] == [("c02", "flip", "c02_0000.nii.gz")]
    assert "head-foot" in report.rows[0].fault


def test_where_half_of_the_labels_look_mirrored_it_is_a_warning(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8])
    for name in IDS[:4]:
        make.change(make.label_of(tmp_path, name), make.voxels_of(make.label_of(tmp_path, name))[::-1])
    report = check(tmp_path)
    assert rows(report) == set()
    assert rows(report, WARNING) == {(name, "flip") for name in IDS[:4]}


def test_noise_tells_nothing(tmp_path: Path) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        one, two = (image_levels(rng.normal(size=(20, 20, 20))) for _ in range(2))
        path = write_scan(tmp_path / "a.nii", noise(shape=(20, 20, 20)))
        header = read_header(path)
        assert mirrored_channels([(path, one), (path, two)], header) == []
        label = np.where(rng.random((20, 20, 20)) < 0.1, 1, 0)
        assert mirrored_label([(path, one)], (path, label), header) == []


def test_mutual_information_by_hand() -> None:
    one = np.array([0, 0, 1, 1]).reshape(4, 1, 1)
    assert mutual_information(one, 1 - one) == pytest.approx(np.log(2))
    assert mutual_information(one, np.array([0, 1, 0, 1]).reshape(4, 1, 1)) == pytest.approx(0)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_thinning_meets_the_mirror_image(step: int) -> None:
    for length in range(1, 60):
        indices = np.arange(length)[_symmetric(length, step)]
        assert len(indices)
        assert abs((length - 1 - indices[-1]) - indices[0]) <= (step % 2 == 0 or length <= step)


def test_empty_labels_are_warnings(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8])
    for name in IDS[:2]:
        make.change(make.label_of(tmp_path, name), np.zeros(make.SHAPE, np.uint8))
    report = check(tmp_path)
    assert rows(report) == set()
    assert rows(report, WARNING) == {("c00", "label"), ("c01", "label")}


def test_label_of_another_case_is_a_warning(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8])
    shutil.copy(make.label_of(tmp_path, "c01"), make.label_of(tmp_path, "c02"))
    report = check(tmp_path)
    assert ("c02", "copy") in rows(report, WARNING)


def test_classes_that_one_part_lacks(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8])
    for name in IDS[5:8]:  # the test list
        label = make.voxels_of(make.label_of(tmp_path, name))
        make.change(make.label_of(tmp_path, name), np.where(label == 2, 0, label).astype(np.uint8))
    report = check(tmp_path)
    assert [(row.kind, row.severity) for row in report.rows] == [("class", WARNING)]
    assert "'two' occurs in no test case" in report.rows[0].fault
    make.write_lists(tmp_path, IDS[5:8], IDS[:5])
    report = check(tmp_path)
    faults = [row.fault for row in report.rows if row.severity == FAULT]
    assert faults == ["class 'two' occurs in no train case"]


def test_patients_on_two_sides_and_cases_with_one_id(tmp_path: Path) -> None:
    for grade, name in (("HGG", "a_1"), ("LGG", "b_1"), ("LGG", "a_2"), ("HGG", "c_1"), ("LGG", "c_1")):
        brats_case(tmp_path / grade / f"Brats18_{name}", ["flair", "seg"], (0, 1, 2, 4))
    brats_case(tmp_path / "LGG" / "Brats18_d_1", ["t1", "seg"])
    make.write_lists(tmp_path, ["Brats18_a_1", "Brats18_c_1"], ["Brats18_a_2", "Brats18_b_1", "Brats18_d_1"])
    config = DataConfig(root=str(tmp_path), classes=["whole_tumour"], overlapping=True, channels=1)
    report = check_data(config, partial(brats.read, modalities=["flair"]))
    faults = [(row.case, row.kind, row.fault) for row in report.rows]
    assert ("Brats18_c_1", "layout", "two cases with the id 'Brats18_c_1'") in faults
    assert ("Brats18_d_1", "layout", "case Brats18_d_1 lacks flair") in faults
    [(_, _, patient)] = [fault for fault in faults if fault[1] == "list"]  # that d is refused is said once
    assert patient == "patient Brats18_a is in both train (Brats18_a_1) and test (Brats18_a_2)"


def test_case_without_label_in_the_split(tmp_path: Path) -> None:
    for name in "abcd":
        brats_case(tmp_path / f"Brats18_{name}_1", ["flair", *(["seg"] if name != "b" else [])], (0, 1, 2, 4))
    config = DataConfig(root=str(tmp_path), classes=["whole_tumour"], overlapping=True, channels=1)
    report = check_data(config, partial(brats.read, modalities=["flair"]))
    assert ("Brats18_b_1", "label") in rows(report)
    config.labelled = 1  # of the others nobody asks for a label
    assert ("Brats18_b_1", "label") not in rows(check_data(config, partial(brats.read, modalities=["flair"])))


def test_images_without_labels_that_are_meant_to_be_learned_from(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8])
    make.label_of(tmp_path, "c00").unlink()
    config = DataConfig(root=str(tmp_path), classes=["one", "two"], channels=nnunet.describe(tmp_path).channels)
    reader = partial(nnunet.read, unlabelled=True)
    assert rows(check_data(config, reader)) == {("c00", "label")}
    report = check_data(config, reader, bare=True)
    assert (report.rows, report.parts["c00"]) == ([], "unlabelled")
    make.write_lists(tmp_path, IDS[1:5], ["c00", *IDS[5:8]])  # no test case may
    assert rows(check_data(config, reader, bare=True)) == {("c00", "label")}


def test_a_fold_is_divided_as_for_training(tmp_path: Path) -> None:
    root = make.data_set(tmp_path / "scans", IDS[:10])
    config = DataConfig(root=str(root), classes=["one", "two"], channels=nnunet.describe(root).channels, fold=1)
    data = SegmentationData(config, nnunet.read, 2, tmp_path / "cache", 0)
    report = check_data(config, nnunet.read)
    for part in ("train", "val", "test"):
        assert sorted(id_ for id_ in report.parts if report.parts[id_] == part) == sorted(
            case.case.id for case in data.part(part)
        )
    with pytest.raises(ConfigError, match="fold=5"):
        check(root, fold=5)
    assert {row.kind for row in check(root, fold=0, folds=9).rows} == {"list"}


def test_what_stops_the_reader_is_a_row(tmp_path: Path) -> None:
    config = DataConfig(root=str(tmp_path / "nowhere"), classes=["one"], channels=1)
    report = check_data(config, nnunet.read)
    assert [(row.kind, row.file) for row in report.rows] == [("layout", str(tmp_path / "nowhere"))]
    with pytest.raises(ConfigError):
        check(make.data_set(tmp_path, IDS[:8]), classes=["thre"])


def test_window_beside_all_intensities(tmp_path: Path) -> None:
    make.data_set(tmp_path, IDS[:8], channels=1)
    make.change(make.image(tmp_path, "c03"), make.voxels_of(make.image(tmp_path, "c03")) + 10_000)
    report = check(tmp_path, intensity="window", window=[0.0, 1000.0])
    assert rows(report) == {("c03", "voxels")}
    assert "window 0 to 1000" in report.rows[0].fault


def test_more_than_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "_memory", lambda: 4.0 * 26 * 24 * 20)
    report = check(make.data_set(tmp_path, IDS[:8], channels=1))
    assert rows(report) == {(name, "header") for name in IDS[:8]}


def test_memory_does_not_grow_with_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "SHAPE", (60, 60, 60))
    peaks = []
    for count in (4, 16):
        make.data_set(tmp_path / str(count), IDS[:count], channels=1, test=1)
        check(tmp_path / str(count))  # what is imported on first use does not count
        tracemalloc.start()
        check(tmp_path / str(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_noise_of_masks() -> None:
    rng = np.random.default_rng(0)
    clean = np.where(rng.random((40, 40, 1)) < 0.3, 255, 0)
    assert noisy_values(clean) == 0
    assert noisy_values(np.clip(clean + rng.integers(-9, 10, clean.shape), 0, 255)) > 10
    assert noisy_values(rng.integers(0, 256, (40, 40, 1))) == 0  # grey values
    assert noisy_values(mask((0, 1, 2))) == 0


def test_jpeg_mask_that_loading_puts_right_is_a_warning(tmp_path: Path) -> None:
    disc = np.hypot(*(np.indices((64, 64)) - 32)) < 15
    Image.fromarray((255 * disc).astype(np.uint8)).save(tmp_path / "mask.jpg", quality=60)
    Image.fromarray((255 * disc).astype(np.uint8)).save(tmp_path / "mask.png")
    assert [row.severity for row in picture_warnings("a", tmp_path / "mask.jpg" / "mask")] == [WARNING]
    assert picture_warnings("a", tmp_path / "mask.png" / "mask") == []
    assert picture_warnings("a", write_scan(tmp_path / "a.nii", mask())) == []


def test_pictures(tmp_path: Path) -> None:
    pairs_folder(tmp_path, [f"p{number}" for number in range(8)])  # grey, read as colour: its channels may be equal
    shutil.copy(tmp_path / "p1.png", tmp_path / "p7.png")
    (tmp_path / "p2_seg.png").unlink()
    (tmp_path / "p3.png").unlink()
    config = DataConfig(root=str(tmp_path), classes=["disc"], channels=3)
    config.split.test = 0.4
    reader = partial(pairs.read, modalities=["red", "green", "blue"], classes=["disc"])
    report = check_data(config, reader)
    assert {("p7", "copy"), ("p2", "layout"), ("p3", "layout")} == rows(report)


def test_messages_are_taken_apart() -> None:
    assert Fault.of("/a/b.nii: is bad (known: 0, 1): mend it", "label", "c") == Fault(
        "c", "/a/b.nii", "label", "is bad (known: 0, 1)", "mend it"
    )
    assert Fault.of("/a and /b: twice: remove one", "layout").file == "/a and /b"
    assert Fault.of("too few patients (2): add cases", "list").file == ""
    assert Fault.of("/a/dataset.json: key 'x' is missing", "layout").remedy == ""


def test_refusals_raise_unless_collected() -> None:
    with pytest.raises(DataError, match="broken"):
        refuse(DataError("broken"), "a")
    with collecting() as refusals:
        refuse(DataError("broken"), "a")
    assert [(str(refusal.error), refusal.case) for refusal in refusals] == [("broken", "a")]
    with pytest.raises(DataError):
        refuse(DataError("broken"))


@pytest.mark.slow
def test_sample_data_are_clean(sample_data: Path) -> None:
    assert check(sample_data / "Dataset104_Hippocampus").rows == []
    config = DataConfig(root=str(sample_data / "BraTS"), classes=["whole_tumour"], overlapping=True, channels=2)
    assert check_data(config, partial(brats.read, modalities=["flair", "t1ce"])).rows == []


@pytest.mark.slow
def test_left_atria_are_clean(sample_data: Path) -> None:
    assert check(sample_data / "Dataset101_LeftAtrium").rows == []
