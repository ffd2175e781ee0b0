"""nnU-Net v2 (Isensee et al., Nature Methods 2021) as the reference, on the slices or volumes that authors get."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from llmseg.errors import ConfigError, UserError
from llmseg.study.masks import write_mask
from llmseg.study.workspace import Workspace

log = logging.getLogger("llmseg")
_NUMBER, _NAME = "501", "Dataset501_Study"


def require_nnunet() -> None:
    """Refuse to go on without nnU-Net.

    Raises:
        UserError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("nnunetv2") is None:
        raise UserError("author=nnunet needs the package nnunetv2: pip install nnunetv2")


def reference(workspace: Workspace, folder: Path, output: Path, options: Mapping[str, Any]) -> None:
    """Plan, train on all training slices, and predict the test slices.

    Args:
        workspace: slices.
        folder: of nnU-Net's own files; what is there from an interrupted run is gone on with.
        output: gets one mask for each test image.
        options: trainer, the name of an nnU-Net trainer class.

    Raises:
        ConfigError: volumes, or an option that there is not.
        UserError: nnU-Net failed.
    """
    if workspace.spatial_dims != 2:
        raise ConfigError(f"prompt.spatial_dims={workspace.spatial_dims}: author=nnunet takes slices, prompt=pytorch")
    if unknown := sorted(options.keys() - {"trainer"}):
        raise ConfigError(f"author.options.{unknown[0]}: author=nnunet knows trainer only")
    raw = folder / "raw" / _NAME
    _convert(workspace, raw)
    trainer = str(options.get("trainer", "nnUNetTrainer"))
    _call(folder, "nnUNetv2_plan_and_preprocess", "-d", _NUMBER, "-c", "2d")
    _call(folder, "nnUNetv2_train", _NUMBER, "2d", "all", "-tr", trainer, "--c")
    masks = folder / "predicted"
    words = ("-i", str(raw / "imagesTs"), "-o", str(masks), "-d", _NUMBER, "-c", "2d", "-f", "all", "-tr", trainer)
    _call(folder, "nnUNetv2_predict", *words)
    output.mkdir(parents=True, exist_ok=True)
    for id_ in workspace.test:
        with Image.open(masks / f"{id_}.png") as image:
            write_mask(output / f"{id_}.png", np.asarray(image) > 0)


def _convert(workspace: Workspace, raw: Path) -> None:
    """nnU-Net's raw folder; masks hold 0 and 1, RGB pictures are three channels in one file."""
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / name).mkdir(parents=True, exist_ok=True)
    for part, images in (("train", "imagesTr"), ("test", "imagesTs")):
        for file in sorted((workspace.data / part / "images").iterdir()):
            (raw / images / f"{file.stem}_0000.png").write_bytes(file.read_bytes())
    for file in sorted((workspace.data / "train" / "masks").iterdir()):
        with Image.open(file) as image:
            Image.fromarray((np.asarray(image) > 127).astype(np.uint8)).save(raw / "labelsTr" / file.name)
    channels = {"0": "scan"} if workspace.channels == 1 else {"0": "R", "1": "G", "2": "B"}
    facts = {
        "channel_names": channels,
        "labels": {"background": 0, "foreground": 1},
        "numTraining": workspace.train,
        "file_ending": ".png",
    }
    (raw / "dataset.json").write_text(json.dumps(facts, indent=1))


def _call(folder: Path, *words: str) -> None:
    """One of nnU-Net's commands, which lie beside the interpreter."""
    places = {f"nnUNet_{name}": str(folder / name) for name in ("raw", "preprocessed", "results")}
    program = Path(sys.executable).parent / words[0]
    log.info(" ".join(words))
    try:
        code = subprocess.run([str(program), *words[1:]], env={**os.environ, **places}, check=False).returncode
    except OSError as error:
        raise UserError(f"author=nnunet: cannot start {words[0]} ({error.strerror})") from error
    if code:
        raise UserError(f"author=nnunet: {words[0]} failed (exit code {code}), see above")
