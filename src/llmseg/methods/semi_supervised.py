"""What the semi-supervised methods share: two streams, a ramp-up, a second network, an averaged teacher."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from llmseg.data.resize import resize
from llmseg.inference.predict import channels_last
from llmseg.losses.consistency import sigmoid_ramp_up
from llmseg.methods.base import SegmentationMethod


class Streams(NamedTuple):
    """An augmented batch.

    Attributes:
        image: labelled, (N, C, *spatial).
        label: (N, L, *spatial) uint8.
        unlabelled: images (M, C, *spatial).
    """

    image: Tensor
    label: Tensor
    unlabelled: Tensor


class SemiSupervised(SegmentationMethod):
    """Base of methods that learn from labelled and unlabelled cases.

    Args:
        weight: of what is learned from unlabelled cases, after the ramp-up.
        ramp_up: share of all steps after which the weight is reached: weight * exp(-5 (1 - t)^2), t from 0 to 1.
        ramp_up_steps: instead, as the field's scripts have it: [every, length], t = (step // every) / length.
        joint: labelled and unlabelled images pass a network together, as in the field's scripts, so that batch norm
            takes both kinds for one batch; or else one after the other.
        base: arguments of `SegmentationMethod`.
    """

    uses_unlabelled: ClassVar[bool] = True

    def __init__(
        self,
        *,
        weight: float = 1.0,
        ramp_up: float = 0.4,
        ramp_up_steps: Sequence[int] | None = None,
        joint: bool = True,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        if not 0 <= ramp_up <= 1:
            raise ValueError(f"method.ramp_up={ramp_up:g}: give a share of all steps, 0 to 1")
        if ramp_up_steps is not None and (len(ramp_up_steps) != 2 or min(ramp_up_steps) < 1):
            raise ValueError(f"method.ramp_up_steps={list(ramp_up_steps)}: give [every, length], e.g. [150, 40]")
        self._planned_steps: int | None = None
        self.weight = weight
        self.ramp_up = ramp_up
        self.ramp_up_steps = ramp_up_steps
        self.joint = joint

    def augmented(self, batch: Mapping[str, Sequence[Tensor]]) -> Streams:
        """Both streams, each sample augmented on its own."""
        image, label = self.augment(*batch["labelled"])
        return Streams(image, label, self.augment(batch["unlabelled"][0])[0])

    @property
    def planned_steps(self) -> int:
        """Steps of the training as it was first planned: a resume that adds some does not turn back the ramp-up."""
        return self._planned_steps or int(self.trainer.estimated_stepping_batches)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep that number."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["planned_steps"] = self.planned_steps

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back."""
        super().on_load_checkpoint(checkpoint)
        self._planned_steps = checkpoint.get("planned_steps")

    def through(self, network: Callable[[Tensor], Tensor], labelled: Tensor, unlabelled: Tensor) -> Tensor:
        """What a network makes of both kinds of images, labelled ones first along the first axis."""
        if self.joint:
            return network(channels_last(torch.cat([labelled, unlabelled])))
        return torch.cat([network(channels_last(labelled)), network(channels_last(unlabelled))])

    def ramp(self) -> float:
        """From nearly 0 to 1 (Laine and Aila, ICLR 2017)."""
        if self.ramp_up_steps is not None:
            every, length = self.ramp_up_steps
            return sigmoid_ramp_up(self.global_step // every, length)
        return sigmoid_ramp_up(self.global_step, self.ramp_up * self.planned_steps)

    def ramped(self, loss: Tensor) -> Tensor:
        """What was learned from unlabelled cases, with its weight at this step; logged."""
        self.log("train/unlabelled_loss", loss.detach())
        self.log("train/unlabelled_weight", self.weight * self.ramp())
        return self.weight * self.ramp() * loss


def on_grid(logits: Tensor, image: Tensor) -> Tensor:
    """Logits on the image's grid, where boxes and other networks' logits lie; most networks end there anyway."""
    return resize(logits, image.shape[2:])


class CoTraining(SemiSupervised):
    """Base of methods with two networks, `net` and `peer`; their mean probability is tested.

    Args:
        peer: the second network, of another initialisation or architecture.
        base: arguments of `SemiSupervised`.
    """

    def __init__(self, *, peer: nn.Module, **base: Any) -> None:
        super().__init__(**base)
        self.peer = self._train_too(peer)

    @property
    def tested(self) -> list[nn.Module]:
        """Both."""
        return [self.net, self.peer]

    @property
    def networks(self) -> dict[str, Any]:
        """Both."""
        model = self._record["model"]
        return {"net": model, "peer": self._record["method"].get("peer") or model}

    def supervised(self, logits: Sequence[Tensor], label: Tensor) -> Tensor:
        """Sum of both networks' losses on the labelled samples, the first of the batch."""
        losses = [self.loss(each[: len(label)], label) for each in logits]
        return torch.stack(losses).sum()


class Averaging(SemiSupervised):
    """Base of methods with a teacher: the exponential moving average of `net`, weights and batch norm statistics.

    The field's scripts leave the statistics out, so that their teachers see batches normalised by a student's.

    Args:
        decay: of the average, reached from below: min(1 - 1 / (step + 1), decay), as Mean Teacher has it.
        base: arguments of `SemiSupervised`.
    """

    def __init__(self, *, decay: float = 0.99, **base: Any) -> None:
        super().__init__(**base)
        if not 0 <= decay < 1:
            raise ValueError(f"method.decay={decay:g}: give 0 or more, below 1")
        self.decay = decay
        self.teacher = deepcopy(self.net).requires_grad_(False).eval()  # Lightning sets no modes
        self._averaged_step = 0

    def train(self, mode: bool = True) -> "Averaging":
        """The teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def teach(self, image: Tensor) -> Tensor:
        """The teacher's logits."""
        logits: Tensor = self.teacher(channels_last(image))
        return logits

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the teacher after every optimiser step."""
        if self.global_step > self._averaged_step:
            self._averaged_step = self.global_step
            self._average()

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - min(1 - 1 / (self.global_step + 1), self.decay)
        torch._foreach_lerp_(list(self.teacher.parameters()), list(self.net.parameters()), share)
        pairs = list(zip(self.teacher.buffers(), self.net.buffers(), strict=True))
        floating = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]
        if floating:
            # every process has seen other samples: without this the teachers would drift apart
            flat = self.trainer.strategy.reduce(torch.cat([theirs.flatten() for _, theirs in floating]))
            assert isinstance(flat, Tensor)
            for (mine, _), value in zip(floating, flat.split([mine.numel() for mine, _ in floating]), strict=True):
                mine.lerp_(value.reshape(mine.shape), share)
        for mine, theirs in pairs:
            if not mine.is_floating_point():
                mine.copy_(theirs)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A teacher that was saved has been moved by then."""
        super().on_load_checkpoint(checkpoint)
        self._averaged_step = checkpoint.get("global_step", 0)
