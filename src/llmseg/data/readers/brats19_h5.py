"""BraTS 2019 as the semi-supervised field shares it: FLAIR and whole tumour in `data/<id>.h5`.

Layout of SSL4MIS (Luo, 2020): cropped to the brain, clipped, z-scored over the brain; every tumour label is 1. The
root holds `train.txt` (250), `val.txt` (25) and `test.txt` (60); the field's labelled cases are the first 25 or 50
lines of `train.txt`.
"""

from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.readers import h5
from llmseg.data.readers.brats import patient

LAYOUT = h5.Layout(r"(?P<id>brats.+)\.h5", "BraTS19_CBICA_AAB_1.h5", {"whole_tumour": (1,)}, patient)


def read(root: Path, source: str = "") -> list[Case]:
    """Find all cases, sorted by id; the group is the patient, without the number of the scan. Voxels of 1 mm.

    Args:
        root: the folder with the lists and `data`.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: no case is found, or a file is unreadable.
    """
    return h5.read(root, LAYOUT, source)
