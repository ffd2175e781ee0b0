"""What GPUs would take, by arithmetic: operations counted on networks without weights, and assumed shares of a peak."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from growth.model import makespan
from llmseg.inference.windows import window_starts
from llmseg.models.build import build_network
from llmseg.resources import conf_folder

PEAK = 798e12
"""FLOP/s of a bfloat16 product of 8192x8192 matrices, measured on an H100 on another occasion."""
ROOFLINE = {2: 0.75, 3: 0.25}
"""Share of the peak that memory traffic leaves to eager PyTorch at most: U-Net at 256x256, V-Net at 112x112x80."""
REACHED = 0.14 / 0.64
"""Share of its roofline that nnU-Net reaches by its published time: 14 % of an A100's peak, of at most 64 %."""
START = 60.0
"""Seconds of a run in which no GPU works: start, caching, tables."""
IMAGES = {"bagls": 5002, "bolus": 5002, "skin": 5002, "brain": 999, "myoma": 5457, "retina": 73}
"""Pictures that the study used: the pages of docs/data, and of the original study's README."""
TRAIN, VALIDATION, TEST = 0.8, 0.1, 0.1
SEEDS = 3
VOLUME = (200, 200, 88)
"""Of a test case in the semi-supervised table, voxels; as left atria are after cropping."""
TEST_CASES = 20
SAMPLES = 4
"""In a step: two labelled, two not."""
DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Job:
    """One training with its scoring.

    Attributes:
        name: of network or method, and of data.
        flop: floating-point operations in all.
        spatial_dims: of its network; which roofline holds.
    """

    name: str
    flop: float
    spatial_dims: int

    def seconds(self, share: float) -> float:
        """On one GPU that reaches that share of the roofline."""
        return START + self.flop / (PEAK * ROOFLINE[self.spatial_dims] * share)


def recipes() -> list[dict[str, Any]]:
    """Each LLM's own epochs, batch and image size, and what its network computes for a sample."""
    folder = conf_folder() / "experiment" / "as_published"
    base = _read(folder / "_base.yaml")
    found = []
    for file in sorted(folder.glob("[!_]*.yaml")):
        own = _read(file)
        data = base["data"] | own.get("data", {})
        node = _model(next(each["override /model"] for each in own["defaults"] if "override /model" in each))
        forward, step = operations(node, (data["image_size"],) * 2)
        found.append(
            {
                "network": file.stem, "image_size": data["image_size"], "batch": data["batch_size"],
                "epochs": own["trainer"]["max_epochs"], "forward_gflop": forward / 1e9, "step_gflop": step / 1e9,
            }
        )  # fmt: skip
    return found


def operations(node: Mapping[str, Any], size: tuple[int, ...]) -> tuple[float, float]:
    """Of a forward pass on one sample, and of forward and backward; nothing is computed, nothing held."""
    with torch.device("meta"):
        net = build_network(node)
        sample = torch.empty(2, 1, *size)  # two: some have a batch norm on one value a channel
    with FlopCounterMode(display=False) as forward:
        outputs = net(sample)
    with FlopCounterMode(display=False) as backward:
        (outputs[0] if isinstance(outputs, tuple | list) else outputs).sum().backward()
    return forward.get_total_flops() / 2, (forward.get_total_flops() + backward.get_total_flops()) / 2


def study(found: list[dict[str, Any]]) -> list[Job]:
    """Nineteen networks, six data sets, three seeds; validation after every epoch, one test."""
    return [
        Job(
            f"{each['network']} {data}",
            1e9 * count * (
                each["epochs"] * (TRAIN * each["step_gflop"] + VALIDATION * each["forward_gflop"])
                + TEST * each["forward_gflop"]
            ),
            2,
        )
        for each in found for data, count in IMAGES.items() for _ in range(SEEDS)
    ]  # fmt: skip


