"""The files of conf/knowledge, and nodes like them."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from llmseg.cli.entry import register_resolvers
from llmseg.errors import ConfigError, UserError
from llmseg.knowledge.interview import prompt_hash
from llmseg.knowledge.texts import KINDS, Texts, default_knowledge, read_texts
from llmseg.resources import conf_folder

CONF = conf_folder()
ORGANS = ["brain_tumour", "grey_matter", "hippocampus", "left_atrium", "pancreas"]
FILES = sorted(path.relative_to(CONF / "knowledge").with_suffix("").as_posix() for path in CONF.glob("knowledge/*/*"))
_NO_MASKS = ("boxes", "openi", "reports")
DATA = [path.stem for path in sorted((CONF / "data").glob("[!_]*.yaml")) if path.stem not in _NO_MASKS]
ALL_CLASSES = {
    "brats": ["whole_tumour", "tumour_core", "enhancing_tumour"],
    "mni152": ["grey_matter", "white_matter"],
}


def composed(*overrides: str) -> dict[str, Any]:
    """Groups without a main config: data and knowledge as train.yaml has them."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(config_name=None, overrides=["+paths=default", "+seed=3", *overrides])
    plain = OmegaConf.to_container(OmegaConf.masked_copy(cfg, ["knowledge", "data"]), resolve=False)
    assert isinstance(plain, dict)
    plain["knowledge"] = OmegaConf.to_container(cfg.knowledge, resolve=True)
    return {str(key): value for key, value in plain.items()}


def node(**classes: dict[str, str]) -> dict[str, Any]:
    return {"organ": "left atrium", "source": "me", "classes": classes}


def test_every_organ_has_a_written_text_and_one_of_an_llm() -> None:
    assert sorted(f"{organ}/{source}" for organ in ORGANS for source in ("hand_written", "smollm2")) == FILES


@pytest.mark.parametrize("name", FILES)
def test_file_composes_below_knowledge_and_is_whole(name: str) -> None:
    organ, _, source = name.partition("/")
    found = composed("+data=mni152", f"+knowledge={name}", "knowledge.encoder=minilm")["knowledge"]
    assert found == read_texts(CONF / "knowledge" / f"{name}.yaml")
    assert found["organ"] == organ.replace("_", " ")
    assert found["source"] == source
    assert found["modality"]
    assert {"author", "date", "how"} <= set(found["provenance"])
    for texts in Texts.of(found).classes.values():
        assert tuple(texts) == KINDS
        assert len(set(texts.values())) == len(KINDS)


@pytest.mark.parametrize("organ", ORGANS)
def test_what_an_llm_wrote_says_how(organ: str) -> None:
    found = read_texts(CONF / "knowledge" / organ / "smollm2.yaml")
    provenance = found["provenance"]
    assert provenance["author"].startswith("SmolLM2-135M-Instruct")
    assert provenance["prompt_hash"] == prompt_hash(found["prompt"], found["questions"])
    assert provenance["temperature"] == 0
    assert list(provenance["classes_in_prompt"]) == list(found["classes"])
    command = yaml.safe_load((CONF / "knowledge.yaml").read_text())
    assert (found["prompt"], found["questions"]) == (command["prompt"], command["questions"])


@pytest.mark.parametrize("data", DATA)
def test_texts_have_the_classes_of_their_data_sets(data: str, caplog: pytest.LogCaptureFixture) -> None:
    facts = composed(f"+data={data}", "+knowledge=none")["data"]
    if facts["organ"] is None:
        return
    for name in FILES:
        if name.startswith(f"{facts['organ']}/"):
            texts = Texts.of(read_texts(CONF / "knowledge" / f"{name}.yaml"))
            for classes in (facts["classes"], ALL_CLASSES.get(data, facts["classes"])):
                rows = texts.select(classes, facts["organ"])
                assert rows == tuple(tuple(texts.classes[name].values()) for name in classes)
    assert not caplog.records


def test_which_data_sets_have_an_organ() -> None:
    organs = {data: composed(f"+data={data}", "+knowledge=none")["data"]["organ"] for data in DATA}
    assert set(organs.values()) == {*ORGANS, None}
    assert organs["la"] == organs["la_h5"] == organs["la_raw"] == "left_atrium"
    assert organs["brats19"] == organs["brats"] == "brain_tumour"


def test_controls_compose() -> None:
    for control in ("random", "learned"):
        found = composed("+data=pancreas", f"+knowledge={control}")["knowledge"]
        assert found == {"source": control, "organ": "pancreas", "encoder": "minilm", "seed": 3}


def test_texts_of_another_organ_are_taken_in_order_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    texts = Texts.of(node(a={"shape": "A."}, b={"shape": "B."}))
    with caplog.at_level(logging.WARNING, logger="llmseg"):
        assert texts.select(["x", "y", "z"], "hippocampus") == (("A.",), ("B.",), ("A.",))
    assert caplog.messages == ["knowledge: texts of left atrium on hippocampus"]
    caplog.clear()
    assert texts.select(["y"]) == (("A.",),)
    assert caplog.messages == ["knowledge: texts of left atrium on y"]
    caplog.clear()
    assert texts.select(["b"], "grey_matter") == (("A.",),)  # the same name for something else
    assert caplog.messages == ["knowledge: texts of left atrium on grey matter"]


def test_classes_are_found_by_name(caplog: pytest.LogCaptureFixture) -> None:
    texts = Texts.of(node(a={"shape": " A. ", "size": "1"}, b={"size": "2", "shape": "B."}))
    assert texts.select(["b", "a"], "left_atrium") == (("B.", "2"), ("A.", "1"))
    assert not caplog.records


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({**node(a={"shape": "A."}), "clases": {}}, "unknown key clases"),
        ({"organ": "heart", "source": "me"}, "organ, source and classes must be there"),
        (node(), "organ, source and classes must be there"),
        (node(a={"shape": ""}), "classes.a.shape must be a text"),
        (node(a={"shape": 3}), "classes.a.shape must be a text"),  # type: ignore[dict-item]
        (node(a={}), "class a must have the same kinds"),
        (node(a={"shape": "A."}, b={"size": "B."}), "class b must have the same kinds"),
        (node(a="round"), "class a must have the same kinds"),  # type: ignore[arg-type]
    ],
)
def test_broken_nodes(broken: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Texts.of(broken)
    assert "\n" not in str(caught.value)


def test_default_knowledge() -> None:
    assert default_knowledge("hippocampus") == read_texts(CONF / "knowledge/hippocampus/hand_written.yaml")
    for organ, message in ((None, "data.organ is null"), ("spleen", "data.organ=spleen: no texts on it")):
        with pytest.raises(ConfigError, match=message) as caught:
            default_knowledge(organ)
        assert "pancreas" in str(caught.value)


def test_files_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "spleen.yaml"
    path.write_text(yaml.safe_dump(node(spleen={"shape": "Größe"}), allow_unicode=True), encoding="utf-8")
    assert default_knowledge(str(path))["classes"] == {"spleen": {"shape": "Größe"}}
    for content in (b"a: [", b"\xff\xfe", b"- list"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"spleen\.yaml") as caught:
            read_texts(path)
        assert "\n" not in str(caught.value)
