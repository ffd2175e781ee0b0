"""Answers for tables: in order, in the table's encoding, never lost, never doubled."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest

from llmseg.cli.chat_batch import Files, run_batch
from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, DataError, UserError
from llmseg.language.journal import Journal, alone
from llmseg.language.writing import Generation, Writer, Written
from tests.cli.writers import Stub

HOW = Generation(max_new_tokens=512, batch_size=2)
TEXTS = ["短", "这是一段比较长的影像描述", "中等长度", "右肾见低密度灶", "肝"]


class Killed(BaseException):
    """Ends a process from outside."""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A table of five rows, and where its answers go."""
    rows = pd.DataFrame({"id": [f"00{n}" for n in range(5)], "INSTRUCTION": TEXTS, "RESPONSE": ["NA", *"bcde"]})
    rows.to_csv(tmp_path / "in.csv", index=False)
    return Files(tmp_path / "in.csv", tmp_path / "out.csv")


def read(file: Path, encoding: str = "utf-8") -> pd.DataFrame:
    return pd.read_csv(file, encoding=encoding, dtype=str, keep_default_na=False)


def partial(files: Files) -> Path:
    return files.out_csv.with_name("out.csv.partial.jsonl")


def never() -> NoReturn:
    raise AssertionError("the model was loaded before the files were known to be good")


def kill_after(rows: int, files: Files, how: Generation = HOW) -> None:
    with pytest.raises(Killed):
        run_batch(lambda: Stub(fault=(rows, Killed())), files, how)


