"""`chat.py`: its command line, and conversations with a writer that is none."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.cli import chat
from tests.cli.writers import Stub
from tests.conftest import error_line

Chat = Callable[..., int]
LEFT = "左侧肾上腺稍增粗；双侧肾上腺未见明显异常强化区。"
RIGHT = "右肾实质见低密度灶；附见肝实质密度减低。"
ADVICE = {
    LEFT: "左侧肾上腺稍增粗。请结合临床病史；随访。",
    RIGHT: "右肾低密度灶。 附见脂肪肝。生成一份对应的诊断意见：",
}
ASK = "Enter input (type 'quit' to exit): "


def prompt(text: str) -> str:
    """The sentences of the Chinese project around a text."""
    return f"根据下面一段影像描述：{text}\n 生成一份对应的诊断意见："


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was opened; the stub answers in its place."""
    calls: list[tuple[Any, ...]] = []
    stub = Stub(ADVICE, longest=40)

    def load_writer(run: Any, device: Any, checkpoint: str = "last", prompt: Any = None) -> Stub:
        calls.append((run.path, prompt, device.type, checkpoint))
        return stub

    def open_folder(path: str, prompt: dict[str, Any], device: Any, cache: Path) -> Stub:
        calls.append((path, prompt, device.type, cache))
        return stub

    module = ModuleType("llmseg.cli.trained_reports")
    vars(module).update(load_writer=load_writer, open_folder=open_folder)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


@pytest.fixture
def run(tmp_path: Path, opened: list[tuple[Any, ...]]) -> Path:
    """A run folder of a report model, as far as chat.py reads it."""
    return run_of("report", tmp_path / "run")


