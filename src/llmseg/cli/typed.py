"""Checking a configuration's plain nodes against the dataclasses of `llmseg.cli.config`."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException, ValidationError

from llmseg.cli.hints import hint
from llmseg.errors import ConfigError, first_line

T = TypeVar("T")
_OTHER_TASK = 3  # unknown keys
_KINDS = {"Integer": "an integer", "Float": "a number", "bool": "true or false"}


def check_plain(cfg: DictConfig, schema: type, choices: Mapping[str, Any]) -> None:
    """Check keys and types of what the dataclasses describe, and complete it with their default values."""
    typed = OmegaConf.structured(schema)
    fields = set(map(str, typed))  # not `key in typed`, which is False for mandatory keys
    known = fields | {group.partition("/")[0] for group in choices}
    for key in user_keys(cfg):
        if key not in known:
            raise ConfigError(f"{key}: no such key{hint(key, known)}")
    for group in fields & choices.keys() & set(user_keys(cfg)):
        _check_choice(cfg, typed, group, choices[group])
    try:
        merged = OmegaConf.merge(typed, OmegaConf.masked_copy(cfg, [key for key in user_keys(cfg) if key in fields]))
    except OmegaConfBaseException as error:
        raise ConfigError(_plain_message(error)) from error
    plain = OmegaConf.to_container(merged, resolve=False)
    assert isinstance(plain, dict)
    with open_dict(cfg):
        for name, value in plain.items():
            # A group without a choice stays as given: `evaluate.py data.root=...` changes one key of the run's data.
            if name not in choices or choices[str(name)] is not None:
                cfg[name] = value


def _check_choice(cfg: DictConfig, typed: DictConfig, group: str, choice: object) -> None:
    """Refuse what was chosen for another task, such as boxes or reports where scans are wanted.

    It has several keys that are unknown here; a single one is a slip, which the check of keys names.
    """
    here, there = typed._get_node(group), cfg._get_node(group)
    if not isinstance(here, DictConfig) or not isinstance(there, DictConfig) or here._is_none() or there._is_none():
        return
    known = set(map(str, here))
    if len(strange := [str(key) for key in there if str(key) not in known]) >= _OTHER_TASK:
        few = ", ".join(strange[:_OTHER_TASK])
        raise ConfigError(f"{group}={choice} does not go with this command or method, which know no {few}")


def _plain_message(error: OmegaConfBaseException) -> str:
    """Say in one line which key of a dataclass node is unknown or which value has the wrong type."""
    key, text = str(error.full_key or error.key), first_line(error)
    if isinstance(error, ConfigKeyError | ConfigAttributeError) and error.parent_node is not None:
        path = key.rpartition(".")[0]
        return f"{key}: no such key{hint(str(error.key), map(str, error.parent_node), prefix=join(path, ''))}"
    if isinstance(error, ValidationError):
        if wrong := re.match(r"Value '(.*)' (?:of type '\w+' could not be converted to|is not a valid) (\w+)", text):
            return f"{key}: '{wrong[1]}' is not {_KINDS.get(wrong[2], wrong[2])}"
        if "value 'None'" in text:
            return f"{key} cannot be null"
        if "is not a ListConfig" in text:
            return f"{key} is not a list"
    return f"{key}: {text}"


def as_typed(schema: type[T], node: Mapping[str, Any]) -> T:
    """A plain, complete node as an instance of its dataclass."""
    made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), dict(node)))
    assert isinstance(made, schema)
    return made


def user_keys(cfg: DictConfig) -> list[str]:
    """Return the top-level keys except Hydra's own."""
    return [str(key) for key in cfg if key != "hydra"]


def join(path: str, key: object) -> str:
    """Return the dotted path of a key (`[i]` for a list's index)."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)
