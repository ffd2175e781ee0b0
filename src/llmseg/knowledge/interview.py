"""Ask an LLM for the descriptors of an organ's classes; the result is a `knowledge` node."""

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from string import Formatter
from typing import Any

from llmseg.errors import ConfigError, UserError
from llmseg.knowledge.authors import Author, Sampling

_FIELDS = {"organ", "modality", "class", "question"}
_SENTENCE = re.compile(r".*[.!?](?=[\s\"')]|$)", re.DOTALL)


def prompt_hash(prompt: str, questions: Mapping[str, str]) -> str:
    """Version of the prompt: a hash of its template and questions."""
    return sha256(json.dumps([prompt, list(questions.items())]).encode()).hexdigest()[:20]


def check_prompt(prompt: str, questions: Mapping[str, str]) -> None:
    """Refuse a template with other fields than there are, before anybody is asked.

    Raises:
        ConfigError: names the key.
    """
    if not questions:
        raise ConfigError("questions: there must be at least one")
    for key, template in {"prompt": prompt, **{f"questions.{kind}": text for kind, text in questions.items()}}.items():
        known = _FIELDS if key == "prompt" else _FIELDS - {"question"}
        try:
            fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from error
        if unknown := sorted(fields - known):
            raise ConfigError(f"{key}: no field {{{unknown[0]}}}; there is {', '.join(sorted(known))}")
    if "{question}" not in prompt:
        raise ConfigError("prompt: {question} must be in it")


def interview(
    author: Author,
    facts: Mapping[str, str],
    classes: Mapping[str, str],
    prompt: str,
    questions: Mapping[str, str],
    done: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, str]]:
    """Ask for each kind of descriptor of each class.

    Args:
        author: answers.
        facts: organ and modality.
        classes: name in the data set -> words for it in the prompt.
        prompt: template with the fields organ, modality, class and question.
        questions: kind of descriptor -> template with the fields organ, modality and class.
        done: called after each answer.

    Returns:
        Class -> kind -> text.

    Raises:
        UserError: an answer is empty, or the LLM is not to be had.
    """
    texts: dict[str, dict[str, str]] = {}
    for class_, words in classes.items():
        fields = {**facts, "class": words}
        for kind, question in questions.items():
            answer, is_whole = author.ask(prompt.format(**fields, question=question.format(**fields)))
            text = one_line(answer, is_whole)
            if not any(letter.isalpha() for letter in text):
                raise UserError(f"{author.llm} gave an empty answer on the {kind} of {class_}; nothing was written")
            texts.setdefault(class_, {})[kind] = text
            done()
    return texts


def one_line(answer: str, is_whole: bool) -> str:
    """An answer on one line; where it was cut off, up to its last whole sentence if there is one."""
    text = " ".join(answer.split()).replace("${", "$ {")  # which configurations take for a reference
    if not is_whole and (sentences := _SENTENCE.match(text)):
        text = sentences[0]
    return text


def node(
    author: Author,
    facts: Mapping[str, str],
    classes: Mapping[str, str],
    texts: Mapping[str, Mapping[str, str]],
    prompt: str,
    questions: Mapping[str, str],
    sampling: Sampling,
    date: str,
) -> dict[str, Any]:
    """The plain `knowledge` node of an interview, with all that is needed to repeat it."""
    return {
        "organ": facts["organ"],
        "modality": facts["modality"],
        "source": author.name,
        "encoder": "minilm",
        "prompt": prompt,
        "questions": dict(questions),
        "provenance": {
            "author": author.llm,
            "version": author.version,
            "date": date,
            "how": "python -m llmseg.cli.knowledge, as the LLM answered; nothing was corrected",
            "prompt_hash": prompt_hash(prompt, questions),
            "classes_in_prompt": dict(classes),
            "temperature": sampling.temperature,
            "seed": sampling.seed,
            "max_tokens": sampling.max_tokens,
        },
        "classes": {class_: dict(kinds) for class_, kinds in texts.items()},
    }
