"""A tiny workspace, authors that say what they are told, and a sandbox that only pretends."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from llmseg.study.client import ExhaustedError
from llmseg.study.loop import Budget, Loop
from llmseg.study.prompts import Prompt
from llmseg.study.sandbox import Box, Limits, Outcome
from llmseg.study.transcript import Message, Reply
from llmseg.study.workspace import Workspace

HEAD = 'Traceback (most recent call last):\n  File "/box/code/main.py", line 3, in <module>\n    run()\n'
PROMPT = Prompt(
    "test", 2, "Segment {train} images, {libraries}.", "You have {seconds} s.", "{problem}\n{output}\nAgain."
)
Effect = Callable[[Box], Outcome]


class Parrot:
    """Answers in turn; counts how often it is asked."""

    model = "parrot"

    def __init__(self, *answers: str, tokens: int | None = 10, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.asked: list[list[Message]] = []
        self.tokens, self.seconds = tokens, seconds

    def ask(self, messages: Sequence[Message]) -> Reply:
        number = sum(message["role"] == "assistant" for message in messages)
        self.asked.append(list(messages))
        if number >= len(self.answers):
            raise ExhaustedError("the parrot is silent")
        return Reply(self.answers[number], self.tokens, self.tokens, self.seconds, "parrot-1")


class PretendBox:
    """A sandbox that does not run anything: one effect a call."""

    def __init__(self, *effects: Effect) -> None:
        self.effects = list(effects)
        self.boxes: list[Box] = []
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str], box: Box) -> Outcome:
        assert not box.results.exists() or not any(box.results.iterdir())
        self.boxes.append(box)
        self.commands.append(list(command))
        return self.effects[len(self.boxes) - 1](box)


def file(code: str, name: str = "main.py") -> str:
    """An answer with one file."""
    return f"Here.\n\n**{name}**\n```python\n{code}\n```\n"


def outcome(exit_code: int | None = 0, stdout: str = "", stderr: str = "", stopped: str | None = None) -> Outcome:
    return Outcome(exit_code, 2.0, stdout, stderr, stopped, False, 50.0)  # type: ignore[arg-type]


def fails(line: str) -> Effect:
    return lambda _: outcome(1, "starting\n", f"{HEAD}{line}\n")


def predicts(box: Box, level: int = 100, stdout: str = "validation_dice=0.5\n") -> Outcome:
    """Every test image above a grey level."""
    box.results.mkdir(parents=True, exist_ok=True)
    for path in (box.inputs["data"] / "test" / "images").iterdir():
        mask = (np.asarray(Image.open(path)) > level).astype(np.uint8) * 255
        Image.fromarray(mask).save(box.results / path.name)
    return outcome(0, stdout)


def workspace(folder: Path) -> Workspace:
    """Three test images of 4 x 6 pixels."""
    images = folder / "data" / "test" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10).save(images / f"{number}.png")
    test = {str(number): ("case", number) for number in range(3)}
    return Workspace(folder / "data", test, dict.fromkeys(test, (4, 6)), 9, 1, 2)


def loop(
    folder: Path, client: Parrot, box: PretendBox, rounds: int = 10, tokens: int = 9999, minutes: float = 9
) -> Loop:
    """A study below `folder`."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    price = {"input": 1.0, "output": 3.0, "currency": "USD"}
    budget = Budget(rounds, tokens, minutes)
    return Loop(run, client, PROMPT, workspace(folder), budget, Limits(seconds=60), box, True, price)
