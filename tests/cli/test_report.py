"""`train.py method=report`, from training to tables, chat and export, on a tiny language model."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmseg.cli import runs
from llmseg.cli.trained_reports import load_writer, open_folder
from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, UserError
from llmseg.language.writing import Generation
from llmseg.resources import conf_folder
from llmseg.runs import RunFolder
from tests.cli.conftest import call, group, runs_in
from tests.language.make_lm import tiny_lm

CPU = torch.device("cpu")
SIDES, FINDINGS = ("左", "右"), ("肾囊肿", "肺结节", "肝血管瘤")
PAIRS = [(f"{side}侧见{what}影。", f"{side}{what}。") for side in SIDES for what in FINDINGS]
"""Chinese descriptions and what is to be advised, written for this test."""
SIGNS = "".join(dict.fromkeys("".join(a + b for a, b in PAIRS) + "根据下面一段影像描述：生成一份对应的诊断意见："))
Train = Callable[..., int]
COMMON = (
    "method=report",
    "data=reports",
    "llm.pretrained=lm",
    "data.batch_size=3",
    "trainer.accelerator=cpu",
    "trainer.precision=32",
    "trainer.enable_progress_bar=false",
    "generation.max_new_tokens=16",
    "evaluation.similarity=false",
    "logger=csv",
    "paths.runs=runs",
)


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """`train.py` with COMMON and the words given, in a folder with a model and a table of Chinese reports."""
    monkeypatch.chdir(tmp_path)
    tiny_lm(tmp_path / "lm", more=SIGNS, width=64)
    rows = [{"INSTRUCTION": text, "RESPONSE": advice} for text, advice in PAIRS]
    pd.DataFrame(rows).to_csv(tmp_path / "train.csv", index=False, encoding="gb18030")
    pd.DataFrame(rows[:2]).to_csv(tmp_path / "test.csv", index=False, encoding="utf-8")
    return lambda *words: call("train", *COMMON, *words)


def test_chinese_reports_from_training_to_chat(
    report: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("prompt=advice_zh", "data.file=train.csv", "data.test_file=test.csv")
    learnt = ("peft=none", "data.split={test: 0, val: 0}", "trainer.max_steps=250", "optimizer.lr=5e-3")
    assert report(*words, *learnt) == 0
    (run,) = runs_in(tmp_path / "runs")
    assert "lm (none, prompt advice_zh) on reports: 6 train, 0 val, 2 test cases" in capsys.readouterr().out
    assert run.parent.name == "reports_lm"
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["language"] == "zh"
    rows = pd.read_csv(run / "reports.csv")
    assert {"constant", "first_sentence", "nearest"} < set(rows["method"])
    summary = json.loads((run / "summary.json").read_text())
    assert summary["mean"]["rougeL_f"] == pytest.approx(1.0)  # six reports are learnt by heart
    assert summary["mean"]["rougeL_f"] > summary["methods"]["constant"]["mean"]["rougeL_f"]
    assert (run / "figures" / "reports.png").is_file()
    for encoding in ("gb18030", "utf-8-sig"):
        source, out = tmp_path / f"in-{encoding}.csv", tmp_path / f"out-{encoding}.csv"
        source.write_bytes(("INSTRUCTION,RESPONSE\n" + "".join(f"{a},\n" for a, _ in PAIRS)).encode(encoding))
        assert call("chat", f"run={run}", f"in_csv={source}", f"out_csv={out}", "max_new_tokens=16") == 0
        raw = out.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
        table = pd.read_csv(out, encoding=encoding, keep_default_na=False)
        assert table["GENERATED"].tolist() == [advice for _, advice in PAIRS]
        assert list(table) == ["INSTRUCTION", "RESPONSE", "GENERATED"]


def test_a_run_leaves_an_adapter_that_peft_reads_and_a_folder_that_transformers_reads(
    report: Train, tmp_path: Path
) -> None:
    assert report("data.file=train.csv", "peft.rank=2", "trainer.max_epochs=2", "prompt=plain", "evaluate=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert all("lora_" in name for name in state)
    assert call("export", f"run={run}", "output=merged") == 0
    assert call("export", f"run={run}", "output=adapter", "format=adapter") == 0
    ids = AutoTokenizer.from_pretrained("merged")(PAIRS[0][0], return_tensors="pt").input_ids
    writer = load_writer(RunFolder.open(run), CPU)
    base = AutoModelForCausalLM.from_pretrained("lm")
    with torch.no_grad():
        expected = writer.lm(ids).logits
        torch.testing.assert_close(AutoModelForCausalLM.from_pretrained("merged")(ids).logits, expected)
        torch.testing.assert_close(PeftModel.from_pretrained(base, str(run / "adapter"))(ids).logits, expected)
        assert (AutoModelForCausalLM.from_pretrained("lm")(ids).logits - expected).abs().max() > 0
    told = Report("1", PAIRS[0][0])
    prompt = yaml.safe_load((conf_folder() / "prompt" / "plain.yaml").read_text())
    how = Generation(max_new_tokens=8)
    writers = [writer, *(open_folder(folder, prompt, CPU) for folder in ("merged", "adapter"))]
    answers = [dict(each.write([told], how)) for each in writers]
    assert answers[0] == answers[1] == answers[2]


def test_other_commands_say_that_it_is_a_run_of_reports(
    report: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "data.file=train.csv",
        "data.test_file=test.csv",
        "data.split={test: 0, val: 0}",
        "evaluation.figures=false",
    )
    assert report(*words, "trainer.max_steps=1", "peft.rank=2", "generation.max_new_tokens=2") == 0
    (run,) = runs_in(tmp_path / "runs")
    capsys.readouterr()
    for words in (["evaluate"], ["predict", "input=a.nii.gz", "output=masks"]):
        assert call(words[0], f"run={run}", *words[1:]) == 2
        assert "a run of reports, which chat.py and app.py use" in capsys.readouterr().err
    assert call("compare", "run=runs") == 1
    assert "the finished runs there are of reports, not of segmentation" in capsys.readouterr().err
    runs.main(["runs"])
    out = capsys.readouterr().out
    assert "dice: ROUGE-L of runs of reports" in out
    assert " lm " in out


@pytest.mark.parametrize("choice", group("debug"))
def test_every_debug_choice_trains(report: Train, choice: str) -> None:
    words = ("data.file=train.csv", "data.test_file=test.csv", "peft.rank=2", "evaluation.figures=false")
    assert report(*words, f"debug={choice}", "trainer.max_epochs=1", "generation.max_new_tokens=2") == 0


def test_an_adapter_of_another_model_is_refused(report: Train, tmp_path: Path) -> None:
    assert report("data.file=train.csv", "peft.rank=2", "trainer.max_steps=1", "evaluate=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    other = tiny_lm(tmp_path / "other", layers=1, width=32)
    file = run / "adapter" / "adapter_config.json"
    content = json.loads(file.read_text())
    assert content["base_model_name_or_path"] == str(tmp_path / "lm")
    file.write_text(json.dumps(content | {"base_model_name_or_path": str(other)}))
    prompt = {"name": "plain", "text": "{input}"}
    with pytest.raises(UserError, match="the adapter does not fit its base model"):
        open_folder(str(run / "adapter"), prompt, CPU)
    file.write_text("{")
    with pytest.raises(UserError, match=r"adapter_config.json: cannot be read"):
        open_folder(str(run / "adapter"), prompt, CPU)


def test_resumed_training_is_the_uninterrupted_one(report: Train, tmp_path: Path) -> None:
    words = ("data.file=train.csv", "evaluate=false", "peft.rank=2", "peft.dropout=0.2", "scheduler=constant")
    assert report(*words, "paths.runs=parts", "trainer.max_epochs=2") == 0
    assert report(*words, "paths.runs=whole", "trainer.max_epochs=4") == 0
    (whole,), (parts,) = runs_in(tmp_path / "whole"), runs_in(tmp_path / "parts")
    assert call("train", f"resume={parts}", "trainer.max_epochs=4") == 0
    one, two = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (whole, parts)
    )
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_long_reports_are_counted(report: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"input": "x" * length, "output": "y"} for length in (5, 6, 7, 100, 120)]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("data.file=long.jsonl", "data.split={test: 0, val: 0}", "data.max_length=60", "prompt=plain")
    assert report(*words, "trainer.max_steps=1", "evaluate=false", "data.drop_last=false") == 0
    assert "(2 reports left out by data.max_length): 5 train" in capsys.readouterr().out
    assert report(*words, "trainer.max_steps=1", "evaluate=false", "data.too_long=cut", "data.batch_size=5") == 0
    assert "(2 reports shortened to data.max_length): 5 train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("data.file=none.csv",), "none.csv"),
        (("data.file=train.csv", "llm.pretrained=nowhere"), "llm.pretrained=nowhere"),
        (("data.file=train.csv", "data.max_length=3"), "no training report is as short"),
        (("data.file=train.csv", "generation.max_new_tokens=0"), "max_new_tokens=0"),
        (("data.file=train.csv", "evaluation.baselines=[nearst]"), "no baseline 'nearst'"),
        (("data.file=train.csv", "prompt=chat"), "no chat template"),
        (("data.file=train.csv", "data.columns={input: FINDINGS, output: RESPONSE}"), "FINDINGS"),
        (("data.file=train.csv", "prompt=impresion"), "impression"),
        (("data.file=train.csv", "evaluation.radeval=[bertscore]"), "RadEval"),
        (("data.file=train.csv", "data.packing=1x"), "packing"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    report: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert report(*words) in (1, 2)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert not runs_in(tmp_path / "runs")


def test_scores_go_to_wandb_and_texts_do_not(report: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "DATA", "CONFIG"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb-home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    words = ("data.file=train.csv", "data.test_file=test.csv", "data.split={test: 0, val: 0}", "trainer.max_steps=1")
    assert report(*words, "peft=none", "prompt=advice_zh", "logger=wandb", "evaluation.figures=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    (table,) = (run / "wandb").rglob("*.table.json")
    content = json.loads(table.read_text())
    rows = pd.read_csv(run / "reports.csv")
    assert len(content["data"]) == len(rows)
    assert {"case", "method", "rougeL_f", "words"} <= set(content["columns"])
    assert not {"id", "group", "input", "reference", "text"} & set(content["columns"])
    sent = next(run.rglob("run-*.wandb")).read_bytes() + table.read_bytes()
    for text in PAIRS[0]:
        assert text.encode() not in sent
        assert json.dumps(text)[1:-1].encode() not in sent


def test_a_run_of_somebody_else_calls_nothing_but_networks(report: Train, tmp_path: Path) -> None:
    words = ("data.file=train.csv", "data.split={test: 0.4, val: 0}", "trainer.max_steps=1", "evaluate=false")
    assert report(*words, "peft=none", "prompt=advice_zh") == 0
    (run,) = runs_in(tmp_path / "runs")
    file = run / "checkpoints" / "last.ckpt"
    content = torch.load(file, weights_only=True)
    whole = content["llmseg"]["llm"]
    called = {"_target_": "os.mkdir", "path": str(tmp_path / "made")}
    for key in ("prompt", "adapter"):
        config = {**content["llmseg"], "llm": {**whole, key: {**whole[key], **called}}}
        torch.save({**content, "llmseg": config}, file)
        with pytest.raises(ConfigError, match=rf"llm\.{key}\._target_=os\.mkdir is no network"):
            load_writer(RunFolder(run), CPU)
    torch.save({**content, "llmseg": {**content["llmseg"], "llm": {**whole, "_target_": "os.mkdir"}}}, file)
    with pytest.raises(ConfigError, match=r"llm\._target_=os\.mkdir is no network"):
        load_writer(RunFolder(run), CPU)
    assert not (tmp_path / "made").exists()
