"""Run folders as an evaluated training leaves them, without any training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from llmseg.runs import RunFolder

Scores = Mapping[str, Sequence[float | None]]


def make(
    root: Path,
    method: str,
    dice: Sequence[float | None] | Scores,
    seed: int = 0,
    data: str = "la_h5",
    labelled: int | None = 4,
    model: str = "vnet",
    cases: Sequence[str] = (),
    summary: Mapping[str, Any] = {},
    columns: Mapping[str, Sequence[Any]] = {},
    **changes: Any,
) -> Path:
    """A finished run with one patient a case.

    Args:
        root: parent folder.
        method: name of the method.
        dice: of each case, or of each case for each class.
        seed: of the run.
        data: name of the data set.
        labelled: number of labelled cases.
        model: name of the network.
        cases: their ids; c0, c1, ... where left out.
        summary: facts in summary.json that differ.
        columns: further columns of cases.csv, one value a case.
        changes: further keys of the configuration; `data_` and `method_` in front: below that node.
    """
    run = RunFolder.create(root, f"{data}_{model}")
    by_class = dice if isinstance(dice, Mapping) else {"one": dice}
    config: dict[str, Any] = {
        "seed": seed,
        "name": f"{method}{seed}",
        "paths": {"runs": str(root)},
        "model": {"_target_": f"llmseg.models.{model}"},
        "method": {"_target_": f"llmseg.methods.{method}"},
        "data": {"name": data, "labelled": labelled, "labelled_seed": seed, "classes": list(by_class)},
        "choices": {"model": model, "data": data, "method": method, "knowledge": None},
    }
    for key, value in changes.items():
        node, _, name = key.partition("_")
        target = config[node] if node in ("data", "method", "choices") else config
        target[name if target is not config else key] = value
    run.write_config(config)
    rows = [
        {"case": case, "group": f"p{case}", "class": name, "empty": "", "dice": value, "jaccard": value}
        | {"hd95_mm": 2.0, "assd_mm": 1.0, "nsd": value, "legacy_jaccard": value}
        | {"legacy_hd95_voxel": 3.0, "legacy_asd_voxel": 1.5, "label_ml": 10.0 + index}
        | {key: values[index] for key, values in columns.items()}
        for name, values_ in by_class.items()
        for index, (case, value) in enumerate(
            zip(cases or [f"c{n}" for n in range(len(values_))], values_, strict=True)
        )
    ]
    pd.DataFrame(rows).to_csv(run.path / "cases.csv", index=False)
    facts = {"data": data, "part": "test", "checkpoint": "last", "nsd_tolerance_mm": 2.0, "note": None}
    run.write_json("summary.json", {**facts, "model": model, "method": method, "mean": {"dice": 0.5}, **summary})
    return run.path
