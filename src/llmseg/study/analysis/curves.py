"""(1) Training curves, and how fast networks converge."""

from pathlib import Path

import pandas as pd

from llmseg.plots.curves import draw_curves
from llmseg.study.analysis.remarks import NO_RUNS, PUBLISHED
from llmseg.study.frames import named
from llmseg.study.published import published
from llmseg.study.section import Section

TITLE = "Training curves and convergence"
QUANTITIES = {"train": "training loss", "val": "validation loss", "dice": "validation Dice"}
_COLUMNS = {"train/loss_epoch": "train", "val/loss": "val", "val/dice": "dice"}
_SHARE = 0.95  # of the best validation Dice


def training_curves(runs: pd.DataFrame) -> Section:
    """Curves of all runs, and the epoch at which each came near its best validation Dice.

    Args:
        runs: as `llmseg.runs.collect` returns them; their metrics.csv is read.
    """
    section = Section(TITLE)
    facts = named(runs)
    curves = read_curves(facts)
    if curves.empty:
        section.notes.append("no run with a metrics.csv here" if len(facts) else NO_RUNS)
    for data, part in curves.groupby("data", sort=False):
        found = {name: title for name, title in QUANTITIES.items() if part[name].notna().any()}
        if found:
            section.figures[f"{data}: curves; thin lines are single runs"] = draw_curves(part, found)
        section.tables[f"{data}: convergence"] = convergence(part)
    section.notes.append(f"Losses of different networks are different functions; only Dice compares. {PUBLISHED}")
    table = published("losses")
    section.tables["published: losses on BAGLS at an epoch"] = table.drop(columns=["source", "data"])
    return section


def read_curves(facts: pd.DataFrame) -> pd.DataFrame:
    """The epochs of all runs.

    Args:
        facts: runs, as `llmseg.study.frames.named` returns them.

    Returns:
        Columns run, data, network, epoch (from 1) and those of `QUANTITIES`; NaN where nothing was logged.
    """
    parts = []
    for row in facts.to_dict("records"):
        file = Path(str(row["run"])) / "metrics.csv"
        if not file.is_file() or not file.stat().st_size:
            continue
        log = pd.read_csv(file)
        if "epoch" not in log:
            continue
        log = log.dropna(subset=["epoch"]).reindex(columns=["epoch", *_COLUMNS]).rename(columns=_COLUMNS)
        epochs = log.groupby("epoch", as_index=False).last()
        epochs["epoch"] = epochs["epoch"].astype(int) + 1
        parts.append(epochs.assign(run=row["run"], data=row["data"], network=row["network"]))
    columns = ["run", "data", "network", "epoch", *QUANTITIES]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def convergence(curves: pd.DataFrame) -> pd.DataFrame:
    """Of each network, the mean over its runs: epochs, best and last validation Dice, and epochs until 95 % of it."""
    rows = []
    for (network, run), part in curves.groupby(["network", "run"], sort=False):
        dice = part.dropna(subset=["dice"]).set_index("epoch")["dice"]
        near = dice[dice >= _SHARE * dice.max()] if len(dice) and dice.max() > 0 else dice.iloc[:0]
        rows.append(
            {
                "network": network,
                "run": run,
                "epochs": int(part["epoch"].max()),
                "best_dice": dice.max() if len(dice) else float("nan"),
                "last_dice": dice.iloc[-1] if len(dice) else float("nan"),
                "epoch_of_95_percent": near.index[0] if len(near) else float("nan"),
                "last_train_loss": _last(part["train"]),
                "last_val_loss": _last(part["val"]),
            }
        )
    table = pd.DataFrame(rows)
    grouped = table.drop(columns="run").groupby("network", sort=False)
    return grouped.mean().assign(runs=grouped.size()).sort_values("best_dice", ascending=False, kind="stable")


def _last(values: "pd.Series[float]") -> float:
    finite = values.dropna()
    return float(finite.iloc[-1]) if len(finite) else float("nan")
