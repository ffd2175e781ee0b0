"""Qwen3-VL, Qwen2.5-VL, PaliGemma and Florence-2, of random weights, loaded as a user's folder."""

from collections.abc import Sequence
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models.make_vlm import KINDS, qwen3, sample
from omegaconf import DictConfig, OmegaConf

from llmseg.data.boxes.sample import Box, Sample
from llmseg.errors import ConfigError, UserError
from llmseg.language.adapters import Adapter
from llmseg.language.codecs import get
from llmseg.language.tokens import IGNORED
from llmseg.models.vlm.florence import Florence2, MosaicCodec
from llmseg.models.vlm.huggingface import HuggingFaceModel
from llmseg.models.vlm.paligemma import PaliGemma
from llmseg.models.vlm.qwen import Qwen3VL, Qwen25VL

LORA = {"kind": "lora", "rank": 4, "alpha": 8, "dropout": 0.0}
CLASSES: dict[str, tuple[type[HuggingFaceModel], dict[str, Any]]] = {
    "qwen3_vl": (Qwen3VL, {"codec": "qwen3", "prompt": "{images} where?"}),
    "qwen2_5_vl": (Qwen25VL, {"codec": "qwen2_5", "prompt": "{images} where?"}),
    "paligemma": (PaliGemma, {"codec": "paligemma", "prompt": "detect tumour"}),
    "florence2": (Florence2, {"prompt": "<CAPTION_TO_PHRASE_GROUNDING>tumour"}),
}
# one with two sequences and a box, one with another number of sequences and no box
MIXED = (sample(), sample(["t1n"], [], seed=1))

each = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for kind, make in KINDS.items():
        found[kind] = tmp_path_factory.mktemp(kind)
        make(found[kind])
    return found


def build(kind: str, folder: Path, **options: Any) -> Any:
    cls, own = CLASSES[kind]
    torch.manual_seed(1)
    return cls(**{"pretrained": str(folder), "max_new_tokens": 12, "adapter": LORA, **own, **options})


@each
def test_labels_are_the_answers_and_their_ends(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind])
    labels = model.training_batch(MIXED)["labels"]
    for row, one in zip(labels, MIXED, strict=True):
        at = torch.nonzero(row != IGNORED).flatten()
        assert torch.equal(at, torch.arange(at[0], at[-1] + 1))  # nothing between
        expected = model.codec.encode(one.boxes, one.size, model.seen(one))
        assert model.tokenizer.decode(row[at]) == expected + model.tokenizer.eos_token


def test_the_end_counts_where_it_is_the_padding_too(tmp_path: Path) -> None:
    qwen3(tmp_path, pad="<|im_end|>")
    model = build("qwen3_vl", tmp_path)
    assert model.pad == model.eos
    batch = model.training_batch(MIXED)
    assert (batch["labels"] == model.eos).sum(dim=1).tolist() == [1, 1]
    assert (
        batch["attention_mask"].sum(dim=1)
        == 1
        + batch["labels"].ne(IGNORED).int().argmax(dim=1)
        + torch.tensor([len(model.answer_tokens(one)) - 1 for one in MIXED])
    ).all()


@each
def test_padding_does_not_matter(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind]).eval()
    with torch.no_grad():
        together = float(model.loss(MIXED))
        alone = [float(model.loss([one])) for one in MIXED]
    tokens = [len(model.answer_tokens(one)) for one in MIXED]
    assert together == pytest.approx(float(np.average(alone, weights=tokens)), rel=1e-4)
    assert model.answer(MIXED) == [model.answer([one])[0] for one in MIXED]


@each
def test_training_and_writing_see_the_same_text(
    kind: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(kind, folders[kind]).eval()
    written = model._generated(MIXED)
    rows = {id(one): row.tolist() for one, row in zip(MIXED, written, strict=True)}
    assert model.eos not in written
    monkeypatch.setattr(type(model), "answer_tokens", lambda _, one: rows[id(one)])
    with torch.no_grad():
        batch = model.training_batch(MIXED)
        logits = model.base(**batch, use_cache=False).logits
    labels = batch["labels"]
    if kind != "florence2":  # there the decoder's input is shifted already
        logits, labels = logits[:, :-1], labels[:, 1:]
    assert torch.equal(logits.argmax(dim=-1)[labels != IGNORED], labels[labels != IGNORED])


def trained(model: Any) -> dict[str, torch.Tensor]:
    return {name: weights.detach().clone() for name, weights in model.named_parameters() if weights.requires_grad}


def train(model: Any, steps: int, lr: float = 0.02) -> list[float]:
    """Losses while one sample is learned."""
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = model.loss([MIXED[0]])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@each
def test_writes_the_box_that_it_learned(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind], adapter=None, max_new_tokens=70)
    losses = train(model, steps=60, lr=0.005)
    assert losses[-1] < 0.1 * losses[0]
    text = model.answer([MIXED[0]])[0]
    one = MIXED[0]
    assert text == model.codec.encode(one.boxes, one.size, model.seen(one))


