"""Training samples and their order."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from llmseg.data.cache import Cache
from llmseg.data.preprocessing import Recipe
from llmseg.data.samples import EpochBatches, Patches, Slices, Store, cut
from llmseg.data.seeds import derive, generator
from tests.data.make import case, mask, noise

RECIPE = Recipe(("one", "two"), False, "RAS", None, "zscore", None, False, 2, None)
CPU = torch.device("cpu")
SHAPE = (12, 10, 8)


def store(folder: Path, place: str = "disk", shape: tuple[int, ...] = SHAPE) -> Store:
    label = np.zeros(shape, np.uint8)
    label[2:4, 2:4, 2:4], label[8, 8, 6] = 1, 2
    made = [case(folder / name, noise(seed, shape), label) for seed, name in enumerate("ab")]
    return Store(Cache(folder / "cache", RECIPE).get_all(made), place, CPU)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_an_epoch_without_overlap(world: int) -> None:
    dealt = [
        sample for rank in range(world) for batch in EpochBatches(25, 4, rank, world, seed=1) for _, sample in batch
    ]
    assert len(dealt) == 25 // (4 * world) * 4 * world
    assert max(Counter(dealt).values()) == 1


def test_order_is_a_function_of_seed_and_epoch() -> None:
    batches = EpochBatches(10, 3, 0, 1, seed=1)
    first = list(batches)
    assert list(batches) == first
    batches.set_epoch(1)
    second = list(batches)
    assert [i for b in second for _, i in b] != [i for b in first for _, i in b]
    assert {epoch for batch in second for epoch, _ in batch} == {1}


def test_a_set_smaller_than_a_batch_is_repeated() -> None:
    """And the second pass counts on, so that it has patches of its own."""
    assert [sorted(i for _, i in batch) for batch in EpochBatches(2, 4, 0, 1, seed=0)] == [[0, 1, 2, 3]]


def test_an_epoch_may_be_several_passes_each_in_an_order_of_its_own() -> None:
    batches = EpochBatches(5, 2, 0, 1, seed=3, batches=10)
    drawn = [i for batch in batches for _, i in batch]
    assert len(batches) == 10
    assert sorted(drawn) == list(range(20))
    passes = [[i % 5 for i in drawn[first : first + 5]] for first in range(0, 20, 5)]
    assert all(sorted(each) == list(range(5)) for each in passes)
    assert len({tuple(each) for each in passes}) > 1


def test_an_epoch_may_be_a_part_of_a_pass() -> None:
    drawn = [i for batch in EpochBatches(50, 2, 0, 1, seed=3, batches=4) for _, i in batch]
    assert len(set(drawn)) == 8
    assert max(drawn) < 50


def test_slices_are_the_slices_of_the_cases(tmp_path: Path) -> None:
    flat = Recipe(("one", "two"), False, "RAS", None, "zscore", None, False, 2, (12, 10))
    shape = (12, 10, 8)
    cases = [case(tmp_path / name, noise(seed, shape), mask((0, 1, 2), shape)) for seed, name in enumerate("ab")]
    cached = Cache(tmp_path / "cache", flat).get_all([*cases])
    slices = Slices(Store(cached, "disk", CPU))
    assert len(slices) == 16
    image, label = slices[(0, 9)]
    np.testing.assert_array_equal(image.numpy(), cached[1].image()[1])
    label_stack = cached[1].label()
    assert label_stack is not None
    np.testing.assert_array_equal(label.numpy(), label_stack[1])


@pytest.mark.parametrize("place", ["disk", "ram", "device"])
def test_patches_do_not_depend_on_where_cases_are_kept(tmp_path: Path, place: str) -> None:
    expected = Patches(store(tmp_path), (6, 6, 6), 2, 0.5, seed=0)[(3, 1)]
    got = Patches(store(tmp_path, place), (6, 6, 6), 2, 0.5, seed=0)[(3, 1)]
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


@pytest.mark.parametrize("place", ["disk", "ram", "device"])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_batch_is_what_older_runs_drew(tmp_path: Path, place: str, fraction: float) -> None:
    """A resumed run goes on with the patches of the version that began it."""
    kept = store(tmp_path, place)
    samples = Patches(kept, (5, 4, 14), 10, fraction, seed=7)
    order = EpochBatches(len(samples), 4, 0, 1, seed=7)
    order.set_epoch(2)
    for batch, (image, label) in zip(order, DataLoader(samples, batch_sampler=order), strict=True):
        for index, *patch in zip(batch, image, label, strict=True):
            assert all(torch.equal(*pair) for pair in zip(patch, drawn(kept, *index, fraction), strict=True))


def drawn(kept: Store, epoch: int, sample: int, fraction: float) -> tuple[torch.Tensor, ...]:
    """A patch of 5x4x14 from all labelled voxels, read anew."""
    cached, size = kept.cases[sample % len(kept)], (5, 4, 14)
    random = np.random.default_rng(generator(7, "patch", epoch, sample).initial_seed())
    voxels, image, label = cached.voxels(), cached.image(), cached.label()
    assert label is not None
    bounds = [sorted((max(n - p, -((p - n + 1) // 2)), min(0, (n - p) // 2))) for n, p in zip(SHAPE, size, strict=True)]
    if random.random() < fraction:
        chosen = voxels[voxels[:, 0] == random.choice(np.unique(voxels[:, 0]))]
        centre = chosen[random.integers(len(chosen)), 2:]
        start = [int(np.clip(c - p // 2, *b)) for c, p, b in zip(centre, size, bounds, strict=True)]
    else:
        start = [int(random.integers(low, high + 1)) for low, high in bounds]
    return tuple(cut(torch.from_numpy(np.array(values[0])), start, size) for values in (image, label))


def test_foreground_patches_hold_every_class_equally_often(tmp_path: Path) -> None:
    patches = Patches(store(tmp_path), (3, 3, 3), 1, 1.0, seed=0)
    found = [set(patches[(epoch, 0)][1].unique().tolist()) - {0} for epoch in range(60)]
    assert all(found)
    share = sum(2 in classes for classes in found) / len(found)
    assert 0.3 < share < 0.7  # class 2 is one voxel of nine, but drawn half of the time


def test_a_volume_smaller_than_the_patch_is_padded_around(tmp_path: Path) -> None:
    image, label = Patches(store(tmp_path), (16, 10, 8), 1, 0.0, seed=0)[(0, 0)]
    assert image.shape == (1, 16, 10, 8)
    assert not label[:, :2].any()
    assert (label > 0).sum() == 9


def test_cut_returns_the_box() -> None:
    volume = torch.arange(60.0).reshape(1, 3, 4, 5)
    assert torch.equal(cut(volume, (1, 0, 2), (2, 3, 3)), volume[:, 1:3, 0:3, 2:5])
    padded = cut(volume, (-1, 0, 0), (5, 4, 5))
    assert torch.equal(padded[:, 1:4], volume)
    assert (padded[:, 0] == 0).all()


def test_seeds_depend_on_every_part_and_on_nothing_else() -> None:
    assert derive(1, "order", 2) == derive(1, "order", 2)
    assert len({derive(1, 23), derive(12, 3), derive(123), derive("1", "2", "3")}) == 4
    assert 0 <= derive("x") < 2**63
    assert torch.equal(torch.rand(3, generator=generator(7)), torch.rand(3, generator=generator(7)))


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("samples", [2, 24, 25, 27])
def test_the_last_batch_may_be_kept(world: int, samples: int) -> None:
    ranks = [EpochBatches(samples, 4, rank, world, seed=1, drop_last=False) for rank in range(world)]
    batches = [[len(batch) for batch in each] for each in ranks]
    assert all(sizes == batches[0] for sizes in batches)  # no process waits for another
    assert [len(each) for each in ranks] == [len(batches[0])] * world
    assert all(size == 4 for size in batches[0][:-1])
    seen = Counter(sample % samples for each in ranks for batch in each for _, sample in batch)
    assert set(seen) == set(range(samples))
    assert sum(seen.values()) - samples < world
