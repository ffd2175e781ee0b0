"""BraTS folders: one folder a case, one file a modality, in the names and label values of 2015 to 2023."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.formats.nifti import SUFFIXES, stem
from llmseg.data.lenient import refuse
from llmseg.errors import ConfigError, DataError

MODALITIES = ("flair", "t1", "t1ce", "t2")
ALIASES = {"t2f": "flair", "t1n": "t1", "t1c": "t1ce", "t2w": "t2"}
"""Names of 2023 -> names of 2017 to 2021."""

# 2015: 1 necrosis, 2 oedema, 3 non-enhancing, 4 enhancing tumour (Menze et al., IEEE TMI 2015).
# 2018 (2017 to 2021): 1 necrosis and non-enhancing, 2 oedema, 4 enhancing (Bakas et al., arXiv:1811.02629).
# 2023: the same with 3 for enhancing (Kazerooni et al., arXiv:2305.17033).
REGIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "2015": {"whole_tumour": (1, 2, 3, 4), "tumour_core": (1, 3, 4), "enhancing_tumour": (4,)},
    "2018": {"whole_tumour": (1, 2, 4), "tumour_core": (1, 4), "enhancing_tumour": (4,)},
    "2023": {"whole_tumour": (1, 2, 3), "tumour_core": (1, 3), "enhancing_tumour": (3,)},
}
"""Label convention -> region -> raw label values."""

_NAME = re.compile(rf"(?P<id>.+)[_-](?P<kind>{'|'.join((*MODALITIES, *ALIASES, 'seg'))})", re.IGNORECASE)
_DASH_NAME = re.compile(r"BraTS-[A-Za-z]+-.+", re.IGNORECASE)
_2015_NAME = re.compile(r"brats_(2013|tcia)_pat\d+_.+", re.IGNORECASE)
# The group is the patient, what follows it counts the scans. In 2020 and 2021 the last number is the patient itself.
_PATIENTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"(BraTS-[A-Za-z]+-.+)-\d+", r"(brats_(?:2013|tcia)_pat\d+)_\d+", r"(brats1[789]_.+)_\d+")
)

Convention = str | int
_Found = dict[str, Path]


@dataclass
class _Folder:
    """Files of one case, by canonical modality or `seg`."""

    id: str
    files: _Found = field(default_factory=dict)


def read(
    root: Path,
    modalities: Sequence[str],
    label_convention: Convention | Mapping[str, Convention] | None = None,
    source: str = "",
) -> list[Case]:
    """Find all cases below `root`, however deeply nested (HGG/LGG), sorted by id.

    A case's label is None where it has no `seg` file; its group is the patient, without the number of the scan.

    Args:
        root: the folder.
        modalities: channels in order: flair, t1, t1ce, t2, or t2f, t1n, t1c, t2w.
        label_convention: 2015, 2018 or 2023; or a mapping from case id to one of them; None, and cases that the mapping
            leaves out: by file name.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        ConfigError: unknown or repeated modality, unknown convention, or a convention for an unknown case.
        DataError: no case is found, a case lacks a wanted modality, or has one of its files twice.
    """
    wanted = _canonical(modalities)
    require_folder(root, source)
    folders = _scan(root)
    if not folders:
        raise DataError(f"{root}: holds no scans with BraTS names (such as CASE_flair.nii.gz): {where_to_get(source)}")
    _require_modalities(folders, wanted, root)
    conventions = _conventions([folder.id for folder in folders], label_convention)
    return [
        Case(
            id=folder.id,
            images=tuple(folder.files[modality] for modality in wanted),
            label=folder.files.get("seg"),
            group=patient(folder.id),
            labels=REGIONS[conventions[folder.id]],
        )
        for folder in folders
        if set(wanted) <= folder.files.keys()
    ]


def patient(case_id: str) -> str:
    """The patient a case belongs to: BraTS-GLI-00001-000 -> BraTS-GLI-00001, Brats18_2013_0_1 -> Brats18_2013_0."""
    for pattern in _PATIENTS:
        if match := pattern.fullmatch(case_id):
            return match[1]
    return case_id


def parse_name(name: str) -> tuple[str, str] | None:
    """Case id and kind (one of MODALITIES, or `seg`) of a file's name without extension; None for other names."""
    match = _NAME.fullmatch(name)
    return (match["id"], ALIASES.get(match["kind"].lower(), match["kind"].lower())) if match else None


def convention_by_name(case_id: str) -> str:
    """The label convention that a case's name belongs to."""
    if _DASH_NAME.fullmatch(case_id):
        return "2023"
    return "2015" if _2015_NAME.fullmatch(case_id) else "2018"


def _canonical(modalities: Sequence[str]) -> list[str]:
    known = (*MODALITIES, *ALIASES)
    if not modalities:
        raise ConfigError(f"data.modalities: name at least one of {', '.join(MODALITIES)}")
    wanted = []
    for name in modalities:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"
            raise ConfigError(f"data.modalities: unknown modality {name!r}: {hint}")
        wanted.append(ALIASES.get(name, name))
        if wanted.count(wanted[-1]) > 1:
            raise ConfigError(f"data.modalities: {name!r} is named twice")
    return wanted


def _scan(root: Path) -> list[_Folder]:
    """Cases by folder and name: two cases of one id in two folders stay two, for the check of ids to find."""
    found: dict[tuple[Path, str], _Folder] = {}
    for path in sorted(root.rglob("*.nii*")):
        name = parse_name(stem(path))
        if name is None or not path.name.endswith(SUFFIXES) or path.name[0] == "." or not path.is_file():
            continue
        case_id, kind = name
        folder = found.setdefault((path.parent, case_id), _Folder(case_id))
        other = folder.files.setdefault(kind, path)
        if other != path:
            refuse(DataError(f"{other} and {path}: {kind} of case {folder.id} twice: remove one"), folder.id)
    return sorted(found.values(), key=lambda folder: folder.id)


def _require_modalities(folders: Iterable[_Folder], wanted: Sequence[str], root: Path) -> None:
    folders = list(folders)
    for folder in folders:
        if lacking := [modality for modality in wanted if modality not in folder.files]:
            common = [name for name in MODALITIES if all(name in other.files for other in folders)]
            remedy = f"set 'data.modalities=[{','.join(common)}]', which all cases have" if common else "add the files"
            place = next(iter(folder.files.values())).parent
            refuse(DataError(f"{place}: case {folder.id} lacks {', '.join(lacking)}: {remedy}"), folder.id)


def _conventions(ids: Sequence[str], chosen: Convention | Mapping[str, Convention] | None) -> dict[str, str]:
    by_name = {case_id: convention_by_name(case_id) for case_id in ids}
    if chosen is None:
        return by_name
    given = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(ids, chosen)
    for case_id, convention in given.items():
        if case_id not in by_name:
            near = difflib.get_close_matches(case_id, ids, 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"data.label_convention: the data set has no case {case_id!r}{hint}")
        if str(convention) not in REGIONS:
            raise ConfigError(
                f"data.label_convention: unknown convention {convention!r}: choose from {', '.join(REGIONS)}"
            )
    return by_name | {case_id: str(convention) for case_id, convention in given.items()}
