"""Refuses a composed configuration that cannot be right, before anything heavy is imported, in one line.

Hydra checks keys given on the command line only. Here every key is checked wherever it comes from: arguments of
`_target_` nodes against the target's signature (llmseg.cli.schema), all others against dataclasses (llmseg.cli.config).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationToMissingValueError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)

from llmseg.cli.hints import hint, near_path
from llmseg.cli.resolvers import RESOLVERS
from llmseg.cli.schema import Signature, signature
from llmseg.cli.typed import check_plain, join, user_keys
from llmseg.errors import ConfigError, first_line

INSTANTIATE_KEYS = frozenset({"_target_", "_partial_", "_recursive_", "_convert_", "_args_"})


def check(cfg: DictConfig, schema: type, choices: Mapping[str, Any], required: bool = True) -> None:
    """Check a composed config in place; keys that only the dataclasses have are added with their default values.

    Args:
        cfg: the config as composed; its `hydra` node is left alone.
        schema: dataclass of the top-level keys that are no groups.
        choices: config group -> chosen file, None where nothing is chosen.
        required: refuse mandatory keys (`???`) without a value.

    Raises:
        ConfigError: an unknown key or target, a value of the wrong type, an interpolation that leads nowhere or a
            missing value; names the key and the nearest valid one.
    """
    check_plain(cfg, schema, choices)
    user = OmegaConf.to_container(OmegaConf.masked_copy(cfg, user_keys(cfg)), resolve=False)
    assert isinstance(user, dict)
    for group in user.keys() - OmegaConf.structured(schema).keys():
        _check_siblings(user[group], str(group))
    for path, target in _targets(user, ""):
        _check_target(target, path)
    _check_interpolations(cfg)
    for node, key, path in _nodes(cfg) if required else ():  # OmegaConf.missing_keys would resolve ${hydra:...}
        if cast(Node, node._get_node(key))._is_missing():
            raise ConfigError(f"{path} has no value: add {path}=... to the command")


def valid_keys(parent: object, path: str, schema: type) -> frozenset[str]:
    """Return the keys that the node `parent` at the dotted `path` may have beside those that it has.

    Empty where its target is unknown or takes anything.
    """
    if isinstance(parent, DictConfig) and "_target_" in parent:
        found = _signature(str(parent._get_node("_target_")), path)
        return found.names if found is not None else frozenset()
    typed = OmegaConf.structured(schema)
    node = OmegaConf.select(typed, path) if path else typed
    return frozenset(map(str, node)) if isinstance(node, DictConfig) else frozenset()


def dotted_keys(cfg: object, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of all keys of a config except Hydra's own."""
    for _, key, name in _nodes(cfg, path):
        if not isinstance(key, int):
            yield name


def _check_siblings(node: object, path: str) -> None:
    """Refuse an entry without `_target_` in a group of `_target_` nodes (callbacks): a misspelt name, most likely."""
    if not isinstance(node, dict) or "_target_" in node:
        return
    built = [key for key, value in node.items() if isinstance(value, dict) and "_target_" in value]
    for key, value in node.items():
        if built and key not in built and value is not None:
            raise ConfigError(f"{join(path, key)} has no _target_{hint(str(key), built, prefix=f'{path}.')}")


def _targets(node: object, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, value in node.items():
            yield from _targets(value, join(path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _targets(value, join(path, index))


def _signature(target: str, path: str) -> Signature | None:
    """Return the signature of a node's target, or None if it takes any keyword or cannot be read."""
    if "${" in target:
        return None
    try:
        found = signature(target)
    except ConfigError as error:
        raise ConfigError(f"{join(path, '_target_')}: {error}") from error
    return None if found is None or found.is_open else found


def _check_target(node: dict[str, Any], path: str) -> None:
    found = _signature(str(node["_target_"]), path)
    known = found.names | INSTANTIATE_KEYS if found is not None else frozenset(node)
    for key in node:
        if key not in known:
            near = hint(str(key), known, prefix=f"{path}.")
            raise ConfigError(f"{join(path, key)}: {node['_target_']} has no such argument{near}")


def _nodes(cfg: object, path: str = "") -> Iterator[tuple[DictConfig | ListConfig, Any, str]]:
    """Yield (container, key, dotted path) of every node outside `hydra`; interpolations are not followed."""
    if not isinstance(cfg, DictConfig | ListConfig) or cfg._is_none() or cfg._is_missing():
        return
    keys: Iterable[Any] = range(len(cfg)) if isinstance(cfg, ListConfig) else list(cfg) if path else user_keys(cfg)
    for key in keys:
        yield cfg, key, join(path, key)
        if not OmegaConf.is_interpolation(cfg, key):
            yield from _nodes(cfg._get_node(key), join(path, key))


def _check_interpolations(cfg: DictConfig) -> None:
    """Resolve every interpolation outside `hydra`; those that need the running job (`${hydra:...}`) are left out."""
    for container, key, path in _nodes(cfg):
        if not OmegaConf.is_interpolation(container, key) or "${hydra:" in str(container._get_node(key)):
            continue
        try:
            container[key]
        except InterpolationToMissingValueError:
            continue  # reported as the missing value that it leads to
        except OmegaConfBaseException as error:
            if "HydraConfig was not set" not in str(error):
                raise ConfigError(f"{path}: {_interpolation_message(error, cfg)}") from error


def _interpolation_message(error: OmegaConfBaseException, cfg: DictConfig) -> str:
    text = first_line(error)
    if isinstance(error, InterpolationKeyError) and (name := re.search(r"key '(.+)' not found", text)):
        known = list(dotted_keys(cfg))
        parent = name[1].rpartition(".")[0]
        siblings = [key.rpartition(".")[2] for key in known if key.rpartition(".")[0] == parent]
        return f"${{{name[1]}}} leads nowhere{near_path(name[1], siblings, known)}"
    if isinstance(error, UnsupportedInterpolationType):
        resolver = text.rpartition(" ")[2]
        return (
            f"${{{resolver}:...}} is no resolver{hint(resolver, [*RESOLVERS, 'oc.env', 'oc.select', 'now', 'hydra'])}"
        )
    return text
