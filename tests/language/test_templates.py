"""What is put around a report."""

import pytest
import yaml

from llmseg.data.reports.sample import Report, Turn
from llmseg.errors import ConfigError
from llmseg.language.templates import Template
from llmseg.resources import conf_folder

REPORT = Report("1", "The lungs are clear.")


def prompt(name: str) -> Template:
    return Template.of(yaml.safe_load((conf_folder() / "prompt" / f"{name}.yaml").read_text(encoding="utf-8")))


def test_the_impression_prompt_has_the_originals_headings() -> None:
    assert prompt("impression").filled(REPORT) == (
        "### Instruction:\nGenerate impression based on findings.\n\n"
        "### Findings:\nThe lungs are clear.\n\n### Impression :\n"
    )


def test_the_chinese_prompt_is_the_originals_to_the_letter() -> None:
    text = prompt("advice_zh").filled(Report("1", "肝脏形态正常。"))
    assert text == "根据下面一段影像描述：肝脏形态正常。\n 生成一份对应的诊断意见："


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("左侧 肾上腺 结节。", "左侧肾上腺结节。"),
        ("左肾结节。<|endoftext|>别的", "左肾结节。"),
        ("左肾结节。根据下面一段影像描述：又一个", "左肾结节。"),
        ("左肾结节", "左肾结节"),  # the original lost the last character where no end was written
        ("", ""),
    ],
)
def test_chinese_answers_lose_spaces_and_all_behind_their_end(written: str, read: str) -> None:
    assert prompt("advice_zh").cleaned(written) == read


def test_english_answers_keep_their_spaces() -> None:
    assert prompt("impression").cleaned(" No acute disease.\n### Findings: more") == "No acute disease."


def test_a_reports_own_instruction_goes_first() -> None:
    asked = prompt("impression").filled(Report("1", "Clear.", instruction="Summarise."))
    assert "Summarise." in asked
    assert "Generate impression" not in asked


def test_braces_in_a_report_are_text() -> None:
    assert "{input} {x}" in prompt("plain").filled(Report("1", "{input} {x}"))


def test_chats_are_messages() -> None:
    turns = (Turn("system", "You are terse."), Turn("user", "Hello"), Turn("assistant", "Hi"), Turn("user", "Clear."))
    report = Report("1", "Clear.", turns=turns)
    assert prompt("chat").messages(report) == [{"role": turn.role, "content": turn.content} for turn in turns]
    (message,) = prompt("chat").messages(REPORT)
    assert message["role"] == "user"
    assert message["content"].endswith("\n\nThe lungs are clear.")
    assert prompt("impression").filled(report).count("You are terse.") == 1


def test_another_text_is_another_version() -> None:
    assert prompt("impression").sha256 != prompt("plain").sha256
    assert prompt("plain").sha256 == prompt("plain").sha256


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ({"name": "x", "text": "{finding}"}, "no field {finding}"),
        ({"name": "x", "text": "{inputs}"}, "did you mean {input}"),
        ({"name": "x", "text": "nothing"}, "no place for the report"),
        ({"name": "x", "text": "{input"}, "prompt.text"),
        ({"name": "x", "text": "{input}", "stops": []}, "prompt.stops: no such key; must be stop"),
    ],
)
def test_templates_that_cannot_be(node: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("{", r"\{")):
        Template.of(node)
