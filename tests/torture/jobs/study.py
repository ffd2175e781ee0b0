"""An LLM's programs, run in the real sandbox; the LLM is a recorded one."""

import json
from pathlib import Path

from llmseg.study.transcript import Reply, Transcript
from tests.cli.conftest import call, runs_in
from tests.study.make_study import file
from tests.torture.job import Found, compare
from tests.torture.jobs.training import scans

FAILS = "import time\ntime.sleep({})\nraise ValueError('round {}')"
PREDICTS = """
import argparse, os, time
from PIL import Image
parser = argparse.ArgumentParser()
for name in ("--data", "--output", "--seconds"):
    parser.add_argument(name)
asked = parser.parse_args()
os.makedirs(asked.output, exist_ok=True)
folder = os.path.join(asked.data, "test", "images")
for name in sorted(os.listdir(folder)):
    mask = Image.open(os.path.join(folder, name)).convert("L").point(lambda value: 255 * (value > 100))
    mask.save(os.path.join(asked.output, name))
time.sleep(0.3)
print("validation_dice=0.5")
"""


class Study:
    """`study.py`, and `study.py resume=`: three programs that fail, one that predicts."""

    name = "study of an LLM author, real sandbox"
    seconds = 120.0

    def __init__(self, place: Path) -> None:
        self.root = scans(place)
        self.transcript = place / "messages.jsonl"
        self.transcript.unlink(missing_ok=True)
        transcript = Transcript(self.transcript)
        for code in (*(FAILS.format(0.3, number) for number in range(3)), PREDICTS):
            transcript.answer(Reply(file(code), 100, 20, 0.0, "parrot"))

    def run(self, folder: Path) -> int:
        """Begin, or go on with the study that is there."""
        begun = runs_in(folder / "runs")
        if begun:
            return call("study", f"resume={begun[0]}")
        return call(
            "study", "author=recorded", f"author.transcript={self.transcript}", "data=nnunet", f"data.root={self.root}",
            "data.classes=[one]", "data.image_size=24", "evaluation.figures=false", f"paths.runs={folder / 'runs'}",
            f"paths.cache={folder / 'cache'}",
        )  # fmt: skip

    def check(self, folder: Path, whole: Path) -> Found:
        """Messages, rounds and scores."""
        (one,), (two,) = runs_in(folder / "runs"), runs_in(whole / "runs")
        same = (one / "cases.csv").read_bytes() == (two / "cases.csv").read_bytes()
        return compare(_steps(one), _steps(two), "" if same else "another score")


def _steps(run: Path) -> list[str]:
    """What was said and what came of it, without what a clock has measured."""
    messages = [json.loads(line) for line in (run / "messages.jsonl").read_text().splitlines()]
    said = [f"{message['role']}: {message['content']}" for message in messages]
    record = json.loads((run / "study.json").read_text())
    return [*said, *(f"{row['round']} {row['error']} {row['message']}" for row in record["rounds"]), record["state"]]
