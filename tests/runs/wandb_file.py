"""Reads what an offline W&B run holds for `wandb sync`: records of protobuf in blocks of LevelDB's log format."""

import json
import struct
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK, _HEADER = 32768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(path: Path) -> list[Record]:
    """All records of a `run-<id>.wandb`; W&B's service, which writes it, may end a little after the run."""
    deadline = monotonic() + 20
    while True:
        found = _records(path)
        if any(record.HasField("exit") for record in found) or monotonic() > deadline:
            return found
        sleep(0.1)


def _records(path: Path) -> list[Record]:
    content = path.read_bytes()
    found, whole, at = [], b"", _HEADER
    while at + _HEADER <= len(content):
        if _BLOCK - at % _BLOCK < _HEADER:  # the rest of a block is padding
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        if at + _HEADER + length > len(content):  # being written
            break
        whole += content[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in (_FULL, _LAST):
            record = Record()
            record.ParseFromString(whole)
            found.append(record)
            whole = b""
        else:
            assert kind in (_FIRST, _MIDDLE), kind
    return found


def config(path: Path) -> dict[str, Any]:
    """The run's configuration."""
    result: dict[str, Any] = {}
    for record in records(path):
        for update in (record.run.config.update, record.config.update):
            result |= {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in update}
    return result


def history(path: Path) -> list[dict[str, Any]]:
    """Rows of logged metrics."""
    rows = [record.history.item for record in records(path) if record.HasField("history")]
    return [{item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in row} for row in rows]
