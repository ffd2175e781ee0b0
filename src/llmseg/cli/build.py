"""From a configuration to objects: the one place where `_target_`s are called."""

import os
import random
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.callbacks import Callback, Checkpoint, ModelCheckpoint, ProgressBar
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from llmseg.cli.console import log
from llmseg.cli.hardware import resolve
from llmseg.cli.kernels import check_bfloat16
from llmseg.cli.trained import check_windows
from llmseg.cli.typed import as_typed
from llmseg.data.augmentation import Augment
from llmseg.data.config import DataConfig
from llmseg.data.datamodule import SegmentationData
from llmseg.data.seeds import derive
from llmseg.errors import ConfigError
from llmseg.inference.predict import check_input_size
from llmseg.knowledge import default_knowledge, embed
from llmseg.methods.base import SegmentationMethod
from llmseg.models.build import build_network
from llmseg.models.generated import Generated, allow
from llmseg.runs import RunFolder
from llmseg.runs.checkpoint import SaveLast, WholeCheckpoints
from llmseg.runs.loggers import csv


def complete(cfg: DictConfig) -> None:
    """Fill in what only the data or the machine can tell, in place.

    Channels and classes that are null come from the reader's `describe`; the trainer's accelerator, devices and
    precision are settled. A training configuration is then complete: nothing in it depends on where it is read.

    Raises:
        ConfigError: the machine lacks what was asked for, or cases cannot be scored as `evaluation` says.
        DataError: the data set's description is missing or broken.
    """
    complete_data(cfg.data)
    _complete_generated(cfg.model)
    if "method" in cfg:
        _complete_knowledge(cfg)
    check_checkpoints(cfg.evaluation.checkpoints)
    check_windows(cfg.evaluation, cfg.model.spatial_dims, cfg.data.patch_size)
    if "trainer" in cfg:
        complete_hardware(cfg.trainer)


def complete_hardware(trainer: DictConfig) -> None:
    """Settle on accelerator, devices and precision, in place.

    Raises:
        ConfigError: the machine lacks what was asked for.
    """
    hardware = resolve(trainer.accelerator, trainer.devices, trainer.precision)
    trainer.accelerator = hardware.accelerator
    trainer.devices = hardware.devices
    trainer.precision = hardware.precision


def _complete_generated(model: DictConfig) -> None:
    """Ask whether an LLM's own file may run here, and note its hash; other networks are no foreign code."""
    if str(model.get("_target_")) == f"{Generated.__module__}.{Generated.__name__}":
        model.file = str(Path(model.file).expanduser().absolute())
        model.sha256 = allow(model)


def _complete_knowledge(cfg: DictConfig) -> None:
    """The text for methods that use it; none for the others, so that no table says they had it."""
    uses_it, given = "knowledge" in _arguments(cfg.method), cfg.get("knowledge")
    with open_dict(cfg):
        if uses_it and given is None:
            cfg.knowledge = default_knowledge(cfg.data.organ)
        elif given is not None and not uses_it:
            log.warning(f"knowledge: {cfg.method._target_.rpartition('.')[2]} uses none; left out")
            cfg.knowledge = cfg.choices.knowledge = None


def complete_data(data: DictConfig) -> None:
    """Fill in channels, classes and overlapping where they are null; relative folders become absolute."""
    data.root = str(Path(data.root).expanduser().absolute())
    if data.channels is not None and data.classes is not None:
        return
    module = import_module(data.reader._target_.rpartition(".")[0])
    if not hasattr(module, "describe"):
        missing = "channels" if data.channels is None else "classes"
        raise ConfigError(f"data.{missing} is null, and this data set's reader cannot tell; name it")
    facts = module.describe(Path(data.root), str(data.source))
    if data.channels is None:
        data.channels = facts.channels
    if data.classes is None:
        data.classes = list(facts.classes)
        data.overlapping = facts.overlapping


def check_checkpoints(names: Sequence[str]) -> None:
    """Refuse names of checkpoints that no run has, before anything is trained.

    Raises:
        ConfigError: a name is neither last nor best, or there is none.
    """
    if not names or set(names) - {"last", "best"}:
        raise ConfigError(f"evaluation.checkpoints={list(names)}: choose from last, best")


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain containers."""
    content = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def seed_everything(seed: int) -> None:
    """Seed what libraries draw from on their own; our own draws are functions of seed, epoch and index."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build_training_data(cfg: Mapping[str, Any]) -> SegmentationData:
    """The data module of a plain, complete training configuration, with the streams that its method takes."""
    method = _class(cfg["method"])
    uses_unlabelled = bool(getattr(method, "uses_unlabelled", False))
    cache = Path(cfg["paths"]["cache"])
    return build_data(cfg["data"], cfg["model"]["spatial_dims"], cache, cfg["seed"], uses_unlabelled)


