"""Methods beside each other and beside published numbers."""

import pytest

from llmseg.cli.console import render
from llmseg.data.reports.sample import Report
from llmseg.evaluation.reports import scores
from llmseg.evaluation.reports.scores import score, summarise
from llmseg.evaluation.reports.table import CAPTION, published_notes, published_table, table, tables
from llmseg.evaluation.summary import Summary
from llmseg.language.writing import Written

pytest.importorskip("rouge_score")
pytest.importorskip("sacrebleu")

REPORTS = [
    Report(str(n), "Left effusion.", "No acute disease." if n % 2 else "Left effusion.", labels=("pleural effusion",))
    for n in range(12)
]


@pytest.fixture
def summaries(monkeypatch: pytest.MonkeyPatch) -> dict[str, Summary]:
    monkeypatch.setattr(scores, "is_available", lambda: False)
    texts = {"constant": "No acute disease.", "copy": "Left effusion."}
    return {name: summarise(score(REPORTS, [Written(text)] * len(REPORTS))) for name, text in texts.items()}


def test_table(summaries: dict[str, Summary]) -> None:
    header, constant, copy, reference = table(summaries)
    first, second = (dict(zip(header, row, strict=True)) for row in (constant, copy))
    assert (first["R-1"], first["R-2"], first["R-L"], second["R-L"]) == ("50.0",) * 4
    low, high = (float(end) for end in first["95 % interval"].split(" to "))
    assert low < 50 < high
    assert (first["labels"], second["labels"]) == ("0.000", "1.000")
    assert (first["words"], second["copied"], first["reports"]) == ("3.0", "1.000", "12")
    assert (first["empty"], first["cut"]) == ("0.0 %", "0.0 %")
    assert "similarity" not in header  # nobody has it
    assert "R-L by word" not in header
    assert dict(zip(header, reference, strict=True))["labels"] == "0.667"  # half of the impressions do not tell
    text = render(table(summaries), "reports", CAPTION.splitlines())
    assert all(cell in text for row in (header, constant, copy) for cell in row)


def test_subsets(summaries: dict[str, Summary]) -> None:
    header, constant, copy, _ = table(summaries, "abnormal")
    assert constant[header.index("R-L")] == "0.0"
    assert copy[header.index("R-L")] == "100.0"
    assert copy[header.index("95 % interval")] == "n too small"  # six reports
    titles = list(tables(summaries))
    assert titles[0] == "all reports"
    assert titles[1].startswith('abnormal: reference without the words "no acute"')
    assert titles[2].startswith("not_normal: MeSH tags")
    with pytest.raises(ValueError, match="no subset 'odd'"):
        table(summaries, "odd")


def test_a_subset_that_nobody_has(summaries: dict[str, Summary]) -> None:
    for each in summaries.values():
        each["subsets"]["not_normal"] = None
    assert table(summaries, "not_normal") == [["method"]]
    assert len(tables(summaries)) == 2


def test_published_numbers_stand_beside_open_i_only() -> None:
    header, *rows = published_table("openi")
    best = next(dict(zip(header, row, strict=True)) for row in rows if "clin-summ" in row[0])
    assert (best["R-1"], best["R-2"], best["R-L"], best["BLEU"], best["kind"]) == ("67.00", "57.50", "65.50", "-", "F1")
    assert any(row[header.index("R-L")] == "68.80" for row in rows)
    notes = published_notes("openi")
    assert "Recall grows with length" in notes[0]
    assert "data.split.rule=usual" in notes[1]
    assert any(note.startswith("https://") for note in notes)
    text = render([header, *rows], "published", notes)
    assert all(cell in text for row in rows for cell in row)
    assert published_table("reports") == [header]
    assert published_notes("reports") == []
