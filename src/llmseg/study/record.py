"""study.json: what a study was, and how it went."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmseg.runs import RunFolder
from llmseg.study.errors import native_dice
from llmseg.study.loop import RAN, Ended
from llmseg.study.prompts import Prompt

FILE = "study.json"


def write_record(
    run: RunFolder, config: Mapping[str, Any], model: str, prompt: Prompt, sandbox: Mapping[str, Any], ended: Ended
) -> None:
    """Write study.json; see docs/study.md for its keys."""
    author = config["author"]
    answered = [each.answer["model"] for each in ended.rounds if each.answer.get("model")]
    run.write_json(
        FILE,
        {
            "author": author["name"],
            "model": model,
            "version": answered[-1] if answered else None,
            "company": author["company"],
            "repeat": config["repeat"],
            "data": config["data"]["name"],
            "seed": config["seed"],
            "temperature": author["temperature"],
            "author_seed": author["seed"],
            "prompt": {"name": prompt.name, "sha256": prompt.sha256},
            "state": ended.state,
            "reason": ended.reason,
            "rounds": [each.row() for each in ended.rounds],
            "currency": author["price"]["currency"],
            "native_dice": _native_dice(run.path, ended),
            "sandbox": dict(sandbox),
        },
    )


def _native_dice(folder: Path, ended: Ended) -> float | None:
    if ended.state != RAN or not ended.rounds:
        return None
    stdout = folder / "rounds" / str(ended.rounds[-1].played.number) / "stdout.txt"
    return native_dice(stdout.read_text(encoding="utf-8"))
