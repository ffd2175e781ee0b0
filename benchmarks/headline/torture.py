"""What was killed, starved and attacked: the table of docs/trust.md."""

from harness.result import read

from headline.numbers import Part


def parts() -> dict[str, Part]:
    """Rows of the last whole `make torture`."""
    return {"torture": [row["shown"] for row in read("torture")["rows"]]}
