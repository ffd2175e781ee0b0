"""Published numbers of impressions that models wrote, with their sources; reports.csv holds them as printed."""

import csv
from dataclasses import dataclass
from importlib import resources

RECALL, F1, UNKNOWN = "recall", "F1", "unknown"
KINDS = (RECALL, F1, UNKNOWN)
"""What a published ROUGE is."""

_CAUTION = {
    "openi": "published numbers on Open-i belong to data.split.rule=usual, where some findings stand in both training "
    "and test: do not read them as one column with those of another division"
}


@dataclass(frozen=True)
class Published:
    """One published number.

    Attributes:
        system: its name in the source.
        data: the configuration in conf/data that it belongs to, such as openi; or a name for data that are not public.
        n: test reports; None where the source does not say.
        metric: rouge1, rouge2, rougeL, bleu, bertscore, medcon or radgraph.
        value: from 0 to 1; the file has per cent.
        kind: of a ROUGE: recall, F1, or unknown; other metrics have unknown unless they are an F1.
        source: address.
        note: a remark, or nothing.
    """

    system: str
    data: str
    n: int | None
    metric: str
    value: float
    kind: str
    source: str
    note: str


def published() -> list[Published]:
    """All rows, in the file's order.

    Raises:
        ValueError: a cell cannot be read, or says another kind than the three.
    """
    text = resources.files("llmseg.evaluation.published").joinpath("reports.csv").read_text(encoding="utf-8")
    return [_row(row) for row in csv.DictReader(text.splitlines(), strict=True)]


def fitting(data: str) -> list[Published]:
    """Rows of a data set (`data.name`)."""
    return [row for row in published() if row.data == data]


def caution(data: str) -> str | None:
    """What to say where published rows stand beside runs on this data set; or None."""
    return _CAUTION.get(data)


def _row(row: dict[str, str]) -> Published:
    if row["kind"] not in KINDS:
        raise ValueError(f"reports.csv: {row['kind']!r} is none of {', '.join(KINDS)}")
    return Published(
        system=row["system"],
        data=row["data"],
        n=int(row["n"]) if row["n"] else None,
        metric=row["metric"],
        value=float(row["value"]) / 100,
        kind=row["kind"],
        source=row["source"],
        note=row["note"],
    )
