"""Words of the command line, through the real composition and all of its checks."""

import contextlib
import io
import os
from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from llmseg.cli import entry
from tests.recipes import composed

COMMANDS = ("train", "evaluate", "predict", "study", "chat", "compare")


@cache
def _keys() -> tuple[str, ...]:
    """Keys that there are, of a training."""

    def walk(node: object, path: str) -> list[str]:
        if not isinstance(node, dict):
            return [path]
        return [path, *(key for name, child in node.items() for key in walk(child, f"{path}.{name}" if path else name))]

    config = OmegaConf.to_container(composed("demo"), resolve=False)
    return tuple(key for key in walk(config, "") if key)


_GROUPS = (
    "model",
    "data",
    "loss",
    "optimizer",
    "method",
    "trainer",
    "callbacks",
    "experiment",
    "logger",
    "author",
    "debug",
)
_VALUES = st.one_of(
    st.text(max_size=12), st.integers().map(str), st.floats().map(str),
    st.sampled_from((
        "", "null", "[]", "{}", "[1,2", "{a:1}", "${seed}", "${nothing}", "${oc.env:HOME}", "'", '"', "\\", "a,b",
        "1,2", "???", "range(3)", "unet", "gpt4o", "../x", "@", "${", "}", "\n", "[[[]]]", "{a: {b: [1]}}", "1e400",
        "choice()",
    )),
)  # fmt: skip
_WORDS = st.builds(
    lambda sign, key, equals, value: f"{sign}{key}{equals}{value}",
    st.sampled_from(("", "", "", "+", "++", "~")),
    st.one_of(st.deferred(lambda: st.sampled_from(_keys())), st.sampled_from(_GROUPS), st.text(max_size=10)),
    st.sampled_from(("=", "=", "=", "", "==", "@x=")),
    _VALUES,
)


@given(command=st.sampled_from(COMMANDS), words=st.lists(_WORDS, max_size=3))
def target(command: str, words: list[str]) -> None:
    """Composed, or refused with one line and exit code 1 or 2; nothing is run."""
    stdout, stderr = io.StringIO(), io.StringIO()
    words = [word for word in words if not word.startswith("-") and "\0" not in word]
    os.environ["NO_COLOR"] = "1"
    code = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            entry.run(command, "nothing:nothing", ["--cfg", "job", *words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    said = stderr.getvalue()
    assert code in (0, 1, 2), code
    if code:
        assert said.startswith("error: "), said
        assert said.count("\n") == 1, said
