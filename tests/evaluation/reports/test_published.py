"""Published numbers of impressions: each has a source, and says whether it is recall."""

from collections import defaultdict

from llmseg.evaluation.published.reports import F1, KINDS, RECALL, fitting, published

METRICS = {"rouge1", "rouge2", "rougeL", "bleu", "bertscore", "medcon", "radgraph"}


def test_every_row_is_whole() -> None:
    rows = published()
    assert len(rows) > 50
    for row in rows:
        assert row.source.startswith("https://"), row
        assert row.system
        assert row.data
        assert row.metric in METRICS, row
        assert 0 < row.value < 1, row
        assert row.kind in KINDS
        assert row.n is None or row.n >= 50, row
    assert len({(row.system, row.data, row.metric, row.kind, row.n) for row in rows}) == len(rows)


def test_rouge_1_is_the_largest_and_rouge_2_the_smallest() -> None:
    tables: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for row in published():
        tables[row.system, row.data, row.kind][row.metric] = row.value
    complete = [own for own in tables.values() if {"rouge1", "rouge2", "rougeL"} <= set(own)]
    assert len(complete) > 10
    for own in complete:
        assert own["rouge1"] > own["rougeL"] > own["rouge2"], own


def test_the_original_table_is_recall_and_f1_stands_beside_it() -> None:
    rows = [row for row in published() if row.data == "uchicago_mri" and row.metric == "rougeL"]
    systems = {row.system for row in rows}
    assert systems == {"Medalpaca-7B", "Llama-2-7B", "Llama-2-13B", "Mistral-7B"}
    values = {(row.system, row.kind): row.value for row in rows}
    for system in systems:
        assert values[system, F1] < values[system, RECALL]


def test_only_what_fits_is_shown() -> None:
    assert {row.data for row in fitting("openi")} == {"openi"}
    assert fitting("reports") == []