@pytest.mark.parametrize(("encoding", "written"), [("gbk", "gb18030"), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig")])
def test_batch_of_the_original(encoding: str, written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ.get("LLMSEG_DATA", ""), "advice_zh")
    sample = folder / "sample-utf8.csv"
    source = (
        pd.read_csv(sample) if sample.is_file() else pd.DataFrame({"INSTRUCTION": TEXTS[:2], "RESPONSE": ["a", "b"]})
    )
    source.to_csv(tmp_path / "in.csv", index=False, encoding=encoding)
    texts = source["INSTRUCTION"].tolist()
    advice = ["左侧肾上腺结节。请结合临床；随诊。", "附见𠮷肝脏多发血管瘤😀"]  # two characters that GBK lacks
    files = Files(tmp_path / "in.csv", tmp_path / "out.csv")
    filled = run_batch(lambda: Stub(dict(zip(texts, advice, strict=True))), files, HOW)
    lines = []
    for number, (text, answer) in enumerate(zip(texts, advice, strict=True), start=1):  # as its chatbot.py prints
        lines.append("-" * 20 + f" Instruction {number} " + "-" * 20 + "\n")
        lines.append(f"根据下面一段影像描述：{text}\n 生成一份对应的诊断意见：" + "\n" + answer + "\n\n")
    out, err = capsys.readouterr()
    assert out == "".join(lines)
    assert err.splitlines()[-1] == f"{files.out_csv}: 2 of 2 rows answered"
    assert ("read as GBK" in err) == (encoding == "gbk")
    assert str(filled) == "2 of 2 rows answered"
    pd.testing.assert_frame_equal(read(files.out_csv, written), source.assign(GENERATED=advice))
    assert files.out_csv.read_bytes().startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_rows_and_cells_stay_where_and_as_they_were(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    stub = Stub()
    run_batch(lambda: stub, replace(files, encoding="gbk"), HOW)
    expected = read(files.in_csv).assign(GENERATED=[text[::-1] for text in TEXTS])
    pd.testing.assert_frame_equal(read(files.out_csv, "gb18030"), expected)
    assert stub.asked == [TEXTS]  # all at once, though it answers the longest first
    printed = capsys.readouterr().out
    assert [printed.index(f"Instruction {number} ") for number in range(1, 6)] == sorted(
        printed.index(f"Instruction {number} ") for number in range(1, 6)
    )


@pytest.mark.parametrize("rows", [0, 1, 3, 4])
def test_a_killed_batch_continues_where_it_was(rows: int, files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    kill_after(rows, files)
    assert not files.out_csv.exists()
    assert partial(files).exists() == (rows > 0)
    first = capsys.readouterr()
    assert ("the same command goes on" in first.err) == (rows > 0)
    second = Stub()
    filled = run_batch(lambda: second, files, HOW)
    assert filled.continued == rows
    (asked,) = second.asked
    longest = sorted(TEXTS, key=len, reverse=True)
    assert sorted(asked) == sorted(longest[rows:])
    assert read(files.out_csv)["GENERATED"].tolist() == [text[::-1] for text in TEXTS]
    assert not partial(files).exists()
    assert capsys.readouterr().out.count("Instruction") == 5  # the whole batch, as if it had never been killed


class Suicide(Stub):
    """Ends its process as an operating system out of memory does."""

    def write(self, reports: list[Report], how: Generation) -> Iterator[tuple[int, Written]]:  # type: ignore[override]
        for count, answer in enumerate(super().write(reports, how)):
            if count == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            yield answer


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_dies_at_once_loses_no_finished_row(files: Files) -> None:
    process = multiprocessing.get_context("fork").Process(target=run_batch, args=(Suicide, files, HOW))
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    assert len(partial(files).read_text().splitlines()) == 1 + 3
    assert run_batch(Stub, files, HOW).continued == 3
    assert read(files.out_csv)["GENERATED"].tolist() == [text[::-1] for text in TEXTS]
    assert [path.name for path in files.out_csv.parent.iterdir() if "lock" in path.name] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(files: Files) -> None:
    with Path("/dev/full").open("wb") as full:
        kept = Journal(partial(files), _file=full)
        with pytest.raises(UserError, match=r"partial.jsonl: cannot be written \(No space left"):
            kept.add(1, Written("an answer"))
        kept.close()  # what is still in its buffer is not told a second time
    assert run_batch(Stub, files, HOW).continued == 0


@pytest.mark.parametrize("lost", [1, 10])
def test_a_line_that_a_killed_process_did_not_finish_is_written_again(lost: int, files: Files) -> None:
    kill_after(3, files)
    content = partial(files).read_bytes()
    partial(files).write_bytes(content[:-lost])
    assert run_batch(Stub, files, HOW).continued == 2
    assert read(files.out_csv)["GENERATED"].tolist() == [text[::-1] for text in TEXTS]


def test_a_first_line_that_was_not_finished_counts_as_none(files: Files) -> None:
    partial(files).write_bytes(b'{"input": "a')
    assert run_batch(Stub, files, HOW).continued == 0
    assert not partial(files).exists()


def test_answers_of_another_batch_are_not_mixed_in(files: Files) -> None:
    kill_after(3, files)
    kept = partial(files).read_bytes()
    cases: list[tuple[str, Files, Generation, dict[str, str]]] = [
        ("max_new_tokens", files, replace(HOW, max_new_tokens=9), {"weights": "stub"}),
        ("seed", files, replace(HOW, seed=9), {"weights": "stub"}),
        ("model or prompt", files, HOW, {"weights": "another"}),
        ("column", replace(files, column="RESPONSE"), HOW, {"weights": "stub"}),
    ]
    for what, these, how, identity in cases:
        with pytest.raises(UserError, match=f"with another {what}: .*delete this file"):
            run_batch(lambda identity=identity: Stub(identity=identity), these, how)  # type: ignore[misc]
        assert partial(files).read_bytes() == kept
    read(files.in_csv).assign(RESPONSE="x").to_csv(files.in_csv, index=False)
    with pytest.raises(UserError, match="with another input"):
        run_batch(Stub, files, HOW)
    assert partial(files).read_bytes() == kept


def test_what_ran_out_of_memory_goes_on_with_smaller_batches(files: Files) -> None:
    kill_after(2, files)
    assert run_batch(Stub, files, replace(HOW, batch_size=1)).continued == 2


def test_answers_outlive_a_table_that_cannot_be_written(files: Files) -> None:
    files.in_csv.write_text("INSTRUCTION\nlung\n", encoding="ascii")
    with pytest.raises(UserError, match="choose encoding=utf-8"):
        run_batch(lambda: Stub({"lung": "肺"}), replace(files, encoding="latin-1"), HOW)
    assert not files.out_csv.exists()
    assert run_batch(Stub, files, HOW).continued == 1
    assert read(files.out_csv)["GENERATED"].tolist() == ["肺"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"row": "x", "text": "", "is_cut": false}', '{"row": 1}'])
def test_a_damaged_journal_is_refused(line: str, files: Files) -> None:
    kill_after(3, files)
    first, second, *rest = partial(files).read_text().splitlines()
    partial(files).write_text("\n".join([first, line, *rest]) + "\n")
    with pytest.raises(UserError, match=r"partial.jsonl, line 2: is damaged: delete this file"):
        run_batch(Stub, files, HOW)
    assert json.loads(second)["row"] == 2  # the longest


def test_two_processes_never_write_one_file(files: Files) -> None:
    with alone(files.out_csv), pytest.raises(UserError, match="another process writes it"):
        run_batch(never, files, HOW)
    run_batch(Stub, files, HOW)


def test_rows_that_are_refused_stop_no_others(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    stub = Stub(longest=5)
    with pytest.raises(DataError, match=r"no answer in rows 2, 4; row 2: line 2: longer than"):
        run_batch(lambda: stub, files, HOW)
    assert read(files.out_csv)["GENERATED"].tolist() == ["短", "", "度长等中", "", "肝"]
    out, err = capsys.readouterr()
    assert "row 4 has no answer: line 4: longer than the model's context" in err
    assert "3 of 5 rows answered, 2 failed" in err
    assert out.count("Instruction") == 3
    assert not partial(files).exists()


def test_a_writer_that_refuses_its_settings_stops_the_batch(files: Files) -> None:
    stub = Stub(fault=(0, ConfigError("num_beams=2: not on this machine")))
    with pytest.raises(ConfigError, match="num_beams"):
        run_batch(lambda: stub, files, HOW)
    assert len(stub.asked) == 1
    assert not files.out_csv.exists()


def test_rows_without_a_text_are_named(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.in_csv.write_text("INSTRUCTION,RESPONSE\n,a\n肺,b\n  ,c\n")
    filled = run_batch(Stub, files, HOW)
    assert filled.empty == (1, 3)
    assert read(files.out_csv)["GENERATED"].tolist() == ["", "肺", ""]
    out, err = capsys.readouterr()
    assert "INSTRUCTION is empty in row 1, 3" in err
    assert "1 of 3 rows answered, 2 without a text" in err
    assert "Instruction 2" in out


def test_answers_that_were_cut_are_counted(files: Files) -> None:
    assert run_batch(Stub, files, replace(HOW, max_new_tokens=6)).cut == 2


def test_a_file_is_only_replaced_when_asked_and_when_all_is_done(files: Files) -> None:
    files.out_csv.write_text("precious")
    with pytest.raises(ConfigError, match="there already; name another file, or add overwrite=true"):
        run_batch(never, files, HOW)
    again = replace(files, overwrite=True)
    kill_after(2, again)
    assert files.out_csv.read_text() == "precious"
    run_batch(Stub, again, HOW)
    assert len(read(files.out_csv)) == 5


def test_earlier_answers_are_only_replaced_when_asked(files: Files) -> None:
    run_batch(Stub, files, HOW)
    more = Files(files.out_csv, files.out_csv.with_name("more.csv"))
    with pytest.raises(DataError, match="has a column GENERATED"):
        run_batch(never, more, HOW)
    run_batch(lambda: Stub(dict.fromkeys(TEXTS, "new")), replace(more, overwrite=True), HOW)
    found = read(more.out_csv)
    assert found.columns.tolist() == ["id", "INSTRUCTION", "RESPONSE", "GENERATED"]
    assert set(found["GENERATED"]) == {"new"}


def test_the_table_itself_is_never_written(files: Files) -> None:
    folder = files.in_csv.parent
    (folder / "link.csv").symlink_to(files.in_csv)
    (folder / "hard.csv").hardlink_to(files.in_csv)
    before = files.in_csv.read_bytes()
    for name in ("in.csv", "link.csv", "hard.csv", f"../{folder.name}/in.csv"):
        with pytest.raises(ConfigError, match="is in_csv"):
            run_batch(never, replace(files, out_csv=folder / name, overwrite=True), HOW)
    assert files.in_csv.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        (None, {"column": "instruction"}, "no column instruction, did you mean INSTRUCTION?"),
        (None, {"column": "GENERATED"}, "no column GENERATED"),
        (None, {"out_csv": "nowhere/out.csv"}, "there is no folder"),
        (None, {"out_csv": "."}, "is a folder"),
        (None, {"in_csv": "no.csv"}, "no.csv: no such file"),
        (None, {"encoding": "latin-1"}, "has no '短'"),
        (None, {"encoding": "klingon"}, "encoding=klingon"),
        (None, {"in_encoding": "ascii"}, "in.csv"),
        (b"", {}, "is empty"),
        (b"INSTRUCTION\n", {}, "has no rows"),
        (b"INSTRUCTION,b\n,1\n", {}, "INSTRUCTION is empty in every row"),
        (b"INSTRUCTION\n\xff\xff\xff\n", {}, "neither UTF-8 nor GBK"),
    ],
)
def test_faults_are_found_before_the_model_is_loaded(
    content: bytes | None, change: dict[str, str], message: str, files: Files
) -> None:
    folder = files.in_csv.parent
    if content is not None:
        files.in_csv.write_bytes(content)
    changes = {key: folder / value if key.endswith("csv") else value for key, value in change.items()}
    with pytest.raises(UserError) as caught:
        run_batch(never, replace(files, **changes), HOW)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["in.csv"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write into")
def test_a_folder_that_cannot_be_written(files: Files) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        run_batch(never, replace(files, out_csv=Path("/proc/out.csv")), HOW)


def test_stub_is_a_writer() -> None:
    writer: Writer = Stub()
    assert writer.identity == {"weights": "stub"}
