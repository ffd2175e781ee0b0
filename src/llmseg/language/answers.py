"""Answers to many reports, of which some may be refused."""

from collections.abc import Iterator, Sequence

from llmseg.data.reports.sample import Report
from llmseg.errors import ConfigError, UserError
from llmseg.language.writing import Generation, Writer, Written

Answer = tuple[int, Written | UserError]


def answers(writer: Writer, reports: Sequence[Report], how: Generation) -> Iterator[Answer]:
    """Number of a report and its answer, or why it has none, as they are done; one bad report stops no other.

    A writer that refuses does not go on. Those it has not answered are then given to it in two halves, and so on,
    until the report that it refuses stands alone: the others are still written in batches.

    Args:
        writer: answers.
        reports: in any order.
        how: as in `Writer.write`.

    Raises:
        ConfigError: the settings cannot be, whatever the report.
    """
    return _numbered(writer, list(enumerate(reports)), how)


def _numbered(writer: Writer, reports: Sequence[tuple[int, Report]], how: Generation) -> Iterator[Answer]:
    waiting, refusal = dict(reports), None
    try:
        for index, written in writer.write([report for _, report in reports], how):
            number = reports[index][0]
            del waiting[number]
            yield number, written
    except ConfigError:
        raise
    except UserError as error:
        refusal = error
    left = list(waiting.items())
    if refusal is None:
        if left:
            raise RuntimeError(f"the writer has left {len(left)} reports without an answer")
    elif len(left) <= 1:
        yield from ((number, refusal) for number in waiting)
    else:
        middle = len(left) // 2
        yield from _numbered(writer, left[:middle], how)
        yield from _numbered(writer, left[middle:], how)
