"""Readers: tables, Alpaca, chats, and every way in which they can be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmseg.data.reports.config import ColumnsConfig
from llmseg.data.reports.reading import Found, format_of, read_reports
from llmseg.data.reports.sample import Turn
from llmseg.errors import ConfigError, DataError, UserError
from tests.data.make import one_line
from tests.data.reports.files import ADVICE, advice, config, lines, write

ORIGINAL = (
    "report_id,clinical_information,technique,findings,comparison,impression,modality\n"
    "r1,Headache.,T1,No mass.,None,Normal brain.,MRI\n"
    "r2,,T2,Small cyst.,None,Benign cyst.,mri\n"
    "r3,Fall.,helical,No bleed.,CT 2019,No acute finding.,CT\n"
)
ALPACA = {"instruction": "Generate impression based on findings.", "input": "No mass.", "output": "Normal."}


def read(file: Path, **changes: Any) -> Found:
    return read_reports(config(file, **changes), file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_instruction_and_response_are_recognised(encoding: str, tmp_path: Path) -> None:
    found = read(advice(tmp_path / "in.csv", encoding))
    assert [(report.input, report.output) for report in found.reports] == list(ADVICE)
    assert [(report.id, report.line, report.instruction) for report in found.reports] == [
        ("1", 1, None),
        ("2", 2, None),
    ]
    assert found.reports[0].fields == {"INSTRUCTION": ADVICE[0][0], "RESPONSE": ADVICE[0][1]}


def test_columns_of_the_radiology_table(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", ORIGINAL)
    found = read(file).reports
    assert [report.input for report in found] == ["Headache.\nNo mass.", "Small cyst.", "Fall.\nNo bleed."]
    assert [report.id for report in found] == ["r1", "r2", "r3"]
    columns = ColumnsConfig(input=["comparison", "findings"], output="impression", id="report_id", group="technique")
    named = read(file, columns=columns, headings=True, where={"modality": "MRI"})
    assert [report.input for report in named.reports] == [
        "Comparison: None\nFindings: No mass.",
        "Comparison: None\nFindings: Small cyst.",
    ]
    assert [report.group for report in named.reports] == ["T1", "T2"]
    assert named.left_out == {"data.where": 1}
    assert [r.id for r in read(file, where={"modality": ["ct", "MRI"], "report_id": ["r3", "r2"]}).reports] == [
        "r2",
        "r3",
    ]
    headed = read(file, headings=True).reports
    assert headed[0].input == "Clinical information: Headache.\nFindings: No mass."
    assert headed[1].input == "Findings: Small cyst."


def test_alpaca_in_a_list_and_in_lines(tmp_path: Path) -> None:
    objects = [ALPACA, {**ALPACA, "input": "Cyst.", "output": "A “cyst”.\u2028Stable."}]
    array = read(write(tmp_path / "a.json", json.dumps(objects, indent=1)))
    by_line = read(lines(tmp_path / "a.jsonl", objects))
    without_ending = read(lines(tmp_path / "a", objects))
    for found in (array, by_line, without_ending):
        assert [(r.input, r.instruction) for r in found.reports] == [
            ("No mass.", ALPACA["instruction"]),
            ("Cyst.", ALPACA["instruction"]),
        ]
        assert found.reports[1].output == "A “cyst”.\u2028Stable."


def test_alpaca_without_any_input_asks_in_the_instruction(tmp_path: Path) -> None:
    asked = [{"instruction": f"What of {n}?", "input": "", "output": "Nothing."} for n in range(2)]
    assert [r.input for r in read(lines(tmp_path / "a.jsonl", asked)).reports] == ["What of 0?", "What of 1?"]
    assert read(lines(tmp_path / "b.jsonl", asked)).reports[0].instruction is None
    with pytest.raises(DataError) as caught:
        read(lines(tmp_path / "a.jsonl", [ALPACA, *asked]))
    one_line(caught.value, "line 2", "input is empty (and 1 more)", "data.empty=drop")


def test_keys_of_any_name_and_labels(tmp_path: Path) -> None:
    columns = ColumnsConfig(input="text", output="summary", labels="tags", id="n")
    objects = [
        {"n": 7, "text": "a", "summary": "b", "tags": ["Normal", "normal "]},
        {"n": 8, "text": "c", "summary": "d", "tags": "Pleural Effusion; Cardiomegaly|"},
        {"n": 9, "text": "e", "summary": "f", "tags": None},
    ]
    found = read(lines(tmp_path / "a.jsonl", objects), columns=columns).reports
    assert [report.labels for report in found] == [("normal",), ("pleural effusion", "cardiomegaly"), ()]
    assert [report.id for report in found] == ["7", "8", "9"]


def test_chats(tmp_path: Path) -> None:
    messages = [
        ("system", "You are terse."),
        ("user", "Findings: a"),
        ("assistant", "A"),
        ("user", "b"),
        ("assistant", "B"),
    ]
    first = {"messages": [{"role": role, "content": text} for role, text in messages], "id": "x", "modality": "CT"}
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    second = {"conversations": [{"from": names[role], "value": text} for role, text in messages[1:3]]}
    for file in (lines(tmp_path / "c.jsonl", [first, second]), write(tmp_path / "c.json", json.dumps([first, second]))):
        one, two = read(file).reports
        assert one.turns == tuple(Turn(*message) for message in messages[:-1])
        assert (one.id, one.input, one.output) == ("x", "b", "B")
        assert (two.id, two.input, two.output, two.turns) == ("2", "Findings: a", "A", (Turn("user", "Findings: a"),))
        assert [r.id for r in read(file, where={"modality": "ct"}).reports] == ["x"]


def _chat(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "x"} for role in roles]}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_chat("user"), "the last message must be the assistant's"),
        (_chat("user", "assistant", "user"), "the last message must be the assistant's"),
        (_chat("system"), "the last message must be the assistant's"),
        (_chat("assistant", "user"), "message 1: is the assistant's, where the user's must be"),
        (_chat("system", "user", "user", "assistant"), "message 3: is the user's, where the assistant's must be"),
        (_chat("user", "system", "assistant"), "message 2: is the system's"),
        (_chat("user", "tool", "assistant"), "message 2: key 'role' is 'tool'"),
        ({"messages": []}, "a list of messages"),
        ({"messages": ["hello"]}, "message 1: must be an object"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "message 1: key 'content' must be a text"),
        ({"messages": [{"role": ["user"], "content": "a"}]}, "message 1: key 'role' is ['user']"),
        ({"text": "x"}, "has no key 'messages' (there is text)"),
    ],
)
def test_broken_chats(broken: Any, words: str, tmp_path: Path) -> None:
    file = lines(tmp_path / "c.jsonl", [_chat("user", "assistant"), broken])
    with pytest.raises(DataError) as caught:
        read(file)
    one_line(caught.value, "c.jsonl, line 2", words)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.jsonl", '{"input": "a", "output": "b"}\n{"input": "a"', ["line 2", "not valid JSON (column 14"]),
        ("a.jsonl", '{"input": "a", "output": "b"}\n\n[1]\n', ["line 3", "not a list"]),
        ("a.json", '[{"input": "a",\n "output" "b"}]', ["not valid JSON (line 2, column 11"]),
        ("a.json", "[]", ["is empty"]),
        ("a.jsonl", " \n", ["is empty"]),
        ("a.json", '[{"input": "a", "output": "b"}, 3]', ["entry 2", "not a int"]),
        ("a.jsonl", '{"input": "a", "input": "b"}', ["line 1", "key 'input' is there twice"]),
        ("a.jsonl", '{"input": "a", "output": "\\ud83e"}', ["line 1", "half a character"]),
        ("a.jsonl", "[" * 100_000, ["not valid JSON"]),
        ("a.jsonl", '{"input": ["a"], "output": "b"}', ["line 1", "'input' must be a text in quotes, not a list"]),
        ("a.jsonl", '{"input": "a", "result": "b"}', ["which column is which? There is input, result"]),
        ("a.csv", "INSTRUCTION,RESPONSE\n", ["no rows"]),
        ("a.csv", "", ["is empty"]),
        ("a.csv", "INSTRUCTION,RESPONSE\na,b\n ,c\n", ["row 2", "INSTRUCTION is empty"]),
        ("a.csv", "INSTRUCTION,RESPONSE\na,b\nc,\n,\n", ["row 2", "RESPONSE is empty (and 1 more)"]),
        ("a.csv", "id,x\n1,2\n", ["which column is which?"]),
    ],
)
def test_broken_files(name: str, text: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / name, text))
    one_line(caught.value, name, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"columns": ColumnsConfig(input="finding", output="impression")}, "data.columns.input: * 'findings'?"),
        ({"columns": ColumnsConfig(input="findings", output="IMPRESSION")}, "data.columns.output: * 'impression'?"),
        ({"columns": ColumnsConfig(group="patient")}, "data.columns.group: *no column 'patient': there is report_id"),
        ({"where": {"modalty": "MRI"}}, "data.where: * did you mean 'modality'?"),
        ({"where": {"modality": "PET"}}, "data.where.modality=PET keeps no report: there is 'MRI', 'mri', 'CT'"),
        ({"columns": ColumnsConfig(id="comparison")}, "row 2: comparison None is that of row 1 too"),
        ({"input": "findings"}, "data.input: is for Open-i"),
        ({"format": "chat"}, "line 1: not valid JSON"),
        ({"encoding": "utf-9"}, "encoding=utf-9: no such encoding"),
    ],
)
def test_mistakes_in_the_configuration(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(write(tmp_path / "t.csv", ORIGINAL), **changes)
    one_line(caught.value, *words.split("*"))


def test_empty_reports_are_left_out_and_counted(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", ORIGINAL + "r4,Cough.,,,,Normal.,CT\nr5,,,Text.,,,CT\n,,,Text.,,,CT\n")
    found = read(file, empty="drop")
    assert [report.line for report in found.reports] == [1, 2, 3]
    assert found.left_out == {"findings is empty": 1, "impression is empty": 2}
    with pytest.raises(DataError, match="no report has both findings and impression"):
        read(file, empty="drop", where={"report_id": ["r4", "r5"]})


def test_ids_that_nobody_named_are_used_only_where_they_are_ids(tmp_path: Path) -> None:
    twice = write(tmp_path / "t.csv", "id,findings,impression\n7,a,b\n7,c,d\n")
    assert [report.id for report in read(twice).reports] == ["1", "2"]
    with pytest.raises(DataError, match="row 2: id 7 is that of row 1 too"):
        read(twice, columns=ColumnsConfig(id="id"))


def test_kinds_of_files(tmp_path: Path) -> None:
    for name, kind in (
        ("a.CSV", "table"),
        ("a.tsv", "table"),
        ("a.jsonl", "json"),
        ("a.json", "json"),
        ("a.tgz", "openi"),
    ):
        assert format_of(tmp_path / name) == kind
    assert format_of(tmp_path) == "openi"
    assert format_of(write(tmp_path / "a.txt", '\n {"input": 1}')) == "json"
    assert format_of(write(tmp_path / "b.txt", "a,b\n1,2")) == "table"
    with pytest.raises(DataError, match="no such file"):
        format_of(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match=r"data\.where"):
        read(advice(tmp_path / "in.csv"), where={"modality": "MRI"})


KEYS = st.sampled_from(["input", "output", "instruction", "messages", "conversations", "role", "content", "id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "user", "assistant", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=st.lists(JSON, max_size=3), form=st.sampled_from([None, "json", "chat"]))
def test_any_json_is_read_or_refused_in_one_line(objects: list[Any], form: str | None, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", objects)
    try:
        found = read(file, format=form, empty="drop")
    except UserError as error:
        one_line(error)
    else:
        assert all(report.input and report.output for report in found.reports)
