"""Networks against each other on the same cases: difference, interval by patient, test, Holm, effect sizes."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from llmseg.evaluation.comparison import compare, holm
from llmseg.evaluation.effects import cliffs_delta, rank_biserial
from llmseg.evaluation.statistics import MINIMUM_PATIENTS
from llmseg.evaluation.summary import TOO_SMALL

COLUMNS = ("network", "against", "pairs", "difference", "low", "high", "p", "p_holm", "rank_biserial", "cliffs_delta")


def pairwise(
    scores: pd.DataFrame, patients: Mapping[str, str], pairs: Sequence[tuple[str, str]] | None = None
) -> pd.DataFrame:
    """Paired comparisons of networks, one row a pair.

    Args:
        scores: (cases, networks), the mean over seeds; a case without a value in one of a pair is left out of it.
        patients: of each case.
        pairs: names of two networks each, the difference is the first minus the second; None: all.

    Returns:
        Columns `COLUMNS` and note. Under ten patients with a value in both there are no interval and no p, and
        the note says "n too small". Holm's adjustment counts all rows that have a p.
    """
    chosen = list(combinations(map(str, scores.columns), 2)) if pairs is None else list(pairs)
    rows = [_row(scores, patients, first, second) for first, second in chosen]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "note"])
    table["p_holm"] = holm(table["p"].tolist())
    return table


def _row(scores: pd.DataFrame, patients: Mapping[str, str], first: str, second: str) -> dict[str, object]:
    both = scores[[first, second]].dropna()
    found = compare(both[[first]], both[[second]], patients)
    is_enough = len({patients[str(case)] for case in both.index}) >= MINIMUM_PATIENTS
    low, high = found.interval if found.interval is not None else (float("nan"), float("nan"))
    return {
        "network": first,
        "against": second,
        "pairs": found.pairs,
        "difference": found.mean,
        "low": low,
        "high": high,
        "p": found.p if is_enough else float("nan"),
        "rank_biserial": rank_biserial((both[first] - both[second]).round(9)),
        "cliffs_delta": cliffs_delta(both[first], both[second]),
        "note": "" if is_enough else TOO_SMALL,
    }
