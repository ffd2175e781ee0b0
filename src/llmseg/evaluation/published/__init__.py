"""Numbers that others published, with their sources; semi_supervised.csv holds them as they were printed."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from importlib import resources

LAST, BEST_ON_TEST, NOT_STATED = "last", "best_on_test", "not_stated"
SELECTION = {
    LAST: "last checkpoint",
    BEST_ON_TEST: "chosen on the test set",
    NOT_STATED: "choice of checkpoint not stated",
}
"""How the checkpoint behind a published number was chosen, in words."""

_SAME_SCANS = {"la": "la_h5"}
_CAUTION = {
    "la": "data=la is an nnU-Net folder with a split of its own (8 labelled + 32 unlabelled cases, say); the published "
    "numbers are of the community's la_h5 (8 + 72): do not read them as one column"
}


@dataclass(frozen=True)
class Published:
    """One row of a published table.

    Attributes:
        data: the configuration in conf/data that its cases and its split belong to.
        protocol: of the split, in words.
        labelled: number of labelled training cases.
        unlabelled: number of unlabelled ones.
        method: its name in the field.
        year: of publication; None for a baseline.
        dice: mean over the test cases, from 0 to 1; the file has per cent.
        jaccard: likewise; None where it was not published, as the two below.
        hd95_voxel: in voxels, without spacing.
        asd_voxel: in voxels, from prediction to label only.
        selection: of the checkpoint: last, best_on_test or not_stated.
        source: address.
        note: a remark, or nothing.
    """

    data: str
    protocol: str
    labelled: int
    unlabelled: int
    method: str
    year: int | None
    dice: float
    jaccard: float | None
    hd95_voxel: float | None
    asd_voxel: float | None
    selection: str
    source: str
    note: str


def published() -> list[Published]:
    """All rows, in the file's order.

    Raises:
        ValueError: a cell cannot be read, or says another choice of checkpoint than the three.
    """
    text = resources.files(__name__).joinpath("semi_supervised.csv").read_text(encoding="utf-8")
    return [_row(row) for row in csv.DictReader(text.splitlines(), strict=True)]


def fitting(data: str, labelled: Collection[int | None]) -> list[Published]:
    """Rows of a data set (`data.name`) at these numbers of labelled cases."""
    name = _SAME_SCANS.get(data, data)
    return [row for row in published() if row.data == name and row.labelled in labelled]


def caution(data: str) -> str | None:
    """What to say where published rows stand beside runs on this data set though its split is another; or None."""
    return _CAUTION.get(data)


def _row(row: dict[str, str]) -> Published:
    if row["selection"] not in SELECTION:
        raise ValueError(f"semi_supervised.csv: {row['selection']!r} is none of {', '.join(SELECTION)}")
    return Published(
        data=row["data"],
        protocol=row["protocol"],
        labelled=int(row["labelled"]),
        unlabelled=int(row["unlabelled"]),
        method=row["method"],
        year=int(row["year"]) if row["year"] else None,
        dice=float(row["dice"]) / 100,
        jaccard=float(row["jaccard"]) / 100 if row["jaccard"] else None,
        hd95_voxel=_number(row["hd95_voxel"]),
        asd_voxel=_number(row["asd_voxel"]),
        selection=row["selection"],
        source=row["source"],
        note=row["note"],
    )


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
