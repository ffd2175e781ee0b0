"""Networks: plain modules from image tensors to logits."""

from llmseg.models.unet import UNet
from llmseg.models.vnet import VNet

__all__ = ["UNet", "VNet"]
