"""Small semi-supervised methods outside a trainer's loop."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from llmseg.data.augmentation import Augment
from llmseg.data.config import AugmentConfig
from llmseg.knowledge import Knowledge
from llmseg.losses import SegmentationLoss
from llmseg.methods.base import SegmentationMethod
from llmseg.methods.bcp import BidirectionalCopyPaste
from llmseg.methods.cps import CrossPseudoSupervision
from llmseg.methods.llm_segnet import LLMSegNet
from llmseg.methods.mc_net import MutualConsistency
from llmseg.methods.mean_teacher import MeanTeacher, UncertaintyAwareMeanTeacher
from llmseg.methods.schedules import constant
from llmseg.methods.semi_supervised import Streams
from llmseg.models.vnet import VNet

METHODS: dict[str, type[SegmentationMethod]] = {
    "mean_teacher": MeanTeacher,
    "ua_mt": UncertaintyAwareMeanTeacher,
    "cps": CrossPseudoSupervision,
    "mc_net": MutualConsistency,
    "bcp": BidirectionalCopyPaste,
    "llm_segnet": LLMSegNet,
}
PAIRS = {"cps", "llm_segnet"}
STEPS = 100


def vnet(seed: int = 0, classes: int = 3) -> VNet:
    torch.manual_seed(seed)
    return VNet(in_channels=1, out_channels=classes, width=2, has_dropout=False)


def method(name: str, step: int = STEPS, classes: int = 3, **options: Any) -> Any:
    """A method with V-Nets of width 2 that believes itself at a step of 100, and keeps what it logs in `logged`."""
    options = {"peer": vnet(1, classes), **options} if name in PAIRS else options
    node = {
        "_target_": "llmseg.models.VNet",
        "in_channels": 1,
        "out_channels": classes,
        "width": 2,
        "has_dropout": False,
    }
    made: Any = METHODS[name](
        net=vnet(0, classes),
        loss=SegmentationLoss({"dice": 1.0, "cross_entropy": 1.0}),
        optimizer=torch.optim.SGD,
        scheduler=constant,
        augment=Augment(AugmentConfig(shift=0, scale=0, intensity=0)),
        overlapping=False,
        patch_size=(16, 16, 16),
        seed=0,
        record={"model": node, "method": {}},
        **options,
    )
    made.logged = {}
    made.log = lambda key, value, **_: made.logged.update({key: float(value)})
    strategy = SimpleNamespace(reduce=lambda tensor, **_: tensor)
    made._fabric = None
    made._trainer = SimpleNamespace(
        global_rank=0, estimated_stepping_batches=STEPS, global_step=step, strategy=strategy, optimizers=[]
    )
    return made


def streams(labelled: int = 2, unlabelled: int = 2, classes: int = 3, seed: int = 0) -> Streams:
    """Random images; labels are their large and very large values."""
    torch.manual_seed(seed)
    image = torch.rand(labelled + unlabelled, 1, 16, 16, 16)
    label = torch.zeros(labelled, 1, 16, 16, 16, dtype=torch.uint8)
    for value in range(1, classes) if classes > 1 else [1]:
        label[image[:labelled] > value / (classes + 1)] = value
    return Streams(image[:labelled], label, image[labelled:])


def knowledge(classes: int = 2, learned: bool = False) -> Knowledge:
    """Random vectors of norm 1."""
    vectors = torch.randn(classes, 3, 8, generator=torch.Generator().manual_seed(5))
    return Knowledge(vectors / vectors.norm(dim=-1, keepdim=True), learned, "x", "x", "x", (), "x")


def gradients(module: nn.Module) -> dict[str, Tensor | None]:
    return {name: each.grad for name, each in module.named_parameters()}