def table() -> tuple[list[dict[str, Any]], list[Job]]:
    """The semi-supervised field's protocols with all methods: what a step is, and every run."""
    costs = factors()
    protocols, jobs = [], []
    for file in sorted((conf_folder() / "experiment" / "field").glob("[!_]*.yaml")):
        own = _read(file)
        patch = tuple(own["data"]["patch_size"])
        steps = own.get("trainer", {}).get("max_steps", _read(file.with_name("_base.yaml"))["trainer"]["max_steps"])
        forward, step = operations(_model("vnet"), patch)
        windows = len(window_starts(tuple(map(max, VOLUME, patch)), patch, 0.5, own["evaluation"]["stride"]))
        protocols.append(
            {
                "protocol": file.stem, "labelled": own["data"]["labelled"], "patch": "x".join(map(str, patch)),
                "steps": steps, "step_gflop": step * SAMPLES / 1e9, "windows": windows, "window_gflop": forward / 1e9,
            }
        )  # fmt: skip
        jobs += [
            Job(f"{method} {file.stem}", steps * SAMPLES * step * factor + TEST_CASES * windows * forward, 3)
            for method, factor in costs.items()
            for _ in range(SEEDS)
        ]
    return protocols, jobs


def totals(name: str, jobs: list[Job]) -> Iterator[dict[str, Any]]:
    """Hours on so many GPUs, one run a GPU, at the roofline and at the share of it that nnU-Net reached."""
    for devices in DEVICES:
        yield {
            "table": name, "runs": len(jobs), "pflop": sum(job.flop for job in jobs) / 1e15, "gpus": devices,
            "hours_at_roofline": makespan([job.seconds(1.0) for job in jobs], devices) / 3600,
            "hours_as_nnunet": makespan([job.seconds(REACHED) for job in jobs], devices) / 3600,
            "longest_run_hours": max(job.seconds(REACHED) for job in jobs) / 3600,
        }  # fmt: skip


def assumptions() -> list[dict[str, str]]:
    """All that is not counted."""
    rows = {
        "peak of a GPU, bfloat16": f"{PEAK / 1e12:.0f} TFLOP/s (matrix product, H100)",
        "roofline of 2D networks in eager PyTorch": f"{ROOFLINE[2]:.0%} of the peak (the 31 M U-Net's, for all)",
        "roofline of the V-Net in eager PyTorch": f"{ROOFLINE[3]:.0%} of the peak (at 112x112x80, for all patches)",
        "slow case": f"{REACHED:.0%} of the roofline, as nnU-Net's published time is 14 % of 64 %",
        "seconds of a run without GPU": f"{START:.0f}",
        "pictures": ", ".join(f"{name} {count}" for name, count in IMAGES.items()),
        "parts of a data set": f"training {TRAIN:.0%}, validation {VALIDATION:.0%} each epoch, test {TEST:.0%}",
        "seeds": str(SEEDS),
        "samples in a semi-supervised step": str(SAMPLES),
        "cost of a method's step": "operations by those of supervised training, results/ssl_step.json",
        "test cases of a protocol": f"{TEST_CASES} of {'x'.join(map(str, VOLUME))} voxels, one network",
        "input": "never waited for: data lie on the GPU",
        "GPUs": "one run each, the longest first; no run is divided",
    }
    return [{"assumption": key, "value": value} for key, value in rows.items()]


def factors() -> dict[str, float]:
    """Operations of a step by those of a supervised one, as `ssl_step.py` counted them."""
    rows = json.loads((Path(__file__).parents[2] / "results" / "ssl_step.json").read_text())["rows"]
    base = next(row["gflop_per_step"] for row in rows if row["method"] == "supervised")
    return {row["method"]: row["gflop_per_step"] / base for row in rows}


def _read(file: Path) -> dict[str, Any]:
    found = yaml.safe_load(file.read_text())
    assert isinstance(found, dict)
    return found


def _model(name: str) -> dict[str, Any]:
    """A network of conf/model for one channel and one class."""
    node = _read(conf_folder() / "model" / f"{name}.yaml")
    return {key: 1 if "${" in str(value) else value for key, value in node.items()}
