"""Words of the command line."""

import pytest

from llmseg.cli.console import counted


@pytest.mark.parametrize(("number", "shown"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_one_is_not_plural(number: int, shown: str) -> None:
    assert counted(number, "run") == shown
