"""The Optuna study behind a sweep: a database that outlives its processes."""

import logging
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.trial import Trial

from llmseg.errors import ConfigError

_WAIT = 60  # seconds for another process's write; SQLite's own 5 are few on a network folder


def open_study(
    name: str, storage: str, pruner: BasePruner | None = None, sampler: BaseSampler | None = None
) -> optuna.Study:
    """Open a study that maximises, or make it.

    Args:
        name: of the study inside the database.
        storage: URL as SQLAlchemy has it; the folder of an SQLite file is made.
        pruner: decides which trials are given up.
        sampler: draws the trials.

    Raises:
        ConfigError: the database cannot be opened.
    """
    is_file = storage.startswith("sqlite:///")
    options = {"connect_args": {"timeout": _WAIT}} if is_file else {}
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        if is_file:
            Path(storage.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        backend = RDBStorage(storage, engine_kwargs=options)
        return optuna.create_study(
            study_name=name, storage=backend, sampler=sampler, pruner=pruner, direction="maximize", load_if_exists=True
        )
    except Exception as error:  # of any of SQLAlchemy's drivers
        raise ConfigError(f"sweep.storage={storage}: cannot be opened ({str(error).splitlines()[0]})") from error


def open_trial(study: optuna.Study, number: int) -> Trial:
    """A running trial, in another process than the one that drew it."""
    return Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def make_pruner(name: str, startup: int, warmup: int) -> BasePruner:
    """A pruner by name.

    Args:
        name: median (of the other trials at the same epoch), hyperband (Li et al. 2018) or none.
        startup: trials before the median is trusted.
        warmup: validations before a trial is given up.

    Raises:
        ConfigError: another name.
    """
    if name == "median":
        return MedianPruner(n_startup_trials=startup, n_warmup_steps=warmup)
    if name == "hyperband":
        return HyperbandPruner(min_resource=max(warmup, 1))
    if name == "none":
        return NopPruner()
    raise ConfigError(f"sweep.pruner={name}: choose median, hyperband or none")
