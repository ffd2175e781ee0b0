"""A writer without a model, for tests of what stands around one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from llmseg.data.reports.sample import Report
from llmseg.errors import UserError
from llmseg.language.writing import Generation, Written


@dataclass
class Stub:
    """Answers from a dictionary, else with the text backwards; longest first, as models do.

    Attributes:
        known: text -> answer.
        longest: longer texts are refused when their turn comes.
        fault: raised once so many are answered.
        asked: texts of each call.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    longest: int = 1000
    fault: tuple[int, BaseException] | None = None
    identity: dict[str, str] = field(default_factory=lambda: {"weights": "stub"})
    asked: list[list[str]] = field(default_factory=list)

    def prompt_of(self, report: Report) -> str:
        """As the Chinese project asks."""
        return f"根据下面一段影像描述：{report.input}\n 生成一份对应的诊断意见："

    def write(self, reports: Sequence[Report], how: Generation) -> Iterator[tuple[int, Written]]:
        """Answer in batches; see `Writer.write`."""
        self.asked.append([report.input for report in reports])
        order = sorted(range(len(reports)), key=lambda number: -len(reports[number].input))
        for start in range(0, len(order), how.batch_size):
            batch = order[start : start + how.batch_size]
            for number in batch:
                if len(reports[number].input) > self.longest:
                    raise UserError(f"line {reports[number].line}: longer than the model's context")
            for count, number in enumerate(batch, start=start):
                if self.fault is not None and count == self.fault[0]:
                    raise self.fault[1]
                text = reports[number].input
                yield number, Written(self.known.get(text, text[::-1]), is_cut=len(text) > how.max_new_tokens)
