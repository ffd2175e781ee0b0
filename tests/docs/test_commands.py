"""No command of README.md and docs/ rots: each is found, and what it says is checked as far as it can be here.

Configurations are composed and validated by the command's own entry point, with a job that does nothing; targets of the
Makefile are made with `make -n`; options of benchmarks must stand in their help. A command of another form is an error.
"""

import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from llmseg.cli import entry
from llmseg.resources import conf_folder
from tests.docs.commands import PAGES, ROOT, Command, blocks, commands, nothing, working_folder

JOB = f"{nothing.__module__}:{nothing.__name__}"
SCRIPTS = {"train", "evaluate", "predict", "compare", "export", "study", "chat", "app"}
TABLES = {"llmseg.cli.table", "llmseg.cli.runs", "llmseg.study.report"}
"""Commands without Hydra."""
OUTSIDE = {
    ("wandb", "sync"), ("wandb", "sweep"), ("wandb", "agent"), ("tensorboard", "--logdir"), ("jupyter", "lab"),
    ("pre-commit", "install"), ("apt", "install"), ("sysctl", "kernel.unprivileged_userns_clone=1"),
    ("mkdocs", "serve"), ("source", ".venv/bin/activate"),
}  # fmt: skip
"""Other programs' commands: named here by who has tried them."""
CONTRACT = "python main.py --data data --output predictions --seconds N"
"""How a program that an LLM wrote is called."""
WITHOUT = ("hydra/launcher=", "hydra.launcher.")
"""Words that start processes."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a reader."""
    monkeypatch.chdir(working_folder(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LLMSEG_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_right(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = []
    for command in commands([block for block in blocks(page) if block.is_command], folder):
        try:
            check(command, monkeypatch)
        except (AssertionError, SystemExit) as error:
            faults.append(f"{command}\n    {error} {capsys.readouterr().err}")
    assert not faults, "\n".join(faults)


def check(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a command would be accepted.

    Raises:
        AssertionError: it would not, or nobody knows.
        SystemExit: its own entry point refuses it; the reason is on stderr.
    """
    program, *words = command.words
    if program == "make":
        make(words)
    elif program == "pip":
        packages(words)
    elif program == "python" and words[0].startswith("benchmarks/"):
        benchmark(words[0], words[1:], monkeypatch)
    elif program == "python" and " ".join(command.words) != CONTRACT:
        module = words[1] if words[0] == "-m" else f"llmseg.cli.{words[0].removesuffix('.py')}"
        assert words[0] == "-m" or words[0].removesuffix(".py") in SCRIPTS, "no such script"
        accepted(module, words[2:] if words[0] == "-m" else words[1:], monkeypatch)
    elif program.startswith("llmseg-"):
        accepted(f"llmseg.cli.{program.removeprefix('llmseg-')}", words, monkeypatch)
    elif program != "python":
        assert (program, words[0]) in OUTSIDE, "a command of unknown form"


def accepted(module: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a main with a job that does nothing; of a sweep the first."""
    main, given = import_module(module), [word for word in words if not word.startswith(WITHOUT)]
    line = given if module in TABLES else _first(given)
    work = "write_report" if module.endswith("report") else "run"
    monkeypatch.setattr(main, work, _composed)
    monkeypatch.setattr(sys, "argv", [module, *line])
    if (module, *line) not in _accepted:  # several pages may have it
        main.main()
        _accepted.add((module, *line))


_accepted: set[tuple[str, ...]] = set()


def _composed(config: object, job: object = None, argv: Sequence[str] | None = None) -> None:
    """In place of `entry.run`: the same with another job. Tables only read their words."""
    if isinstance(config, str):
        words = sys.argv[1:] if argv is None else argv
        # what searches wants the result of a job
        entry.run(config, JOB, [*words, *(["--cfg", "job"] if any(w.startswith("sweep=") for w in words) else [])])


def _first(words: Sequence[str]) -> list[str]:
    """The first job of a sweep; of its other values those that name a file must have one."""
    if not {"-m", "--multirun"} & set(words):
        return list(words)
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser, job = OverridesParser.create(), []
    for word in words:
        override = parser.parse_override(word) if "=" in word else None
        if override is not None and override.is_sweep_override():
            key, values = override.key_or_group, list(override.sweep_string_iterator())
            for value in values if (conf_folder() / key).is_dir() else ():
                assert (conf_folder() / key / f"{value}.yaml").is_file(), f"{key}={value}: no such choice"
            job.append(f"{key}={values[0]}")
        elif word not in ("-m", "--multirun"):
            job.append(word)
    return job


@cache
def _targets() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return {line.partition(":")[0] for line in text.splitlines() if "## " in line and not line.startswith(("\t", "#"))}


def make(words: Sequence[str]) -> None:
    """Targets that `make help` names, and that make can resolve with these variables."""
    targets = [word for word in words if "=" not in word]
    assert set(targets) <= _targets(), f"make help has no {set(targets) - _targets()}"
    done = subprocess.run(
        [str(shutil.which("make")), "-n", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def packages(words: Sequence[str]) -> None:
    """Extras that there are, or a package that the Makefile installs as well."""
    assert words[0] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words[1:]:
        if word.startswith("."):
            wanted = {name for name in word.removeprefix(".").strip("[]").split(",") if name}
            assert wanted <= set(extras), f"no extra {wanted - set(extras)}"
        elif not word.startswith("-"):
            assert word in (ROOT / "Makefile").read_text(), f"{word}: the Makefile installs no such package"


def benchmark(script: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that there is, with options that its help names."""
    assert (ROOT / script).is_file(), "no such script"
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    text = _help(script)
    for word in words:
        assert not word.startswith("--") or word in text, f"{script} has no {word}"


@cache
def _help(script: str) -> str:
    from contextlib import redirect_stdout
    from io import StringIO

    shown = StringIO()
    with redirect_stdout(shown), pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert not stop.value.code
    return shown.getvalue()


def test_there_are_as_many_as_the_pages_have() -> None:
    """A page's commands are not lost by the way in which they are looked for."""
    text = "".join(page.read_text() for page in PAGES)
    lines = [line for line in text.splitlines() if line.startswith(("python ", "make ", "pip "))]
    found = [block for page in PAGES for block in blocks(page) if block.is_command]
    assert len(lines) > 80
    for line in lines:
        assert any(line in block.text for block in found), line


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("python train.py model=gpt4p", "did you mean gpt4"),
        ("python -m llmseg.cli.check data=nnunet data.rot=/x", "did you mean data.root"),
        ("make demos", "no {'demos'}"),
        ("pip install -e .[exports]", "no extra"),
        ("python benchmarks/scaling.py --wirte", "has no --wirte"),
        ("python trian.py", "no such script"),
        ("curl example.org", "unknown form"),
        ("python -m llmseg.cli.table runs/ basline=x", "did you mean baseline"),
    ],
)
def test_a_rotten_command_is_noticed(
    text: str, fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.docs.commands import Block

    [command] = commands([Block("page.md", 1, "bash", text)], folder)
    with pytest.raises((AssertionError, SystemExit)) as refused:
        check(command, monkeypatch)
    assert fault in f"{refused.value} {capsys.readouterr().err}"


def test_yaml_of_the_pages_is_yaml_with_keys_that_there_are() -> None:
    known = yaml.safe_load((conf_folder() / "data" / "_base.yaml").read_text()).keys() | {"defaults"}
    found = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]
    assert found
    for block in found:
        content = yaml.safe_load(block.text)
        assert "_target_" in content or content.keys() <= known, block
