"""From an answer's Markdown to files: code blocks, each headed by its file's name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

MAIN = "main.py"
_FENCE = re.compile(r"^( {0,3}|\t)(`{3,}|~{3,})[ \t]*(.*)$")
_SUFFIX = r"(?:py|txt|json|ya?ml|toml|cfg|md)"
_NAME = re.compile(rf"(?<![\w./-])((?:[\w-][\w.-]*/)*[\w-][\w.-]*\.{_SUFFIX})(?![\w/-]|\.\w)")
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_PYTHON = ("", "python", "py", "python3")
_SHELL = ("bash", "sh", "shell", "zsh", "console", "shell-session", "powershell", "cmd", "bat")
_TAKEN = ("data", "predictions", "outcome.json", "stdout.txt", "stderr.txt")
_ALONE = re.compile(r"(?:\W|\d|\b(?:file|filename|name|title|updated|corrected|complete|new|step)\b)*", re.IGNORECASE)
_LARGEST = 1_000_000  # characters of a file


@dataclass(frozen=True)
class _Block:
    """A code block.

    Attributes:
        info: what stands behind its opening fence.
        above: the last line of text before it.
        text: the code.
    """

    info: str
    above: str
    text: str


def files_of(answer: str) -> dict[str, str]:
    """The files of an answer by their paths; of a file that comes twice, the later one.

    A block's name is taken from its fence (```python main.py), the line above it, or a comment on its first line. The
    only Python block of an answer is main.py where it has no name. What an LLM thought aloud (<think>) does not count,
    nor do names that lead out of the folder or into data/ and predictions/.
    """
    blocks = list(_blocks(_THOUGHTS.sub("", answer)))
    found = [(name, block) for block in blocks if (name := _name(block))]
    sure = {name for name, block in found if not _is_only_mentioned(name, block)}
    # how to start main.py, or what it prints, is not main.py
    named = [(name, block.text) for name, block in found if name not in sure or not _is_only_mentioned(name, block)]
    python = [block for block in blocks if block.info.lower().split(" ")[0] in _PYTHON and block.text.strip()]
    if not named and len(python) == 1:
        named = [(MAIN, python[0].text)]
    return {name: text for name, text in named if len(text) <= _LARGEST}


def _blocks(answer: str) -> Iterator[_Block]:
    """Code blocks; one that is cut off by the end of the answer counts."""
    fence, info, above, lines = "", "", "", list[str]()
    for line in answer.replace("\r\n", "\n").split("\n"):
        found = _FENCE.match(line)
        if fence:
            if found and found[2].startswith(fence) and not found[3].strip():
                yield _Block(info, above, "\n".join(lines) + "\n")
                fence, above = "", ""
            else:
                lines.append(line)
        elif found and not (found[2][0] == "`" and "`" in found[3]):  # a backtick there: code within a line
            fence, info, lines = found[2], found[3].strip(), []
        elif line.strip():
            above = line
    if fence and lines:
        yield _Block(info, above, "\n".join(lines) + "\n")


def _name(block: _Block) -> str | None:
    first = block.text.lstrip("\n").partition("\n")[0]
    if block.info.lower().split(" ")[0] in _SHELL:
        return None
    comment = first if first.lstrip().startswith(("#", "//", '"""')) else ""
    heading = block.above if len(block.above) < 120 else ""
    for text in (block.info, heading, comment):
        names = [name for name in map(_safe, _NAME.findall(text)) if name]
        if len(set(names)) == 1 or (names and text is block.info):
            return names[0]
    return None


def _is_only_mentioned(name: str, block: _Block) -> bool:
    """Whether a name stands in a sentence above a block, not on a line of its own, on the fence or in a comment."""
    first = block.text.lstrip("\n").partition("\n")[0]
    if name in block.info or (first.lstrip().startswith(("#", "//", '"""')) and name in first):
        return False
    return not _ALONE.fullmatch(block.above.replace(name, ""))


def _safe(name: str) -> str | None:
    """A relative path below the working folder, or None."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] in _TAKEN or len(name) > 100:
        return None
    return str(path)
