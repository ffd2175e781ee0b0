"""RadEval's clinical metrics, such as F1-RadGraph and F1-CheXbert, where that package is installed."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmseg.errors import ConfigError, UserError, first_line
from llmseg.optional import has

_KEY = "evaluation.radeval"


def is_available() -> bool:
    """Whether RadEval is installed."""
    return has("RadEval")


def radeval(references: Sequence[str], texts: Sequence[str], metrics: Sequence[str]) -> dict[str, float]:
    """What RadEval (version 2; Xu et al. 2025) says of all texts together.

    Most of its metrics fetch a model from Hugging Face when they are first used.

    Args:
        references: one a text.
        texts: in the same order.
        metrics: their names in RadEval, such as bertscore, radgraph, chexbert, ratescore, green.

    Returns:
        RadEval's own keys and numbers; what it nests is joined with a stroke ("chexbert/micro").

    Raises:
        ConfigError: it does not know a metric.
        UserError: it is not installed, or a metric cannot be computed, as without a network.
    """
    if not metrics:
        return {}
    if not is_available():
        raise UserError(
            f"{_KEY}=[{','.join(metrics)}] needs the package RadEval: pip install RadEval, or leave it with {_KEY}=[]"
        )
    from RadEval import RadEval  # type: ignore[import-not-found, import-untyped, unused-ignore]

    try:
        evaluator = RadEval(metrics=list(metrics))
    except (TypeError, KeyError, ValueError) as error:
        raise ConfigError(f"{_KEY}=[{','.join(metrics)}]: RadEval does not take this ({first_line(error)})") from error
    except (OSError, RuntimeError, ImportError) as error:
        raise UserError(f"{_KEY}: RadEval cannot load its models ({first_line(error)})") from error
    try:
        return dict(_flat(evaluator(refs=list(references), hyps=list(texts))))
    except (OSError, RuntimeError, ImportError, ValueError) as error:
        raise UserError(f"{_KEY}: RadEval cannot score these texts ({first_line(error)})") from error


def _flat(results: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Numbers only; lists and texts a report are left out."""
    found: list[tuple[str, float]] = []
    for name, value in results.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}/")
        elif not isinstance(value, str | bool) and hasattr(value, "__float__"):
            found.append((f"{prefix}{name}", float(value)))
    return found
