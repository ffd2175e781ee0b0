"""The configuration of box data: how they are made, and the `data` node of conf/data/boxes.yaml."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from llmseg.data.config import SplitConfig


@dataclass
class MakeConfig:
    """How slices and boxes are made from volumes with masks.

    Attributes:
        output: the folder to write; must not hold anything yet.
        plane: sagittal | coronal | axial.
        slices: so many a case that show the foreground; null: all.
        choose: evenly spaced among those (`even`), or those with the most foreground (`largest`).
        min_area: least foreground of such a slice, in pixels; with `boxes: components` of each component.
        boxes: one around all foreground of a slice (`one`), or one around each component (`components`).
        empty: so many further slices a case without any foreground, whose list of boxes is empty.
        classes: what is foreground; null: all of `data.classes`.
        format: of the images: jpg | png.
    """

    output: str = MISSING
    plane: str = "sagittal"
    slices: int | None = 8
    choose: str = "even"
    min_area: int = 50
    boxes: str = "one"
    empty: int = 0
    classes: list[str] | None = None
    format: str = "jpg"


@dataclass
class BoxAugmentConfig:
    """Augmentation of slices; each value is a bound, and 0 turns it off.

    Images and boxes move together; beyond an edge images go on as they end there. Where a box would lose more than half
    of its area, nothing is moved.

    Attributes:
        shift: largest translation along each side, as a share of that side.
        scale: largest change of size, as a share.
        flip: mirror half of the slices left to right, in planes that have a left and a right (not sagittal).
        intensity: largest change of contrast (factor) and brightness (standard deviations), each sequence on its own.
        gamma: intensities are raised to powers from 1 / (1 + gamma) to 1 + gamma, each sequence on its own.
    """

    shift: float = 0.05
    scale: float = 0.1
    flip: bool = False
    intensity: float = 0.1
    gamma: float = 0.0


@dataclass
class BoxesConfig:
    """Slices with boxes and how they become batches.

    Attributes:
        name: short name, used in run folders and tables.
        root: the folder with summary.jsonl, or such a file.
        sequences: images to read, in the order of the prompt; null: all, as each line of the file has them. What a line
            lacks is missing in the sample.
        split: see SplitConfig; of cases, by patient. A split.json beside the file goes first.
        batch_size: slices a step and device.
        workers: loader processes.
        drop_last: leave out an epoch's last batch where it is not full.
        augment: see BoxAugmentConfig.
        note: a caution printed beside every result on this data set, or null.
        target: what is looked for, in the words of the prompt.
        plane: of the slices; null: as the file says.
    """

    name: str = "boxes"
    root: str = "boxes"
    sequences: list[str] | None = None
    split: SplitConfig = field(default_factory=SplitConfig)
    batch_size: int = 8
    workers: int = 0
    drop_last: bool = True
    augment: BoxAugmentConfig = field(default_factory=BoxAugmentConfig)
    note: str | None = None
    target: str = "tumour"
    plane: str | None = None
