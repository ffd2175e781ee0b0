"""Left Atrium as the semi-supervised field shares it: `2018LA_Seg_Training Set/<id>/mri_norm2.h5`.

Layout of UA-MT (Yu et al., MICCAI 2019): z-scored, then cropped in X and Y around the left atrium of the reference
label, in every part of the split. `train.list` (80) and `test.list` (20) lie in the root; the field's labelled cases
are the first 4, 8 or 16 lines of `train.list`.
"""

from pathlib import Path

from llmseg.data.cases import Case
from llmseg.data.readers import h5

LAYOUT = h5.Layout(r"mri_norm2\.h5", "mri_norm2.h5", {"left atrium": (1,)}, spacing=0.625)


def read(root: Path, source: str = "") -> list[Case]:
    """Find all cases, sorted by id; every case is its own patient. Voxels have 0.625 mm, as the challenge says.

    Args:
        root: the folder with the lists and `2018LA_Seg_Training Set`, or that folder.
        source: where to get the data set, for the message when the root is missing.

    Raises:
        DataError: no case is found, or a file is unreadable.
    """
    return h5.read(root, LAYOUT, source)
