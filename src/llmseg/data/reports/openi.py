"""Open-i, the Indiana University chest X-ray collection: 3,955 reports as XML.

Demner-Fushman et al., JAMIA 23(2), 2016, https://doi.org/10.1093/jamia/ocv080. The texts are under CC BY-NC-ND 4.0;
they are read where the torchxrayvision package, or the user, has put them, and are never copied.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from llmseg.data.reports.columns import Reading, joined
from llmseg.data.reports.config import SECTIONS, ReportsConfig, names_of
from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, DataError

_PACKAGE = "torchxrayvision"
_ARCHIVE = "NLMCXR_reports.tgz"
_ANATOMY = {
    "aorta",
    "aorta, thoracic",
    "blood vessels",
    "bone and bones",
    "cardiac shadow",
    "cervical vertebrae",
    "costophrenic angle",
    "diaphragm",
    "epicardial fat",
    "heart",
    "heart atria",
    "heart ventricles",
    "lumbar vertebrae",
    "lung",
    "lymph nodes",
    "markings",
    "mediastinum",
    "pleura",
    "pulmonary artery",
    "ribs",
    "shoulder",
    "spine",
    "thoracic vertebrae",
    "trachea",
}
_CHANGES = {
    "azygos lobe",
    "blunted",
    "bronchovascular",
    "degenerative",
    "elevated",
    "enlarged",
    "flattened",
    "hyperdistention",
    "hypoinflation",
    "interstitial",
    "obscured",
    "prominent",
    "tortuous",
}


def read_openi(config: ReportsConfig, file: Path) -> Reading:
    """Reports that have both findings and an impression: 3,419 of the package's 3,955.

    `id` is the report's number, as in its file's name. The XML names no patient, and each report is one examination:
    it is its own group. `labels`: see `labels_of`.

    Args:
        config: `input`, `headings`.
        file: the archive, or the folder that it unpacks to.

    Raises:
        ConfigError: `input` names something else than findings, indication and comparison, or not the findings.
        DataError: the file is missing, damaged, or holds no such reports.
    """
    sections = sections_of(config.input)
    reports = []
    for name, content in _documents(file):
        report = _report(name, content, sections, config.headings, file)
        if report.fields["findings"] and report.fields["impression"]:
            reports.append(report)
    if not reports:
        raise DataError(f"{file}: holds no reports of Open-i: {_ARCHIVE}, or the folder of its XML files, is expected")
    return Reading(sorted(reports, key=lambda report: report.line), "report", "findings", "impression")


def package_archive() -> Path:
    """The archive in the torchxrayvision package, which is not imported.

    Raises:
        UserError: the package is not installed.
    """
    from llmseg.optional import folder_of, require

    require(_PACKAGE, "data=openi", install="--no-deps torchxrayvision, or name a copy of the archive with data.file")
    return folder_of(_PACKAGE) / "data" / _ARCHIVE


def labels_of(tags: list[str]) -> tuple[str, ...] | None:
    """MeSH tags of a report as labels: the finding in lower case, without place, side and degree.

    `Pleural Effusion/right/small` is `pleural effusion`, `normal` is `normal`. Where the heading is a place (`lung`),
    the first change is named with it: `Lung/bilateral/hypoinflation` is `lung/hypoinflation`.

    Args:
        tags: `major` entries of the XML.

    Returns:
        Each label once; None for reports that the annotators did not index.
    """
    labels: dict[str, None] = {}
    for tag in tags:
        heading, *rest = (part.strip().lower() for part in tag.split("/"))
        change = next((part for part in rest if part in _CHANGES), None)
        labels[f"{heading}/{change}" if heading in _ANATOMY and change else heading] = None
    found = tuple(label for label in labels if label)
    return None if not found or found == ("no indexing",) else found


def sections_of(wanted: Any) -> tuple[str, ...]:
    """Names of the input's parts; the findings come last, wherever they are named: they are what must be there.

    Args:
        wanted: `data.input`: a name, several, or None: the findings.

    Raises:
        ConfigError: there is no such section, or the findings are not among them.
    """
    names = names_of(wanted, "data.input") or ("findings",)
    if unknown := [name for name in names if name not in SECTIONS]:
        raise ConfigError(f"data.input: {unknown[0]!r}: choose from {', '.join(SECTIONS)}")
    if "findings" not in names:
        raise ConfigError(f"data.input={list(names)}: name findings, and whatever is to stand before it")
    return (*(name for name in names if name != "findings"), "findings")


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each XML file of a folder, at any depth, or of an archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.name, file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(".xml") else None
                if stream is not None:
                    yield PurePosixPath(member.name).name, stream.read()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file: {_ARCHIVE} is expected, or null for the package's") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path}: no archive of Open-i, or damaged ({' '.join(str(error).split())})") from error


def _report(name: str, content: bytes, sections: tuple[str, ...], headings: bool, file: Path) -> Report:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat itself limits the expansion of entities
    except ElementTree.ParseError as error:
        raise DataError(f"{file}, {name}: not valid XML ({error}): get the file anew") from error
    number = PurePosixPath(name).stem
    if not number.isdecimal():
        raise DataError(f"{file}, {name}: the name must be the number of a report, such as 1.xml")
    texts = {str(each.get("Label")).lower(): " ".join((each.text or "").split()) for each in root.iter("AbstractText")}
    fields = {key: texts.get(key, "") for key in (*SECTIONS, "impression")}
    tags = [each.text or "" for each in root.iter("major")]
    return Report(
        id=number,
        input=joined({key: fields[key] for key in sections}, headings),
        output=fields["impression"],
        line=int(number),
        labels=labels_of(tags),
        fields={**fields, "mesh": "; ".join(tags)},
    )
