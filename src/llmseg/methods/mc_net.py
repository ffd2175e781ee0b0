"""Mutual consistency of several decoders (MC-Net+, Wu et al., Medical Image Analysis 2022)."""

from typing import Any

import torch
from torch import Tensor, nn

from llmseg.losses.consistency import squared_error
from llmseg.methods.semi_supervised import SemiSupervised, Streams
from llmseg.models.multi_decoder import UpsamplingDecoder
from llmseg.models.vnet import VNet


class MutualConsistency(SemiSupervised):
    """One encoder, three decoders that enlarge in different ways; each is to agree with the others' sharpened output.

    The V-Net's own decoder is the first, and the V-Net alone is tested.

    Args:
        net: a V-Net.
        temperature: of the sharpening p^(1/T), which is a division of the logits by T.
        base: arguments of `SemiSupervised`.
    """

    def __init__(self, *, net: nn.Module, temperature: float = 0.1, **base: Any) -> None:
        if not isinstance(net, VNet):
            raise ValueError("method=mc_net: builds its decoders from a V-Net; choose model=vnet")
        if temperature <= 0:
            raise ValueError(f"method.temperature={temperature:g}: must be above 0")
        super().__init__(net=net, **base)
        self.temperature = temperature
        more = [UpsamplingDecoder(net, mode) for mode in ("trilinear", "nearest")]
        self.decoders = nn.ModuleList(map(self._train_too, more))

    def training_loss(self, batch: Streams) -> Tensor:
        """Mean supervised loss of the decoders, and the disagreement of every pair on all samples."""
        logits = self.through(self._decoded, batch.image, batch.unlabelled).unbind(1)
        count = len(batch.label)
        supervised = torch.stack([self.loss(each[:count], batch.label) for each in logits]).mean()
        apart = [
            squared_error(one, other / self.temperature, self.overlapping)
            for one in logits
            for other in logits
            if one is not other
        ]
        return supervised + self.ramped(torch.stack(apart).sum())

    def _decoded(self, image: Tensor) -> Tensor:
        """Logits of all decoders (N, decoders, K, *spatial)."""
        assert isinstance(self.net, VNet)
        features = self.net.encode(image)
        return torch.stack([self.net.decode(features), *(decoder(features) for decoder in self.decoders)], dim=1)
