"""Overlap of boxes, against torchvision and against counted pixels."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import ops

from llmseg.data.boxes.overlap import centre_mm, giou, iou, match
from llmseg.data.boxes.sample import Box

EDGE = st.floats(0, 200, allow_nan=False)
SIDE = st.floats(0.5, 100, allow_nan=False)
BOX = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), EDGE, EDGE, SIDE, SIDE)
CELL = st.integers(0, 11)
WHOLE = st.builds(lambda x, y, w, h: Box(x, y, x + w + 1, y + h + 1), CELL, CELL, CELL, CELL)


def tensor(*boxes: Box) -> torch.Tensor:
    return torch.tensor(boxes, dtype=torch.float64)


@given(BOX, BOX)
def test_as_torchvision(first: Box, second: Box) -> None:
    assert iou(first, second) == pytest.approx(ops.box_iou(tensor(first), tensor(second)).item(), abs=1e-9)
    expected = ops.generalized_box_iou(tensor(first), tensor(second)).item()
    assert giou(first, second) == pytest.approx(expected, abs=1e-9)


@given(WHOLE, WHOLE)
def test_as_counted_pixels(first: Box, second: Box) -> None:
    grids = np.zeros((2, 24, 24), bool)
    for grid, (x1, y1, x2, y2) in zip(grids, (first, second), strict=True):
        grid[int(y1) : int(y2), int(x1) : int(x2)] = True
    assert iou(first, second) == pytest.approx((grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum())


@given(BOX, BOX, st.floats(-50, 50), st.floats(-50, 50))
def test_properties(first: Box, second: Box, dx: float, dy: float) -> None:
    assert iou(first, second) == pytest.approx(iou(second, first))
    assert giou(first, second) == pytest.approx(giou(second, first))
    assert 0 <= iou(first, second) <= 1 + 1e-12
    assert -1 <= giou(first, second) <= iou(first, second) + 1e-12
    assert iou(first, first) == pytest.approx(1)
    assert giou(first, first) == pytest.approx(1)
    moved = [Box(b.x1 + dx, b.y1 + dy, b.x2 + dx, b.y2 + dy) for b in (first, second)]
    assert iou(*moved) == pytest.approx(iou(first, second), abs=1e-6)
    assert giou(*moved) == pytest.approx(giou(first, second), abs=1e-6)


def test_boxes_without_area_do_not_divide_by_zero() -> None:
    point = Box(3, 3, 3, 3)
    assert (iou(point, point), giou(point, point)) == (0, 0)
    assert iou(point, Box(0, 0, 5, 5)) == 0
    assert iou(Box(5, 5, 2, 2), Box(0, 0, 9, 9)) == 0  # edges the wrong way round


def test_distance_in_millimetres() -> None:
    first, second = Box(0, 0, 2, 2), Box(6, 4, 8, 6)  # centres (1, 1) and (7, 5)
    assert centre_mm(first, second, (0.5, 1.0)) == pytest.approx(5.0)  # 3 mm along x, 4 mm along y
    assert centre_mm(first, second, None) is None


@given(st.lists(BOX, min_size=1, max_size=4), st.lists(BOX, min_size=0, max_size=4))
def test_match_has_the_greatest_total(truth: list[Box], predicted: list[Box]) -> None:
    pairs = match(truth, predicted)
    assert len(pairs) == len(set(pairs.values())) == min(len(truth), len(predicted))
    few, many = sorted((truth, predicted), key=len)
    best = max(sum(map(iou, few, order)) for order in permutations(many, len(few)))
    assert sum(iou(truth[own], predicted[other]) for own, other in pairs.items()) == pytest.approx(best, abs=1e-4)


def test_pairs_that_do_not_overlap_go_to_the_nearer() -> None:
    truth = [Box(0, 0, 2, 2), Box(50, 50, 52, 52)]
    assert match(truth, [Box(54, 54, 56, 56), Box(4, 4, 6, 6)]) == {0: 1, 1: 0}
