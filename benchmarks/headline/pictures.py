"""The pictures of docs/images: which command draws each."""

from harness.result import read

from headline.pages import ROOT

IMAGES = ROOT / "docs" / "images"
FROM_RUNS = {
    "demo.png": "make report RERUN=1 ONLY=demo, or make demo: runs/demo/comparison.png",
    "boxes_la.png": "python train.py experiment=boxes ... as results/boxes_left_atrium.json has it: <run>/figures",
    "ranks_hippocampus.png": "make table, then make notebooks RUNS=runs/table: mean ranks in the notebook 2_dice",
    "ranks_la.png": "make table, then make notebooks RUNS=runs/table: mean ranks in the notebook 2_dice",
}
"""Those that need more than results/ keep: masks, or the scores of every case."""
_TITLE = "SmolLM2, one epoch of Open-i (dedup)"
FROM_RESULTS = ("reports_dedup.png",)


def draw() -> None:
    """Draw those that the results suffice for."""
    from llmseg.plots.reports import draw_rouge

    draw_rouge(read("reports")["values"]["dedup"]["methods"], IMAGES / "reports_dedup.png", _TITLE)


def made_elsewhere() -> dict[str, str]:
    """Picture -> command."""
    return FROM_RUNS
