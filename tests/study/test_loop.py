"""The loop: rounds, budgets, and a study that is cut off anywhere."""

import json
from pathlib import Path

import pytest

from llmseg.errors import UserError
from llmseg.study.loop import Ended
from llmseg.study.sandbox import Box, Outcome
from llmseg.study.transcript import Message, Reply, Transcript
from tests.study.make_study import Parrot, PretendBox, fails, file, loop, outcome, predicts

SHAPE = "RuntimeError: The size of tensor a (64) must match the size of tensor b (32)"


def rows(ended: Ended) -> list[tuple[int, str | None, str | None, str | None]]:
    found = [each.row() for each in ended.rounds]
    return [(row["round"], row["error"], row["finer"], row["detail"]) for row in found]


def test_an_error_goes_back_in_the_same_chat_until_it_runs(tmp_path: Path) -> None:
    parrot = Parrot(file("first") + file("x = 1", "model.py"), file("second"))
    box = PretendBox(fails(SHAPE), predicts)
    ended = loop(tmp_path, parrot, box)()
    assert (ended.state, ended.reason) == ("ran", None)
    assert rows(ended) == [(1, "RuntimeError", "shape_mismatch", None), (2, None, None, None)]
    assert [row["cost"] for row in (each.row() for each in ended.rounds)] == [pytest.approx(4e-5)] * 2
    first, second = parrot.asked
    assert first[0]["content"].startswith("Segment 9 images, torch ")
    assert "60 s" in first[0]["content"]
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert SHAPE in second[2]["content"]
    assert "exit code 1" in second[2]["content"]
    assert box.commands[0] == ["python", "main.py", "--data", "data", "--output", "predictions", "--seconds", "60"]
    assert box.boxes[1].files == {"main.py": "second\n", "model.py": "x = 1\n"}  # what is not sent again stays
    folder = tmp_path / "run" / "rounds" / "2"
    assert {path.name for path in folder.iterdir()} == {
        "main.py", "model.py", "stdout.txt", "stderr.txt", "outcome.json", "predictions",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason", "rounds"),
    [({"rounds": 2}, "rounds", 2), ({"tokens": 40}, "tokens", 2), ({"minutes": 0.15}, "minutes", 3)],
)
def test_budgets_end_it(tmp_path: Path, changes: dict[str, float], reason: str, rounds: int) -> None:
    parrot = Parrot(*[file(f"v{number}") for number in range(9)])
    ended = loop(tmp_path, parrot, PretendBox(*[fails(SHAPE)] * 9), **changes)()  # type: ignore[arg-type]
    assert (ended.state, ended.reason, len(ended.rounds)) == ("gave up", reason, rounds)
    assert len(parrot.asked) == rounds


def test_time_that_is_left_bounds_a_run(tmp_path: Path) -> None:
    box = PretendBox(predicts)
    loop(tmp_path, Parrot(file("x"), seconds=20), box, minutes=0.5)()
    assert box.boxes[0].limits.seconds == 10
    assert box.commands[0][-1] == "10"


def test_an_answer_that_comes_too_late_is_nobodys_error_and_runs_once_there_is_time(tmp_path: Path) -> None:
    parrot, box = Parrot(file("x"), seconds=28), PretendBox(predicts)
    ended = loop(tmp_path, parrot, box, minutes=0.5)()
    assert (ended.state, ended.reason, ended.rounds) == ("gave up", "minutes", ())
    assert box.boxes == []
    ended = loop(tmp_path, parrot, box, minutes=2)()
    assert (ended.state, len(ended.rounds), len(parrot.asked)) == ("ran", 1, 1)


def test_an_answer_cannot_write_its_own_outcome_or_a_file_into_a_file(tmp_path: Path) -> None:
    forged = 'outcome.json\n```json\n{"exit_code": 0}\n```\n'
    clash = "data.py\n```python\nx = 1\n```\ndata.py/model.py\n```python\nx = 2\n```\n"
    box = PretendBox(predicts)
    ended = loop(tmp_path, Parrot(file("x") + forged + clash), box)()
    assert ended.state == "ran"
    assert sorted(box.boxes[0].files) == ["data.py", "main.py"]


def test_a_transcript_that_ends(tmp_path: Path) -> None:
    ended = loop(tmp_path, Parrot(file("x")), PretendBox(fails(SHAPE)))()
    assert (ended.state, ended.reason) == ("gave up", "transcript")


