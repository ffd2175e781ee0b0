"""The rules of the house: who may import whom, what is optional, how long files and functions are."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bare import ROOT, bare_packages

SOURCES = sorted((ROOT / "src").rglob("*.py"))
EXTRAS = {
    "llmseg.cli.sweep": "optuna",
    "llmseg.inference.infer_onnx": "onnxruntime",
    "llmseg.runs.study": "optuna",
    **{
        f"llmseg.web.{name}": "gradio"
        for name in ("guard", "page", "server", "tabs.common", "tabs.locate", "tabs.segment", "tabs.text")
    },
}
"""Modules that cannot be imported without an extra, and the package that they miss; all others need none."""

_IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, str(error.name).partition(".")[0])
"""


def test_imports_go_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("logging.config.dictConfig", lambda config: None)  # it would silence our log in later tests
    code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.slow
def test_only_those_modules_need_extras(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if path.parts[-2] != "sandbox"  # scripts of the sandbox, which run without us
    ]
    path = f"{ROOT / 'src'}{os.pathsep}{bare_packages(tmp_path / 'packages')}"
    done = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-c", _IMPORT_ALL, *modules],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(line.split() for line in done.stdout.splitlines()) == EXTRAS


def test_nothing_is_long() -> None:
    long = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        long += [path] * (text.count("\n") > 300)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                long.append(path / node.name)
    assert long == []
