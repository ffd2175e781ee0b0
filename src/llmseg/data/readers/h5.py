"""What the readers of the semi-supervised field's h5 files share: one file a case, data sets `image` and `label`.

The files are cropped and normalised. They do not say how large a voxel is: that is part of what we know of a layout.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.formats import h5
from llmseg.data.lenient import refuse
from llmseg.errors import DataError


@dataclass(frozen=True)
class Layout:
    """How one such data set is stored.

    Attributes:
        pattern: regular expression for the whole name of a case's file, in any case of letters. Its group `id` is the
            case's id; without one, the name of the file's folder is.
        example: a name of that kind, for messages.
        labels: class name -> raw label values.
        patient: the patient of a case id; as it stands, every case is its own.
        spacing: edge of the voxels, cubes, in mm.
    """

    pattern: str
    example: str
    labels: Mapping[str, tuple[int, ...]]
    patient: Callable[[str], str] = str
    spacing: float = 1.0


def read(root: Path, layout: Layout, source: str = "") -> list[Case]:
    """Find the cases of a layout, however deep below `root`, sorted by id.

    A case's label is None where its file has no data set `label`.

    Args:
        root: the folder.
        layout: what the files look like.
        source: where to get the data set, for the message when there is none.

    Raises:
        DataError: the root is missing or empty or holds no such file, or a file is unreadable or has no `image`.
    """
    require_folder(root, source)
    cases = []
    matches = [(path, re.fullmatch(layout.pattern, path.name, re.IGNORECASE)) for path in sorted(root.rglob("*.h5"))]
    if not any(match for _, match in matches):
        raise DataError(f"{root}: holds no files named like {layout.example}: {where_to_get(source)}")
    for path, match in matches:
        if match is None:
            continue
        case_id = match.groupdict().get("id") or path.parent.name
        try:
            cases.append(_case(path, case_id, layout))
        except DataError as error:
            refuse(error, case_id)
    return sorted(cases, key=lambda case: case.id)


def _case(path: Path, case_id: str, layout: Layout) -> Case:
    inside = h5.keys(path)
    if "image" not in inside:
        raise DataError(f"{path}: has no data set 'image' (it holds {', '.join(inside) or 'nothing'})")
    size = "" if layout.spacing == 1 else f"@{layout.spacing:g}"
    label = path / f"label{size}" if "label" in inside else None
    return Case(case_id, (path / f"image{size}",), label, layout.patient(case_id), layout.labels)