def test_tokens_that_nobody_counted_are_reckoned(tmp_path: Path) -> None:
    ended = loop(tmp_path, Parrot(file("x" * 4000), tokens=None), PretendBox(predicts))()
    assert 1000 < ended.rounds[0].tokens < 1100
    assert ended.rounds[0].row()["cost"] is None


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("moment", ["asking", "answered", "running", "ran"])
def test_a_study_that_was_cut_off_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    """Killed at any point of round 2; the result and the number of questions are those of a study that was not."""
    answers = file("first"), file("second"), file("third")
    parrot = Parrot(*answers)

    def dies(box: Box) -> Outcome:
        predicts(box)  # something lies in the folder by then
        raise _KilledError

    def report(ended: Ended) -> None:
        if moment == "ran" and len(ended.rounds) == 2:
            raise _KilledError

    class Dying(Parrot):
        def ask(self, messages: list[Message]) -> Reply:  # type: ignore[override]
            if moment == "asking" and len(messages) == 3:
                raise _KilledError
            return super().ask(messages)

    second = dies if moment in ("running", "answered") else fails("ValueError: x")
    with pytest.raises(_KilledError):
        loop(tmp_path, Dying(*answers), PretendBox(fails(SHAPE), second))(report)
    if moment == "answered":
        with (tmp_path / "run" / "messages.jsonl").open("a") as half:
            half.write('{"role": "user", "content": "a line that was never fin')
    effects = [fails("ValueError: x")] * (moment != "ran") + [predicts]
    ended = loop(tmp_path, parrot, PretendBox(*effects))()
    assert rows(ended) == [
        (1, "RuntimeError", "shape_mismatch", None),
        (2, "ValueError", None, None),
        (3, None, None, None),
    ]
    assert len(parrot.asked) == (2 if moment == "asking" else 1)
    lines = (tmp_path / "run" / "messages.jsonl").read_text().splitlines()
    assert [json.loads(line)["role"] for line in lines] == ["user", "assistant"] * 3


@pytest.mark.parametrize(
    ("answer", "effect", "finer", "detail"),
    [
        ("I can't.", predicts, "contract_broken", "no_program"),
        (file("x", "model.py") + file("y", "train.py"), predicts, "contract_broken", "no_program"),
        (file("x"), lambda _: outcome(0, "done"), "contract_broken", "no_predictions"),
        (file("x"), lambda _: outcome(None, stopped="time"), "time_out", None),
    ],
)
def test_rounds_that_break_the_contract_go_back(
    tmp_path: Path, answer: str, effect: object, finer: str, detail: str | None
) -> None:
    parrot = Parrot(answer, file("good"))
    box = PretendBox(predicts) if detail == "no_program" else PretendBox(effect, predicts)  # type: ignore[arg-type]
    ended = loop(tmp_path, parrot, box)()
    assert rows(ended)[0] == (1, "other", finer, detail)
    assert len(parrot.asked[1][2]["content"]) > 20


@pytest.mark.parametrize(
    ("effect", "detail"),
    [
        (lambda box: predicts(box, 255), "trivial_masks"),
        (lambda box: predicts(box, stdout="epoch 2 loss: nan\n"), "loss_not_finite"),
    ],
)
def test_silent_failures_run_and_are_counted_apart(tmp_path: Path, effect: object, detail: str) -> None:
    ended = loop(tmp_path, Parrot(file("x")), PretendBox(effect))()  # type: ignore[arg-type]
    assert ended.state == "ran"
    assert rows(ended) == [(1, None, "silent_failure", detail)]


def test_messages_have_no_places_of_this_machine(tmp_path: Path) -> None:
    import torch

    stderr = (
        f'Traceback (most recent call last):\n  File "{torch.__file__}", line 3\nValueError: in {Path.home()}/secret'
    )
    parrot = Parrot(file("x"), file("y"))
    loop(tmp_path, parrot, PretendBox(lambda _: outcome(1, "", stderr), predicts))()
    said = parrot.asked[1][2]["content"]
    assert 'File "site-packages/torch/__init__.py"' in said
    assert str(Path.home()) not in said.replace("/box/code", "")


def test_a_damaged_transcript_is_named(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text('{"role": "user"}\n')
    with pytest.raises(UserError, match=r"messages.jsonl, line 1: no message"):
        Transcript(path)
