"""The largest component, by hand."""

import numpy as np

from llmseg.inference.postprocessing import keep_largest


def test_each_class_keeps_its_largest_component() -> None:
    row = np.array([1, 1, 0, 1, 1, 1, 0, 2, 0, 2, 2], np.uint8)
    kept = keep_largest(row.reshape(1, -1, 1, 1).copy()).ravel()
    assert kept.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 2, 2]


def test_corners_connect_and_another_class_between_does_not() -> None:
    label = np.zeros((1, 5, 5, 5), np.uint8)
    for index in range(3):
        label[0, index, index, index] = 1
    label[0, 3, 3, 3] = 2
    label[0, 4, 4, 4] = 1
    kept = keep_largest(label.copy())
    assert [int(kept[0, index, index, index]) for index in range(5)] == [1, 1, 1, 2, 0]


def test_regions_are_kept_each_on_its_own_and_empty_ones_stay_empty() -> None:
    label = np.zeros((3, 4, 1, 1), np.uint8)
    label[0, [0, 2, 3]] = 1
    label[1, [0, 1]] = 1
    assert keep_largest(label)[:, :, 0, 0].tolist() == [[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
