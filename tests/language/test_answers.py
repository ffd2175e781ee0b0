"""Bad reports among good ones."""

from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.data.reports.sample import Report
from llmseg.errors import UserError
from llmseg.language.answers import answers
from llmseg.language.writing import Generation, Written
from tests.cli.writers import Stub


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 9), st.integers(1, 8))
def test_every_report_is_answered_or_refused_once(lengths: list[int], longest: int, batch_size: int) -> None:
    reports = [Report(id=str(n), input="x" * length, line=n) for n, length in enumerate(lengths)]
    stub = Stub(longest=longest)
    found = list(answers(stub, reports, Generation(batch_size=batch_size)))
    assert sorted(number for number, _ in found) == list(range(len(reports)))
    for number, answer in found:
        if lengths[number] <= longest:
            assert answer == Written(reports[number].input)
        else:
            assert isinstance(answer, UserError)
            assert f"line {number}:" in str(answer)


def test_one_bad_report_costs_few_calls() -> None:
    reports = [Report(id=str(n), input="x" * (2 if n == 700 else 1), line=n) for n in range(1000)]
    stub = Stub(longest=1)
    found = dict(answers(stub, reports, Generation()))
    assert [number for number, answer in found.items() if isinstance(answer, UserError)] == [700]
    assert len(stub.asked) <= 1 + 2 * 10  # halves: twice the logarithm
