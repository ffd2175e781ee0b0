"""Sides of findings in sentences of reports."""

import pytest

from llmseg.evaluation.reports.laterality import misplaced, sides


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "Small left pleural effusion and right basilar atelectasis.",
            {"effusion": "left", "atelectasis": "right"},
        ),
        ("Opacity in the left lower lobe.", {"opacity": "left"}),
        ("RLL pneumonia.", {"pneumonia": "right"}),
        (
            "Right lower lobe infiltrate with bilateral pleural effusions.",
            {"infiltrate": "right", "effusion": "bilateral"},
        ),
        ("Left effusion. Right effusion.", {"effusion": "bilateral"}),
        ("Right and left pleural effusions.", {"effusion": "bilateral"}),
        ("Right greater than left atelectasis.", {"atelectasis": "bilateral"}),
        ("Bibasilar atelectasis.", {"atelectasis": "bilateral"}),
        ("No left effusion.", {}),
        ("Cardiomegaly.", {}),
    ],
)
def test_english(text: str, wanted: dict[str, str]) -> None:
    assert sides(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("左侧肾上腺结节；右肾囊肿。", {"结节": "left", "囊肿": "right"}),
        ("双侧胸腔积液", {"积液": "bilateral"}),
        ("结节约5mm左右", {}),
        ("未见结节，右肾结石", {"结石": "right"}),
    ],
)
def test_chinese(text: str, wanted: dict[str, str]) -> None:
    assert sides(text, "zh") == wanted


def test_agreement() -> None:
    reference = "Left pleural effusion with cardiomegaly."
    assert misplaced(reference, "Small effusion on the left.") == []
    assert misplaced(reference, "Right pleural effusion.") == ["effusion"]
    assert misplaced(reference, "Bilateral pleural effusions.") == ["effusion"]
    assert misplaced(reference, "Pleural effusion.") is None  # no side, no disagreement
    assert misplaced(reference, "No left effusion.") is None
