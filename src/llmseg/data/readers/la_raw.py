"""Left Atrium as the 2018 Atrial Segmentation Challenge gave it out: `<id>/lgemri.nrrd` and `<id>/laendo.nrrd`.

Xiong et al., Medical Image Analysis 2021. 0.625 mm, 88 slices, 576x576 or 640x640 voxels; the label is 0 and 255.
"""

from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.files import require_folder, where_to_get
from llmseg.data.lenient import refuse
from llmseg.errors import DataError

IMAGE, LABEL = "lgemri.nrrd", "laendo.nrrd"
LABELS = {"left atrium": (255,)}


def read(root: Path, source: str = "") -> list[Case]:
    """Find all cases below `root`, sorted by id; every folder is a patient. Without `laendo.nrrd` the label is None.

    Args:
        root: the folder with a folder a case, or one above it ("Training Set").
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: no case is found, or a label lies alone.
    """
    require_folder(root, source)
    folders = {path.parent for path in root.rglob(IMAGE)}
    for label in sorted(root.rglob(LABEL)):
        if label.parent not in folders:
            error = f"{label}: label without an image {IMAGE} beside it: add it or remove the label"
            refuse(DataError(error), label.parent.name)
    if not folders:
        raise DataError(f"{root}: holds no folders with {IMAGE}: {where_to_get(source)}")
    return [
        Case(
            id=folder.name,
            images=(folder / IMAGE,),
            label=folder / LABEL if (folder / LABEL).is_file() else None,
            group=folder.name,
            labels=LABELS,
        )
        for folder in sorted(folders, key=lambda folder: (folder.name, folder))
    ]
