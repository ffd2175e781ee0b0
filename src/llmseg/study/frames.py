"""From the tables of `llmseg.runs` to those of the analysis: which runs are one network, on which data."""

from collections.abc import Sequence

import pandas as pd

from llmseg.evaluation.comparison import case_scores, describe
from llmseg.runs.labels import STUDY, group_repeats
from llmseg.study.authors import authors

GENERATED, REPAIRED = "as generated", "repaired"


def named(runs: pd.DataFrame) -> pd.DataFrame:
    """What each run is an observation of.

    Args:
        runs: as `llmseg.runs.collect` returns them; may be empty.

    Returns:
        One row a run: run, data (with the part and the checkpoint where they are not the usual ones), seed, author
        (name in authors.csv, or the model's), member (the LLM), label (what tells its runs from others), network (the
        same, with the name of the function class in place of the author), repaired.
    """
    columns = ["run", "data", "seed", "author", "member", "label", "network", "repaired"]
    if runs.empty:
        return pd.DataFrame(columns=columns)
    data = [_data(row) for row in runs.to_dict("records")]
    # what scripts and trainings are told apart by are not the same settings
    method = runs.reindex(columns=["config.choices.method"]).iloc[:, 0]
    is_script = (method == STUDY).to_numpy()
    keys = [pd.Series(data, index=runs.index), pd.Series(is_script, index=runs.index)]
    parts = [_named_part(part, str(name), bool(script)) for (name, script), part in runs.groupby(keys, sort=False)]
    return pd.concat(parts, ignore_index=True)[columns]


def scored(runs: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """The rows of `llmseg.runs.collect_cases` with the columns of `named`; only of finished runs.

    Args:
        runs: as `llmseg.runs.collect` returns them; may be empty.
        cases: as `llmseg.runs.collect_cases` returns them; may be empty.
    """
    facts = named(runs)
    if facts.empty or cases.empty:
        return facts.assign(case=[], group=[], **{"class": [], "dice": []}) if facts.empty else facts.iloc[:0]
    shared = [name for name in facts.columns if name in cases and name != "run"]
    return cases.drop(columns=shared).merge(facts, on="run")


def by_network(rows: pd.DataFrame, metric: str = "dice", key: str = "network") -> pd.DataFrame:
    """Scores of cases: mean over the classes, then over all runs of a network (seeds, and LLMs that wrote the same).

    Args:
        rows: of one data set, as `scored` returns them.
        metric: its column.
        key: what counts as a network: network, label or author.

    Returns:
        (cases, networks), the best mean first.
    """
    tables = {str(name): case_scores(part, metric).mean(axis=1) for name, part in rows.groupby(key)}
    table = pd.DataFrame(tables)
    return table[table.mean().sort_values(ascending=False, kind="stable").index]


def patients_of(rows: pd.DataFrame) -> dict[str, str]:
    """The patient of each case."""
    return {str(case): str(group) for case, group in zip(rows["case"], rows["group"], strict=True)}


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean Dice of each network of one data set, the best first.

    Returns:
        Index: networks; columns mean, low, high (95 % by patient; NaN under ten), sd_seeds (over the runs, NaN with
        one), runs, members (the LLMs that wrote it) and cases.
    """
    patients = patients_of(rows)
    table = {}
    for name, part in rows.groupby("network"):
        score = describe(case_scores(part, "dice"), patients)
        low, high = score.interval if score.interval is not None else (float("nan"), float("nan"))
        facts = {"mean": score.mean, "low": low, "high": high, "sd_runs": score.sd, "runs": part["run"].nunique()}
        table[str(name)] = facts | {"members": joined(part["member"]), "cases": score.cases}
    frame = pd.DataFrame.from_dict(table, orient="index").rename_axis("network")
    frame["sd_runs"] = pd.to_numeric(frame["sd_runs"])
    return frame.sort_values("mean", ascending=False, kind="stable")


def joined(names: "pd.Series[str] | Sequence[str]") -> str:
    """Different names in one cell, in the order of authors.csv."""
    order = [author.llm for author in authors().values()]
    found = dict.fromkeys(str(name) for name in names)
    return ", ".join(sorted(found, key=lambda name: order.index(name) if name in order else len(order)))


def _data(row: "dict[object, object]") -> str:
    facts = [row.get("summary.part", "test"), row.get("summary.checkpoint", "last")]
    unusual = [str(fact) for fact, usual in zip(facts, ("test", "last"), strict=True) if fact != usual and fact == fact]
    name = row.get("summary.data") or row.get("config.choices.data")
    return f"{name} ({', '.join(unusual)})" if unusual else str(name)


def _named_part(runs: pd.DataFrame, data: str, is_script: bool) -> pd.DataFrame:
    """Names of trainings, or of scripts, on one data set."""
    runs = runs.reset_index(drop=True)
    groups = group_repeats(runs.drop(columns="config.repeat", errors="ignore"))
    label_of = {run: name for name, folders in groups.items() for run in folders}
    known, rows = authors(), []
    for row in runs.to_dict("records"):
        model = str(row.get("config.choices.model") or row.get("summary.model"))
        author = None if is_script else known.get(model)
        label = model if len(groups) == 1 else _label(label_of[row["run"]], model)
        words = [author.network if author and word == model else word for word in label.split()]
        if is_script:
            words = [model, "script", *(word for word in words if word not in (model, STUDY))]
        rows.append(
            {
                "run": row["run"],
                "data": data,
                "seed": row.get("config.seed"),
                "author": model,
                "member": author.llm if author else model,
                "label": label,
                "network": " ".join(words),
                "repaired": row.get("config.model.repaired") is True or row.get("config.model.repaired") == 1,
            }
        )
    return pd.DataFrame(rows)


def _label(name: str, model: str) -> str:
    """A name of `group_repeats`, its model first; what is as generated is not said."""
    words = [REPAIRED if word == "repaired=True" else word for word in name.split() if word != "repaired=False"]
    return " ".join([model, *(word for word in words if word != model)])
