"""The check of a composed config: each mistake is one line that names the nearest valid name."""

from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from llmseg.cli.config import EvaluateConfig, TrainConfig
from llmseg.cli.entry import register_resolvers
from llmseg.cli.loader import run_name
from llmseg.cli.resolvers import length, logit_channels
from llmseg.cli.validate import check
from llmseg.errors import ConfigError

CHOICES = {"data": "brats", "model": "unet", "optimizer": "adam", "callbacks": "default", "experiment": None}


def config(**changes: Any) -> DictConfig:
    """A small valid config with dotted keys (`__` for the dot) changed."""
    register_resolvers()
    cfg = OmegaConf.create(
        {
            "data": {
                "name": "brats",
                "source": "somewhere",
                "root": "/scans",
                "reader": {"_target_": "llmseg.data.cases.Case", "_partial_": True},
                "modalities": ["flair", "t1"],
                "channels": "${length:${data.modalities}}",
                "classes": ["a", "b"],
            },
            "model": {"_target_": "torch.nn.Conv2d", "in_channels": "${data.channels}", "kernel_size": 3},
            "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.1},
            "callbacks": {"bar": {"_target_": "pytorch_lightning.callbacks.RichProgressBar"}, "off": None},
        }
    )
    for key, value in changes.items():
        OmegaConf.update(cfg, key.replace("__", "."), value)
    return cfg


def refusal(cfg: DictConfig, schema: type = TrainConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        check(cfg, schema, CHOICES)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_valid_config_is_completed() -> None:
    cfg = config(data__batch_size="4", data__split={"test": 0})
    check(cfg, TrainConfig, CHOICES)
    assert cfg.data.batch_size == 4
    assert isinstance(cfg.data.split.test, float)
    assert cfg.data.cache == "disk"
    assert cfg.evaluation.overlap == 0.5
    assert cfg.model.in_channels == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sed": 1}, "sed: no such key, did you mean seed?"),
        ({"modle": {}}, "modle: no such key, did you mean model?"),
        ({"data__batchsize": 4}, "data.batchsize: no such key, did you mean data.batch_size?"),
        ({"data__split__tst": 0.1}, "data.split.tst: no such key, did you mean data.split.test?"),
        ({"evaluation__overlp": 0.1}, "evaluation.overlp: no such key, did you mean evaluation.overlap?"),
        ({"data__batch_size": "four"}, "data.batch_size: 'four' is not an integer"),
        ({"data__split__val": "many"}, "data.split.val: 'many' is not a number"),
        ({"evaluate": "perhaps"}, "evaluate: 'perhaps' is not true or false"),
        ({"seed": None}, "seed cannot be null"),
        ({"data__augment__flip": 3}, "data.augment.flip is not a list"),
        (
            {"optimizer__learning_rate": 1},
            "optimizer.learning_rate: torch.optim.Adam has no such argument; there is "
            "amsgrad, betas, capturable, decoupled_weight_decay, differentiable, eps, foreach, "
            "fused, lr, maximize, params, weight_decay",
        ),
        (
            {"optimizer__weight_deacy": 1},
            "optimizer.weight_deacy: torch.optim.Adam has no such argument, did you mean optimizer.weight_decay?",
        ),
        (
            {"optimizer___partail_": True},
            "optimizer._partail_: torch.optim.Adam has no such argument, did you mean optimizer._partial_?",
        ),
        (
            {"callbacks__bar__refresh": 1},
            "callbacks.bar.refresh: pytorch_lightning.callbacks.RichProgressBar has no such argument, "
            "did you mean callbacks.bar.refresh_rate?",
        ),
        ({"callbacks__baar": {"leave": True}}, "callbacks.baar has no _target_, did you mean callbacks.bar?"),
        (
            {"data__reader__lable": 1},
            "data.reader.lable: llmseg.data.cases.Case has no such argument, did you mean data.reader.label?",
        ),
        (
            {"optimizer___target_": "torch.optim.Addam"},
            "optimizer._target_: torch.optim.Addam does not exist, did you mean torch.optim.Adam?",
        ),
        (
            {"model__in_channels": "${data.chanels}"},
            "model.in_channels: ${data.chanels} leads nowhere, did you mean data.channels?",
        ),
        (
            {"model__in_channels": "${dta.channels}"},
            "model.in_channels: ${dta.channels} leads nowhere, did you mean data.channels?",
        ),
        (
            {"model__in_channels": "${lenght:[1]}"},
            "model.in_channels: ${lenght:...} is no resolver, did you mean length?",
        ),
        ({"data__root": "???"}, "data.root has no value: add data.root=... to the command"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    assert refusal(config(**changes)) == message


def test_a_nested_target_in_a_list_is_checked() -> None:
    cfg = config()
    cfg.model = {"nets": [{"_target_": "torch.nn.Conv2d", "bais": True}]}
    assert refusal(cfg) == "model.nets[0].bais: torch.nn.Conv2d has no such argument, did you mean model.nets[0].bias?"


def test_what_cannot_be_known_yet_is_left_alone() -> None:
    cfg = config(
        data__classes=None, data__modalities=None, model__out_channels="${logit_channels:${data.classes},false}"
    )
    cfg.model.padding_mode = "${hydra:runtime.output_dir}"
    check(cfg, TrainConfig, CHOICES)
    assert cfg.model.in_channels is None
    assert cfg.model.out_channels is None


def test_single_data_keys_of_evaluate_are_not_completed() -> None:
    cfg = OmegaConf.create({"run": "runs/x", "data": {"root": "/scans"}})
    check(cfg, EvaluateConfig, {"data": None})
    assert cfg.data == {"root": "/scans"}
    assert cfg.part == "test"
    wrong = OmegaConf.create({"run": "runs/x", "data": {"rot": "/scans"}})
    with pytest.raises(ConfigError, match=r"did you mean data\.root\?"):
        check(wrong, EvaluateConfig, {"data": None})


def test_resolvers() -> None:
    assert [logit_channels(classes, False) for classes in (["a"], ["a", "b"], None)] == [1, 3, None]
    assert [logit_channels(classes, True) for classes in (["a"], ["a", "b", "c"], None)] == [1, 3, None]
    assert [length(values) for values in ([], ["flair", "t1"], None)] == [0, 2, None]


def test_run_name() -> None:
    assert run_name({"data": "brats", "model": "unet", "experiment": None}) == "brats_unet"
    assert run_name({"data": "brats", "model": "unet", "experiment": "study/first"}) == "study_first"
