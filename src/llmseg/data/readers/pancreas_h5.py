"""Pancreas-CT as the semi-supervised field shares it, in two preprocessed layouts whose numbers do not compare.

Protocol A (MC-Net, Wu et al., Medical Image Analysis 2022; Co-BioNet, AD-MT): `Pancreas_h5/image0001_norm.h5`, 82
cases, 62 for training and 20 for the test by `train.list` and `test.list`; cropped around the reference label in X and
Y with 25 voxels of margin, z-scored.
Protocol B (CoraNet, Shi et al., IEEE TMI 2022; BCP, SDCL): `0001.h5` or `data0001.h5`, 80 cases, `train_lab.txt` (12),
`train_unlab.txt` (50) and `test.txt` (18); cropped in all three axes, scaled to [0, 1].
Both were resampled to 1 mm, so that a voxel is a millimetre.
"""

from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.readers import h5
from llmseg.errors import ConfigError

_LABELS = {"pancreas": (1,)}
LAYOUTS = {
    "a": h5.Layout(r"(?P<id>image\d{4})_norm\.h5", "image0001_norm.h5", _LABELS),
    "b": h5.Layout(r"(?P<id>(data)?\d{4})\.h5", "0001.h5", _LABELS),
}


def read(root: Path, protocol: str, source: str = "") -> list[Case]:
    """Find all cases of one protocol, sorted by id.

    Every case counts as its own patient, although cases 2, 25 and 70 are one scan (see `readers.pancreas.patient`):
    the published lists of protocol A have one of them in the test part, and could not be used otherwise.

    Args:
        root: the folder with the lists; the files may lie in a folder below it.
        protocol: a or b.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        ConfigError: unknown protocol.
        DataError: no case is found, or a file is unreadable.
    """
    if protocol not in LAYOUTS:
        raise ConfigError(f"data.reader.protocol={protocol}: choose a or b")
    return h5.read(root, LAYOUTS[protocol], source)
