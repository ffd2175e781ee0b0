"""Losses: functions of logits and label."""

from llmseg.losses.segmentation import SegmentationLoss

__all__ = ["SegmentationLoss"]
