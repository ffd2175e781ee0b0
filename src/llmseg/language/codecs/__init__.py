"""Dialects in which language models write boxes.

`get` returns a codec by name: minigpt, qwen3, qwen2_5, florence, paligemma, xywh. A codec's label is the word that
dialects write beside a box.
"""

from collections.abc import Callable
from difflib import get_close_matches

from llmseg.errors import ConfigError
from llmseg.language.codecs.base import Codec, Decoded
from llmseg.language.codecs.florence import FlorenceCodec
from llmseg.language.codecs.minigpt import MiniGPTCodec
from llmseg.language.codecs.paligemma import PaliGemmaCodec
from llmseg.language.codecs.qwen import Qwen3Codec, Qwen25Codec
from llmseg.language.codecs.xywh import XYWHCodec

__all__ = ["CODECS", "Codec", "Decoded", "get"]

_KINDS = (MiniGPTCodec, Qwen3Codec, Qwen25Codec, FlorenceCodec, PaliGemmaCodec, XYWHCodec)
CODECS: dict[str, Callable[[str], Codec]] = {kind.name: kind for kind in _KINDS}


def get(name: str, label: str = "tumour") -> Codec:
    """The codec of this name.

    Args:
        name: see above.
        label: what is looked for, in the dialects that write it: letters, digits, spaces, hyphens.

    Raises:
        ConfigError: no such codec, or a label that would be read as something else.
    """
    if name not in CODECS:
        near = get_close_matches(str(name).lower(), CODECS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"codec={name}: no such codec, there are {', '.join(CODECS)}{hint}")
    if not label or not label.replace(" ", "").replace("-", "").isalnum() or label.strip() != label:
        raise ConfigError(f"label={label!r}: must be letters, digits, spaces and hyphens")
    return CODECS[name](label)
