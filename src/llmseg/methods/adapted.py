"""Training of a model most of which stays as it was found."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from llmseg.methods.method import Method


class Adapted(Method):
    """Base of the trainings of language models.

    Checkpoints hold the weights that are trained and no others: an adapter, a projection, an eye; not the language
    model that they were put on.

    Args:
        net: the model; weights that are trained have `requires_grad`.
        optimizer: see Method.
        scheduler: see Method.
        seed: see Method.
        record: see Method.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any]],
        seed: int,
        record: Mapping[str, Any],
    ) -> None:
        super().__init__(optimizer, scheduler, seed, record)
        self.net = net
        self.strict_loading = False  # what is not trained comes from where it came from

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what is not trained."""
        super().on_save_checkpoint(checkpoint)
        kept = trained_names(self)
        checkpoint["state_dict"] = {key: value for key, value in checkpoint["state_dict"].items() if key in kept}


def trained_names(module: nn.Module) -> set[str]:
    """Names in the state of a module that its checkpoint has to keep: trained weights, and the buffers beside them."""
    learning = {name for name, weights in module.named_parameters() if weights.requires_grad}
    homes = {name.rpartition(".")[0] for name in learning}
    buffers = {name for name, _ in module.named_buffers() if name.rpartition(".")[0] in homes}
    return learning | (buffers & module.state_dict().keys())
