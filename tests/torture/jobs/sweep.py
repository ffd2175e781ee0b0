"""A search for settings, two trainings at a time."""

import csv
from pathlib import Path

from llmseg.runs import RunFolder
from llmseg.runs.result import last_value
from llmseg.runs.state import status
from tests.cli.conftest import call
from tests.torture.job import Found
from tests.torture.jobs.training import Training

TRIALS = 3  # two at once, then one


class Sweep(Training):
    """`train.py -m sweep=optuna` with joblib's workers; the same command goes on."""

    name = "sweep with two workers"
    seconds = 240.0

    def run(self, folder: Path) -> int:
        """Run trials until there are as many as asked for."""
        sweep = ("sweep=optuna", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", f"sweep.trials={TRIALS}")
        return call("train", *self.words(folder), "evaluate=false", *sweep)

    def check(self, folder: Path, whole: Path) -> Found:
        """As many trials as asked for, each with a finished run of its own that has the trial's value."""
        (table,) = (folder / "runs").rglob("study.csv")
        trials = list(csv.DictReader(table.open()))
        ended = [trial for trial in trials if trial["state"] in ("COMPLETE", "PRUNED")]
        runs = [trial["user_attrs_run"] for trial in ended]
        faults = [fault for trial in ended for fault in _faults(trial)]
        return Found(
            max(0, TRIALS - len(ended)), max(0, len(ended) - TRIALS) + len(runs) - len(set(runs)), tuple(faults)
        )

    def failed(self, folder: Path) -> Found:
        """The same where trials may have failed for want of room: they are told as failed, and none is left out."""
        (table,) = (folder / "runs").rglob("study.csv")
        trials = [trial for trial in csv.DictReader(table.open()) if trial.get("user_attrs_interrupted") != "True"]
        faults = [fault for trial in trials if trial["state"] != "FAIL" for fault in _faults(trial)]
        return Found(max(0, TRIALS - len(trials)), max(0, len(trials) - TRIALS), tuple(faults))


def _faults(trial: dict[str, str]) -> list[str]:
    run = RunFolder(Path(trial["user_attrs_run"]))
    name, state = f"trial {trial['number']}", status(run).state
    if state not in ("finished", "pruned"):
        return [f"{name}: its run is {state}"]
    value = last_value(run.path / "metrics.csv", "val/dice")
    return [] if value == float(trial["value"]) else [f"{name}: {trial['value']}, but its run has {value}"]
