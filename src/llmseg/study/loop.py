"""The loop: ask, run, tell what went wrong, ask again, until the program runs or a budget is spent.

All state lies in the run's folder: what was answered is in messages.jsonl, what was run has an outcome.json. To resume
is therefore to loop again: every step that has been done is read instead.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmseg.study.client import Client, ExhaustedError
from llmseg.study.prompts import Prompt
from llmseg.study.rounds import Attempt, Played, Runner, program
from llmseg.study.sandbox import Limits
from llmseg.study.transcript import Message, Transcript
from llmseg.study.workspace import Workspace

log = logging.getLogger("llmseg")
RAN, GAVE_UP, RUNNING = "ran", "gave up", "running"
_LEAST_SECONDS = 5  # to import torch in
_LETTERS_PER_TOKEN = 4  # where nobody counted


@dataclass(frozen=True)
class Budget:
    """What a study may use; see `BudgetConfig`."""

    rounds: int
    tokens: int
    minutes: float

    def spent(self, rounds: Sequence["Round"]) -> str | None:
        """The first budget that these rounds have used up, or None."""
        used = {
            "rounds": len(rounds) >= self.rounds,
            "tokens": sum(each.tokens for each in rounds) >= self.tokens,
            "minutes": self.left(rounds) < _LEAST_SECONDS,
        }
        return next((name for name, is_spent in used.items() if is_spent), None)

    def left(self, rounds: Sequence["Round"]) -> float:
        """Seconds that are left."""
        return 60 * self.minutes - sum(each.seconds for each in rounds)


@dataclass(frozen=True)
class Round:
    """An answer and what came of it.

    Attributes:
        answer: the message.
        played: None where there was no time left to run it.
        tokens: of prompt and answer, reckoned from their letters where nobody counted.
        cost: in the price's currency; None where it is not known.
    """

    answer: Message
    played: Played
    tokens: int
    cost: float | None

    @property
    def seconds(self) -> float:
        """Of answering and running."""
        return float(self.answer["seconds"]) + self.played.seconds

    def row(self) -> dict[str, Any]:
        """The round as it stands in study.json."""
        fault = self.played.fault
        return {
            "round": self.played.number,
            "exit_code": self.played.exit_code,
            "seconds": round(self.seconds, 2),
            "error": fault.error if fault else None,
            "finer": fault.finer if fault else None,
            "detail": fault.detail if fault else None,
            "message": fault.message if fault else None,
            "tokens_in": self.answer["tokens_in"],
            "tokens_out": self.answer["tokens_out"],
            "cost": self.cost,
        }


@dataclass(frozen=True)
class Ended:
    """Where a loop stands.

    Attributes:
        state: ran, gave up or running.
        reason: the budget that ended it: rounds, tokens or minutes; transcript where a recorded author has no more.
        rounds: all so far.
    """

    state: str
    reason: str | None
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Loop:
    """All that a study needs.

    Attributes:
        folder: of the run.
        client: the author.
        prompt: what it is asked.
        workspace: what its programs see.
        budget: when to give up.
        limits: of one run of a program.
        runner: the sandbox.
        isolated: see `Box`.
        price: the `price` node of the author.
    """

    folder: Path
    client: Client
    prompt: Prompt
    workspace: Workspace
    budget: Budget
    limits: Limits
    runner: Runner
    isolated: bool = True
    price: Mapping[str, Any] | None = None

    def __call__(self, report: Callable[[Ended], None] = lambda _: None) -> Ended:
        """Go on until the end; `report` is told after every round.

        Raises:
            UserError: the author cannot be asked; what was done is kept.
        """
        transcript, rounds = Transcript(self.folder / "messages.jsonl"), list[Round]()
        while True:
            if rounds and rounds[-1].played.ran:
                return Ended(RAN, None, tuple(rounds))
            if reason := self.budget.spent(rounds):
                return Ended(GAVE_UP, reason, tuple(rounds))
            try:
                done = self._round(transcript, rounds)
            except ExhaustedError as error:
                log.info(f"{error}: gave up")
                return Ended(GAVE_UP, "transcript", tuple(rounds))
            if done is None:
                return Ended(GAVE_UP, "minutes", tuple(rounds))
            rounds.append(done)
            report(Ended(RUNNING, None, tuple(rounds)))

    def _round(self, transcript: Transcript, before: Sequence[Round]) -> Round | None:
        """The next round; None where the answer came too late for its program to run, which is nobody's error."""
        number = len(before) + 1
        if len(transcript.of("user")) < number:
            transcript.say(self._words(before))
        if len(transcript.of("assistant")) < number:
            log.info(f"round {number}: asking {self.client.model}")
            transcript.answer(self.client.ask(transcript.messages))
        answers = transcript.of("assistant")[:number]
        left = self.budget.left(before) - float(answers[-1]["seconds"])
        if left < min(self.limits.seconds, _LEAST_SECONDS):
            return None
        limits = replace(self.limits, seconds=min(self.limits.seconds, left))
        files = program([answer["content"] for answer in answers])
        folder = self.folder / "rounds" / str(number)
        played = Attempt(number, files, folder, self.workspace, limits, self.runner, self.isolated).play()
        log.info(f"round {number}: {played.fault.message if played.fault else 'it runs'}")
        asked = transcript.messages[: 2 * number - 1]
        return Round(answers[-1], played, _tokens(asked, answers[-1]), _cost(answers[-1], self.price))

    def _words(self, before: Sequence[Round]) -> str:
        """The first prompt, or what went wrong in the round before."""
        if not before:
            return self.prompt.first({**self.workspace.facts(), "seconds": int(self.limits.seconds)})
        return self.prompt.after(before[-1].played.problem, before[-1].played.output)


def _tokens(asked: Sequence[Message], answer: Message) -> int:
    if answer["tokens_in"] is not None and answer["tokens_out"] is not None:
        return int(answer["tokens_in"] + answer["tokens_out"])
    return sum(len(message["content"]) for message in (*asked, answer)) // _LETTERS_PER_TOKEN


def _cost(answer: Message, price: Mapping[str, Any] | None) -> float | None:
    known = (answer["tokens_in"], answer["tokens_out"], *((price or {}).get(key) for key in ("input", "output")))
    if any(value is None for value in known):
        return None
    tokens_in, tokens_out, price_in, price_out = known
    return float(tokens_in * price_in + tokens_out * price_out) / 1e6
