"""The recipes of nineteen LLMs: what they say, what they make of a mask, and that each trains."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from llmseg.cli import build
from llmseg.data.datamodule import SegmentationData
from llmseg.evaluation.cases import original_label
from tests.cli.conftest import call, runs_in
from tests.data.make import nnunet_folder
from tests.data.make_pictures import pairs_folder, write_picture
from tests.recipes import AUTHORS, composed

NAMES = [f"{number:02}" for number in range(12)]
LAST = "evaluation.checkpoints=[last]"


class Published(NamedTuple):
    """One row of the published tables."""

    batch: int
    epochs: int
    rate: float
    size: int = 256
    scaling: str = "unit"
    weight_decay: float = 0.0
    seed: int = 0


PUBLISHED = {
    "gpt4": Published(16, 25, 1e-3),
    "gpt4o": Published(8, 25, 1e-4),
    "gpt_o1": Published(16, 10, 1e-4),
    "claude35": Published(16, 50, 1e-3, seed=42),
    "gemini15": Published(8, 20, 1e-4),
    "copilot": Published(16, 25, 1e-4, size=128),
    "bing_copilot": Published(16, 25, 1e-4),
    "llama31": Published(32, 10, 1e-3),
    "gpt_o3": Published(8, 25, 1e-3, seed=42),
    "gpt_o4_mini_high": Published(8, 50, 1e-4),
    "deepseek_v3": Published(8, 25, 1e-3, scaling="pm1"),
    "deepseek_r1": Published(8, 30, 1e-3, scaling="pm1", weight_decay=1e-5, seed=42),
    "claude4": Published(8, 50, 1e-4, weight_decay=1e-5),
    "gemini25": Published(8, 25, 1e-4, scaling="pm1"),
    "grok3": Published(16, 20, 1e-3),
    "grok3_mini": Published(16, 20, 1e-4),
    "llama4": Published(32, 10, 1e-3, scaling="pm1"),
    "mistral_medium3": Published(16, 50, 1e-3),
    "qwen3": Published(16, 20, 1e-3),
}


@pytest.mark.parametrize("author", AUTHORS)
def test_numbers_are_the_published_ones(author: str) -> None:
    cfg = composed(f"as_published/{author}")
    assert PUBLISHED[author] == Published(
        cfg.data.batch_size, cfg.trainer.max_epochs, cfg.optimizer.lr, cfg.data.image_size, cfg.data.intensity,
        cfg.optimizer.weight_decay, cfg.seed,
    )  # fmt: skip
    assert cfg.optimizer._target_ == "torch.optim.Adam"
    assert cfg.scheduler._target_.endswith(".plateau" if author == "claude4" else ".constant")
    assert not any(value for key, value in cfg.data.augment.items() if key != "probability")
    assert (str(cfg.trainer.precision), cfg.trainer.gradient_clip_val) == ("32", None)
    assert cfg.model.repaired is False
    best = author == "claude35"
    assert list(cfg.evaluation.checkpoints) == ["best" if best else "last"]
    assert (cfg.callbacks.checkpoint.monitor, cfg.callbacks.checkpoint.mode) == (
        ("val/loss", "min") if best else ("val/dice", "max")
    )


def test_claude4_halves_its_rate_after_five_epochs_without_progress() -> None:
    scheduler = composed("as_published/claude4").scheduler
    assert (scheduler.factor, scheduler.patience) == (0.5, 5)


def test_networks_are_those_that_were_run() -> None:
    for author in AUTHORS:
        own = OmegaConf.load(Path("conf/model") / f"{author}.yaml")
        run = "llama4_published" if author == "llama4" else author
        published = OmegaConf.load(Path("conf/model") / f"{run}.yaml")
        assert composed(f"as_published/{author}").model == OmegaConf.create(published)
        assert composed(f"equal_budget/{author}").model == OmegaConf.create(own)


def test_an_equal_budget_is_equal_but_for_the_network() -> None:
    def shared(author: str) -> dict[str, Any]:
        content = OmegaConf.to_container(composed(f"equal_budget/{author}"))
        assert isinstance(content, dict)
        return {str(key): value for key, value in content.items() if key != "model"}

    first = shared(AUTHORS[0])
    assert all(shared(author) == first for author in AUTHORS[1:])
    assert first["data"]["split"].get("rule", "patient") == "patient"


Mask = np.ndarray
Resize = Callable[[Mask], Mask]


def _pillow(filter_: Image.Resampling) -> Resize:
    return lambda mask: np.asarray(Image.fromarray(mask).resize((4, 4), filter_))


bilinear, nearest = _pillow(Image.Resampling.BILINEAR), _pillow(Image.Resampling.NEAREST)
TARGETS: dict[str, Callable[[Mask], Mask]] = {
    **dict.fromkeys(("gpt4", "copilot", "llama31"), lambda mask: bilinear(mask) / 255),
    **dict.fromkeys(("bing_copilot",), lambda mask: nearest(mask) / 255),
    **dict.fromkeys(("claude35", "gemini15"), lambda mask: bilinear(mask) > 0),
    **dict.fromkeys(("deepseek_v3",), lambda mask: nearest(np.uint8(255) * (mask > 0)) > 0),
    **dict.fromkeys(
        ("gpt4o", "gpt_o1", "gemini25", "grok3", "grok3_mini", "llama4", "mistral_medium3"),
        lambda mask: bilinear(mask) / 255 > 0.5,
    ),
    **dict.fromkeys(
        ("gpt_o3", "gpt_o4_mini_high", "deepseek_r1", "claude4", "qwen3"), lambda mask: nearest(mask) / 255 > 0.5
    ),
}
"""What each LLM's data set class makes of a mask, by Pillow."""
GREY = np.array(
    [
        [0, 0, 0, 0, 9, 9, 200, 200],
        [0, 0, 0, 0, 9, 9, 200, 200],
        [0, 0, 255, 255, 0, 0, 90, 90],
        [0, 0, 255, 255, 0, 0, 90, 90],
        [0, 30, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 255, 0, 255, 0, 0],
        [0, 0, 255, 0, 255, 0, 0, 0],
    ],
    np.uint8,
)


