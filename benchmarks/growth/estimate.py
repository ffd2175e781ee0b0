"""What GPUs would take, by arithmetic: work counted on networks without weights, and the peaks of data sheets."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from growth.model import makespan
from growth.roofline import A100, H100, Costs, costs
from llmseg.inference.windows import window_starts
from llmseg.resources import conf_folder

NNUNET = 9 * 3600 / (1000 * 250)
"""Seconds of a step of two patches of 128x128x128 on an A100 PCIe 40 GB: nnU-Net's published nine hours for 1000 epochs
of 250 (its documentation, resenc_presets.md)."""
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
        ideal: seconds on an H100 at the roofline.
    """

    name: str
    flop: float
    ideal: float

    def seconds(self, share: float) -> float:
        """On one H100 that reaches that share of the roofline."""
        return START + self.ideal / share


def recipes() -> list[dict[str, Any]]:
    """Each LLM's own epochs, batch and image size, and what its network computes for a sample."""
    folder = conf_folder() / "experiment" / "as_published"
    base = _read(folder / "_base.yaml")
    found = []
    for file in sorted(folder.glob("[!_]*.yaml")):
        own = _read(file)
        data = base["data"] | own.get("data", {})
        node = _model(next(each["override /model"] for each in own["defaults"] if "override /model" in each))
        work = costs(node, (data["image_size"],) * 2)
        found.append(
            {
                "network": file.stem, "image_size": data["image_size"], "batch": data["batch_size"],
                "epochs": own["trainer"]["max_epochs"], "forward_gflop": work.forward.flop / 1e9,
                "step_gflop": work.step.flop / 1e9, "forward_ms": 1e3 * work.forward.seconds(H100),
                "step_ms": 1e3 * work.step.seconds(H100),
            }
        )  # fmt: skip
    return found


def study(found: list[dict[str, Any]]) -> list[Job]:
    """Nineteen networks, six data sets, three seeds; validation after every epoch, one test."""

    def whole(each: dict[str, Any], unit: str, count: int) -> float:
        """Of one training with its validation and test."""
        step, forward = each[f"step_{unit}"], each[f"forward_{unit}"]
        return float(count * (each["epochs"] * (TRAIN * step + VALIDATION * forward) + TEST * forward))

    return [
        Job(f"{each['network']} {data}", 1e9 * whole(each, "gflop", count), whole(each, "ms", count) / 1e3)
        for each in found
        for data, count in IMAGES.items()
        for _ in range(SEEDS)
    ]


def table() -> tuple[list[dict[str, Any]], list[Job]]:
    """The semi-supervised field's protocols with all methods: what a step is, and every run."""
    methods = factors()
    protocols, jobs = [], []
    for file in sorted((conf_folder() / "experiment" / "field").glob("[!_]*.yaml")):
        own = _read(file)
        patch = tuple(own["data"]["patch_size"])
        steps = own.get("trainer", {}).get("max_steps", _read(file.with_name("_base.yaml"))["trainer"]["max_steps"])
        work = _vnet(patch)
        windows = len(window_starts(tuple(map(max, VOLUME, patch)), patch, 0.5, own["evaluation"]["stride"]))
        protocols.append(
            {
                "protocol": file.stem, "labelled": own["data"]["labelled"], "patch": "x".join(map(str, patch)),
                "steps": steps, "step_gflop": work.step.flop * SAMPLES / 1e9, "windows": windows,
                "window_gflop": work.forward.flop / 1e9, "step_ms": 1e3 * SAMPLES * work.step.seconds(H100),
                "window_ms": 1e3 * work.forward.seconds(H100),
            }
        )  # fmt: skip
        samples, tested = steps * SAMPLES, TEST_CASES * windows
        jobs += [
            Job(
                f"{method} {file.stem}",
                samples * factor * work.step.flop + tested * work.forward.flop,
                samples * factor * work.step.seconds(H100) + tested * work.forward.seconds(H100),
            )
            for method, factor in methods.items()
            for _ in range(SEEDS)
        ]
    return protocols, jobs


@cache
def _vnet(patch: tuple[int, ...]) -> Costs:
    return costs(_model("vnet"), patch)


@cache
def reached() -> float:
    """Share of its roofline that nnU-Net reaches by its published time."""
    node = _model("dynunet") | {
        "spatial_dims": 3, "kernel_size": [3] * 6, "strides": [1, 2, 2, 2, 2, 2], "upsample_kernel_size": [2] * 5,
        "filters": [32, 64, 128, 256, 320, 320],
    }  # fmt: skip
    return 2 * costs(node, (128, 128, 128)).step.seconds(A100) / NNUNET


def totals(name: str, jobs: list[Job]) -> Iterator[dict[str, Any]]:
    """Hours on so many GPUs, one run a GPU, at the roofline and at the share of it that nnU-Net reached."""
    for devices in DEVICES:
        yield {
            "table": name, "runs": len(jobs), "pflop": sum(job.flop for job in jobs) / 1e15, "gpus": devices,
            "hours_at_roofline": makespan([job.seconds(1.0) for job in jobs], devices) / 3600,
            "hours_as_nnunet": makespan([job.seconds(reached()) for job in jobs], devices) / 3600,
            "longest_run_hours": max(job.seconds(reached()) for job in jobs) / 3600,
        }  # fmt: skip


def assumptions() -> list[dict[str, str]]:
    """All that is not counted."""
    rows = {
        "GPU": H100.name,
        "roofline": "each kernel of eager PyTorch as long as its arithmetic or its traffic takes at these peaks",
        "slow case": (
            f"{reached():.0%} of the roofline: nnU-Net's published 9 hours for 250,000 steps beside its own roofline "
            f"({A100.name})"
        ),
        "seconds of a run without GPU": f"{START:.0f}",
        "pictures": ", ".join(f"{name} {count}" for name, count in IMAGES.items()),
        "parts of a data set": f"training {TRAIN:.0%}, validation {VALIDATION:.0%} each epoch, test {TEST:.0%}",
        "seeds": str(SEEDS),
        "samples in a semi-supervised step": str(SAMPLES),
        "cost of a method's step": "as of supervised training times the operations in results/ssl_step.json",
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
