"""(9) What each wiring fault costs: as generated against repaired at equal budget."""

import pandas as pd

from llmseg.evaluation.pairwise import pairwise
from llmseg.plots.pairs import draw_pairs
from llmseg.study.analysis.remarks import remarks
from llmseg.study.frames import GENERATED, REPAIRED, by_network, patients_of, scored
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "What wiring faults cost"


def wiring_faults(runs: pd.DataFrame, cases: pd.DataFrame) -> Section:
    """Compare each network with its repaired variant, both trained alike, case by case.

    Args:
        runs: as `llmseg.runs.collect` returns them.
        cases: as `llmseg.runs.collect_cases` returns them.
    """
    rows = scored(runs, cases)
    section = Section(TITLE, remarks(runs, rows))
    for data, part in rows.groupby("data", sort=False):
        pairs = repaired_pairs(sorted(set(part["network"])))
        if not pairs:
            section.notes.append(f"{data}: no network was trained as generated and repaired (model.repaired=true)")
            continue
        scores = by_network(part)
        table = (
            pairwise(scores, patients_of(part), pairs).drop(columns="network").rename(columns={"against": "network"})
        )
        table = table.set_index("network")
        gained = scores.mean()
        both = pd.DataFrame(
            {GENERATED: [gained[old] for _, old in pairs], REPAIRED: [gained[new] for new, _ in pairs]},
            index=pd.Index([old for _, old in pairs], name="network"),
        )
        order = (both[REPAIRED] - both[GENERATED]).sort_values(ascending=False, kind="stable").index
        section.figures[f"{data}: mean Dice as generated and repaired"] = draw_pairs(
            both.loc[order], GENERATED, REPAIRED, "mean Dice"
        )
        section.tables[f"{data}: repaired minus as generated"] = both.join(table).loc[order]
    faults = published("networks")[["author", "parameters", "fault"]]
    section.tables["faults that are known of the networks as published"] = faults[faults["fault"] != ""]
    return section


def repaired_pairs(names: list[str]) -> list[tuple[str, str]]:
    """(repaired, as generated) of each network that is there in both ways and differs in nothing else."""
    pairs = []
    for name in names:
        words = name.split()
        generated = " ".join(word for word in words if word != REPAIRED)
        if REPAIRED in words and generated in names:
            pairs.append((name, generated))
    return pairs
