"""Pancreas-CT as The Cancer Imaging Archive gives it out: DICOM series, and NIfTI labels in a folder of their own.

Roth et al., MICCAI 2015. A label's header does not always agree with its series, and the arrays lie mirrored against
each other: `formats.aligned` turns each label to its scan by the header's directions and makes sure by the Hounsfield
units inside it.
"""

import re
from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.formats.aligned import aligned
from llmseg.data.formats.nifti import SUFFIXES, stem
from llmseg.data.lenient import refuse
from llmseg.errors import DataError

LABELS = {"pancreas": (1,)}
_IMAGE = re.compile(r"PANCREAS_(\d{4})", re.IGNORECASE)
_LABEL = re.compile(r"label(\d{4})", re.IGNORECASE)
_SAME_SCAN = {"PANCREAS_0025": "PANCREAS_0002", "PANCREAS_0070": "PANCREAS_0002"}


def read(root: Path, source: str = "") -> list[Case]:
    """Find all scans below `root`, sorted by id; a scan without a label has None, a label without a scan is left out.

    Args:
        root: the folder with `PANCREAS_0001/<study>/<series>` (or `PANCREAS_0001.nii.gz`) and `label0001.nii.gz`,
            each at any depth.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: no scan is found, or a scan or label is there twice.
    """
    require_folder(root, source)
    images, labels = _images(root), _labels(root)
    if not images:
        raise DataError(f"{root}: holds no scans named PANCREAS_0001: {where_to_get(source)}")
    return [
        Case(name, (image,), aligned(labels[number], image) if number in labels else None, patient(name), LABELS)
        for name, number, image in images
    ]


def patient(case_id: str) -> str:
    """The patient of a scan. 25 and 70 are other crops of scan 2, for which the archive withdrew them in 2020."""
    return _SAME_SCAN.get(case_id, case_id)


def _images(root: Path) -> list[tuple[str, str, Path]]:
    """Id, number and path of every scan."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("PANCREAS_*")):
        match = _IMAGE.fullmatch(stem(path))
        if match is None or not (path.is_dir() or path.name.endswith(SUFFIXES)):
            continue
        for place in _series(path) if path.is_dir() else [path]:
            other = found.setdefault(match[1], place)
            if other != place:
                error = f"{other} and {place}: scan PANCREAS_{match[1]} twice: remove one"
                refuse(DataError(error), f"PANCREAS_{match[1]}")
    return [(f"PANCREAS_{number}", number, path) for number, path in sorted(found.items())]


def _series(folder: Path) -> list[Path]:
    """Folders with DICOM files at or below a scan's folder; the archive leaves empty folders for withdrawn scans."""
    return sorted({file.parent for file in folder.rglob("*") if file.suffix.lower() == ".dcm" and file.name[0] != "."})


def _labels(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("label*.nii*")):
        match = _LABEL.fullmatch(stem(path))
        if match is None or not path.is_file():
            continue
        other = found.setdefault(match[1], path)
        if other != path:
            refuse(DataError(f"{other} and {path}: label {match[1]} twice: remove one"), f"PANCREAS_{match[1]}")
    return found
