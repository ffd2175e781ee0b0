"""Every command of README.md and docs/, as a shell takes it apart; and what there is to be said about each.

A fence without a language is one of commands, as is `bash`; in the text a command is a code span that begins with the
name of a program and has arguments. The blocks are run by a real shell in which no program but a few harmless ones
exists: what it would have called is written down.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PROGRAMS = re.compile(r"(python|make|pip|wandb|tensorboard|jupyter|apt|sysctl|pre-commit|mkdocs|source|llmseg-\w+) ")
"""With which a code span is a command."""
REAL = ("dirname", "ls", "sed", "paste", "tail", "head", "cat")
"""Programs that the shell really has."""
SHELL = """
source() { record source "$@"; }
record() { printf '%s\\0' "$BLOCK" "$#" "$@" >> "$LOG"; }
command_not_found_handle() { record "$@"; }
for BLOCK in $(ls "$BLOCKS"); do ( . "$BLOCKS/$BLOCK" ) > /dev/null; done
"""
STANDS_FOR = {"data": "hippocampus", "data.root": "/scans", "model.file": "net.py"}
"""What a reader writes for `…` behind a key; `x` behind any other."""
MY_PACKAGE = """
from torch import nn

class MyNet(nn.Conv2d):
    def __init__(self, spatial_dims, in_channels, out_channels):
        super().__init__(in_channels, out_channels, 1)
"""
"""What a page calls `my_package.MyNet`."""


@dataclass(frozen=True)
class Block:
    """A fence, or a span of code in the text.

    Attributes:
        page: where it stands, relative to the checkout.
        line: of the page.
        language: of the fence; None: a span.
        text: what it holds.
    """

    page: str
    line: int
    language: str | None
    text: str

    @property
    def is_command(self) -> bool:
        """Whether a reader would type it into a shell."""
        if self.language is not None:
            return self.language in ("", "bash")
        return PROGRAMS.match(self.text.removeprefix(".venv/bin/")) is not None


@dataclass(frozen=True)
class Command:
    """What a shell would have called.

    Attributes:
        block: it stands there.
        words: program and arguments.
    """

    block: Block
    words: tuple[str, ...]

    def __str__(self) -> str:
        """Place and words, for a message."""
        return f"{self.block.page}, line {self.block.line}: {' '.join(self.words)}"


def blocks(page: Path) -> Iterator[Block]:
    """All fences and spans of a page."""
    name = str(page.relative_to(ROOT))
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "fence":
            yield Block(name, line, token.info.strip(), token.content)
        for child in token.children or ():
            if child.type == "code_inline":
                yield Block(name, line, None, child.content)


def commands(found: Sequence[Block], folder: Path) -> list[Command]:
    """What these blocks call when a shell runs them in `folder`.

    Raises:
        AssertionError: the shell cannot read one of them, or it calls nothing.
    """
    scratch = folder / ".shell"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "blocks").mkdir(parents=True)
    (scratch / "bin").mkdir()
    for program in REAL:
        (scratch / "bin" / program).symlink_to(str(shutil.which(program)))
    for number, block in enumerate(found):
        (scratch / "blocks" / f"{number:03}").write_text(_typed(block.text) + "\n")
    log = scratch / "log"
    log.touch()
    names = {"PATH": str(scratch / "bin"), "BLOCKS": str(scratch / "blocks"), "LOG": str(log)}
    shell = subprocess.run(
        [str(shutil.which("bash")), "--noprofile", "--norc", "-c", SHELL],
        cwd=folder, env={"LC_ALL": "C.UTF-8", **names}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "syntax error" not in shell.stderr, shell.stderr
    made = [Command(found[number], words) for number, words in _read(log)]
    silent = [block for block in found if block not in {command.block for command in made}]
    assert not silent, [f"{block.page}, line {block.line}: no command in {block.text!r}" for block in silent]
    return made


def _read(log: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    fields = iter(log.read_bytes().decode().split("\0")[:-1])
    for number in fields:
        count = int(next(fields))
        yield int(number), tuple(next(fields) for _ in range(count))


def _typed(text: str) -> str:
    """A command as it is typed: notation of usage lines resolved, programs of environments by their names."""
    text = re.sub(r"(?<!\S)\.(?:venv|bench)/bin/(?!activate)", "", text)
    text = re.sub(r"(?<!\S)\[([\w.]+=[^]]*)\](?!\S)", r"\1", text)
    text = re.sub(r"(?<!\S)(?:group=choice|key=value)(?!\S)", "", text)
    text = re.sub(r"=(\w+)(?:\|\w+)+", r"=\1", text)
    return re.sub(r"([\w.]+)=(?:…|\.{3})(?!\S)", lambda found: f"{found[1]}={STANDS_FOR.get(found[1], 'x')}", text)


def working_folder(folder: Path) -> Path:
    """Put into a folder what the commands name: conf/, runs, and files that a page shows under their path."""
    (folder / "conf").symlink_to(ROOT / "conf")
    for run in ("nnunet_unet/2026-11-22_10-00-00", "la_vnet", "hippocampus_4"):
        (folder / "runs" / run).mkdir(parents=True)
    for block in (block for page in PAGES for block in blocks(page) if block.language == "yaml"):
        if named := re.match(r"# (\S+\.yaml)\n", block.text):
            _write(folder / named[1], block.text)
    own = "knowledge/hippocampus"  # the answers of an LLM that a page asks
    _write(folder / "my_conf" / own / "gpt-4o.yaml", (ROOT / "conf" / own / "hand_written.yaml").read_text())
    _write(folder / "my_package.py", MY_PACKAGE)
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def nothing(cfg: object) -> None:
    """A job that has nothing to do, for commands whose configuration is all that is looked at."""
