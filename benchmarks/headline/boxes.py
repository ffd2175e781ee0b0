"""Boxes: on left atria with tests, on five tumours without."""

from collections.abc import Mapping
from typing import Any

from harness.result import read

from headline.claims import claim
from headline.numbers import Line, Part, duration, p_value, paragraph, percent, several, short, signed, with_interval

Methods = Mapping[str, Mapping[str, Any]]
_RULES = {"mean": "mean box", "centre": "centre box"}
_FOUND = {"iou": "IoU", "acc_50": "IoU > .5", "acc_75": "IoU > .75", "giou": "GIoU", "parse_rate": "readable"}


def parts() -> dict[str, Part]:
    """Both tables and what they say."""
    atria, tumours = read("boxes_left_atrium")["values"], read("boxes_tumours")["values"]
    return {
        "boxes_left_atrium": _atria(atria),
        "boxes_left_atrium_time": _time(atria),
        "boxes_tumours": _patients(tumours["methods"]),
        "boxes_tumours_notes": _notes(tumours),
    }


def _atria(values: Mapping[str, Any]) -> list[Line]:
    lines = []
    paired = {key.split(" - ")[1]: test for key, test in values["paired"].items()}
    for key, row in _best_first(values["methods"]):
        mean, test = row["mean"], paired.get(key)
        line = {
            "": _name(key, "brightest region"),
            "IoU [95 %]": with_interval(mean["iou"], row["mean_interval"]["iou"]),
        }
        line |= {_FOUND[name]: short(mean[name]) for name in ("acc_50", "acc_75", "giou")}
        line |= {"centre, mm": short(mean["centre_mm"], 1), "readable": short(mean["parse_rate"])}
        line["compact minus this (p)"] = f"{signed(test['difference'])} ({p_value(test['p_holm'])})" if test else ""
        lines.append(line)
    return lines


def _time(values: Mapping[str, Any]) -> str:
    took = several(f"{duration(seconds)} ({name})" for name, seconds in values["seconds"].items())
    return f"Training took {took} on one core."


def _patients(methods: Methods) -> list[Line]:
    lines = []
    for key, row in _best_first(methods):
        if " without " in key:
            continue
        line = {"": _name(key, "bright FLAIR, no learning")}
        line |= {_patient(name): short(iou) for name, iou in row["per_patient"].items()}
        line |= {"mean": short(row["mean"]["iou"]), "IoU > .5": short(row["mean"]["acc_50"])}
        lines.append(line | {"right half": short(row["mean"]["side_accuracy"])})
    return lines


def _notes(values: Mapping[str, Any]) -> str:
    methods: Methods = values["methods"]
    iou = {name: row["mean"]["iou"] for name, row in methods.items()}
    blind = methods["compact without t2f"]["mean"]
    ahead = sum(
        methods["regression"]["per_patient"][name] > own for name, own in methods["compact"]["per_patient"].items()
    )
    bright = methods["bright_flair"]["per_patient"]
    failed = [_patient(name) for name, found in bright.items() if found < methods["mask_to_box"]["per_patient"][name]]
    return paragraph(
        claim(iou["bright_flair"] > iou["compact"], "**The language model does not beat the brightest region.**"),
        f"It finds the side and roughly the place ({iou['compact'] / iou['centre']:.1f} times the centre box), "
        "without FLAIR it",
        f"finds nothing ({short(iou['compact without t2f'])}, {percent(1 - blind['parse_rate'])} of its answers "
        "unreadable), but the",
        "slices of four patients are too few to learn where edges are: the plain regression on the same eye is ahead "
        "of it on",
        f"{ahead} of {len(bright)} patients, and",
        claim(
            iou["mask_to_box"] > max(iou["regression"], iou["compact"]),
            "the U-Net that the eye comes from is ahead of both.",
        ),
        claim(
            iou["bright_flair"] == max(iou.values()),
            "A rule that somebody knew beforehand, that these tumours are bright on FLAIR, is worth more than all of "
            "them, except",
        ),
        f"where it falls behind the U-Net ({several(failed)}).",
        _seeds(values["other_runs"]),
    )


def _seeds(other: Mapping[str, Any] | None) -> str:
    if not other:
        return ""
    return (
        "How much the seed does is seen from two other runs that differed in nothing but the random numbers: compact "
        f"{several(map(short, other['compact']))} (of which only GLI-90001 was drawn anew: "
        f"{short(other['compact_GLI-90001'])} "
        f"there), regression {several(map(short, other['regression']))}."
    )


def _best_first(methods: Methods) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(methods.items(), key=lambda item: -item[1]["mean"]["iou"])


def _name(key: str, bright: str) -> str:
    """Of a method without its settings."""
    return bright if key == "bright_flair" else _RULES.get(key, key.split()[0])


def _patient(case: str) -> str:
    return case.removeprefix("BraTS-").removeprefix("brats_2013_").removesuffix("_1").removesuffix("-000")
