"""Uterine Myoma MRI Dataset: `PATIENT_t2_0000.nii.gz` with `PATIENT_t2.nii.gz`, in folders of any depth."""

from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.formats.nifti import SUFFIXES, stem
from llmseg.data.lenient import refuse
from llmseg.errors import DataError

CLASSES = {"uterine_wall": (1,), "uterine_cavity": (2,), "myoma": (3,), "nabothian_cyst": (4,)}
"""Class -> label value, in the order of the paper (Pan et al., Scientific Data 2024)."""
_IMAGE, _LABEL = "_t2_0000", "_t2"


def read(root: Path, source: str = "") -> list[Case]:
    """Find all T2-weighted volumes and their labels, sorted by name; every volume is its own patient.

    Args:
        root: the folder.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: there are none, an image has no label, a label no image, or a file is there twice.
    """
    require_folder(root, source)
    images, labels = _named(root, _IMAGE), _named(root, _LABEL)
    if not images:
        raise DataError(f"{root}: holds no scans named PATIENT{_IMAGE}.nii.gz: {where_to_get(source)}")
    for name in sorted(images.keys() - labels.keys()):
        refuse(DataError(f"{images[name]}: image without a label {name}{_LABEL}: add it or remove the image"), name)
    for name in sorted(labels.keys() - images.keys()):
        refuse(DataError(f"{labels[name]}: label without an image {name}{_IMAGE}: add it or remove the label"), name)
    return [Case(name, (images[name],), labels[name], name, CLASSES) for name in sorted(images) if name in labels]


def _named(root: Path, ending: str) -> dict[str, Path]:
    """Patient -> file, of the NIfTI files whose names end so."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*.nii*")):
        if not path.name.endswith(SUFFIXES) or path.name.startswith(".") or not stem(path).endswith(ending):
            continue
        name = stem(path).removesuffix(ending)
        other = found.setdefault(name, path)
        if other != path:
            refuse(DataError(f"{other} and {path}: the same scan twice: remove one"), name)
    return found
