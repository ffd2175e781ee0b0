"""Text in, text out."""

import pytest

from llmseg.errors import UserError
from llmseg.language.writing import Generation
from llmseg.web.texts import INSTRUCTION, answer, input_of, instruction_of, reads_background
from tests.web.make_runs import StubWriter

HOW = Generation()
PROMPT = {"llm": {"prompt": {"text": "{instruction}{input}"}}}
OPEN = PROMPT | {"data": {"columns": {"input": ["clinical_information", "findings"]}}}


def test_background_and_findings_are_joined_as_in_training() -> None:
    assert input_of(OPEN, " Cough. ", "Clear lungs.\n") == "Cough.\nClear lungs."
    assert input_of(OPEN, "", "Clear lungs.") == "Clear lungs."
    openi = {"data": {"input": ["indication", "findings"], "headings": True}}
    assert input_of(openi, "Cough.", "Clear lungs.") == "Indication: Cough.\nFindings: Clear lungs."
    three = {"data": {"columns": {"input": ["clinical_information", "findings", "comparison"]}, "headings": True}}
    assert input_of(three, "Cough.", "Clear lungs.") == "Clinical information: Cough.\nFindings: Clear lungs."


def test_parts_stand_where_training_had_them() -> None:
    openi = {"data": {"input": ["findings", "indication"]}}  # in training the findings come last all the same
    assert input_of(openi, "Cough.", "Clear lungs.") == "Cough.\nClear lungs."
    assert input_of(openi, "", "Clear lungs.") == "Clear lungs."
    last = {"data": {"columns": {"input": ["findings", "question"]}}}
    assert input_of(last, "Pneumonia?", "Clear lungs.") == "Clear lungs.\nPneumonia?"
    with pytest.raises(UserError, match="all have question"):
        input_of(last, " ", "Clear lungs.")


@pytest.mark.parametrize("data", [{}, {"input": None}, {"input": "findings"}, {"columns": {"input": ["findings"]}}])
def test_a_run_of_findings_alone_gets_nothing_else(data: dict[str, object]) -> None:
    assert not reads_background({"data": data})
    assert input_of({"data": data}, "Cough.", "Clear lungs.") == "Clear lungs."


def test_the_instruction_is_the_runs_own_or_the_demos() -> None:
    assert instruction_of(OPEN) == INSTRUCTION == "Generate impression based on findings."
    assert instruction_of({"llm": {"prompt": {"text": None, "instruction": "Advise."}}}) == "Advise."
    assert instruction_of({"llm": {"prompt": {"text": "根据{input}"}}}) is None


def test_the_writer_gets_one_report() -> None:
    found = answer(StubWriter(), OPEN, "Clear lungs.", HOW, "Cough.", " Be short. ")
    assert found.text == "Impression of [Be short.|Cough.\nClear lungs.]"
    assert answer(StubWriter(), OPEN, "Clear.", HOW, instruction="  ").text == "Impression of [None|Clear.]"


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_to_read_is_said(text: str) -> None:
    with pytest.raises(UserError, match="no text to read"):
        answer(StubWriter(), OPEN, text, HOW, "Cough.")
