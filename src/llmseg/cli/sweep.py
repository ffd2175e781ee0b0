"""`sweep=optuna`: hydra-optuna-sweeper with a study that is continued, pruned trials, and a picture of the result.

What the plugin's own loop cannot do: count the trials of earlier starts, tell a trial as pruned, and go on after a
failure with a table of what failed.
"""

import shlex
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_optuna_sweeper._impl import create_params_from_overrides
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from llmseg.cli.config import SweepConfig
from llmseg.errors import ConfigError
from llmseg.plots.sweep import Trials, draw_sweep
from llmseg.runs.pruning import PRUNED
from llmseg.runs.study import make_pruner, open_study
from llmseg.whole import write

_INTERRUPTED = "interrupted"
_HOW = ("sweep", "hydra", "paths", "logger", "callbacks")  # groups that do not change what a trial's Dice means


class StudySweeper(Sweeper):
    """Draws trials from the study, lets Hydra's launcher run them, and tells the study how they went.

    A trial's value is the last validation Dice, which the callback `Pruning` reports, never the job's test Dice:
    settings must not be chosen on the test cases.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher; see PruningSweeper."""
        self.folder = Path(config.paths.runs) / config.name
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )
        given = OmegaConf.to_container(config.sweep, resolve=True)
        made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(SweepConfig), given))
        assert isinstance(made, SweepConfig)
        self.options = made
        if made.trials < 1:
            raise ConfigError(f"sweep.trials={made.trials}: give at least 1")
        self.jobs = made.jobs or max(1, int(config.hydra.launcher.get("n_jobs", 1)))

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Run trials until the study has as many as were asked for, then report."""
        space, fixed = self._space(arguments)
        with _alone(self.folder):
            self._prepare(fixed)
            batches: list[Sequence[JobReturn]] = []
            while (left := self.options.trials - _finished(self._study())) > 0:
                batches.append(self._batch(min(left, self.jobs), space, fixed))
            self._report(self._study(), fixed)
        return batches

    def _study(self) -> optuna.Study:
        """The study as it is now: one that was opened before its jobs reported never sees what they did."""
        pruner = make_pruner(self.options.pruner, self.options.startup, self.options.warmup)
        return open_study(self.options.study, self.options.storage, pruner)

    def _space(self, arguments: Sequence[str]) -> tuple[dict[str, BaseDistribution], dict[str, str]]:
        default = [f"{key}={value}" for key, value in (self.options.space or {}).items()]
        latest = {word.partition("=")[0].lstrip("+"): word for word in (*default, *arguments)}
        space, fixed = create_params_from_overrides(list(latest.values()))
        if not space:
            raise ConfigError("sweep.space: nothing to search for; give a key several values, such as loss=bce,dice")
        return space, fixed

    def _prepare(self, fixed: Mapping[str, str]) -> None:
        """Check that the study can be continued; trials that a killed sweep left behind are drawn again."""
        study = self._study()
        _check_same(study, {key: value for key, value in fixed.items() if key.partition(".")[0] not in _HOW})
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            optuna.trial.Trial(study, trial._trial_id).set_user_attr(_INTERRUPTED, True)
            study.tell(trial.number, state=TrialState.FAIL)
            with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
                study.enqueue_trial(trial.params)

    def _batch(self, size: int, space: Mapping[str, BaseDistribution], fixed: Mapping[str, str]) -> Sequence[JobReturn]:
        study = self._study()
        # a sampler that began with the same seed each time would draw the same trials each time
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
            study.sampler = TPESampler(seed=self.options.seed + len(study.trials), constant_liar=size > 1)
        trials = [study.ask() for _ in range(size)]
        jobs = []
        for trial in trials:
            try:
                drawn = {key: trial._suggest(key, values) for key, values in space.items()}
            except ValueError as error:
                raise ConfigError(
                    f"sweep.study={study.study_name}: its earlier trials had other choices ({error}); name another"
                ) from error
            own = {
                "sweep.study": _quoted(self.options.study),  # a job's ${name} may be another, where models are searched
                "sweep.storage": _quoted(self.options.storage),
                "callbacks.pruning.trial": trial.number,
            }
            jobs.append([f"{key}={value}" for key, value in {**fixed, **drawn, **own}.items()])
        assert self.launcher is not None
        done = self.launcher.launch(jobs, initial_job_idx=trials[0].number)
        study = self._study()
        for trial, job in zip(trials, done, strict=True):
            _tell(study, trial.number, job)
        return done

    def _report(self, study: optuna.Study, fixed: Mapping[str, str]) -> None:
        folder = self.folder
        frame = study.trials_dataframe(attrs=("number", "value", "params", "user_attrs", "state"))
        write(folder / "study.csv", frame.to_csv(index=False))
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if not any(trial.state == TrialState.COMPLETE for trial in trials):
            print(f"{folder}: no trial was finished")
            return
        title = f"{study.study_name}: best validation Dice {study.best_value:.3f} of {len(trials)} trials"
        draw_sweep(_picture(study, trials), folder / "study.png", title)
        kept = {key: value for key, value in fixed.items() if key.partition(".")[0] not in ("sweep", "hydra")}
        words = [f"{key}={_short(value)}" for key, value in {**kept, **study.best_params}.items()]
        print(f"{title}; picture: {folder / 'study.png'}, table: study.csv\n")
        print(f"best (trial {study.best_trial.number}):\n  python train.py {shlex.join(words)}\n")


@contextmanager
def _alone(folder: Path) -> Any:
    """One process at a time continues a study, so that trials that run at its start are a dead process's."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".study.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise ConfigError(
            f"{folder}: another process continues this study; wait, or name another sweep.study"
        ) from error


def _finished(study: optuna.Study) -> int:
    trials = study.get_trials(deepcopy=False)
    return sum(trial.state.is_finished() and _INTERRUPTED not in trial.user_attrs for trial in trials)


def _check_same(study: optuna.Study, fixed: dict[str, str]) -> None:
    """Refuse to mix trials whose values mean different things."""
    known = study.user_attrs.setdefault("fixed", fixed)
    if not study.trials:
        study.set_user_attr("fixed", fixed)
    elif differing := sorted(key for key in known.keys() | fixed if known.get(key) != fixed.get(key)):
        raise ConfigError(
            f"sweep.study={study.study_name}: it was started with other {', '.join(differing)}; name another study"
        )


def _tell(study: optuna.Study, number: int, job: JobReturn) -> None:
    trial = study.trials[number]
    outcome = job.return_value
    run = getattr(getattr(outcome, "result", None), "run", None)
    optuna.trial.Trial(study, trial._trial_id).set_user_attr("run", str(run) if run else None)
    last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
    if outcome.error is not None or last is None:
        study.tell(number, state=TrialState.FAIL)
    elif trial.user_attrs.get(PRUNED):
        study.tell(number, state=TrialState.PRUNED)
    else:
        study.tell(number, last)


def _picture(study: optuna.Study, trials: Sequence[FrozenTrial]) -> Trials:
    try:
        importances = dict(optuna.importance.get_param_importances(study))
    except (ValueError, RuntimeError):  # too few trials, or all alike
        importances = {}
    return Trials(
        numbers=[trial.number for trial in trials],
        values=[float(trial.value or 0) for trial in trials],
        pruned=[trial.state == TrialState.PRUNED for trial in trials],
        params={key: [trial.params.get(key) for trial in trials] for key in study.best_params},
        logarithmic=[key for key, value in study.best_trial.distributions.items() if getattr(value, "log", False)],
        importances=importances,
    )


def _quoted(text: str) -> str:
    """A text as Hydra's command line takes it, whatever signs it has."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
