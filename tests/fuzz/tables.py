"""Tables of any bytes, through what reads them for a training and for a batch."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from llmseg.data.reports.tables import read_table, write_table
from llmseg.errors import UserError

_PIECES = (
    b",",
    b"\t",
    b"\n",
    b"\r\n",
    b"\r",
    b'"',
    b'""',
    b"a",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\0",
    "肝".encode(),
    "肝".encode("gbk"),
)
_CONTENT = st.one_of(
    st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=3))).map(b"".join),
)  # fmt: skip
_ENCODINGS = st.sampled_from(
    (None, "utf-8", "gbk", "utf-16", "latin-1", "ascii", "no such", "rot13", "base64", "idna", "")
)


@given(content=_CONTENT, encoding=_ENCODINGS, name=st.sampled_from(("a.csv", "a.tsv")))
def target(content: bytes, encoding: str | None, name: str) -> None:
    """Read or refused with a UserError; what was read is written and read again as it was."""
    with tempfile.TemporaryDirectory() as folder:
        file, copy = Path(folder, name), Path(folder, f"copy_{name}")
        file.write_bytes(content)
        try:
            table = read_table(file, encoding)
        except UserError as error:
            if "\n" in str(error):
                raise AssertionError("more than a line") from error
            return
        if table.columns[0].startswith(
            "\ufeff"
        ):  # a byte order mark behind the file's begin is taken for one when written
            return
        write_table(copy, table.columns, table.rows, "utf-8-sig")
        again = read_table(copy)
        assert (again.columns, again.rows) == (table.columns, table.rows)
