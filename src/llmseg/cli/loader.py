"""Hydra's loader of configurations, with our checks; what is wrong is said in one line."""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import GroupDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from llmseg.cli.hints import hint, near_path
from llmseg.cli.resolvers import RESOLVERS
from llmseg.cli.typed import join
from llmseg.cli.validate import check, dotted_keys, valid_keys
from llmseg.errors import ConfigError, first_line

_SCALARS = (str, int, float, bool)
_PLUGINS = ("joblib", "optuna", "submitit_local", "submitit_slurm")


class _Repository(ConfigRepository):
    """Hydra's finder of groups, for a command of which a plain key may have another command's group's name.

    `author` is a group of study.py, and a name in llmseg.cli.knowledge.
    """

    def __init__(self, config_search_path: ConfigSearchPath, schema: type) -> None:
        super().__init__(config_search_path)
        self._keys = {each.name for each in fields(schema) if each.type in _SCALARS}

    def group_exists(self, config_path: str) -> bool:
        """Whether an override of this name chooses a file."""
        return config_path not in self._keys and bool(super().group_exists(config_path))


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's config loader with the check; every composition (a run, each job of a sweep, `--cfg`) passes here.

    A subclass rather than a callback, since exceptions of Hydra's callbacks are mere warnings, and rather than a check
    in the job, since the run folder exists by then.
    """

    def __init__(self, config_search_path: ConfigSearchPath, schema: type, required: bool, scratch: str) -> None:
        """Make a loader.

        Args:
            config_search_path: where Hydra looks for YAML files.
            schema: dataclass of the top-level keys that are no groups.
            required: refuse mandatory keys without a value.
            scratch: folder for the multirun.yaml that Hydra's sweeper writes, unless hydra.sweep.dir names another.
        """
        path = config_search_path.get_path()
        # Hydra searches --config-dir after conf/
        path[:] = sorted(path, key=lambda element: element.provider != "command-line")
        super().__init__(config_search_path)
        self.repository = _Repository(config_search_path, schema)
        self.schema = schema
        self.required = required
        self.scratch = scratch

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a worker process (joblib, submitit), which has not passed the entry point."""
        self.__dict__.update(state)
        for name, function in RESOLVERS.items():
            OmegaConf.register_new_resolver(name, function, replace=True)

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose, check, name the run and note the choices; see ConfigLoader.load_configuration.

        Raises:
            ConfigError: the config cannot be composed or cannot be right.
        """
        if not validate_sweep_overrides:  # Hydra only looks for hydra.mode, hides errors and composes again
            return super().load_configuration(config_name, overrides, run_mode, from_shell, False)
        try:
            cfg = self._compose(config_name, overrides, run_mode, from_shell)
        except (HydraException, OmegaConfBaseException, YAMLError) as error:
            raise ConfigError(self._unchosen(error, config_name) or self._explain(error)) from error
        chosen = cfg.hydra.runtime.choices
        choices = {str(group): chosen[group] for group in chosen if str(group).partition("/")[0] != "hydra"}
        choices |= self._lists(cfg, choices)
        is_sweep = run_mode == RunMode.MULTIRUN and cfg.hydra.sweeper._target_.endswith(".BasicSweeper")
        if not is_sweep:  # what a sweep shares need not be complete: its jobs are checked, one by one
            check(cfg, self.schema, choices, required=self.required and run_mode == RunMode.RUN)
        with open_dict(cfg):
            if "name" in cfg and cfg.name is None:
                cfg.name = run_name(choices, OmegaConf.select(cfg, "llm.pretrained"))
            cfg.choices = choices
        if is_sweep:
            self._check_jobs(cfg)
        if run_mode == RunMode.MULTIRUN and cfg.hydra.sweep.dir == ".":
            cfg.hydra.sweep.dir = self.scratch
            if "submitit" in str(cfg.hydra.launcher._target_):  # other machines must see its jobs and logs
                cfg.hydra.sweep.dir = str(Path(cfg.paths.runs, ".submitit").absolute())
                if "hydra.sweep.dir" in str(cfg.hydra.launcher._get_node("submitit_folder")._value()):
                    cfg.hydra.launcher.submitit_folder = "${hydra.sweep.dir}/%j"
        return cfg

    def _lists(self, cfg: DictConfig, choices: Mapping[str, Any]) -> dict[str, str]:
        """Groups with several choices at once (callbacks=[default,ema]) as `default,ema`; Hydra does not note them."""
        task = cast(list[str], OmegaConf.to_container(cfg.hydra.overrides.task))
        words = OverridesParser.create(config_loader=self).parse_overrides(task)
        given = {str(word.key_or_group): word.value() for word in words}
        groups = [group for group in self.list_groups("") if group in cfg and group not in {*choices, "hydra"}]
        names = {group: cast(list[Any], given.get(group, ["several"])) for group in groups}
        return {group: ",".join(map(str, each)) for group, each in names.items()}

    def _check_jobs(self, cfg: DictConfig) -> None:
        """Compose every job of a sweep; Hydra's sweeper does so too, but only after it has written a folder."""
        arguments = [f"{key}={value}" for key, value in (cfg.hydra.sweeper.params or {}).items()]
        overrides = OverridesParser.create(config_loader=self).parse_overrides([*arguments, *cfg.hydra.overrides.task])
        for job in BasicSweeper.split_arguments(overrides, max_batch_size=None)[0]:
            self.load_sweep_config(cfg, job)

    def _compose(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, from_shell: bool
    ) -> DictConfig:
        """Compose; a key that the YAML files don't have but its target or dataclass does is taken as `++key`."""
        while True:
            try:
                return super().load_configuration(config_name, overrides, run_mode, from_shell)
            except HydraException as error:
                key = _absent_key(error)
                if key is None or key.name not in valid_keys(key.parent, key.path, self.schema):
                    raise
                full = join(key.path, key.name)
                # ++ and not +: of a sweep over model=, some files have the key and some do not
                added = [f"++{o}" if re.match(rf"{re.escape(full)}[.=]", o) else o for o in overrides]
                if added == overrides:
                    raise
                overrides = added
            except (ValueError, TypeError, AssertionError) as error:  # Hydra's own, of words such as method=0 or +=
                if isinstance(error, OmegaConfBaseException):
                    raise
                why = first_line(error).partition(" : Override(")[0]
                raise ConfigError(f"{' '.join(overrides)}: cannot be read as key=value ({why})") from error

    def _explain(self, error: Exception) -> str:
        """Say in one line what is wrong with a config that Hydra cannot compose."""
        if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
            mark = error.problem_mark
            return f"{mark.name}, line {mark.line + 1}: {error.problem}"
        if isinstance(error, MissingConfigException) and error.options is not None:
            return self._missing_choice(error)
        if isinstance(error, OverrideParseException):
            why = next((line for line in str(error).splitlines() if not line.startswith(("Error parsing", "See "))), "")
            return f"'{error.override}' cannot be read as key=value{why and f': {why}'}"
        key = _absent_key(error)
        if key is not None:
            known = valid_keys(key.parent, key.path, self.schema) | frozenset(map(str, key.parent))
            path = join(key.path, key.name)
            return f"{path}: no such key{near_path(path, known - {'hydra'}, dotted_keys(key.parent._get_root()))}"
        return self._explain_other(error)

    def _unchosen(self, error: Exception, config_name: str | None) -> str | None:
        """Say that a group has to be chosen before its keys are set (knowledge.encoder=...), if that is the fault."""
        key = _absent_key(error)
        if key is None or key.path or key.name not in self.list_groups(""):
            return None
        top = self.repository.load_config(f"{config_name}.yaml")
        groups = {each.group for each in (top.defaults_list if top else None) or [] if isinstance(each, GroupDefault)}
        if key.name not in groups or key.name in {each.rpartition(".")[2] for each in dotted_keys(key.parent)}:
            return None  # not of this command, or its keys lie elsewhere (data.augment)
        nested = [f"{folder}/..." for folder in self.list_groups(key.name)]
        options = hint("", [*self.get_group_options(key.name), *nested])
        return f"{key.name}: none is chosen whose keys could be set; add {key.name}=...{options}"

    def _missing_choice(self, error: MissingConfigException) -> str:
        found = re.search(r"Available options in '(.+)':", str(error))
        name = str(error.missing_cfg_file)
        group = found[1] if found else name.rpartition("/")[0]
        choice = name.removeprefix(f"{group}/")
        folder = choice.rpartition("/")[0]  # experiment=as_published/gpt4 lies below the group's folder
        nested = [f"{folder}/{option}" for option in self.get_group_options(f"{group}/{folder}")] if folder else []
        options = [option for option in nested or error.options or () if not option.rpartition("/")[2].startswith("_")]
        file = re.match(r"In '(.+?/.+?)':", str(error))
        place = f"{file[1]}.yaml: " if file else ""
        if group in ("hydra/launcher", "hydra/sweeper") and choice.startswith(_PLUGINS):
            return f"{group}={choice} needs more packages: pip install 'llmseg[sweep]'"
        return f"{place}{group}={choice}: no such choice{hint(choice, options)}"

    def _explain_other(self, error: Exception) -> str:
        text = str(error) if str(error) or error.__cause__ is None else str(error.__cause__)
        if clash := re.match(r"Ambiguous value for argument '(.*?)=(.*)'", text):
            return f"{clash[1]}={clash[2]} has several values: write '{clash[1]}=[{clash[2]}]', or add -m to sweep"
        group = re.search(r"Could not override '(.+?)'. No match in the defaults list", text)
        if group and not text.startswith("In '") and group[1] in self.list_groups(""):
            return f"{group[1]}: this command has no such choice to make"
        near = hint(group[1], self.list_groups("")) if group else ""
        return " ".join(re.split(r"\n(?:Config search path|Search path|See |To append)", text)[0].split()) + near


class _AbsentKey(NamedTuple):
    parent: DictConfig
    path: str
    name: str


def _absent_key(error: BaseException) -> _AbsentKey | None:
    """Return the key of an override that the composed config does not have, if that is what Hydra complains of."""
    cause = error.__cause__
    if not isinstance(cause, ConfigAttributeError | ConfigKeyError) or not isinstance(cause.parent_node, DictConfig):
        return None
    path, _, name = str(cause.full_key).rpartition(".")
    return _AbsentKey(cause.parent_node, path, name)


def run_name(choices: Mapping[str, Any], pretrained: str | None = None) -> str:
    """Return a run's name: the experiment's, or `<data>_<model>` (boxes: `<data>_<vlm>`, reports: `<data>_<llm>`).

    Args:
        choices: group -> what was chosen.
        pretrained: folder or name of the language model, whose last part stands for the llm; None: there is none.
    """
    if choices.get("experiment"):
        return str(choices["experiment"]).replace("/", "_")
    parts = [str(choices[group]) for group in ("data", "model", "vlm") if choices.get(group)]
    return "_".join([*parts, *([Path(pretrained).name] if pretrained else [])]) or "run"
