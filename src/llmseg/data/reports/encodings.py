"""Bytes to text: UTF-8 with and without BOM, UTF-16 with one, and what Chinese Windows writes."""

import codecs
from pathlib import Path

from llmseg.errors import ConfigError, DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GBK = {"gbk", "gb2312", "cp936", "936", "ms936"}
"""Subsets of GB18030, which has every character of Unicode: nothing that a model writes is lost."""


def read_text(file: Path, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file, and its encoding.

    Args:
        file: to read; line ends stay as they are, a byte order mark is taken away.
        encoding: name of a codec; GBK and its relatives are read as GB18030. None: by the byte order mark, else UTF-8,
            else GB18030.

    Returns:
        The text, and the encoding to write it back with: utf-8, utf-8-sig, utf-16, gb18030 or the one that was asked
        for.

    Raises:
        ConfigError: no such encoding.
        DataError: the file is missing, cannot be read, or is not of that encoding.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({' '.join(str(error).split())})") from error
    name = encoding_of(content, file) if encoding is None else known_encoding(encoding)
    try:
        text = content.decode(name).removeprefix("\ufeff")
    except UnicodeError as error:
        raise DataError(_fault(file, content, name, error)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{file}, line {line}: has a zero byte, so it is no {name} text: save it as UTF-8")
    return text, name


def encoding_of(content: bytes, file: Path) -> str:
    """The encoding of a file's bytes.

    Raises:
        DataError: neither UTF-8 nor GB18030.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    for name in ("utf-8", "gb18030"):
        try:
            content.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    raise DataError(f"{file}: is neither UTF-8 nor GBK: save it as UTF-8, or name its encoding")


def known_encoding(name: str) -> str:
    """The codec for a name that a user gave.

    Raises:
        ConfigError: Python has none.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # codecs such as hex are none of texts
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"encoding={name}: no such encoding; e.g. utf-8, utf-8-sig, gbk, or null: detected"
        ) from error
    return "gb18030" if found in _GBK or name.lower() in _GBK else found


def _fault(file: Path, content: bytes, name: str, error: UnicodeError) -> str:
    start = error.start if isinstance(error, UnicodeDecodeError) else 0
    line = content.count(b"\n", 0, start) + 1
    return f"{file}, line {line}: is not {name}: save it as UTF-8, or name another encoding (null: detected)"