def _data(cfg: DictConfig, cache: Path) -> SegmentationData:
    return build.build_data(build.plain(cfg.data), 2, cache, 0)


def _train_case(folder: Path, author: str, *words: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Image and label that a recipe trains on, and the label that scores are taken on."""
    cfg = composed(f"as_published/{author}", "data.image_size=4", f"data.root={folder}", *words)
    data = _data(cfg, folder.parent / "cache")
    (case,) = (each for each in data.part("all") if each.case.id == "a")
    label = case.label()
    assert label is not None
    return np.array(case.image()), np.array(label), original_label(case.case, data.recipe)


@pytest.mark.parametrize("author", AUTHORS)
def test_masks_are_made_binary_as_each_llm_did(author: str, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 200, GREY.shape).astype(np.uint8)
    for name in "abc":
        write_picture(tmp_path / "pictures" / f"{name}.png", picture)
        write_picture(tmp_path / "pictures" / f"{name}_seg.png", GREY)
    image, label, original = _train_case(tmp_path / "pictures", author)
    soft = author in ("gpt4", "copilot", "llama31", "bing_copilot")
    assert label.dtype == (np.float32 if soft else np.uint8)
    np.testing.assert_allclose(label[0, 0], TARGETS[author](GREY), atol=1e-6)
    np.testing.assert_array_equal(original[0, ..., 0], GREY > 127)  # type: ignore[index]
    blocks = picture.reshape(4, 2, 4, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(image[0, 0], 2 * blocks - 1 if PUBLISHED[author].scaling == "pm1" else blocks, atol=1e-6)


def test_recipes_take_volumes_of_several_classes(tmp_path: Path) -> None:
    root = nnunet_folder(tmp_path / "volumes", ["a", "b", "c"])
    words = ("data=nnunet", "data.channels=1", "data.classes=[one,two]")
    image, soft, original = _train_case(root, "gpt4", *words)
    assert image.shape == (4, 1, 4, 4)
    assert (image.min() >= 0, image.max() <= 1) == (True, True)
    assert soft.shape == (4, 2, 4, 4)
    assert soft.sum(axis=1).max() <= 1 + 1e-6
    _, hard, _ = _train_case(root, "gpt_o1", *words)
    assert (hard.dtype, hard.shape, set(np.unique(hard))) == (np.uint8, (4, 1, 4, 4), {0, 1, 2})
    assert set(np.unique(original)) == {0, 1, 2}


def _narrow(model: DictConfig) -> Iterable[str]:
    """A network of the same wiring with a sixteenth of the channels."""
    lists = [key for key in ("widths", "decoder_widths") if model.get(key) is not None]
    if "widths" not in lists:
        yield "model.width=4"
    for key in lists:
        yield f"model.{key}=[{','.join('null' if width is None else str(width // 16) for width in model[key])}]"


def _words(experiment: str, tmp_path: Path) -> list[str]:
    return [
        f"experiment={experiment}", *_narrow(composed(experiment).model), "data.image_size=32", "trainer.max_epochs=1",
        "trainer.limit_train_batches=1", "trainer.accelerator=cpu", "trainer.precision=32",
        "trainer.enable_progress_bar=false", "logger=csv", "evaluation.figures=false",
        f"paths.runs={tmp_path / 'runs'}", f"paths.cache={tmp_path / 'cache'}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with lossy masks, for all recipes."""
    root = tmp_path_factory.mktemp("pictures")
    return pairs_folder(root, NAMES, extensions=(".png", ".jpg"))


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("group", ["as_published", "equal_budget"])
def test_every_recipe_trains(group: str, author: str, pictures: Path, sample_cache: Path) -> None:
    cfg = composed(f"{group}/{author}", "data=images", "data.image_size=32", f"data.root={pictures}")
    narrow = OmegaConf.merge(OmegaConf.to_container(cfg), OmegaConf.from_dotlist(list(_narrow(cfg.model))))
    assert isinstance(narrow, DictConfig)
    config = build.plain(narrow)
    data = build.build_data(config["data"], 2, sample_cache, config["seed"])
    net = build.build_net(config, data)
    method = build.build_method(config, net, data)
    image, label = next(iter(data.train_dataloader()))
    size, count = config["data"]["batch_size"], len(data.part("train"))
    assert len(image) == (size if group == "equal_budget" else min(size, count))  # only full batches, or all there is
    optimizer = instantiate(config["optimizer"])(net.parameters())
    before = [weights.clone() for weights in net.parameters()]
    loss = method.training_loss((image, label))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize(
    "author",
    [
        author if author in ("claude35", "llama31") else pytest.param(author, marks=pytest.mark.slow)
        for author in AUTHORS
    ],
)
def test_published_recipes_go_the_whole_way(author: str, pictures: Path, tmp_path: Path) -> None:
    assert call("train", *_words(f"as_published/{author}", tmp_path), "data=images", f"data.root={pictures}") == 0
    (run,) = runs_in(tmp_path / "runs")
    assert run.parent.name == f"as_published_{author}"
    summary = yaml.safe_load((run / "summary.json").read_text())
    assert "not by patient" in summary["note"]
    assert summary["checkpoint"] == ("best_on_validation" if author == "claude35" else "last")
    last = pd.read_csv(run / "metrics.csv")["train/loss_epoch"].dropna().iloc[-1]
    assert math.isfinite(last)


def test_the_data_set_of_the_command_line_wins(tmp_path: Path, sample_cache: Path) -> None:
    words = [word for word in _words("as_published/gpt_o1", tmp_path) if not word.startswith("paths.cache")]
    assert call("train", *words, "data=mni152", f"paths.cache={sample_cache}") == 0
    (run,) = runs_in(tmp_path / "runs")
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["choices"]["data"] == config["data"]["name"] == "mni152"
    assert config["data"]["reader"]["_target_"] == "llmseg.data.readers.mni152.read"
    assert (config["data"]["intensity"], config["data"]["split"]["rule"]) == ("unit", "sklearn_halves")
    note = yaml.safe_load((run / "summary.json").read_text())["note"]
    assert note.startswith("demo, not evidence")  # the data set's own caution stays
    assert "published split" in note
    again = tmp_path / "again"
    assert call("evaluate", f"run={run}", f"output={again}", f"paths.cache={sample_cache}", LAST) == 0
    assert (again / "cases.csv").read_bytes() == (run / "cases.csv").read_bytes()


def test_an_as_published_run_of_videos_is_scored_again(tmp_path: Path) -> None:
    """Its own split has videos on both sides, which any other list is refused for."""
    root = pairs_folder(tmp_path / "pictures", [f"v{video}_{frame}" for video in range(3) for frame in range(4)])
    words = ("data=images", f"data.root={root}", 'data.reader.group_pattern="^(v[0-9]+)_"')
    assert call("train", *_words("as_published/gpt_o1", tmp_path), *words) == 0
    (run,) = runs_in(tmp_path / "runs")
    again = tmp_path / "again"
    assert call("evaluate", f"run={run}", f"output={again}", f"paths.cache={tmp_path / 'cache'}", LAST) == 0
    assert (again / "cases.csv").read_bytes() == (run / "cases.csv").read_bytes()


def test_a_misspelt_recipe_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "experiment=as_published/gpt_01") == 2
    assert capsys.readouterr().err == (
        "error: experiment=as_published/gpt_01: no such choice, did you mean as_published/gpt_o1?\n"
    )
