"""PyTorch, which reserves much memory and starts threads, works inside the box."""

from pathlib import Path

import pytest

from llmseg.study.sandbox import Box, Limits, in_force, run

pytestmark = pytest.mark.slow

SCRIPT = """
import os, torch
from torch.utils.data import DataLoader
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1))
optimizer = torch.optim.Adam(net.parameters(), 1e-2)
images = torch.randn(16, 1, 32, 32)
data = [(image, (image > 0).float()) for image in images]
for epoch in range(3):
    for image, mask in DataLoader(data, batch_size=4, shuffle=True, num_workers=2):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(image), mask)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
import numpy, PIL.Image
os.mkdir("predictions")
PIL.Image.fromarray((net(images[:1])[0, 0] > 0).numpy().astype(numpy.uint8) * 255).save("predictions/1.png")
print("loss", loss.item(), torch.cuda.is_available())
"""


def test_a_training_with_worker_processes(tmp_path: Path) -> None:
    if in_force()["isolation"] == "none":
        pytest.skip(str(in_force()["reason"]))
    box = Box(tmp_path / "results", {"main.py": SCRIPT}, limits=Limits(seconds=120))
    outcome = run(["python", "-u", "main.py"], box)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith("loss 0.")
    assert (tmp_path / "results" / "1.png").stat().st_size > 0
    assert outcome.stderr == "", "no warnings of missing folders"
    assert 200 < outcome.peak_mb < 8192
