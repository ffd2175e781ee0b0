"""`sweep=optuna`: the study goes on, hopeless trials are given up, failures are told, the result is drawn."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Command, runs_in
from tests.conftest import Refusal

optuna = pytest.importorskip("optuna")
pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")

from llmseg.runs.folder import RunFolder  # noqa: E402
from llmseg.runs.state import status  # noqa: E402
from llmseg.runs.study import open_study  # noqa: E402

SWEEP = ("sweep=optuna", "trainer.max_epochs=2", "trainer.limit_train_batches=1")


@pytest.fixture
def study(tmp_path: Path) -> "optuna.Study":
    """The study of this test's sweep."""
    return open_study("mni152_unet", f"sqlite:///{tmp_path / 'runs' / 'mni152_unet' / 'study.db'}")


def states(tmp_path: Path) -> list[str]:
    """States of all trials, read anew."""
    url = f"sqlite:///{tmp_path / 'runs' / 'mni152_unet' / 'study.db'}"
    return [trial.state.name for trial in open_study("mni152_unet", url).trials]


def test_a_study_is_drawn_and_continues_where_it_was(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*SWEEP, "sweep.trials=2") == 0
    folder = tmp_path / "runs" / "mni152_unet"
    out = capsys.readouterr().out
    assert "2 of 2 jobs succeeded" in out
    assert (folder / "study.png").read_bytes()[:4] == b"\x89PNG"
    first = runs_in(tmp_path / "runs")
    assert len(first) == 2

    (line,) = re.findall(r"python train.py (.+)", out)
    best = shlex.split(line)
    assert not any(word.startswith(("sweep", "hydra", "callbacks.pruning")) for word in best)
    assert train(*best, "--cfg", "job") == 0
    capsys.readouterr()

    assert train(*SWEEP, "sweep.trials=3") == 0
    assert len(runs_in(tmp_path / "runs")) == 3  # one more, not three
    assert states(tmp_path) == ["COMPLETE"] * 3
    rates = [yaml.safe_load((run / "config.yaml").read_text())["optimizer"]["lr"] for run in runs_in(tmp_path / "runs")]
    assert len(set(rates)) == 3
    assert train(*SWEEP, "sweep.trials=3") == 0  # done already: draws and says again what it knows
    assert len(runs_in(tmp_path / "runs")) == 3


def test_the_value_is_the_last_validation_dice_and_never_the_test_dice(
    train: Command, tmp_path: Path, study: "optuna.Study"
) -> None:
    assert train(*SWEEP, "sweep.trials=1", "evaluate=true") == 0
    (run,) = runs_in(tmp_path / "runs")
    rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    column = rows[0].index("val/dice")
    assert study.trials[0].value == pytest.approx([float(row[column]) for row in rows[1:] if row[column]][-1])
    assert study.trials[0].user_attrs["run"] == str(run)


def test_a_trial_below_the_median_is_given_up(train: Command, tmp_path: Path, study: "optuna.Study") -> None:
    for _ in range(2):
        study.add_trial(optuna.trial.create_trial(value=1.0, intermediate_values={0: 0.99, 1: 0.99, 2: 0.99}))
    words = ("sweep.startup=1", "sweep.warmup=1", "trainer.max_epochs=6", "sweep.trials=3")
    study.set_user_attr("fixed", {})
    assert train(*SWEEP, *words) == 2  # other settings than those of the study
    study.set_user_attr("fixed", known_settings(train, tmp_path, words))
    assert train(*SWEEP, *words) == 0
    assert states(tmp_path) == ["COMPLETE", "COMPLETE", "PRUNED"]
    (run,) = runs_in(tmp_path / "runs")
    assert status(RunFolder(run)).state == "pruned"
    rows = (run / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("val/dice")
    assert sum(bool(row.split(",")[column]) for row in rows[1:]) == 2  # warm-up, then the end


def known_settings(train: Command, tmp_path: Path, words: tuple[str, ...]) -> dict[str, str]:
    """What a new study notes of a command line."""
    assert train(*SWEEP, *words, "sweep.study=other", "sweep.trials=1", "model.width=-1") == 1
    fixed: dict[str, str] = open_study("other", f"sqlite:///{tmp_path}/runs/mni152_unet/study.db").user_attrs["fixed"]
    return {**fixed, "model.width": "4"}


@pytest.mark.slow
def test_a_failing_trial_is_told_and_the_others_go_on(
    train: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # TPE's random start draws both choices within a few trials
    words = ("sweep.trials=5", "data.image_size=30,32", "sweep.space=null")
    assert train(*SWEEP, *words) == 1
    found = states(tmp_path)
    assert set(found) == {"COMPLETE", "FAIL"}
    out = capsys.readouterr().out
    assert f"{found.count('FAIL')} of 5 jobs failed" in out
    assert "every side must be a multiple" in out


@pytest.mark.slow
def test_a_trial_of_a_killed_sweep_is_run_again(train: Command, tmp_path: Path, study: "optuna.Study") -> None:
    assert train(*SWEEP, "sweep.trials=1") == 0
    trial = study.ask()
    rate = trial.suggest_float("optimizer.lr", 1e-4, 1e-2, log=True)
    assert train(*SWEEP, "sweep.trials=2") == 0
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]
    used = [yaml.safe_load((run / "config.yaml").read_text())["optimizer"]["lr"] for run in runs_in(tmp_path / "runs")]
    assert rate in used


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sweep.pruner=medain",), "sweep.pruner=medain: choose median, hyperband or none"),
        (("sweep.trials=0",), "sweep.trials=0"),
        (("sweep.trails=3",), "did you mean sweep.trials?"),
        (("sweep.storage=sqlite:////proc/none/x.db",), "sweep.storage=sqlite:////proc/none/x.db"),
        (("sweep.space=null",), "sweep.space: nothing to search for"),
    ],
)
def test_mistakes(words: tuple[str, ...], message: str, train: Command, tmp_path: Path, refusal: Refusal) -> None:
    assert train(*SWEEP, *words) == 2
    refusal(message)
    assert not runs_in(tmp_path / "runs")


def test_the_plugins_own_sweeper_passes_the_entry_too(train: Command, tmp_path: Path) -> None:
    words = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1", "loss=bce,dice")
    assert train(*words, "hydra.sweeper.direction=maximize", "evaluate=false") == 0
    assert len(runs_in(tmp_path / "runs")) == 2
