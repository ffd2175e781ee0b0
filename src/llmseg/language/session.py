"""Talking to a writer line by line, as the chat of the Chinese report project does."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, UserError, one_line
from llmseg.language.writing import Generation, Writer, Written

PROMPT = "Enter input (type 'quit' to exit): "
_RULE = "-" * 40
_NOTICE = "(Context preservation is currently disabled. 'clear' takes no effect.)"


def converse(
    writer: Writer,
    how: Generation,
    ask: Callable[[str], str],
    say: Callable[[str], None],
    note: Callable[[str], None],
    busy: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Answer each input by itself, whatever was said before, until `quit` or the end of the inputs.

    The lines are those of chatbot.py in Junwen-Liu/IMIT-MedImg-LLMLF (2023).

    Args:
        writer: answers.
        how: as in `Writer.write`.
        ask: shows its argument and gives the next input; EOFError at their end.
        say: takes the lines of the session.
        note: takes all else, such as what is wrong with an input; the session goes on.
        busy: entered while the writer writes.

    Raises:
        ConfigError: the settings cannot be, whatever the input.
        UserError: inputs that are no text in the terminal's encoding.
    """
    number = 0
    while (text := _next(ask)).strip() != "quit":
        if text.strip() == "clear":
            say(f"{_RULE}\n{_NOTICE}\n")
        elif text.strip():
            number += 1
            report = Report(id=str(number), input=text.strip(), line=number)
            try:
                with busy():
                    written = _answer(writer, report, how)
            except ConfigError:
                raise
            except UserError as error:
                note(f"error: {one_line(error)}")
                continue
            say(f"{_RULE}\n{writer.prompt_of(report)}\n{written.text}\n")
            if written.is_cut:
                note(f"cut after max_new_tokens={how.max_new_tokens}")


def _next(ask: Callable[[str], str]) -> str:
    try:
        text = ask(PROMPT)
        text.encode()  # in some locales, bytes that are no text arrive as lone surrogates
    except UnicodeError as error:
        raise UserError("the input is not in the terminal's encoding: set PYTHONIOENCODING, e.g. to gb18030") from error
    return text


def _answer(writer: Writer, report: Report, how: Generation) -> Written:
    return next(written for _, written in writer.write([report], how))