def run_of(task: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({"task": task}))
    return folder


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """`python chat.py` with these words, in an empty folder; the exit code."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def call(*words: object, typed: str = "") -> int:
        monkeypatch.setattr(sys, "argv", ["chat.py", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        try:
            chat.main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return call


def test_session_of_the_original(command: Chat, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(f"run={run}", "accelerator=cpu", typed=f"{LEFT}\nclear\n{RIGHT}\nquit\n{LEFT}\n") == 0
    out, err = capsys.readouterr()
    # from the print and input statements of its chatbot.py; answers are those of the writer, which finishes them itself
    assert out == (
        f"{ASK}{'-' * 40}\n{prompt(LEFT)}\n{ADVICE[LEFT]}\n\n"
        f"{ASK}{'-' * 40}\n(Context preservation is currently disabled. 'clear' takes no effect.)\n\n"
        f"{ASK}{'-' * 40}\n{prompt(RIGHT)}\n{ADVICE[RIGHT]}\n\n"
        f"{ASK}"
    )
    assert err == ""


def test_a_run_has_its_own_prompt_unless_another_is_chosen(
    command: Chat, run: Path, opened: list[tuple[Any, ...]]
) -> None:
    assert command(f"run={run}", "accelerator=cpu", "prompt=null", typed="quit\n") == 0
    assert command(f"run={run}", "accelerator=cpu", "prompt=plain", "checkpoint=best", typed="quit\n") == 0
    assert opened[0] == (run, None, "cpu", "last")
    assert opened[1][1]["name"] == "plain"
    assert opened[1][3] == "best"


@pytest.mark.parametrize("end", ["quit\n", " quit \n", ""])
def test_a_conversation_goes_on_after_bad_inputs(
    end: str, command: Chat, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command(f"run={run}", "accelerator=cpu", "max_new_tokens=5", typed=f"\n \n{'长' * 41}\n重复\n 123456 \n{end}")
        == 0
    )
    out, err = capsys.readouterr()
    rule = "-" * 40
    said = f"{rule}\n{prompt('重复')}\n复重\n\n{ASK}{rule}\n{prompt('123456')}\n654321\n\n{ASK}"
    assert out == ASK * 4 + said + "\n" * (not end)
    assert err == "error: line 1: longer than the model's context\ncut after max_new_tokens=5\n"


def test_an_interrupt_ends_a_conversation_cleanly(
    command: Chat, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    assert command(f"run={run}", "accelerator=cpu") == 0
    assert capsys.readouterr() == ("\n", "")


def test_a_terminal_that_lacks_characters(command: Chat, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="gbk")
    monkeypatch.setattr(sys, "stdout", screen)
    assert command(f"run={run}", "accelerator=cpu", typed="肺😀\nquit\n") == 0
    screen.flush()
    assert "肺\\U0001f600" in screen.buffer.getvalue().decode("gbk")  # type: ignore[attr-defined]


def test_bytes_that_are_no_text(command: Chat, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(f"run={run}", "accelerator=cpu", typed="\udcb7\n") == 1
    assert "PYTHONIOENCODING" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["{} {}", "{}={}"])
def test_command_line_of_the_original(form: str, command: Chat, tmp_path: Path, opened: list[tuple[Any, ...]]) -> None:
    (tmp_path / "模型 a").mkdir()
    table, answers = tmp_path / "in.csv", tmp_path / "答案, 一.csv"
    pd.DataFrame({"INSTRUCTION": [LEFT, RIGHT], "RESPONSE": ["a", "b"]}).to_csv(table, index=False, encoding="gbk")
    flags = {"path": tmp_path / "模型 a", "max_new_tokens": 64, "in_csv": table, "out_csv": answers}
    words = [each for name, value in flags.items() for each in form.format(f"--{name}", f"\0{value}").split(" \0")]
    words = [word.replace("\0", "") for word in words]
    assert command(*words) == 0
    assert command(*words) == 0  # as the original, it replaces its output
    found = pd.read_csv(answers, encoding="gb18030")
    assert found["GENERATED"].tolist() == list(ADVICE.values())
    assert found.columns.tolist() == ["INSTRUCTION", "RESPONSE", "GENERATED"]
    path, used, *_ = opened[0]
    assert path == str(tmp_path / "模型 a")
    assert used["name"] == "advice_zh"


@pytest.mark.parametrize(
    ("words", "overrides"),
    [
        (["--path", "m"], ["path='m'", "prompt=advice_zh"]),
        (["--max_new_tokens=-1", "run=r"], ["max_new_tokens=-1", "run='r'"]),
        (["--in_csv", "--out_csv", "o"], ["overwrite=true", "in_csv=", "out_csv='o'"]),
        (["path=m", "prompt=plain"], ["path='m'", "prompt=plain"]),
        (["path=m", "prompt=null"], ["path='m'", "prompt=advice_zh"]),
        (["run='a b'", "in_csv=null", "seed=1"], ["run='a b'", "in_csv=null", "seed=1"]),
        (["--cfg", "job", "-m", "--help"], ["--cfg", "job", "-m", "--help"]),
    ],
)
def test_words_become_overrides(words: list[str], overrides: list[str]) -> None:
    assert chat.as_overrides(words) == overrides


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Zl", "Zp")), min_size=1))
def test_names_of_files_may_have_any_characters(name: str) -> None:
    if name.startswith(("'", '"')) or name == "null":
        return
    (word,) = chat.as_overrides([f"in_csv={name}"])
    assert OverridesParser.create().parse_override(word).value() == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give run=... (a run folder) or path=... (a folder of Hugging Face), one of them"),
        (["run=a", "path=b", "prompt=null"], "one of them"),
        (["run=nowhere"], "run=nowhere: no run folder"),
        (["run={run}", "max_new_tokens=0"], "max_new_tokens=0: give 1 or more"),
        (["run={run}", "--max_new_tokens", "-3"], "max_new_tokens=-3: give 1 or more"),
        (["run={run}", "--max_new_tokens", "many"], "max_new_tokens: 'many' is not an integer"),
        (["run={run}", "--in_csv"], "in_csv has no value: add in_csv=..., the table to answer"),
        (["--path", "--in_csv", "a.csv", "--out_csv", "b.csv", "prompt=plain"], "give run=..."),
        (["run={run}", "temperature=0"], "temperature"),
        (["run={run}", "in_csv=a.csv"], "out_csv has no value"),
        (["run={run}", "out_csv=a.csv"], "in_csv has no value"),
        (["run={run}", "in_csv=a.csv", "out_csv=b.csv"], "in_csv=a.csv: no such file"),
        (["run={run}", "checkpoint=first"], "checkpoint=first: choose last or best"),
        (["run={run}", "prompt=minimal"], "prompt=minimal does not go with this command"),
        (["run={run}", "max_tokens=3"], "max_tokens: no such key, did you mean max_new_tokens?"),
        (["path={run}"], "is a run folder; say run="),
        (["run={folder}"], "is a folder of Hugging Face; say path="),
        (["run={masks}"], "a run of segmentation, which writes no reports; use predict.py"),
        (["run={boxes}"], "a run of boxes, which writes no reports; use predict.py"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, command: Chat, run: Path, tmp_path: Path, opened: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").touch()
    masks, boxes = run_of("segmentation", tmp_path / "masks"), run_of("grounding", tmp_path / "boxes")
    places = {"run": run, "folder": tmp_path / "folder", "masks": masks, "boxes": boxes}
    assert command(*(word.format(**places) for word in words), typed="quit\n") in (1, 2)
    out, err = capsys.readouterr()
    error_line(err, message)
    assert out == ""
    assert opened == []
    assert list(Path().iterdir()) == []
