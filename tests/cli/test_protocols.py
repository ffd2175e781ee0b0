"""The field's protocols and the clean ones."""

from pathlib import Path

import pytest

from llmseg.resources import conf_folder
from tests.cli.conftest import call

NAMES = sorted(
    f"{folder}/{path.stem}"
    for folder in ("field", "clean")
    for path in (conf_folder() / "experiment" / folder).glob("*.yaml")
    if not path.stem.startswith("_")
)
TABLE = {
    # facts of the public scripts: labelled, patch, stride, steps
    "field/la_8": ("labelled: 8", "- 112\n  - 112\n  - 80", "- 18\n  - 18\n  - 4", "max_steps: 6000"),
    "field/pancreas_a_12": ("labelled: 12", "- 96\n  - 96\n  - 96", "- 16\n  - 16\n  - 16", "max_steps: 15000"),
    "field/brats19_25": ("labelled: 25", "- 96\n  - 96\n  - 96", "- 64\n  - 64\n  - 64", "max_steps: 30000"),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_composes_with_a_semi_supervised_and_a_supervised_method(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("supervised", "ua_mt"):
        assert call("train", f"experiment={name}", f"method={method}", "--cfg", "job", "--resolve") == 0
        text = capsys.readouterr().out
        assert "llmseg.models.VNet" in text
        assert f"labelled: {name.rpartition('_')[2]}" in text
        assert "lr: 0.01" in text
        assert ("- 150" in text) == name.startswith("field")


@pytest.mark.parametrize("name", TABLE)
def test_facts_of_the_fields_scripts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", f"experiment={name}", "--cfg", "job", "--resolve") == 0
    text = capsys.readouterr().out
    for fact in TABLE[name]:
        assert fact in text
    assert "nesterov: false" in text
    assert "weights: constant" in text


def test_there_are_as_many_as_the_field_reports_on() -> None:
    assert Path(NAMES[0]).parent.name == "clean"
    assert len([name for name in NAMES if name.startswith("field/")]) == 8
