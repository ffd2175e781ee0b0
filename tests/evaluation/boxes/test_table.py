"""Methods beside each other: what is printed, and who is better."""

import numpy as np
import pandas as pd
import pytest
from box_samples import make_sample
from scipy import stats

from llmseg.cli.compare_boxes import _tests as paired
from llmseg.cli.console import render
from llmseg.data.boxes.sample import Box
from llmseg.evaluation.boxes.metrics import by_patient, score, summarise
from llmseg.evaluation.boxes.table import MODEL, compare, patients_table, table
from llmseg.language.codecs.base import Decoded


def rows(heights: dict[str, list[float]]) -> pd.DataFrame:
    """Slices whose IoU is a tenth of the given heights: patient -> one height a slice."""
    return pd.DataFrame(
        row
        for name, own in heights.items()
        for index, height in enumerate(own)
        for row in score(
            make_sample((0, 0, 10, 10), case=name, index=index), Decoded((Box(0, 0, 10, height),) if height else ())
        )
    )


FEW = {"p": [5.0, 10.0], "q": [2.0]}
MANY = {f"c{n:02}": [1 + n / 2, 2 + n / 2] for n in range(12)}


def test_table_of_few_patients() -> None:
    header, model, none = table({"model": summarise(rows(FEW)), "none": summarise(rows({"p": [0.0], "q": [0.0]}))})
    first = dict(zip(header, model, strict=True))
    assert first["IoU"] == "0.475"  # (0.75 + 0.2) / 2
    assert first["by slice"] == "0.567"
    assert (first["95 % interval"], first["patients"], first["slices"]) == ("n too small", "2", "3")
    assert (first["Acc@.5"], first["parsed"], first["side"]) == ("0.250", "1.000", "1.000")
    assert "rejected" not in first  # no slice without a box
    assert dict(zip(header, none, strict=True))["centre mm"] == "-"
    text = render([header, model, none], "boxes")
    assert all(cell in text for cell in (*header, *model))


def test_table_of_many_patients_has_an_interval() -> None:
    header, row = table({"model": summarise(rows(MANY))})
    low, high = (float(end) for end in row[header.index("95 % interval")].split(" to "))
    assert low < float(row[header.index("IoU")]) < high


def test_patients_table() -> None:
    found = patients_table({"a": summarise(rows(FEW)), "b": summarise(rows({"q": [1.0]}))})
    expected = [["patient", "a", "b"], ["p", "0.750", "-"], ["q", "0.200", "0.100"], ["mean", "0.475", "0.100"]]
    assert found == expected


def test_compare_pairs_patients() -> None:
    better = {name: [value + 0.5 + 0.1 * n for value in own] for n, (name, own) in enumerate(MANY.items())}
    found = compare(rows(better), rows(MANY))
    difference = by_patient(rows(better)) - by_patient(rows(MANY))
    assert found["difference"] == pytest.approx(difference.mean())
    assert found["p"] == pytest.approx(stats.wilcoxon(difference).pvalue)
    assert found["low"] < found["difference"] < found["high"]
    assert (found["pairs"], found["rank_biserial"], found["note"]) == (12, 1.0, "")
    assert compare(rows(MANY), rows(better))["difference"] == pytest.approx(-difference.mean())


def test_compare_says_when_patients_are_too_few() -> None:
    found = compare(rows(FEW), rows({"p": [1.0], "q": [1.0]}))
    assert found["difference"] == pytest.approx(0.375)
    assert (found["low"], found["high"], found["p"], found["note"]) == (None, None, None, "n too small")


def test_compare_refuses_other_patients() -> None:
    with pytest.raises(ValueError, match="'r' was scored with one"):
        compare(rows(FEW), rows({**FEW, "r": [1.0]}))


def test_equal_methods_do_not_differ() -> None:
    found = compare(rows(MANY), rows(MANY))
    assert (found["difference"], found["p"]) == (0, 1)
    assert not np.isnan(found["low"])


def test_methods_of_too_few_patients_have_no_p_beside_those_of_enough() -> None:
    heights = {"many": MANY, "more": {name: [h - 0.5 for h in own] for name, own in MANY.items()}}
    heights |= {"few": FEW, "fewer": {name: [h / 2 for h in own] for name, own in FEW.items()}}
    methods = {name: rows(own).assign(kind=MODEL) for name, own in heights.items()}
    few = {name: methods[name] for name in ("few", "fewer")}
    assert paired(few, {name: summarise(own) for name, own in few.items()}) == {}
    many = {name: methods[name] for name in ("many", "more")}
    found = paired(many, {name: summarise(own) for name, own in many.items()})
    assert found["many - more"]["p_holm"] == found["many - more"]["p"]
