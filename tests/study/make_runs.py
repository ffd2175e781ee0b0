"""A folder with scored runs of LLM-written networks, and study runs, without any training or LLM."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from llmseg.evaluation.llm_dice import LLM_DICE
from tests.runs.make_scored import make

LEVELS = {
    "gpt_o1": 0.84,
    "claude35": 0.84,
    "grok3": 0.838,
    "gemini15": 0.832,
    "gpt4o": 0.79,
    "gpt4": 0.76,
    "deepseek_v3": 0.84,
    "gpt_o3": 0.837,
    "llama31": 0.48,
    "copilot": 0.41,
}
"""Dice of networks as generated, about as results/nineteen_networks.json has them."""
REPAIRED = {"gpt4o": 0.836, "gemini15": 0.842, "copilot": 0.831, "llama31": 0.70}


def scored_run(
    root: Path, model: str, dice: Sequence[float | None], seed: int = 0, repaired: bool = False, **facts: Any
) -> Path:
    """A finished run of a network, with a metrics.csv of three epochs and the LLMs' Dice columns."""
    shifts = {formula.column: [d and max(0.0, d - 0.01 * n) for d in dice] for n, formula in enumerate(LLM_DICE)}
    cost = {"cost": {"parameters": 1_000_000 * (1 + len(model)), "gmacs": 0.1 * len(model)}}
    run = make(root, "supervised", dice, seed=seed, model=model, data="slices", labelled=None, columns=shifts,
               summary={**cost, **facts})  # fmt: skip
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"] |= {"repaired": repaired}
    config["name"] = f"slices_{model}"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    lines = ["epoch,step,train/loss_epoch,val/dice,val/loss"]
    for epoch in range(3):
        level = float(np.nanmean([0.0 if d is None else d for d in dice])) * (1 - 0.5 ** (epoch + 1))
        lines += [f"{epoch},{epoch},,{level},{1 - level}", f"{epoch},{epoch},{1.2 - level},,"]
    (run / "metrics.csv").write_text("\n".join(lines) + "\n")
    (run / "status.json").write_text(json.dumps({"state": "finished", "seconds": 10.0 * len(model)}))
    return run


def scored_study(root: Path, cases: int = 12, seeds: int = 2) -> None:
    """Runs of ten LLMs' networks, four of them repaired too, on the same cases."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.03, cases)
    for repaired, levels in ((False, LEVELS), (True, REPAIRED)):
        for model, level in levels.items():
            for seed in range(seeds):
                dice = np.clip(level + hard + rng.normal(0, 0.01, cases), 0, 1)
                scored_run(root, model, [float(value) for value in dice], seed, repaired)


def study_run(root: Path, author: str, errors: Sequence[str], state: str = "ran", repeat: int = 0) -> Path:
    """A study run with one round an error, and a last one that ran unless the state says otherwise."""
    folder = root / f"study_{author}" / f"2026-11-22_10-00-0{repeat}"
    folder.mkdir(parents=True)
    kinds: list[str | None] = [*errors, None] if state == "ran" else list(errors)
    content: Mapping[str, Any] = {
        "author": author,
        "model": author,
        "repeat": repeat,
        "data": "slices",
        "seed": 0,
        "prompt": {"name": "pytorch", "sha256": "0" * 64},
        "state": state,
        "reason": None if state == "ran" else "rounds",
        "rounds": [
            {"round": number, "exit_code": int(kind is not None), "seconds": 2.0, "error": kind, "finer": None,
             "message": kind, "tokens_in": 100, "tokens_out": 200, "cost": 0.01}
            for number, kind in enumerate(kinds, start=1)
        ],
        "native_dice": 0.9 if state == "ran" else None,
        "sandbox": {},
    }  # fmt: skip
    (folder / "study.json").write_text(json.dumps(content))
    return folder
