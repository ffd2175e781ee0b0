"""The compact vision-language model, on a language model of a few thousand weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmseg.data.boxes.sample import Box, Record, Sample
from llmseg.errors import ConfigError, UserError
from llmseg.methods.adapted import trained_names
from llmseg.methods.grounding import only
from llmseg.models.vlm.compact import Compact, pad, positions
from tests.language.make_lm import tiny_lm


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_lm(tmp_path_factory.mktemp("lm"))


def compact(lm: Path, **changes: Any) -> Compact:
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "lm": str(lm),
        "layers": None,
        "vision": {"name": "resnet18", "depth": 3},
        "adapter": {"kind": "lora", "rank": 4, "alpha": 8, "dropout": 0.0},
        "sequences": ["t2f", "t2w", "t1c"],
        "image_size": 32,
        "prompt": "{images} where? <box>",
        "max_new_tokens": 24,
    }
    return Compact(**options | changes)


def square(x: int, y: int, names: tuple[str, ...] = ("t2f", "t2w", "t1c"), side: int = 16) -> Sample:
    """A bright square on black."""
    image = np.zeros((64, 64), np.uint8)
    image[y : y + side, x : x + side] = 255
    record = Record("case", "patient", "axial", 3, {name: Path(name) for name in names}, (), (1.0, 1.0))
    return Sample(record, dict.fromkeys(names, image), (Box(x, y, x + side, y + side),))


def test_only_the_answer_counts(lm: Path) -> None:
    """The loss is the language model's own on the answer and the end of text, computed sample by sample."""
    model = compact(lm).eval()
    samples = [square(4, 8), square(30, 20, names=("t2f", "t1c"))]
    per_token, count = 0.0, 0
    for sample in samples:
        question = model._questions([sample])[0]
        answer = torch.tensor([*model.tokenizer(model.answer_text(sample)).input_ids, model.tokenizer.eos_token_id])
        base = model.lm.get_base_model()
        embedded = torch.cat([question, base.get_input_embeddings()(answer)])[None]
        labels = torch.cat([torch.full((len(question),), -100), answer])[None]
        per_token += base(inputs_embeds=embedded, labels=labels).loss.item() * len(answer)
        count += len(answer)
    assert model.loss(samples).item() == pytest.approx(per_token / count, rel=1e-4)


@pytest.mark.slow
def test_it_learns_where_squares_are(lm: Path) -> None:
    model = compact(lm, adapter={"kind": "none"}).train()  # random weights have nothing that an adapter could use
    samples = [square(x, y) for x in (4, 40) for y in (4, 40)]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    losses = []
    for _ in range(150):
        loss = model.loss(samples)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
    model.train(False)
    for sample, (text, decoded) in zip(samples, model.read(samples), strict=True):
        assert decoded.reason is None, text
        assert np.allclose(decoded.boxes[0], sample.boxes[0], atol=1.0)


def test_answers_do_not_depend_on_the_batch(lm: Path) -> None:
    model = compact(lm).eval()
    samples = [square(4, 8), square(30, 20, names=("t1c",)), square(20, 20, names=("t2f", "t1c"))]
    assert model.answer(samples) == [model.answer([sample])[0] for sample in samples]


def test_a_missing_sequence_keeps_the_numbers_of_the_others(lm: Path) -> None:
    model = compact(lm).eval()
    seen: list[str] = []
    tokens = model._tokens
    model._tokens = lambda text: seen.append(text) or tokens(text)  # type: ignore[method-assign, func-returns-value]
    model._questions([only(square(0, 0), ["t2f", "t1c"])])
    assert seen == ["<Img1>", "</Img1><Img3>", "</Img3> where? <box>"]


def test_sequence_that_was_not_trained_with(lm: Path) -> None:
    with pytest.raises(ConfigError, match="sequence 'other' is none of those trained with"):
        compact(lm).answer([square(0, 0, names=("other",))])


def test_constrained_answers_are_boxes_of_any_weights(lm: Path) -> None:
    model = compact(lm, constrained=True).eval()
    for _, decoded in model.read([square(4, 8), square(30, 20)]):
        assert decoded.reason is None or "side" in decoded.reason or "empty" in decoded.reason


def test_checkpoint_keeps_what_is_trained_and_no_more(lm: Path) -> None:
    model = compact(lm)
    kept = trained_names(model)
    assert any("lora_A" in name for name in kept)
    assert "vision.net.bn1.running_mean" in kept
    assert not any("embed_tokens" in name for name in kept)
    frozen = trained_names(compact(lm, train_vision=False))
    assert {"project.weight", "project.bias", "level.weight", "level.bias"} <= frozen
    assert not any(name.startswith("vision") for name in frozen)


def test_a_frozen_eye_keeps_its_statistics(lm: Path) -> None:
    model = compact(lm, train_vision=False)  # as Lightning takes it: it restores modes, and calls no train()
    before = model.vision.net.bn1.running_mean.clone()
    model.loss([square(4, 8)])
    assert torch.equal(model.vision.net.bn1.running_mean, before)


def test_every_weight_that_is_trained_has_a_gradient(lm: Path) -> None:
    """Training in several processes waits for each of them; encoders keep stages that no output depends on."""
    model = compact(lm).train()
    model.loss([square(4, 8)]).backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_bans_of_a_checkpoint_do_not_rule_its_answers(lm: Path, tmp_path: Path) -> None:
    banning = tiny_lm(tmp_path / "banning")
    (banning / "generation_config.json").write_text('{"no_repeat_ngram_size": 1, "num_beams": 3, "eos_token_id": 1}')
    assert compact(banning).eval().answer([square(4, 8)]) == compact(lm).eval().answer([square(4, 8)])


def test_first_layers_alone(lm: Path) -> None:
    assert len(compact(lm, layers=1).lm.get_base_model().get_decoder().layers) == 1
    with pytest.raises(ConfigError, match=r"vlm.layers=3: the model has 2"):
        compact(lm, layers=3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": "where is it?"}, "no place for the images"),
        ({"prompt": "<ImageHere> and <ImageHere> where?"}, "2 x <ImageHere>, but the sample has 3 image"),
        ({"image_size": 30}, "vlm.image_size=30"),
        ({"codec": "minigtp"}, "did you mean minigpt"),
        ({"vision": {"name": "resnet19"}}, "vlm.vision.name=resnet19"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], words: str, lm: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        compact(lm, **changes)


def test_no_such_language_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"vlm.lm=.*no language model there"):
        compact(tmp_path)


def test_padding_on_either_side() -> None:
    rows = [torch.ones(2, 3), torch.ones(1, 3)]
    assert pad(rows, left=True)[1].tolist() == [[1, 1], [0, 1]]
    embedded, mask = pad(rows, left=False)
    assert mask.tolist() == [[1, 1], [1, 0]]
    assert embedded.sum() == 9


def test_every_place_has_a_code_of_its_own() -> None:
    codes = positions(8)[0].flatten(1).T
    assert len(torch.unique(codes.round(decimals=4), dim=0)) == 64
