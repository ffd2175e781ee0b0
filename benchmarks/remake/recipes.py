"""How each file of results/ is made, quickest first.

`results/hippocampus_4_tuning.json` has no recipe: it led to the settings of `hippocampus_4`, and is not made again.
"""

from collections.abc import Sequence
from pathlib import Path

from remake import few_labels, language, segmentation
from remake.recipe import ROOT, Recipe

_FEW = (
    "python train.py -m experiment=hippocampus_4 trainer.precision=bf16-mixed logger=csv evaluation.figures=false "
    "paths.runs={runs}"
)
_TEXT = f"{_FEW} method=llm_segnet method.weight=3"
_HAND = "knowledge=hippocampus/hand_written"
_SMALL = "data.image_size=32 trainer.precision=bf16-mixed logger=csv evaluation.figures=false paths.runs={runs}"
_FAULTY = ("gpt4o", "gemini15", "copilot", "bing_copilot", "llama31")
_ATRIA = (
    "python train.py experiment=boxes data.root={runs}/data data.target=left_atrium data.augment.flip=false "
    "data.augment.shift=0.05 data.augment.scale=0.1 vlm.vision.run={runs}/eyes evaluation.masks={runs}/eyes "
    "paths.runs={runs}/runs"
)
_REPORTS = (
    "OMP_NUM_THREADS=1 python train.py method=report data=openi llm=smollm2 peft=lora trainer.max_epochs=1 "
    "trainer.precision=bf16-mixed paths.runs={runs}"
)


def _experiments(names: Sequence[str]) -> str:
    return "experiment=" + ",".join(f"equal_budget/{name}" for name in names)


def _every() -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / "experiment" / "equal_budget").glob("[!_]*.yaml"))


def _patients() -> str:
    """The five patients of `tumour_slices`, as `make boxes` finds its own."""
    return '$(cd "$LLMSEG_DATA/BraTS" && ls -d */ | tr -d / | paste -sd,)'


def _tumours(names: Sequence[str], words: str = "") -> str:
    return (
        f"python train.py -m {_experiments(names)} {words}data=brats 'data.modalities=[flair,t1ce]' "
        f"data.split.leave_out={_patients()} data.split.val=0 trainer.max_epochs=3 {_SMALL}"
    )


RECIPES = (
    Recipe(
        "demo",
        (
            "python train.py -m experiment=demo model.repaired=false,true paths.runs={runs}",
            "python compare.py run={runs}",
        ),
        segmentation.demo,
        pictures={"comparison.png": "demo.png"},
    ),
    Recipe(
        "ssl_step",
        (
            "python benchmarks/ssl_step.py --device cpu --width 8 --patch 48 48 32 --precision bf16-mixed "
            "knowledge=none",
        ),
    ),
    Recipe(
        "hippocampus",
        (
            "python train.py experiment=hippocampus_3d trainer.precision=bf16-mixed paths.runs={runs}",
            "python train.py data=hippocampus model=unet model.width=16 loss=dice_ce optimizer=adamw "
            "data.batch_size=32 "
            "trainer.max_epochs=8 trainer.precision=bf16-mixed paths.runs={runs}",
        ),
        segmentation.hippocampus,
    ),
    Recipe(
        "tumour_slices",
        (
            _tumours(("gpt_o1", "gpt_o3", "gpt4o", "llama31")),
            _tumours(("gpt4o", "llama31"), "model.repaired=true "),
        ),
        segmentation.tumour_slices,
    ),
    Recipe(
        "boxes_tumours",
        ("make boxes BOXES={runs}",),
        language.boxes_tumours,
    ),
    Recipe(
        "boxes_left_atrium",
        (
            "make smollm2",
            "python -m llmseg.cli.boxes data=la plane=axial slices=8 output={runs}/data",
            "python train.py experiment=boxes_eye data=la data.split.val=0.1 trainer.max_epochs=1 "
            "paths.runs={runs}/eyes",
            f"{_ATRIA} vlm=compact vlm.layers=8 trainer.max_steps=1100 optimizer.lr=5e-4 "
            "trainer.check_val_every_n_epoch=4",
            f"{_ATRIA} vlm=regression trainer.max_steps=400 optimizer.lr=1e-3",
            "python compare.py run={runs}/runs",
        ),
        language.boxes_left_atrium,
    ),
    Recipe(
        "nineteen_networks",
        (
            f"OMP_NUM_THREADS=1 python train.py -m {_experiments(_every())} trainer.max_epochs=2 {_SMALL}",
            f"OMP_NUM_THREADS=1 python train.py -m {_experiments(_FAULTY)} model.repaired=true trainer.max_epochs=2 "
            f"{_SMALL}",
        ),
        segmentation.nineteen_networks,
    ),
    Recipe(
        "reports",
        ("make smollm2 openi", f"{_REPORTS} data.split.rule=usual", f"{_REPORTS} data.split.rule=dedup"),
        language.reports,
    ),
    Recipe("table", ("make table TABLE={runs}",), segmentation.table, seeds=(0, 1, 2)),
    Recipe(
        "hippocampus_4",
        (
            f"{_FEW} method=supervised data.labelled=4,104 seed=0,1,2",
            f"{_FEW} method=mean_teacher method.weight=0.1 method.decay=0.9 seed=0,1,2",
            f"{_FEW} method=cps method.weight=1 seed=0,1,2",
            f"{_TEXT} {_HAND} seed=0,1,2",
            f"{_TEXT} knowledge=none,random,learned,left_atrium/hand_written seed=0,1",
            f"{_TEXT} {_HAND} method.mse_weight=0 seed=0,1",
            f"{_TEXT} {_HAND} method.nll_weight=0 seed=0,1",
            f"{_FEW} method=llm_segnet method.weight=0 {_HAND} seed=0,1",
            f"{_TEXT} {_HAND} method.joint=false seed=0,1,2",
            f"{_FEW} method=cps method.weight=1 method.joint=false seed=0,1,2",
        ),
        few_labels.hippocampus_4,
        seeds=(0, 1, 2),
    ),
    Recipe("torture", ("make torture",)),
    Recipe("memory", ("make memory",)),
    Recipe("scaling", ("make scaling",)),
    Recipe("bench", ("make bench",)),
    Recipe("suite", ("python benchmarks/suite.py",)),
)


def chosen(names: Sequence[str]) -> list[Recipe]:
    """The recipes of these names; all of them where there is none.

    Raises:
        ValueError: no recipe of a name.
    """
    known = {recipe.name: recipe for recipe in RECIPES}
    for name in names:
        if name not in known:
            raise ValueError(f"{name}: choose from {', '.join(known)}")
    return [known[name] for name in names] or list(RECIPES)


def results(folder: str | None) -> Path:
    """Where results go."""
    return ROOT / "results" if folder is None else Path(folder)
