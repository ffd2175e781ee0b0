"""Which findings sentences of reports affirm and deny."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmseg.evaluation.reports.negation import contradicted, statuses


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("No pneumothorax, pleural effusion or focal consolidation.", {}),
        ("No pneumothorax. Small pleural effusion.", {"effusion"}),
        ("Emphysema without acute disease.", {"emphysema"}),
        ("Stable cardiomegaly with no focal airspace disease.", {"cardiomegaly"}),
        ("No effusion, but a nodule in the left base.", {"nodule"}),
        ("No acute disease, stable cardiomegaly.", {"cardiomegaly"}),
        ("No definite pleural effusion seen, calcified nodule.", {"nodule", "calcification"}),
        ("No change in the pleural effusion.", {"effusion"}),
        ("Pneumonia cannot be excluded.", {"pneumonia"}),
        ("Pneumonia is not excluded.", {"pneumonia"}),
        ("The effusion is no longer seen.", {}),
        ("A pleural effusion is not seen.", {}),
        ("The pneumothorax has resolved.", {}),
        ("Lungs are free of infiltrate.", {}),
        ("Heart size is normal and the lungs are clear.", {}),
        ("Heart size upper limits of normal.", {}),
        ("The heart is mildly enlarged.", {"cardiomegaly"}),
        ("The heart is not enlarged.", {}),
        ("Left effusion. No right effusion.", {"effusion"}),
        ("Right lower lobe opacity; pneumonia is unlikely.", {"opacity"}),
        ("", {}),
    ],
)
def test_english(text: str, wanted: set[str]) -> None:
    assert {name for name, is_there in statuses(text).items() if is_there} == set(wanted)


@pytest.mark.parametrize(
    ("text", "affirmed", "denied"),
    [
        ("左侧肾上腺结节，右侧未见结节。", {"结节"}, set()),
        ("未见肿块及积液，双肺结节。", {"结节"}, {"肿块", "积液"}),
        ("腹膜后淋巴结未见肿大。", set(), {"淋巴结肿大"}),
        ("未见异常增大的淋巴结影。", set(), {"淋巴结肿大"}),
        ("结节较前无明显变化。", {"结节"}, set()),
        ("不除外转移。", {"转移"}, set()),
        ("积液消失。", set(), {"积液"}),
        ("未见骨折但见积液。", {"积液"}, {"骨折"}),
        ("肾盂未见扩张积水。", set(), {"扩张", "积水"}),
    ],
)
def test_chinese(text: str, affirmed: set[str], denied: set[str]) -> None:
    found = statuses(text, "zh")
    assert {name for name, is_there in found.items() if is_there} == affirmed
    assert {name for name, is_there in found.items() if not is_there} == denied


def test_contradiction() -> None:
    reference = "Small left pleural effusion. No pneumothorax."
    assert contradicted(reference, "Pleural effusion, no pneumothorax.") == []
    assert contradicted(reference, "No pleural effusion.") == ["effusion"]
    assert contradicted(reference, "Cardiomegaly.") is None
    assert contradicted("No acute cardiopulmonary abnormality.", "Acute pulmonary disease.") == ["acute abnormality"]
    assert contradicted("肝囊肿。", "肝脏未见囊肿。", "zh") == ["囊肿"]


PIECES = st.sampled_from(["No effusion", "Effusion", "Left nodule", "no mass", "Heart size is normal", "Cardiomegaly"])


@settings(max_examples=50, deadline=None)  # patterns are compiled by the first
@given(st.lists(PIECES, max_size=4).map(". ".join), st.lists(PIECES, max_size=4).map(". ".join))
def test_no_text_contradicts_itself_and_order_does_not_matter(first: str, second: str) -> None:
    assert not contradicted(first, first)
    assert contradicted(first, second) == contradicted(second, first)
