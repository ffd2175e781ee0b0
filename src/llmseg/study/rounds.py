"""One round: an answer's files, their run in the sandbox, and what was wrong with it, kept in `rounds/<n>/`."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from llmseg.study.answer import MAIN, files_of
from llmseg.study.errors import Fault, classify, contract_broken, loss_not_finite, silent_failure
from llmseg.study.masks import check_predictions
from llmseg.study.sandbox import Box, Limits, Outcome
from llmseg.study.scrub import scrub, tail, traceback_of
from llmseg.study.workspace import Workspace
from llmseg.whole import write

Runner = Callable[[Sequence[str], Box], Outcome]


@dataclass(frozen=True)
class Played:
    """What came of a round.

    Attributes:
        number: from 1.
        exit_code: of the program; None where it was stopped, or nothing could be run.
        seconds: that it ran.
        stopped: the limit that ended it.
        fault: what was wrong; None for nothing.
        problem: the same as a sentence for the author.
        output: the end of what it printed, for the author.
        peak_mb: most memory at a time.
    """

    number: int
    exit_code: int | None
    seconds: float
    stopped: str | None
    fault: Fault | None
    problem: str = ""
    output: str = ""
    peak_mb: float | None = None

    @property
    def ran(self) -> bool:
        """Whether nobody who pastes errors back would have anything to paste."""
        return self.fault is None or self.fault.is_silent


def program(answers: Sequence[str]) -> dict[str, str]:
    """The program after some answers: files that an answer does not have stay as they were."""
    files = {name: text for answer in answers for name, text in files_of(answer).items()}
    # no file can lie in another one
    return {n: text for n, text in files.items() if not any(str(p) in files for p in PurePosixPath(n).parents)}


@dataclass(frozen=True)
class Attempt:
    """A round's program, and how it is run.

    Attributes:
        number: of the round.
        files: of the program.
        folder: of the round; gets the files, stdout.txt, stderr.txt, predictions/ and, last, outcome.json.
        workspace: the data that the program sees.
        limits: of the run.
        runner: the sandbox.
        isolated: see `Box`.
    """

    number: int
    files: Mapping[str, str]
    folder: Path
    workspace: Workspace
    limits: Limits
    runner: Runner
    isolated: bool = True

    def play(self) -> Played:
        """Run the program, or read what came of it where it has run already."""
        if (self.folder / "outcome.json").is_file():
            return _read(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)  # of a study that was killed in the middle of this round
        for name, text in self.files.items():
            write(self.folder / name, text)
        played = self._run()
        write(self.folder / "outcome.json", json.dumps(asdict(played), indent=1) + "\n")
        return played

    def _run(self) -> Played:
        if MAIN not in self.files:
            text = f"the answer has no code block for the file {MAIN}"
            nothing = contract_broken("no_program", text)
            return Played(self.number, None, 0.0, None, nothing, f"There is nothing to run: {text}.")
        data = {"data": self.workspace.data}
        box = Box(self._predictions, self.files, data, "predictions", self.limits, self.isolated)
        outcome = self.runner(command(self.limits.seconds), box)
        for name, text in (("stdout.txt", outcome.stdout), ("stderr.txt", outcome.stderr)):
            write(self.folder / name, text)
        fault = self._fault(outcome)
        seconds, (problem, output) = round(outcome.seconds, 2), _told(outcome, fault)
        return Played(self.number, outcome.exit_code, seconds, outcome.stopped, fault, problem, output, outcome.peak_mb)

    def _fault(self, outcome: Outcome) -> Fault | None:
        if (known := classify(outcome)) is not None:
            return Fault(known.error, known.finer, known.detail, scrub(known.message))
        fault = check_predictions(self._predictions, self.workspace.shapes, self.workspace.spatial_dims)
        if fault is None and loss_not_finite(outcome.stdout + outcome.stderr):
            return silent_failure("loss_not_finite", "it printed a loss that is not finite")
        return fault

    @property
    def _predictions(self) -> Path:
        return self.folder / "predictions"


def command(seconds: float) -> list[str]:
    """How a program is started."""
    return ["python", MAIN, "--data", "data", "--output", "predictions", "--seconds", str(int(seconds))]


def _told(outcome: Outcome, fault: Fault | None) -> tuple[str, str]:
    """A sentence for the author, and the output that belongs to it."""
    if fault is None or fault.is_silent:
        return "", ""
    if outcome.stopped is not None:
        return f"The program was {fault.message}. The end of its output:", scrub(tail(outcome.stdout, 2000))
    if outcome.exit_code != 0:
        text = f"The program ended with exit code {outcome.exit_code}. The end of its error output:"
        return text, scrub(tail(traceback_of(outcome.stderr) or outcome.stdout))
    text = f"The program ended without an error, but {fault.message}. The end of its output:"
    return text, scrub(tail(outcome.stdout, 2000))


def _read(folder: Path) -> Played:
    content = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    fault = content.pop("fault")
    return Played(**content, fault=Fault(**fault) if fault else None)
