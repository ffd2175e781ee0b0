"""The `data` node of the configuration: facts about a data set, typed."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class SplitConfig:
    """How cases without an official split are divided, by patient.

    Attributes:
        rule: patient; or case by case as LLMs wrote it, whatever patients and official lists there are: sklearn,
            sklearn_halves, torch, torch_at_once (see `llmseg.data.split_rules`).
        test: share of all patients held out for the final table; ignored where the data set has an official test list.
        val: share of the remaining patients used for validation during training.
        seed: of the division; independent of the training seed, so that repeated runs are scored on the same cases.
        file: a JSON file with `train`, `test` and optionally `val` lists of case ids; null: `split.json` in the root.
        leave_out: a patient (or case id), or several as a list, that are the test part; all others train and validate,
            whatever official lists there are. Swept over all patients: leave-one-patient-out.
    """

    rule: str = "patient"
    test: float = 0.2
    val: float = 0.1
    seed: int = 0
    file: str | None = None
    leave_out: Any = None


@dataclass
class LabelResizeConfig:
    """How labels come to the network's grid for training; scores are always taken on the label's own grid.

    Attributes:
        before: threshold on the grid of the file; null: none, so that masks of pictures keep their grey values.
        mode: area (averaged where it shrinks) | bilinear (as Pillow and torchvision resize) | nearest.
        after: threshold on the network's grid; null: none, so that targets are soft.
    """

    before: float | None = 0.5
    mode: str = "area"
    after: float | None = 0.5


@dataclass
class AugmentConfig:
    """Augmentation, batched on the training device; light as it stands. Each value is a bound, and 0 turns it off.

    Image and label move together; beyond an edge both go on as they end there. From gamma on, the parts change the
    image alone, and only a share of the samples.

    Attributes:
        flip: network axes that are mirrored with probability one half each (0 is the first spatial axis).
        quarter_turns: turn by a random multiple of 90 degrees in the plane of the first two spatial axes; of 180 where
            the sample is no square there.
        shift: largest translation, as a share of the image size.
        scale: largest change of size, as a share.
        rotate: largest rotation in degrees; in 3D one number, or three, one around each axis (voxels count as cubes:
            turn anisotropic volumes in plane only). 2D slices take the last.
        shear: largest shear, as a tangent.
        elastic: largest displacement of a smooth deformation, as a share of the image size, up to 0.08.
        intensity: largest change of contrast (factor) and brightness (standard deviations).
        gamma: intensities are raised to powers from 1 / (1 + gamma) to 1 + gamma.
        noise: largest standard deviation of white noise, as a share of the channel's.
        blur: largest standard deviation of a Gaussian, in voxels.
        low_resolution: largest share of the voxels along each axis that is lost.
        cutout: largest side of a box that is blanked out, as a share of the image's.
        probability: share of the samples that gamma, noise, blur, low_resolution and cutout change, each on its own.
    """

    flip: list[int] = field(default_factory=list)
    quarter_turns: bool = False
    shift: float = 0.05
    scale: float = 0.1
    rotate: Any = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    intensity: float = 0.1
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    cutout: float = 0.0
    probability: float = 0.3


@dataclass
class DataConfig:
    """A data set and how it becomes batches.

    Attributes:
        name: short name, used in run folders and tables.
        source: where to get the data; printed when the root is missing.
        note: a caution printed beside every result on this data set, or null.
        root: the folder.
        reader: `_target_` of a reader with its options.
        modalities: channels to read, in order, where the reader knows several (BraTS).
        label_convention: meaning of raw label values where a data set has several (BraTS): one for all cases, a
            mapping from case id to convention, or null for "by file name".
        channels: number of image channels; null: the reader finds out.
        reference: a baseline scored beside the network, or null (`thresholds`: two intensity thresholds).
        classes: names of the classes to segment, in order of their channels; null: all that the reader finds.
        overlapping: classes are regions that may overlap (one sigmoid channel each).
        organ: folder of conf/knowledge with texts on what is segmented; null: there is none.
        orientation: axes of the network's volumes, as three letters (RAS), or null to keep the file's.
        spacing: voxel size in mm that volumes are resampled to, or null to keep the file's.
        intensity: zscore | minmax | window | unit | pm1, per case and channel. unit divides pictures by the largest
            value that their type holds and takes anything else as minmax; pm1 is unit from -1 to 1.
        window: lower and upper bound in Hounsfield units for `intensity: window`.
        crop_foreground: cut away empty borders, found on the image alone, never on the label.
        slice_axis: axis of the oriented volume along which a 2D network's slices are taken.
        image_size: height and width of a 2D network's input; one number for a square.
        patch_size: size of a 3D network's input.
        label_resize: see LabelResizeConfig.
        split: see SplitConfig.
        folds: number of parts k that the training cases (validation included, test never) are divided into, by patient.
        fold: which part validates (0 to folds - 1) while the others train; null: no cross-validation, `split` decides.
        labelled: only n cases of the training list keep their labels; the others are unlabelled: a method may learn
            from their images, and nobody reads their labels; null: all that have one.
        labelled_seed: draws the n; null: the first n of the list, as the field does.
        labelled_val: so many of the n validate instead of training, where the data set declares no validation list.
        batch_size: samples (slices or patches) a step and device; of labelled cases where a method takes both.
        unlabelled_batch_size: samples of unlabelled cases a step and device, for methods that take them; null: as
            batch_size.
        drop_last: leave out an epoch's last batch where it is not full.
        patches_per_case: 3D: patches drawn from each case an epoch.
        foreground_fraction: 3D: share of the patches that are centred on a voxel of a random class.
        workers: loader processes.
        cache: where preprocessed training cases are read from: disk (memory-mapped) | ram | device.
        augment: see AugmentConfig.
    """

    name: str = MISSING
    source: str = MISSING
    root: str = MISSING
    reader: Any = MISSING
    note: str | None = None
    reference: str | None = None
    modalities: list[str] | None = None
    label_convention: Any = None
    channels: int | None = None
    classes: list[str] | None = None
    overlapping: bool = False
    organ: str | None = None
    orientation: str | None = "RAS"
    spacing: list[float] | None = None
    intensity: str = "zscore"
    window: list[float] | None = None
    crop_foreground: bool = True
    slice_axis: int = 2
    image_size: Any = 256
    patch_size: list[int] = field(default_factory=lambda: [96, 96, 96])
    label_resize: LabelResizeConfig = field(default_factory=LabelResizeConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    folds: int = 5
    fold: int | None = None
    labelled: int | None = None
    labelled_seed: int | None = None
    labelled_val: int = 0
    batch_size: int = 8
    unlabelled_batch_size: int | None = None
    drop_last: bool = True
    patches_per_case: int = 1
    foreground_fraction: float = 0.5
    workers: int = 0
    cache: str = "disk"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
