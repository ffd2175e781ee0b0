"""Reports: findings to impression on Open-i, two divisions."""

import csv
from collections.abc import Mapping
from importlib import resources
from typing import Any

from harness.result import read

from headline.claims import claim
from headline.numbers import Line, Part, duration, paragraph, percent, short

_NAMES = {
    "nearest": "nearest neighbour",
    "smollm2": "SmolLM2",
    "constant": "constant",
    "first_sentence": "first sentence",
}


def parts() -> dict[str, Part]:
    """A table a division, and what they say."""
    values = read("reports")["values"]
    tables = {f"reports_{rule}": _table(values[rule]["methods"]) for rule in ("dedup", "usual")}
    return {
        **tables,
        "reports_training": _training(values),
        "reports_notes": _notes(values),
        "nearest": _nearest(values),
    }


def _table(methods: Mapping[str, Any]) -> list[Line]:
    return [_line(name, methods[name]) for name in _NAMES]


def _line(name: str, row: Mapping[str, Any]) -> Line:
    mean, abnormal = row["mean"], row["subsets"]["abnormal"]
    return {
        f"n = {row['reports']}": _NAMES[name],
        "R-1": _percent(mean["rouge1_f"]),
        "R-2": _percent(mean["rouge2_f"]),
        "R-L [95 %]": _rouge(row),
        "BLEU": _percent(row["bleu"]),
        "labels": short(row["labels"]["micro"]),
        "side": short(mean["laterality_ok"]),
        "negation": short(mean["negation_ok"]),
        f"abnormal, n = {abnormal['reports']}: R-L [95 %]": _rouge(abnormal),
        "abnormal: negation": short(abnormal["mean"]["negation_ok"]),
    }


def _training(values: Mapping[str, Any]) -> str:
    true = [values[rule]["methods"]["smollm2"]["labels_reference"]["micro"] for rule in ("dedup", "usual")]
    return paragraph(
        f"{values['training_reports']:,} reports, {values['steps']} steps of 8, at most",
        f"{duration(max(values['seconds_of_training'].values()))} on one core. The true impressions' labels reach",
        f"{short(true[0])} (`dedup`) and {short(true[1])} (`usual`).",
    )


def _notes(values: Mapping[str, Any]) -> str:
    dedup, usual = values["dedup"]["methods"], values["usual"]["methods"]
    same = values["counted"]["findings_word_for_word_in_training"]["usual"]
    ours, near = (dedup[name]["subsets"]["abnormal"] for name in ("smollm2", "nearest"))
    labels = [dedup[name]["labels"]["micro"] for name in ("smollm2", "nearest")]
    better = dedup["smollm2"]["mean"]["rougeL_f"] - dedup["constant"]["mean"]["rougeL_f"]
    return paragraph(
        claim(
            all(rule["nearest"]["mean"]["rougeL_f"] > rule["smollm2"]["mean"]["rougeL_f"] for rule in (dedup, usual)),
            "**By words the nearest neighbour's impression is as good or better; by what it says it is not.** A "
            "training "
            "report's sentence has the house's wording, and where findings stand word for word in the training part",
        ),
        f"({same} of {usual['smollm2']['reports']} test reports of `usual`) it is simply the answer. Where that is "
        "excluded, the two",
        claim(_overlap(ours, near), "are equal on abnormal reports,"),
        f"and the small language model names {labels[0] / labels[1]:.1f} times as many of the right findings and "
        "contradicts",
        f"{_contradicted(ours)} abnormal references that it can be checked on, the neighbour {_contradicted(near)} "
        "(side: few",
        f"reports only). It is far from good: {percent(values['counted']['share_of_three_sentences'])} of its "
        "answers are one of three",
        f"sentences, and it beats the constant by {100 * better:.0f} points. Published: {_published()} (`usual`).",
    )


def _nearest(values: Mapping[str, Any]) -> str:
    found = values["usual"]["methods"]["nearest"]["mean"]["rougeL_f"]
    others = values["counted"]["nearest_rougeL_usual"].items()
    said = "; ".join(f"{name}: {' to '.join(map(str, numbers))}" for name, numbers in others)
    return paragraph(f"On Open-i's `usual` test part `nearest` has a ROUGE-L of {_percent(found)} ({said}).")


def _published() -> str:
    text = resources.files("llmseg.evaluation").joinpath("published/reports.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["data"] == "openi" and row["metric"] == "rougeL"]
    known = {row["system"]: float(row["value"]) for row in rows}
    best = max((name for name in known if "GPT" not in name), key=lambda name: known[name])
    return f"GPT-4 with 64 examples {known['GPT-4 with 64 examples']}, {best} {known[best]}"


def _contradicted(row: Mapping[str, Any]) -> str:
    """`1 of the 54`."""
    checked = row["n"]["negation_ok"]
    return f"{round((1 - row['mean']['negation_ok']) * checked)} of {checked}"


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether each mean ROUGE-L lies in the other's interval."""
    return all(
        a["mean_interval"]["rougeL_f"][0] <= b["mean"]["rougeL_f"] <= a["mean_interval"]["rougeL_f"][1]
        for a, b in ((one, other), (other, one))
    )


def _rouge(row: Mapping[str, Any]) -> str:
    low, high = row["mean_interval"]["rougeL_f"]
    return f"{_percent(row['mean']['rougeL_f'])} [{_percent(low)}, {_percent(high)}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
