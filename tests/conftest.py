"""Fixtures that several packages' tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # names of models that are not there must not be looked for on a network


Refusal = Callable[..., str]


def error_line(text: str, *words: object) -> str:
    """Assert that a command's standard error is one line that begins with `error: ` and has all words; returns it."""
    assert text.startswith("error: ")
    assert text.count("\n") == 1, text
    for word in words:
        assert str(word) in text
    return text


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Refusal:
    """What a refused command has said, see error_line."""
    return lambda *words: error_line(capsys.readouterr().err, *words)


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of real sample scans named by LLMSEG_DATA; skips where it is missing."""
    folder = Path(os.environ.get("LLMSEG_DATA", ""))
    if not os.environ.get("LLMSEG_DATA") or not (folder / "Dataset104_Hippocampus").is_dir():
        pytest.skip("needs the sample scans: set LLMSEG_DATA")
    return folder.resolve()


@pytest.fixture(scope="session")
def sample_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache folder with the built-in sample, written once for all tests of a process."""
    return tmp_path_factory.mktemp("cache")
