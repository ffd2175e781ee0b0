"""What a checkpoint chosen on the test set is worth, by others' own logs."""

import csv
from importlib import resources

from headline.numbers import Part, paragraph

_METHOD, _DATA, _LABELLED = "AD-MT", "pancreas_a", "12"


def parts() -> dict[str, Part]:
    """One method's best and last checkpoint."""
    text = resources.files("llmseg.evaluation").joinpath("published/semi_supervised.csv").read_text(encoding="utf-8")
    rows = [
        row for row in csv.DictReader(text.splitlines())
        if (row["method"], row["data"], row["labelled"]) == (_METHOD, _DATA, _LABELLED)
    ]  # fmt: skip
    dice = {row["selection"]: row["dice"] for row in rows}
    (source,) = {row["source"] for row in rows}
    return {
        "published_selection": paragraph(
            f"On Pancreas-CT with {_LABELLED} labels the [log of {_METHOD}]({source}) has a Dice of "
            f"{dice['best_on_test']} for the",
            f"checkpoint that was best on the test cases and {dice['last']} for the last.",
        )
    }
