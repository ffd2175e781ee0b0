"""RadEval is used where it is installed; a pretended one stands for it."""

import sys
from pathlib import Path

import pytest

from llmseg.errors import ConfigError, UserError
from llmseg.evaluation.reports.radeval import is_available, radeval

PRETENDED = """
class RadEval:
    def __init__(self, metrics):
        if "unknown" in metrics:
            raise ValueError("unknown metric: unknown")
        self.metrics = metrics

    def __call__(self, refs, hyps):
        if "green" in self.metrics:
            raise OSError("no network")
        equal = sum(own == other for own, other in zip(refs, hyps)) / len(refs)
        return {"bertscore": equal, "chexbert": {"micro": 0.5, "labels": ["a"]}, "note": "text"}
"""


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "RadEval.py").write_text(PRETENDED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "RadEval", raising=False)


def test_missing() -> None:
    if is_available():
        pytest.skip("RadEval is installed")
    assert radeval(["a"], ["a"], []) == {}
    with pytest.raises(UserError, match=r"evaluation.radeval=\[bertscore\] needs the package RadEval: pip install"):
        radeval(["a"], ["a"], ["bertscore"])


@pytest.mark.usefixtures("pretended")
def test_numbers_are_passed_on() -> None:
    assert is_available()
    assert radeval(["a", "b"], ["a", "c"], ["bertscore", "chexbert"]) == {"bertscore": 0.5, "chexbert/micro": 0.5}


@pytest.mark.usefixtures("pretended")
def test_its_errors_are_told_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"radeval=\[unknown\]: RadEval does not take this \(unknown metric"):
        radeval(["a"], ["a"], ["unknown"])
    with pytest.raises(UserError, match=r"cannot score these texts \(no network\)"):
        radeval(["a"], ["a"], ["green"])
