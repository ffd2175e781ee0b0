"""(3) Errors and rounds by author."""

import pandas as pd

from llmseg.plots.stacked import draw_stacked
from llmseg.study.authors import authors
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Errors and rounds by author"
NO_STUDY = "no study run here: let an LLM write a network (python study.py), or name another folder"
KINDS = ("NameError", "RuntimeError", "ValueError", "TypeError", "AttributeError", "missing_import", "other")
_PREFIX, _FINER = "error_", "finer_"
_UNKNOWN = "class not published"


def errors(study: pd.DataFrame) -> Section:
    """Errors of each author by class, and what it took until its code ran.

    Args:
        study: one row a study run, as `llmseg.study.collect` returns them; may be empty.
    """
    section = Section(TITLE)
    if study.empty:
        section.notes.append(NO_STUDY)
    else:
        study = study.assign(author=names(study))
        counts = by_author(study)
        section.figures["errors of each author, all its repeats and data sets"] = draw_stacked(counts, "errors")
        section.tables["authors: rounds, errors, tokens and what it cost"] = effort(study)
        section.tables["errors by class"] = counts.assign(errors=counts.sum(axis=1)).astype(int)
        finer = by_author(study, _FINER)
        if len(finer.columns):
            section.tables["errors by finer class, where one is known"] = finer
    section.notes.append("The study counted errors by hand; * marks a count that its chat logs contradict.")
    table = published_errors()
    marked = frozenset(table.index[table["fault"] != ""])
    section.figures["published: errors until the code ran (* known fault)"] = draw_stacked(
        table[[*KINDS, _UNKNOWN]], "errors, counted by hand", marked, _UNKNOWN
    )
    section.tables["published: errors"] = table
    return section


def names(study: pd.DataFrame) -> list[str]:
    """What each run's author is called: an author that asked several models is one author a model."""
    models = study.groupby("author")["model"].transform("nunique") > 1
    return [
        f"{author} {model}" if several else str(author)
        for author, model, several in zip(study["author"], study["model"], models, strict=True)
    ]


def by_author(study: pd.DataFrame, prefix: str = _PREFIX) -> pd.DataFrame:
    """Errors (authors, classes), the author with the fewest first; classes that nobody has are left out."""
    columns = [name for name in study if str(name).startswith(prefix) and study[name].sum() > 0]
    counts = study.groupby("author")[columns].sum()
    counts.columns = pd.Index([str(name).removeprefix(prefix) for name in columns])
    return counts.loc[counts.sum(axis=1).sort_values(kind="stable").index]


def effort(study: pd.DataFrame) -> pd.DataFrame:
    """Of each author: runs, how many ran in the end, and means of rounds, errors, tokens, cost, seconds and Dice."""
    numbers = ["rounds", "errors", "tokens_in", "tokens_out", "cost", "seconds", "native_dice", "dice"]
    known = [name for name in numbers if name in study]
    values = study.assign(**{name: pd.to_numeric(study[name], errors="coerce") for name in known})
    grouped = values.groupby("author")
    table = pd.DataFrame({"runs": grouped.size(), "ran": grouped["state"].agg(lambda states: (states == "ran").sum())})
    return table.join(grouped[known].mean()).sort_values(["ran", "errors"], ascending=[False, True], kind="stable")


def published_errors() -> pd.DataFrame:
    """The study's counts; index: LLMs, the fewest errors first; where only the total is known, it has no class."""
    table = published("errors")
    known = authors()
    classes = table[list(KINDS)].fillna(0)
    table[_UNKNOWN] = table["errors"] - classes.sum(axis=1)
    table.index = pd.Index([known[name].llm for name in table["author"]], name="LLM")
    numbers = ["errors", *KINDS, _UNKNOWN, "turns", "tracebacks"]
    return table[[*numbers, "fault"]].sort_values("errors", kind="stable")
