"""Files that are written whole or not at all: under a temporary name first."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a text file in UTF-8; its folder is made."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