@each
def test_learns_one_sample_and_keeps_its_adapter(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind])
    before = trained(model)
    losses = train(model, steps=20)
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    state = trained(model)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    assert sum(weight.numel() for weight in state.values()) < frozen / 2
    assert all("lora" in name for name in state)
    again = build(kind, folders[kind])
    again.load_state_dict(state, strict=False)
    answers = model.answer(MIXED)
    assert again.answer(MIXED) == answers
    again.load_state_dict(before, strict=False)
    assert again.answer(MIXED) != answers


@each
def test_constrained_answers_can_be_read(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind], constrained=True, max_new_tokens=70)
    answers = model.answer(MIXED)
    assert len(answers) == 2
    for answer, one in zip(answers, MIXED, strict=True):
        decoded = model.codec.decode(answer, one.size, model.seen(one))
        assert decoded.reason is None or "no box" not in decoded.reason
    with pytest.raises(ConfigError, match="max_new_tokens"):
        build(kind, folders[kind], constrained=True, max_new_tokens=1)


@each
def test_state_of_training_is_left_as_it_was(kind: str, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind], adapter=None).train()
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(isinstance(text, str) for text in model.answer([MIXED[1]]))
    assert model.training
    assert model.answer([]) == []


@pytest.mark.parametrize(("kind", "image_size"), [("qwen2_5_vl", None), ("qwen2_5_vl", 60), ("qwen3_vl", 100)])
def test_qwen_sees_what_its_processor_makes(kind: str, image_size: int | None, folders: dict[str, Path]) -> None:
    model = build(kind, folders[kind], image_size=image_size)
    grid = model.questions([MIXED[0]])["image_grid_thw"]
    width, height = model.seen(MIXED[0])
    assert grid.tolist() == [[1, height // 8, width // 8]] * 2


def test_qwen2_5_counts_in_resized_pixels(folders: dict[str, Path]) -> None:
    model = build("qwen2_5_vl", folders["qwen2_5_vl"])
    assert model.seen(MIXED[0]) == (32, 48)  # 40 x 48 in patches of 16
    text = model.tokenizer.decode(model.answer_tokens(MIXED[0])[:-1])
    assert '"bbox_2d": [6, 10, 16, 30]' in text  # 8 and 20 of 40 pixels in 32
    assert model.codec.decode(text, (40, 48), (32, 48)).boxes[0].x2 == 20


def test_qwen_numbers_images_by_sequence(folders: dict[str, Path]) -> None:
    model = build("qwen3_vl", folders["qwen3_vl"])
    assert "<Img4>" in str(model._content(sample(["t1c"])))
    assert "<Img1>" in str(model._content(sample(["t2f"])))
    ids = model.questions([MIXED[0], MIXED[1]])["input_ids"]
    images = (ids == model.base.config.image_token_id).sum(dim=1).tolist()
    assert images == [12, 6]  # 2 x 3 tokens an image
    with pytest.raises(ConfigError, match="no place"):
        build("qwen3_vl", folders["qwen3_vl"], prompt="where?")
    with pytest.raises(ConfigError, match="2 x <ImageHere>, but"):
        build("qwen3_vl", folders["qwen3_vl"], prompt="<ImageHere><ImageHere> where?").answer([MIXED[1]])


def test_florence_pictures(folders: dict[str, Path]) -> None:
    rgb = build("florence2", folders["florence2"], sequences=["t2f", "t1c", "t2w"])
    pixels = np.asarray(rgb.picture(MIXED[0]))
    assert np.array_equal(pixels[..., 0], MIXED[0].images["t2f"])
    assert np.array_equal(pixels[..., 1], MIXED[0].images["t1c"])
    assert not pixels[..., 2].any()
    with pytest.raises(ConfigError, match="none of t2f"):
        rgb.picture(MIXED[1])
    grey = build("florence2", folders["florence2"], sequences=["t1n"])
    assert np.array_equal(np.asarray(grey.picture(MIXED[1]))[..., 2], MIXED[1].images["t1n"])
    mosaic = build("florence2", folders["florence2"], layout="mosaic")
    tiles = np.asarray(mosaic.picture(MIXED[0]))[..., 0]
    assert tiles.shape == (96, 80)
    assert np.array_equal(tiles[:48, :40], MIXED[0].images["t2f"])
    assert np.array_equal(tiles[48:, 40:], MIXED[0].images["t1c"])
    assert not tiles[:48, 40:].any()
    with pytest.raises(ConfigError, match="room for 3"):
        build("florence2", folders["florence2"], sequences=["a", "b", "c", "d"])


def test_florence_is_not_cropped(folders: dict[str, Path]) -> None:
    model = build("florence2", folders["florence2"])
    lit = np.zeros((48, 40), np.uint8)
    lit[:4] = 255  # a crop of the middle would lose it
    pixels = model._questions([Sample(MIXED[0].record, {"t2f": lit})])["pixel_values"]
    assert pixels.shape[-2:] == (32, 32)
    assert float(pixels[0, 0, 0].mean()) > float(pixels[0, 0, 16].mean()) + 1


@pytest.mark.parametrize("tile", [(0, 0), (40, 0), (0, 48), (40, 48)])
def test_a_mosaics_boxes_may_lie_in_any_tile(tile: tuple[int, int]) -> None:
    codec, (dx, dy) = MosaicCodec(get("florence")), tile
    text = get("florence").encode([Box(8 + dx, 10 + dy, 20 + dx, 30 + dy)], (80, 96))
    assert codec.decode(text, (40, 48)).boxes[0] == pytest.approx((8, 10, 20, 30), abs=0.05)
    assert codec.encode([Box(8, 10, 20, 30)], (40, 48)) == get("florence").encode([Box(8, 10, 20, 30)], (80, 96))


def test_models_that_cannot_be_had(folders: dict[str, Path], tmp_path: Path) -> None:
    messages: Sequence[tuple[dict[str, Any], type[UserError], str]] = [
        ({"pretrained": str(tmp_path / "missing")}, ConfigError, "no such folder"),
        ({"pretrained": "what is this"}, ConfigError, "neither a folder nor"),
        ({"pretrained": "nobody/no-such-model"}, UserError, "cannot be loaded"),
        ({"pretrained": str(tmp_path)}, UserError, "cannot be loaded"),
        ({"pretrained": str(folders["paligemma"])}, ConfigError, "is of kind paligemma, but"),
        ({"dtype": "float8"}, ConfigError, "vlm.dtype=float8"),
        ({"codec": "qwen4"}, ConfigError, "did you mean qwen3"),
        ({"adapter": {"kind": "qlora"}}, UserError, "qlora needs"),
        ({"adapter": {"kind": "lora", "rnak": 4}}, ConfigError, "peft.rnak"),
    ]
    for options, error, message in messages:
        with pytest.raises(error, match=message) as caught:
            build("qwen3_vl", folders["qwen3_vl"], **options)
        assert "\n" not in str(caught.value)
        if "pretrained" in options:
            assert "vlm.pretrained" in str(caught.value)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    qwen3(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop(next(name for name in weights if "q_proj" in name))
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lack .*q_proj"):
        build("qwen3_vl", tmp_path)


@each
def test_configs_name_every_argument(kind: str) -> None:
    conf = Path(__file__).parents[2] / "conf"
    node = OmegaConf.load(conf / "vlm" / f"{kind}.yaml")
    assert isinstance(node, DictConfig)
    module, _, name = str(node.pop("_target_")).rpartition(".")
    cls = getattr(import_module(module), name)
    assert cls is CLASSES[kind][0]
    assert set(node) == set(signature(cls.__init__).parameters) - {"self"}
    adapters = {name: OmegaConf.load(conf / "peft" / f"{name}.yaml") for name in ("lora", "qlora", "none")}
    assert {name: Adapter.of(node).kind for name, node in adapters.items()} == {name: name for name in adapters}