def build_data(
    node: Mapping[str, Any], spatial_dims: int, cache: Path, seed: int, uses_unlabelled: bool | None = None
) -> SegmentationData:
    """The data module of a plain, complete `data` node; `uses_unlabelled` is None where nothing is trained."""
    reader = instantiate({**node["reader"], "_partial_": True}, _convert_="all")
    return SegmentationData(as_typed(DataConfig, node), reader, spatial_dims, cache, seed, uses_unlabelled)


def build_net(
    cfg: Mapping[str, Any], data: SegmentationData, node: Mapping[str, Any] | None = None, role: str = ""
) -> nn.Module:
    """The network of a plain configuration, checked against the data's channels, classes and input size.

    Args:
        cfg: the configuration.
        data: the data.
        node: like `model`, for another network than that.
        role: of another network, which then has an initialisation of its own.

    Raises:
        ConfigError: it cannot be built or does not fit.
    """
    seed_everything(derive(cfg["seed"], role) if role else cfg["seed"])
    net = build_network(node or cfg["model"])
    try:
        output = check_input_size(net, int(data.config.channels or 0), data.patch())
    except ValueError as error:
        size = "data.image_size" if data.spatial_dims == 2 else "data.patch_size"
        raise ConfigError(f"{size}: the network refuses its {error}") from error
    trainer = cfg["trainer"]
    if data.spatial_dims == 3 and trainer["accelerator"] == "cpu" and str(trainer["precision"]).startswith("bf16"):
        check_bfloat16(net, int(data.config.channels or 0), data.patch())
    if output.shape[1] != data.recipe.logits:
        raise ConfigError(
            f"model.out_channels={output.shape[1]}: {len(data.recipe.classes)} classes need {data.recipe.logits}"
        )
    return net


def build_method(cfg: Mapping[str, Any], net: nn.Module, data: SegmentationData) -> SegmentationMethod:
    """The training method of a plain configuration around a network."""
    # what stands for another network is built here, not by Hydra
    node = {key: value for key, value in cfg["method"].items() if key != "peer"}
    try:
        method: SegmentationMethod = partial(node)(
            net=net,
            loss=instantiate(cfg["loss"], _convert_="all"),
            optimizer=partial(cfg["optimizer"]),
            scheduler=partial(cfg["scheduler"]),
            augment=Augment(data.config.augment),
            overlapping=data.config.overlapping,
            patch_size=data.patch(),
            seed=cfg["seed"],
            record=cfg,
            **_extras(cfg, data),
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"method, loss: {' '.join(str(error).split())}") from error
    return method


def _extras(cfg: Mapping[str, Any], data: SegmentationData) -> dict[str, Any]:
    """What only some methods take: a second network, embedded text."""
    wanted, extras = _arguments(cfg["method"]), dict[str, Any]()
    if "peer" in wanted:
        extras["peer"] = build_net(cfg, data, cfg["method"].get("peer"), role="peer")
    if "knowledge" in wanted:
        cache, organ = Path(cfg["paths"]["cache"]), data.config.organ
        extras["knowledge"] = embed(cfg["knowledge"], data.recipe.classes, cache, organ)
    return extras


def _arguments(method: Mapping[str, Any]) -> Collection[str]:
    """Names of a method's constructor arguments, its bases' included."""
    names: set[str] = set()
    for base in _class(method).__mro__:
        if "__init__" in vars(base) and base is not object:
            names |= signature(vars(base)["__init__"]).parameters.keys()
    return names


def _class(node: Mapping[str, Any]) -> type:
    target: type = get_class(node["_target_"])
    return target


def build_trainer(cfg: Mapping[str, Any], run: RunFolder) -> pl.Trainer:
    """Lightning's trainer with callbacks and loggers that write into the run's folder."""
    if not torch.cuda.is_available():
        # Lightning sets it to look for GPUs without CUDA; where there are none, Adam would look anew at every step
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    try:
        last = SaveLast(run.path, cfg["save_every_n_steps"])
    except ValueError as error:
        raise ConfigError(str(error)) from error
    callbacks = [last, *(_callback(node, run) for node in (cfg.get("callbacks") or {}).values() if node)]
    if not cfg["trainer"].get("enable_progress_bar", True):
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    loggers = [csv(run.path)]
    if cfg.get("logger"):
        extra = partial(cfg["logger"])(run.path, cfg)
        loggers += [extra] if extra else []
    try:
        trainer: pl.Trainer = instantiate(
            {**cfg["trainer"], "_partial_": True, "use_distributed_sampler": False, "default_root_dir": str(run.path)},
            _convert_="all",
        )(
            callbacks=callbacks,
            logger=loggers,
            plugins=[WholeCheckpoints()],
            enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error
    return trainer


def partial(node: Mapping[str, Any]) -> Any:
    """What a node with a `_target_` makes, still to be called with what only the program knows."""
    return instantiate({**node, "_partial_": True}, _convert_="all")


def _callback(node: Mapping[str, Any], run: RunFolder) -> Callback:
    made = partial(node)
    if issubclass(made.func, ModelCheckpoint) and not node.get("dirpath"):
        made.keywords["dirpath"] = str(run.checkpoints)
    callback: Callback = made()
    return callback
