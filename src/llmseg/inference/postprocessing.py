"""What is done to a mask after the network."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def keep_largest(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep only the largest connected component of each class; voxels that touch at a corner are connected.

    Args:
        label: (L, X, Y, Z), an index map or 0/1 regions, as `encode_label` gives it; changed in place.

    Returns:
        The same array.
    """
    for part in label:
        for value, box in enumerate(ndimage.find_objects(part), start=1):
            if box is not None:
                _keep_largest(part[box], value)
    return label


def _keep_largest(part: NDArray[np.uint8], value: int) -> None:
    components, count = ndimage.label(part == value, structure=np.ones((3,) * part.ndim))
    if count > 1:
        sizes = np.bincount(components.ravel())
        part[(components > 0) & (components != 1 + sizes[1:].argmax())] = 0
