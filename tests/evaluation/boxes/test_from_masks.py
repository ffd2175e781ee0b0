"""Boxes from a segmentation network's masks, on files in several orientations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from box_samples import make_sample
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from llmseg.data.boxes.config import MakeConfig
from llmseg.data.boxes.make import Channel, make_case
from llmseg.data.boxes.sample import Box, Sample
from llmseg.data.cache import Cache, CachedCase
from llmseg.data.cases import Case
from llmseg.data.preprocessing import Recipe
from llmseg.errors import ConfigError, DataError
from llmseg.evaluation.boxes.from_masks import boxes_from_masks
from llmseg.evaluation.cases import original_label
from llmseg.inference.predictor import Predictor, Segmenter

FLAT = Recipe(("one",), False, "RAS", None, "minmax", None, False, 2, (14, 12))
SOLID = replace(FLAT, image_size=None)
SHAPE = (14, 12, 10)  # in RAS


class Bright(nn.Module):
    """Foreground is what is brighter than half; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        return 100 * (image - 0.5)


@dataclass(frozen=True)
class Scene:
    """A case whose image is its mask, in RAS, and a network that finds it."""

    mask: NDArray[np.bool_]
    case: CachedCase
    predictor: Predictor

    @property
    def cases(self) -> dict[str, CachedCase]:
        return {self.case.case.id: self.case}


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    def make(axes: str = "RAS", recipe: Recipe = SOLID) -> Scene:
        mask = np.zeros(SHAPE, bool)
        mask[2:6, 3:10, 4:7] = True
        mask[11:13, 0:2, 4:9] = True  # a smaller part elsewhere
        image = nib.Nifti1Image(mask.astype(np.float32), np.eye(4))
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(tuple(axes))
        )
        nib.save(image.as_reoriented(turn), tmp_path / "scan.nii.gz")
        case = Case("scan", (tmp_path / "scan.nii.gz",), None, "scan", {"one": (1,)})
        entry = Cache(tmp_path / "cache", recipe).get(case)
        return Scene(mask, entry, Predictor(Bright(), recipe, (8, 8, 8)))

    return make


def slices(*planes: tuple[str, int]) -> list[Sample]:
    sizes = {"axial": (14, 12), "coronal": (14, 10), "sagittal": (12, 10)}
    return [make_sample(case="scan", plane=plane, index=index, size=sizes[plane]) for plane, index in planes]


# Right is left on the picture, so that x counts from 14 (or 12) downwards, and y from the upper end.
EXPECTED = {
    ("axial", 5): (Box(8, 2, 12, 9),),
    ("axial", 8): (Box(1, 10, 3, 12),),  # the small part alone
    ("axial", 0): (),
    ("coronal", 4): (Box(8, 3, 12, 6),),
    ("sagittal", 3): (Box(2, 3, 9, 6),),
}


@pytest.mark.parametrize("recipe", [FLAT, SOLID], ids=["2d", "3d"])
@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIR"])
def test_boxes_lie_where_the_mask_is(scene: Callable[..., Scene], axes: str, recipe: Recipe) -> None:
    made = scene(axes, recipe)
    assert boxes_from_masks(made.predictor, made.cases, slices(*EXPECTED)) == list(EXPECTED.values())


def test_a_case_is_predicted_once(scene: Callable[..., Scene]) -> None:
    made = scene(recipe=replace(SOLID))
    boxes_from_masks(made.predictor, made.cases, slices(("axial", 5)))
    (once,) = (net.calls for net in [made.predictor.net] if isinstance(net, Bright))
    boxes_from_masks(made.predictor, made.cases, slices(*EXPECTED))
    assert made.predictor.net.calls == 2 * once


def test_files_axes_are_kept_where_the_run_keeps_them(scene: Callable[..., Scene]) -> None:
    made = scene("LAS", replace(SOLID, orientation=None))
    (box,) = boxes_from_masks(made.predictor, made.cases, slices(("axial", 5)))
    assert box == (Box(2, 2, 6, 9),)  # mirrored, as slices made with data.orientation=null are


def test_what_does_not_fit_is_refused_in_one_line(scene: Callable[..., Scene]) -> None:
    made = scene()
    axial = slices(("axial", 5))[0]

    def refused(error: type[Exception], words: str, sample: Sample, **options: list[str]) -> None:
        with pytest.raises(error, match=words) as caught:
            boxes_from_masks(made.predictor, made.cases, [sample], **options)
        assert "\n" not in str(caught.value)

    refused(DataError, "line 6: case other is not among", replace(axial, record=replace(axial.record, case="other")))
    refused(DataError, "does not say which slice", replace(axial, record=replace(axial.record, slice=None)))
    refused(DataError, "10 axial slices, counted from 0, no 10", slices(("axial", 10))[0])
    refused(DataError, "10x9 pixels, its scan's slice 14x12", make_sample(case="scan", index=5, size=(10, 9)))
    refused(ConfigError, "oedema is none of the segmentation run's: choose of one", axial, classes=["oedema"])


class Label(Segmenter):
    """Predicts what is in the label's file."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.patch_size = recipe, (8, 8, 8)

    def planes(self, image: NDArray[np.float32]) -> Iterator[Tensor]:
        raise NotImplementedError

    def mask(self, case: CachedCase, probability: Tensor | None = None) -> NDArray[np.uint8]:
        return original_label(case.case, self.recipe)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_perfect_mask_gives_the_boxes_that_the_slices_were_made_with(
    sample_data: Path, tmp_path: Path, plane: str
) -> None:
    folder = sample_data / "BraTS" / "BraTS-GLI-90001-000"
    image, label = (folder / f"{folder.name}-{part}.nii.gz" for part in ("t2f", "seg"))
    case = Case(folder.name, (image,), label, folder.name, {"tumour": (1, 2, 3)})
    (tmp_path / "images").mkdir()
    choice = MakeConfig(output="", plane=plane, slices=5, boxes="components")
    records = make_case(case, ["tumour"], choice, [Channel("t2f", 0, 0)], "RAS", tmp_path)
    samples = [Sample(record, {"t2f": np.asarray(Image.open(record.images["t2f"]))}) for record in records]
    recipe = replace(SOLID, classes=("tumour",), overlapping=True)
    found = boxes_from_masks(Label(recipe), {case.id: CachedCase(case, tmp_path)}, samples)
    assert found == [record.boxes[:1] for record in records]  # the largest component comes first
    assert len(found) == 5


def test_of_several_classes_the_wanted_ones_count(scene: Callable[..., Scene]) -> None:
    made = scene(recipe=replace(SOLID, classes=("one", "two"), overlapping=True))

    class Both(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            found = 100 * (image - 0.5)
            return found.new_tensor([1, -1]).reshape(1, 2, 1, 1, 1) * found

    predictor = Predictor(Both(), made.predictor.recipe, (14, 12, 10))
    samples = slices(("axial", 5))
    assert boxes_from_masks(predictor, made.cases, samples, ["one"]) == [EXPECTED["axial", 5]]
    assert boxes_from_masks(predictor, made.cases, samples, ["two"]) == [(Box(0, 0, 14, 12),)]
    assert boxes_from_masks(predictor, made.cases, samples) == [(Box(0, 0, 14, 12),)]
