# ruff: noqa: RUF001 (Chinese has punctuation marks of its own)
"""What the page says."""

from dataclasses import dataclass

from llmseg.web import offers

DISCLAIMER = "**Not a medical device. For research only.**"
"""On every tab."""
SOMETHING_WRONG = "Something went wrong on the server. Its console says what."
_THEN = "then start `python app.py run=runs/...` with its folder."
NO_RUN = {
    offers.IMPRESSION: "No run here writes impressions. Train one with `python train.py method=report data=openi "
    f"llm=smollm2 peft=lora`, {_THEN}",
    offers.ADVICE: "没有可用的中文模型。 No run here writes Chinese advice. Train one with `python train.py "
    f"method=report data=reports data.file=train.csv prompt=advice_zh`, {_THEN}",
    offers.SEGMENT: f"No run here segments. Train one with `python train.py`, {_THEN}",
    offers.LOCATE: "No run here finds boxes. Train one with `python train.py method=grounding data=boxes`, " + _THEN,
}
"""On the tab of a kind of run that there is none of."""


@dataclass(frozen=True)
class Wording:
    """A tab with texts in one language.

    Attributes:
        kind: of the runs.
        title: of the tab.
        lead: what it does.
        run: label of the list of runs.
        instruction: label of the box for what is asked for; None: there is none.
        background: label of the box for clinical information; None: there is none.
        text: label of the box for the report.
        placeholder: in that box.
        answer: label of the answer.
        button: starts.
        clear: empties all boxes.
        loading: while the model is read.
        writing: while it answers.
        was_cut: behind an answer that was not finished; has a place for the number of tokens.
        examples: label of the examples.
        samples: examples, made up: background and text.
        disclaimer: see DISCLAIMER.
    """

    kind: str
    title: str
    lead: str
    run: str
    instruction: str | None
    background: str | None
    text: str
    placeholder: str
    answer: str
    button: str
    clear: str
    loading: str
    writing: str
    was_cut: str
    examples: str
    samples: tuple[tuple[str, str], ...]
    disclaimer: str = DISCLAIMER


IMPRESSION = Wording(
    kind=offers.IMPRESSION,
    title="Impression",
    lead="Findings of a radiology report in, its impression out.",
    run="Run",
    instruction="Instruction",
    background="Clinical background",
    text="Findings",
    placeholder="Paste the findings of a report",
    answer="Impression",
    button="Write impression",
    clear="Clear",
    loading="loading the model",
    writing="writing",
    was_cut="[cut off after {} tokens: max_new_tokens]",
    examples="Examples (made up)",
    samples=(
        (
            "Cough for three weeks.",
            "The heart is normal in size. There is a patchy opacity in the right lower lobe. No pleural effusion and "
            "no pneumothorax. The bony thorax is intact.",
        ),
        (
            "Pre-operative examination.",
            "Heart size and mediastinal contours are within normal limits. The lungs are clear. There is no effusion.",
        ),
    ),
)
ADVICE = Wording(
    kind=offers.ADVICE,
    title="Advice 建议",
    lead="输入影像描述，生成诊断意见。 A description of images in Chinese in, advice out.",
    run="模型",
    instruction=None,
    background=None,
    text="影像描述",
    placeholder="粘贴一段影像描述",
    answer="诊断意见",
    button="生成",
    clear="清除",
    loading="正在加载模型",
    writing="正在生成",
    was_cut="[已截断：{} 个词元，见 max_new_tokens]",
    examples="示例（虚构）",
    samples=(
        ("", "左侧肾上腺见一类圆形低密度结节，大小约1.5cm×1.2cm，边界清楚，增强扫描轻度强化。右侧肾上腺形态正常。"),
        ("", "肝脏大小、形态正常，肝右叶见一囊性低密度灶，直径约0.8cm，增强后无强化。胆囊不大，脾脏未见异常。"),
    ),
    disclaimer=f"**非医疗器械，仅供研究使用。** {DISCLAIMER}",
)
