"""The `knowledge` node of the configuration: what somebody wrote about an organ, several descriptors a class."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from llmseg.errors import ConfigError, UserError
from llmseg.resources import conf_folder

log = logging.getLogger(__name__)

KINDS = ("location", "shape", "size", "contrast", "texture", "neighbours")
"""Descriptors that the files of conf/knowledge have for every class."""
KEYS = ("organ", "modality", "source", "encoder", "prompt", "questions", "provenance", "classes")


@dataclass(frozen=True)
class Texts:
    """What a node says.

    Attributes:
        organ: that it is about.
        source: hand_written, or the LLM's name.
        classes: class name -> kind of descriptor -> text; the same kinds for every class, in the same order.
    """

    organ: str
    source: str
    classes: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> "Texts":
        """Read a plain node.

        Raises:
            ConfigError: a key is unknown or missing, a text is empty, or classes have different kinds.
        """
        name = f"knowledge ({node.get('organ')}/{node.get('source')})"
        if unknown := sorted(set(node) - set(KEYS)):
            raise ConfigError(f"{name}: unknown key {unknown[0]}; there is {', '.join(KEYS)}")
        classes = node.get("classes")
        if not node.get("organ") or not node.get("source") or not isinstance(classes, Mapping) or not classes:
            raise ConfigError(f"{name}: organ, source and classes must be there, with texts of each class")
        kinds = list(first) if isinstance(first := next(iter(classes.values())), Mapping) else []
        for class_, texts in classes.items():
            if not kinds or not isinstance(texts, Mapping) or set(texts) != set(kinds):
                raise ConfigError(f"{name}: class {class_} must have the same kinds of texts as the first ({kinds})")
            for kind in kinds:
                if not isinstance(texts[kind], str) or not texts[kind].strip():
                    raise ConfigError(f"{name}: classes.{class_}.{kind} must be a text")
        ordered = {str(class_): {kind: texts[kind].strip() for kind in kinds} for class_, texts in classes.items()}
        return cls(str(node["organ"]), str(node["source"]), ordered)

    def select(self, classes: Sequence[str], organ: str | None = None) -> tuple[tuple[str, ...], ...]:
        """The texts of some classes, a row each.

        Where they are about something else (another organ, or a class that they do not know), the texts are taken in
        order, from the first again after the last, and one warning says so.

        Args:
            classes: of the data set.
            organ: of the data set, if it has one.
        """
        known = list(self.classes)
        is_other = organ is not None and _words(organ) != _words(self.organ)
        if is_other or not set(classes) <= set(known):
            log.warning("knowledge: texts of %s on %s", _words(self.organ), _words(organ or ", ".join(classes)))
            names = [known[index % len(known)] for index in range(len(classes))]
        else:
            names = list(classes)
        return tuple(tuple(self.classes[name].values()) for name in names)


def default_knowledge(organ: str | None) -> dict[str, Any]:
    """The node of `knowledge=<organ>/hand_written`, for methods that need knowledge where none is chosen.

    Args:
        organ: a folder of conf/knowledge, or a YAML file with texts.

    Raises:
        ConfigError: there are no texts on this organ.
    """
    folder = conf_folder() / "knowledge"
    if organ is None:
        raise ConfigError(f"data.organ is null: {_choose(folder)}")
    path = Path(organ).expanduser() if organ.endswith((".yaml", ".yml")) else folder / organ / "hand_written.yaml"
    if not path.is_file():
        raise ConfigError(f"data.organ={organ}: no texts on it ({path.name} is missing); {_choose(folder)}")
    return read_texts(path)


def read_texts(path: Path) -> dict[str, Any]:
    """The node in a YAML file.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    try:
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(node, dict):
        raise ConfigError(f"{path}: no texts; it must have the keys {', '.join(KEYS)}")
    return node


def _choose(folder: Path) -> str:
    organs = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return f"choose knowledge=<organ>/<source> ({', '.join(organs)}) or knowledge=none"


def _words(name: str) -> str:
    return name.replace("_", " ").lower()
