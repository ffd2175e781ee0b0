"""The built-in sample: axial slabs of the MNI152 template that nilearn ships (Fonov et al., NeuroImage 2011).

One averaged, mirror-symmetric brain: good for a demonstration and for tests, no evidence about any network.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from nibabel.loadsave import save
from nibabel.nifti1 import Nifti1Image

from llmseg.data.cases import Case
from llmseg.data.readers import nnunet
from llmseg.errors import DataError

SLABS = 8
FIRST_SLICE, SLAB_SLICES, PERIOD = 9, 12, 18
"""Slices (1 mm). The 6 mm between two slabs are dropped, since neighbouring slices are almost copies of each other."""
TEST_SLABS = (3, 6)


def read(root: Path) -> list[Case]:
    """Return the eight slabs `slab_0` to `slab_7`; the first call writes them below `root` as an nnU-Net folder.

    One channel (T1, 0 to 1); classes grey_matter and white_matter, where the tissue's probability is above one half.
    Safe for several processes at once. No network access.

    Raises:
        DataError: `root` exists and holds something else.
    """
    if not (root / "dataset.json").is_file():
        _write(root)
    return nnunet.read(root)


def _write(root: Path) -> None:
    """Write the sample beside `root`, then rename it: a killed or second process leaves nothing half-written."""
    root.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        _write_files(temporary)
        temporary.chmod(0o755)  # mkdtemp gives 0o700
        os.rename(temporary, root)  # fails where root holds files, by another process or by the user
    except OSError as error:
        if not (root / "dataset.json").is_file():
            raise DataError(
                f"{root}: cannot write the built-in sample there ({error.strerror}): choose an empty data.root"
            ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_files(folder: Path) -> None:
    image, label = _template()
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    for number in range(SLABS):
        start = FIRST_SLICE + PERIOD * number
        slab = (slice(None), slice(None), slice(start, start + SLAB_SLICES))
        save(image.slicer[slab], folder / "imagesTr" / f"slab_{number}_0000.nii.gz")
        save(label.slicer[slab], folder / "labelsTr" / f"slab_{number}.nii.gz")
    facts = {
        "channel_names": {"0": "T1"},
        "labels": {"background": 0, "grey_matter": 1, "white_matter": 2},
        "numTraining": SLABS,
        "file_ending": ".nii.gz",
    }
    train = [f"slab_{number}" for number in range(SLABS) if number not in TEST_SLABS]
    split = {"train": train, "test": [f"slab_{number}" for number in TEST_SLABS]}
    (folder / "split.json").write_text(json.dumps(split, indent=1))
    (folder / "dataset.json").write_text(json.dumps(facts, indent=1))


def _template() -> tuple[Nifti1Image, Nifti1Image]:
    """T1 image and index map of the whole brain, 1 mm."""
    from nilearn import datasets  # type: ignore[import-untyped, unused-ignore]  # over a second to import, and needed only once

    image = datasets.load_mni152_template(resolution=1)
    grey = datasets.load_mni152_gm_template(resolution=1).get_fdata()
    white = datasets.load_mni152_wm_template(resolution=1).get_fdata()
    index = np.where(white > 0.5, 2, np.where(grey > 0.5, 1, 0)).astype(np.uint8)
    return Nifti1Image(image.get_fdata(dtype=np.float32), image.affine), Nifti1Image(index, image.affine)
