"""LLM-SegNet: co-training with what an LLM knows about the organ (Kumari et al., arXiv 2407.05088)."""

from typing import Any

import torch
from torch import Tensor, nn

from llmseg.inference.predict import channels_last
from llmseg.knowledge import Knowledge
from llmseg.losses.unified import unified_segmentation_loss
from llmseg.methods.mixing import boxes, cut_mix
from llmseg.methods.semi_supervised import CoTraining, Streams, on_grid
from llmseg.models.knowledge import WithKnowledge


class LLMSegNet(CoTraining):
    """Two networks, one on the images, one on CutMix-ed images, learn from each other by the Unified Segmentation Loss.

    Text about the classes is fused into the deepest features of both. So that the first network learns from pseudo-
    labels of what it sees itself, the second also runs once on the unmixed images, without gradient.

    The paper's abstract and public summaries say: co-training of two networks on raw and CutMix-ed images, text
    descriptors of an LLM fused at the bottleneck with a learnable balance, a loss of likelihood and squared error by
    confidence, Dice and cross-entropy on labelled data. All numbers are ours.

    Args:
        knowledge: embedded text; None: the same networks without it.
        fusion: balance, film, gate or cross_attention.
        threshold: from which probability on a decision of the other network is believed.
        nll_weight: of the likelihood, where the other network is confident.
        mse_weight: of the squared error, where it is not.
        average: own or all, see `unified_segmentation_loss`.
        cutmix: least and largest share of the volume that is exchanged; [0, 0] for none.
        base: arguments of `CoTraining`.
    """

    def __init__(
        self,
        *,
        net: nn.Module,
        peer: nn.Module,
        knowledge: Knowledge | None = None,
        fusion: str = "balance",
        threshold: float = 0.8,
        nll_weight: float = 1.0,
        mse_weight: float = 1.0,
        average: str = "own",
        cutmix: tuple[float, float] = (0.0, 0.5),
        **base: Any,
    ) -> None:
        wrapper: dict[str, Any] | None = None
        if knowledge is not None:
            shape = list(knowledge.vectors.shape)
            wrapper = {"text_shape": shape, "fusion": fusion, "learned": knowledge.learned}
            net, peer = (_informed(each, knowledge, wrapper) for each in (net, peer))
        super().__init__(net=net, peer=peer, **base)
        self._wrapper = wrapper
        self.provenance = {} if knowledge is None else {"knowledge": knowledge.provenance()}
        low, high = cutmix
        if not 0 <= low <= high <= 1:
            raise ValueError(f"method.cutmix={list(cutmix)}: give two shares of the volume, 0 <= least <= largest <= 1")
        self.cutmix = (low, high)
        self.options: dict[str, Any] = {
            "overlapping": self.overlapping,
            "threshold": threshold,
            "nll_weight": nll_weight,
            "mse_weight": mse_weight,
            "average": average,
        }

    @property
    def networks(self) -> dict[str, Any]:
        """Both, with their text."""
        plain = super().networks
        if self._wrapper is None:
            return plain
        target = f"{WithKnowledge.__module__}.{WithKnowledge.__name__}"
        return {name: {"_target_": target, "net": node, **self._wrapper} for name, node in plain.items()}

    def training_loss(self, batch: Streams) -> Tensor:
        """Supervised losses and the Unified Segmentation Loss of both networks."""
        count, raw = len(batch.label), batch.unlabelled
        mask = self._mask(raw)
        mixed = cut_mix(raw, mask)
        mine = self.through(self.net, batch.image, raw)
        theirs = self.through(self.peer, batch.image, mixed)
        with torch.no_grad():
            of_raw = on_grid(self.peer(channels_last(raw)), raw)
        of_net, of_mixed = on_grid(mine[count:], raw), on_grid(theirs[count:], raw)
        to_net = unified_segmentation_loss(of_net, of_raw, **self.options)
        # the pseudo-labels are mixed as the images were
        to_peer = unified_segmentation_loss(of_mixed, cut_mix(of_net.detach(), mask), **self.options)
        self.log("train/confident", to_net.confident)
        self.log("train/peer_confident", to_peer.confident)
        return self.supervised((mine, theirs), batch.label) + self.ramped(to_net.loss + to_peer.loss)

    def _mask(self, image: Tensor) -> Tensor:
        if not self.cutmix[1]:
            return image.new_zeros(1, dtype=torch.bool)
        return boxes(len(image), image.shape[2:], self.cutmix).to(image.device)


def _informed(net: nn.Module, knowledge: Knowledge, options: dict[str, Any]) -> nn.Module:
    informed = WithKnowledge(net, **options)
    informed.load_text(knowledge.vectors)
    return informed
