"""What every method of segmentation shares: its networks, augmentation, validation on whole cases."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from llmseg.data.augmentation import Augment
from llmseg.data.datamodule import ValidationBatch
from llmseg.data.resize import hard_label, most_probable
from llmseg.inference.predict import channels_last_weights, on_input_grid, predict_stack, sigmoid_or_softmax
from llmseg.methods.memory import checkpoint_blocks
from llmseg.methods.method import Method, precise

COMPILED_STEPS = 500
"""To compile a network takes about a minute, which fewer steps than these do not win back."""

Batch = tuple[Tensor, Tensor]
"""Image (N, C, *spatial) float32 and label (N, L, *spatial) uint8, or soft masks of the classes in float32."""


class SegmentationMethod(Method):
    """Base of the training methods; a method says what the loss of a training batch is.

    Args:
        net: gives logits (N, K, *its own grid).
        loss: of logits, on the network's or the label's grid, and label.
        optimizer: makes an optimiser from the parameters.
        scheduler: makes a Lightning scheduler configuration from the optimiser and the number of steps.
        augment: of training batches.
        overlapping: classes are overlapping regions.
        patch_size: of a 3D network.
        seed: of augmentation and dropout, together with epoch, batch and process.
        compile: the network with torch.compile: true, false, or auto for on CUDA devices only, where COMPILED_STEPS or
            more are to come, and not together with gradient_checkpointing.
        gradient_checkpointing: compute the insides of the network's blocks a second time in the backward pass instead
            of keeping them: less memory, more time, the same gradients.
        record: plain containers that the checkpoint carries under "llmseg" (the resolved configuration), so that it
            loads with `torch.load(weights_only=True)` and the network can be built again.
    """

    uses_unlabelled: ClassVar[bool] = False
    """Whether training batches have a second stream, of unlabelled cases."""

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[[Optimizer, int], dict[str, Any]],
        augment: Augment,
        overlapping: bool,
        patch_size: Sequence[int],
        seed: int,
        record: Mapping[str, Any],
        compile: bool | str = "auto",
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__(optimizer, scheduler, seed, record)
        if compile not in (True, False, "auto"):
            raise ValueError(f"method.compile={compile}: choose auto, true or false")
        if gradient_checkpointing and compile is True:
            raise ValueError("method.compile=true: torch.compile takes no network with gradient_checkpointing")
        self._compile = False if gradient_checkpointing else compile
        self._checkpoints = gradient_checkpointing
        self._trained: list[nn.Module] = []
        self.net = self._train_too(net)
        self.loss = loss
        self.augment = augment
        self.overlapping = overlapping
        self.patch_size = tuple(patch_size)
        self._scores: list[Tensor] = []

    def setup(self, stage: str) -> None:
        """Compile the network in place, so that checkpoints keep their plain keys."""
        if self._compile is True:
            self._compile_networks()

    def on_train_start(self) -> None:
        """With auto, compile where it pays; before this hook nobody knows how many steps there are."""
        super().on_train_start()
        device = self.trainer.strategy.root_device
        if self._compile == "auto" and device.type == "cuda" and _has_triton():
            steps = self.trainer.estimated_stepping_batches - self.trainer.global_step
            if steps >= COMPILED_STEPS:
                self._compile_networks()

    def _compile_networks(self) -> None:
        for net in self._trained:
            net.compile()

    def _train_too(self, net: nn.Module) -> nn.Module:
        """Treat a network that is trained as `method.compile` and the like say; to be kept as an attribute."""
        if self._checkpoints:
            checkpoint_blocks(net)
        self._trained.append(channels_last_weights(net))
        return net

    @property
    def tested(self) -> list[nn.Module]:
        """The networks whose mean probability is validated and tested."""
        return [self.net]

    @property
    def networks(self) -> dict[str, Any]:
        """Names of the attributes in `tested` -> `model` nodes that build them again."""
        return {"net": self._record["model"]}

    def augmented(self, batch: Any) -> Any:
        """A batch of the data module, augmented, as `training_loss` takes it; the first part is a tensor (N, ...)."""
        return self.augment(*batch)

    def count(self, batch: Any) -> int:
        """Number of samples."""
        return len(batch[0])

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, K, *spatial) on the image's grid."""
        return on_input_grid(self.net)(image)

    def validation_step(self, batch: ValidationBatch, batch_idx: int) -> None:
        """Loss and hard Dice of one whole case on the network's grid."""
        image, label, counts = batch
        logits = [predict_stack(net, image, self.patch_size) for net in self.tested]
        probability = torch.stack([sigmoid_or_softmax(each, self.overlapping) for each in logits]).mean(dim=0)
        loss = torch.stack([precise(self.loss(each, label)) for each in logits]).mean()
        dice = case_dice(probability, hard_label(label, self.overlapping), self.overlapping)
        values = torch.stack([loss, dice.nansum(), precise((~dice.isnan()).sum())])
        weight = torch.ones_like(values[:1])
        self._scores.append(torch.cat([values, weight]) * float(counts))

    def on_validation_epoch_end(self) -> None:
        """Mean over all cases and classes of all processes; a class absent from label and prediction does not count."""
        total = torch.stack(self._scores).sum(dim=0) if self._scores else torch.zeros(4, device=self.device)
        self._scores.clear()
        loss, dice, classes, cases = self.trainer.strategy.reduce(total, reduce_op="sum")
        self.log("val/loss", loss / cases.clamp(min=1), prog_bar=True, rank_zero_only=False)
        self.log("val/dice", dice / classes.clamp(min=1), prog_bar=True, rank_zero_only=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say as well which networks there are."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["networks"] = self.networks


def _has_triton() -> bool:
    return find_spec("triton") is not None


def case_dice(probability: Tensor, label: Tensor, overlapping: bool) -> Tensor:
    """Hard Dice (K,) of each class over a whole case; NaN where label and prediction are both empty.

    Args:
        probability: (S, K, *spatial).
        label: (S, L, *spatial) uint8.
        overlapping: regions, each decided on its own.
    """
    if overlapping or probability.shape[1] == 1:
        predicted, truth = probability > 0.5, label > 0
    else:
        classes = range(1, probability.shape[1])
        decided = most_probable(probability)
        predicted = torch.cat([decided == index for index in classes], dim=1)
        truth = torch.cat([label == index for index in classes], dim=1)
    axes = [0, *range(2, label.dim())]
    both, total = (predicted & truth).sum(axes), predicted.sum(axes) + truth.sum(axes)
    return 2 * precise(both) / precise(total)
