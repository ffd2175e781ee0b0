"""Training of a language model that writes reports."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from llmseg.data.reports.sample import Report
from llmseg.language.adapters import save_adapter
from llmseg.methods.adapted import Adapted
from llmseg.methods.method import precise
from llmseg.models.reporter import Reporter

ADAPTER = "adapter"
"""Folder of a run with its adapter in peft's own format."""


class Reporting(Adapted):
    """Findings in, impression out: next-token prediction of the answers (supervised fine-tuning).

    At the end the adapter is written beside the checkpoints, as `peft.PeftModel.from_pretrained` reads it.
    """

    net: Reporter

    def on_fit_start(self) -> None:
        """Begin with no validation seen."""
        self._seen = torch.zeros(2, dtype=torch.float64)  # sum of losses, and how many reports

    def training_loss(self, batch: Sequence[Report]) -> Tensor:
        """Loss of the answers' tokens."""
        return self.net.loss(batch)

    def validation_step(self, batch: Sequence[Report], batch_idx: int) -> None:
        """Loss of a batch, which counts as often as it has reports."""
        if batch:
            loss = precise(self.net.loss(batch)).cpu()
            self._seen = self._seen + torch.stack([loss * len(batch), torch.tensor(float(len(batch)))])

    def on_validation_epoch_end(self) -> None:
        """Mean over all reports of all processes."""
        total = self.trainer.strategy.reduce(self._seen.to(self.device, torch.float32), reduce_op="sum")
        assert isinstance(total, Tensor)
        self._seen = torch.zeros_like(self._seen)
        self.log("val/loss", total[0] / total[1].clamp(min=1), prog_bar=True, rank_zero_only=False)

    def on_train_end(self) -> None:
        """Write the adapter. Where weights are divided over processes, `export.py` does so from the checkpoint."""
        whole = all(each.numel() for each in self.net.parameters() if each.requires_grad)
        if whole and self.trainer.is_global_zero and hasattr(self.net.lm, "peft_config"):
            save_adapter(self.net.lm, Path(self.trainer.default_root_dir) / ADAPTER)
