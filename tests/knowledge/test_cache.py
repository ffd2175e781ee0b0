"""Embeddings on disk: computed once, and never those of something else."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from llmseg.errors import UserError
from llmseg.knowledge.cache import cached

pytest.importorskip("safetensors")
TEXTS = ["one", "two", "three"]


class Counting:
    """Vectors that depend on the text and the encoder; counts how often it is asked."""

    def __init__(self, name: str = "counting 1", dim: int = 4, fill: float = 0.0) -> None:
        self.name = name
        self.dim = dim
        self.fill = fill
        self.calls = 0

    def encode(self, texts: Sequence[str]) -> Tensor:
        self.calls += 1
        return torch.stack([torch.full((self.dim,), len(text) + self.fill) for text in texts])


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()  # and no temporary file beside it
    return path


def test_second_time_the_encoder_is_not_asked(tmp_path: Path) -> None:
    first = cached(TEXTS, Counting(), tmp_path / "embeddings")
    again = Counting()
    torch.testing.assert_close(cached(TEXTS, again, tmp_path / "embeddings"), first, rtol=0, atol=0)
    assert again.calls == 0
    assert only_file(tmp_path / "embeddings").suffix == ".safetensors"


def test_file_says_what_it_holds(tmp_path: Path) -> None:
    from safetensors import safe_open

    cached(TEXTS, Counting(), tmp_path)
    with safe_open(only_file(tmp_path), framework="pt") as file:
        facts = file.metadata()
    assert facts["encoder"] == "counting 1"
    assert facts["dim"] == "4"
    assert len(facts["texts"]) == 20


@pytest.mark.parametrize(
    ("texts", "encoder"),
    [(TEXTS[::-1], Counting()), (["one", "two", "3"], Counting()), (TEXTS, Counting("counting 2"))],
)
def test_other_texts_order_or_version_are_computed(tmp_path: Path, texts: list[str], encoder: Counting) -> None:
    cached(TEXTS, Counting(), tmp_path)
    encoder.calls = 0
    cached(texts, encoder, tmp_path)
    assert encoder.calls == 1


def test_planted_file_is_computed_anew_with_a_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from safetensors.torch import load_file, save_file

    right = cached(TEXTS, Counting(), tmp_path / "right")
    path = only_file(tmp_path / "right")
    cached(TEXTS, Counting("intruder", fill=9), tmp_path / "other")
    cached(TEXTS[::-1], Counting(), tmp_path / "reversed")
    facts = {"format": "1", "encoder": "counting 1", "texts": "?", "dim": "4"}
    good = {**facts, "texts": _texts_hash(path)}
    vectors = load_file(path)
    plants = {
        "is of another encoder (intruder, not counting 1)": only_file(tmp_path / "other").read_bytes(),
        "is of another text (": only_file(tmp_path / "reversed").read_bytes(),
        "cannot be read": path.read_bytes()[:-7],
        "holds (3, 4) torch.float32, not (3, 5) finite": _saved(save_file, vectors, {**good, "dim": "5"}, tmp_path),
        "holds (2, 4) torch.float32, not (3, 4) finite": _saved(
            save_file, {"vectors": torch.ones(2, 4)}, good, tmp_path
        ),
        "holds (3, 4) torch.float64": _saved(save_file, {"vectors": torch.ones(3, 4).double()}, good, tmp_path),
        "holds (3, 4) torch.float32, not (3, 4) finite": _saved(
            save_file, {"vectors": torch.full((3, 4), torch.nan)}, good, tmp_path
        ),
    }
    for message, content in plants.items():
        path.write_bytes(content)
        caplog.clear()
        encoder = Counting()
        with caplog.at_level("WARNING", logger="llmseg"):
            torch.testing.assert_close(cached(TEXTS, encoder, tmp_path / "right"), right)
        assert encoder.calls == 1
        (line,) = caplog.messages
        assert message in line
        assert line.endswith("computed anew")
        assert cached(TEXTS, encoder, tmp_path / "right").equal(right)
        assert encoder.calls == 1  # mended


def _texts_hash(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return str(file.metadata()["texts"])


def _saved(save: object, tensors: dict[str, Tensor], facts: dict[str, str], folder: Path) -> bytes:
    assert callable(save)
    save(tensors, folder / "plant.safetensors", metadata=facts)
    return (folder / "plant.safetensors").read_bytes()


def test_what_is_no_vector_is_never_stored(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="counting 1 gave no finite vector"):
        cached(TEXTS, Counting(fill=float("inf")), tmp_path)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="name another folder"):
        cached(TEXTS, Counting(), tmp_path / "file" / "embeddings")
